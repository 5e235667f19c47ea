"""Damaged and hostile files of every format: a table that keeps its promises, or an error in words."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eci.cli.main import main
from eci.errors import EciError
from eci.scores import load_scores
from eci.scores.readers import READERS

pytest.importorskip("pyarrow")
from hostile_files import (
    ENCODINGS,
    ENDINGS,
    EPOCH_ZIP,
    FORMATS,
    FORMS,
    TOKENS,
    attack_reader,
    build,
    encoded,
    outcome,
    parquet,
)
from plain_reading import same_scores

edits = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace", "repeat", "remove"]),
        st.floats(0, 1),
        st.integers(0, 12),
        st.sampled_from(TOKENS),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    form=st.sampled_from(FORMS),
    edits=edits,
    encoding=st.sampled_from(ENCODINGS),
    member=st.sampled_from([None, *EPOCH_ZIP]),
    named=st.booleans(),
    unit=st.sampled_from(["fraction", "percent"]),
)
def test_any_edit_of_any_format(form, edits, encoding, member, named, unit, tmp_path):
    path = tmp_path / f"f.{ENDINGS.get(form, 'csv')}"
    path.write_bytes(build(form, edits, encoding, member))
    outcome(path, FORMATS.get(form, form) if named else "auto", unit)


names = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
tables = st.dictionaries(
    st.tuples(names, names), st.integers(0, 1000).map(lambda n: n / 1000), min_size=1, max_size=12
)


def as_csv(header, rows):
    return pd.DataFrame(rows, columns=header).to_csv(index=False).encode()


def write_as(form, cells):
    """The same scores in every format that can hold them."""
    rows = [(model, benchmark, score) for (model, benchmark), score in cells.items()]
    if form == "table":
        return as_csv(["model", "benchmark", "score"], rows)
    if form == "epoch":
        return as_csv(["model", "benchmark", "performance"], rows)
    if form == "wide":
        grid = pd.DataFrame(rows, columns=["model", "benchmark", "score"])
        return grid.pivot(index="model", columns="benchmark", values="score").to_csv().encode()  # noqa: PD010
    if form == "items":
        return as_csv(["model", "benchmark", "item", "response"], [(m, b, "q", s) for m, b, s in rows])
    if form == "counts":
        counts = [(m, b, round(1000 * s), 1000) for m, b, s in rows]
        return as_csv(["model", "benchmark", "n_correct", "n_items"], counts)
    if form == "parquet":
        return parquet(pd.DataFrame(rows, columns=["model", "benchmark", "score"]))
    results = [
        {
            "model_info": {"id": m},
            "evaluation_results": [
                {
                    "evaluation_name": b,
                    "metric_config": {"lower_is_better": False, "min_score": 0, "max_score": 1},
                    "score_details": {"score": s},
                }
            ],
        }
        for m, b, s in rows
    ]
    return json.dumps(results).encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from(["table", "epoch", "wide", "items", "counts", "parquet", "every_eval_ever"]),
    cells=tables,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "crlf"]),
)
def test_every_format_gives_back_what_it_holds(form, cells, encoding, tmp_path):
    path = tmp_path / f"f.{ENDINGS.get(form, 'csv')}"
    content = write_as(form, cells)
    binary = form in ("parquet", "every_eval_ever")
    path.write_bytes(content if binary else encoded(content, encoding))
    if form == "wide" and {b for _, b in cells} & {
        "model",
        "lab",
        "release_date",
        "open_weights",
        "reasoning",
    }:
        return
    table = load_scores(path, format=FORMATS.get(form, form))
    found = dict(zip(zip(table["model"], table["benchmark"], strict=True), table["score"], strict=True))
    assert found == pytest.approx(cells, abs=1e-12)


@pytest.mark.parametrize(
    "name",
    ["=1+1", "@SUM(A1)", "<script>alert(1)</script>", "نموذج", "👩‍🔬", "m" * 10_000, "a\"b'c", "--help"],
)
def test_odd_names_are_names(name, tmp_path):
    """They are kept letter for letter; escaping is the work of who writes HTML or a spreadsheet."""
    frame = pd.DataFrame({"model": [name, "B"], "benchmark": ["x", "x"], "score": [0.5, 0.6]})
    frame.to_csv(tmp_path / "s.csv", index=False)
    if name == "👩‍🔬":  # joined by an invisible character, which two spellings could differ in
        with pytest.raises(EciError, match=r"U\+200D"):
            load_scores(tmp_path / "s.csv")
        return
    assert load_scores(tmp_path / "s.csv")["model"].tolist() == [name, "B"]
    minima = ["--min-benchmarks", "1", "--min-models", "1"]
    assert CliRunner().invoke(main, ["check", str(tmp_path / "s.csv"), *minima]).exit_code == 0


@pytest.mark.parametrize("seed", range(12))
def test_seeds(seed, tmp_path):
    assert attack_reader(seed, tmp_path)[1] in ("table", "error")


@pytest.mark.parametrize(
    "form", ["table", "wide", "epoch", "items", "each_item", "counts", "every_eval_ever"]
)
def test_the_oracle_sees_what_is_changed_or_lost(form, tmp_path):
    content = build(form, [], "utf-8", None)
    path = tmp_path / f"f.{ENDINGS.get(form, 'csv')}"
    path.write_bytes(content)
    read_as = FORMATS.get(form, form)
    table = load_scores(path, format=read_as)
    assert same_scores(table, content, read_as, 1)
    assert not same_scores(table.assign(score=table["score"] * 0.999), content, read_as, 1)
    assert not same_scores(table.iloc[1:], content, read_as, 1)


def test_every_reader_is_attacked():
    assert {FORMATS.get(form, form) for form in FORMS} == set(READERS)
