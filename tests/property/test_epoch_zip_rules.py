"""Epoch's rules on archives of any content, against a loop over the rows."""

import warnings
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eci.errors import DataError, EciWarning
from eci.scores import load_scores

BENCHMARKS, VERSIONS, GROUPS = "pqrs", "abcdef", "ABC"
ORDER = "rpsq"  # successors stand later: none leads back

archives = st.fixed_dictionaries(
    {
        "rules": st.fixed_dictionaries(
            {
                name: st.tuples(
                    st.sampled_from([1.0, 0.01]),
                    st.sampled_from([0.0, 0.25]),
                    st.sampled_from([1.0, 0.8]),
                    st.sampled_from(["", *ORDER[ORDER.index(name) + 1 :]]),
                    st.booleans(),
                )
                for name in BENCHMARKS
            }
        ),
        "groups": st.dictionaries(st.sampled_from(VERSIONS), st.sampled_from(GROUPS), min_size=1),
        "dates": st.fixed_dictionaries(
            {name: st.sampled_from(["", "2022-12-31", "2023-01-01", "2025-05-05"]) for name in GROUPS}
        ),
        "rows": st.lists(
            st.tuples(st.sampled_from(BENCHMARKS), st.sampled_from([*VERSIONS, "x"]), st.integers(0, 100)),
            min_size=1,
            max_size=30,
        ),
    }
)


def loop(rules, groups, dates, rows):
    """The rules, one row after the other."""
    found = {}
    for benchmark, version, value in rows:
        scale, chance, ceiling, _, in_eci = rules[benchmark]
        group = groups.get(version)
        if not in_eci or group is None or dates[group] < "2023-01-01":
            continue
        raw = value * scale if scale == 0.01 else value / 100 * scale
        x = min(max((raw - chance) / (ceiling - chance), 0.0), 1.0)
        found[group, benchmark] = max(x, found.get((group, benchmark), 0.0))
    return {
        (group, old): x
        for (group, old), x in found.items()
        if not (rules[old][3] and (group, rules[old][3]) in found)
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(archives)
def test_the_table_is_that_of_the_loop(tmp_path, content):
    rules, rows = content["rules"], content["rows"]
    files = {
        "benchmark_metadata.csv": "benchmark,source_file,score_column,scale,random_baseline,score_ceiling,"
        "superseded_by,in_eci\n"
        + "".join(f"{b},{b}.csv,Score,{s},{c},{u},{n},{i}\n" for b, (s, c, u, n, i) in rules.items()),
        "model_metadata.csv": "model_version,model_group,date\n"
        + "".join(f"{v},{g},{content['dates'][g]}\n" for v, g in content["groups"].items()),
    }
    for b in {b for b, _, _ in rows}:
        lines = [f"{v},{x if rules[b][0] == 0.01 else x / 100}\n" for name, v, x in rows if name == b]
        files[f"{b}.csv"] = "Model version,Score\n" + "".join(lines)
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    expected = loop(rules, content["groups"], content["dates"], rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EciWarning)
        if not expected:
            with pytest.raises(DataError, match=r"no score is left|none of the tables"):
                load_scores(path)
            return
        table = load_scores(path)
    found = dict(zip(zip(table["model"], table["benchmark"], strict=True), table["score"], strict=True))
    assert found == pytest.approx(expected, abs=1e-12)


def test_benchmarks_that_supersede_each_other_are_refused(tmp_path):
    """Which of them to leave out would depend on the order of the table."""
    path = tmp_path / "b.zip"
    head = "benchmark,source_file,score_column,scale,random_baseline,score_ceiling,superseded_by,in_eci\n"
    with zipfile.ZipFile(path, "w") as archive:
        rows = "p,p.csv,Score,1,0,1,q,1\nq,q.csv,Score,1,0,1,p,1\n"
        archive.writestr("benchmark_metadata.csv", head + rows)
        archive.writestr("model_metadata.csv", "model_version,model_group,date\na,A,2024-01-01\n")
        for name in "pq":
            archive.writestr(f"{name}.csv", "Model version,Score\na,0.5\n")
    with pytest.raises(DataError, match="leads back"):
        load_scores(path)
