"""Epoch's rules on archives of any content, against a loop over the rows."""

import warnings
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eci.errors import DataError, EciWarning
from eci.scores import load_scores

BENCHMARKS, VERSIONS, GROUPS = "pqrs", "abcdef", "ABC"

archives = st.fixed_dictionaries(
    {
        "rules": st.fixed_dictionaries(
            {
                name: st.tuples(
                    st.sampled_from([1.0, 0.01]),
                    st.sampled_from([0.0, 0.25]),
                    st.sampled_from([1.0, 0.8]),
                    st.sampled_from(["", *BENCHMARKS]).filter(lambda new, old=name: new != old),
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
    for old in BENCHMARKS:
        new = rules[old][3]
        if rules[old][4] and new:
            for group in GROUPS:
                if (group, new) in found:
                    found.pop((group, old), None)
    return found


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
