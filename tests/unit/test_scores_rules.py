"""Inclusion rules keep what they say, and name what they drop."""

import datetime as dt
import json

import pandas as pd
import pytest

from eci.errors import DataError
from eci.scores import Dropped, Rules, ScoreMatrix

ONE = {"min_benchmarks": 1, "min_models": 1}


def rows(*triples, **columns):
    frame = pd.DataFrame(triples, columns=["model", "benchmark", "score"])
    return frame.assign(**columns)


KINDS = ["vendor", "independent", "secondary", "", "vendor", "independent"]
SEVERAL = rows(*[("m", "b", s) for s in (0.3, 0.5, 0.9, 0.8, 0.4, 0.2)], source_kind=KINDS)


@pytest.mark.parametrize(
    ("duplicates", "expected"),
    [("vendor", [0.4]), ("independent", [0.5]), ("max", [0.9]), ("mean", [3.1 / 6])],
)
def test_duplicates(duplicates, expected):
    matrix = ScoreMatrix.from_table(SEVERAL, duplicates=duplicates, **ONE)
    assert matrix.score.tolist() == pytest.approx(expected)
    assert len(matrix.dropped) == 5
    assert {(d.kind, d.name, d.rule) for d in matrix.dropped} == {("row", "m on b", "duplicates")}


def test_with_items_drops_rows_before_the_rule_of_duplicates_chooses():
    table = SEVERAL.assign(n_items=[100, None, 50, None, None, None])
    matrix = ScoreMatrix.from_table(table, with_items=True, **ONE)
    assert (matrix.score.tolist(), matrix.n_items.tolist()) == ([0.3], [100])  # of the vendor's, the one left
    assert sorted(d.rule for d in matrix.dropped) == ["duplicates"] + ["with_items"] * 4
    assert matrix.rules.as_dict()["with_items"] is True
    with pytest.raises(DataError, match="with_items"):
        Rules(with_items="yes")


def test_duplicates_all_keeps_every_row():
    matrix = ScoreMatrix.from_table(SEVERAL, duplicates="all", **ONE)
    assert matrix.score.tolist() == sorted(SEVERAL["score"])
    assert matrix.dropped == ()
    assert matrix.n_benchmarks_per_model.tolist() == [1]


def test_duplicates_fall_back_by_kind():
    table = SEVERAL[SEVERAL["source_kind"].isin(["secondary", ""])]
    assert ScoreMatrix.from_table(table, **ONE).score.tolist() == [0.9]
    table = SEVERAL[SEVERAL["source_kind"].isin(["independent", ""])]
    assert ScoreMatrix.from_table(table, **ONE).score.tolist() == [0.5]


def test_dropped_rows_say_what_stands_instead():
    matrix = ScoreMatrix.from_table(SEVERAL.iloc[[0, 1]], **ONE)
    assert matrix.dropped == (
        Dropped("row", "m on b", "duplicates", "0.5 (independent) gave way to 0.3 (vendor)"),
    )


def test_mean_keeps_the_smallest_known_number_of_items():
    table = rows(
        ("m", "b", 0.2), ("m", "b", 0.6), ("m", "b", 0.4), ("m", "c", 0.1), n_items=[50, 30, None, 7]
    )
    matrix = ScoreMatrix.from_table(table, duplicates="mean", **ONE)
    assert matrix.score.tolist() == pytest.approx([0.4, 0.1])
    assert matrix.n_items.tolist() == [30, 7]


def test_minima_are_applied_until_stable():
    # c has one model and goes; that leaves p one benchmark, so p goes; that leaves b two models.
    table = rows(
        *[(m, b, 0.5) for m in "mn" for b in "ab"], ("p", "b", 0.5), ("p", "c", 0.5), ("q", "a", 0.5)
    )
    matrix = ScoreMatrix.from_table(table, min_benchmarks=2, min_models=2)
    assert (matrix.models, matrix.benchmarks) == (("m", "n"), ("a", "b"))
    assert matrix.dropped == (
        Dropped("benchmark", "c", "min_models", "1 model left, 2 needed"),
        Dropped("model", "p", "min_benchmarks", "1 benchmark left, 2 needed"),
        Dropped("model", "q", "min_benchmarks", "1 benchmark left, 2 needed"),
    )


def test_minima_count_pairs_not_rows():
    table = rows(("m", "a", 0.1), ("m", "a", 0.2), ("n", "a", 0.1), ("n", "b", 0.1))
    matrix = ScoreMatrix.from_table(table, duplicates="all", min_benchmarks=2, min_models=1)
    assert matrix.models == ("n",)


DATED = rows(
    *[("old", "b", 0.1), ("new", "b", 0.2), ("timeless", "b", 0.3)],
    release_date=["2023-01-01", "2024-06-01", ""],
    lab=["A", "B", ""],
)


def test_since_and_until_include_their_day():
    matrix = ScoreMatrix.from_table(DATED, since="2023-01-01", until=dt.datetime(2024, 6, 1, 12), **ONE)
    assert matrix.models == ("new", "old")
    assert matrix.dropped == (Dropped("model", "timeless", "since", "it has no release date"),)


def test_since_and_until_name_what_they_drop():
    matrix = ScoreMatrix.from_table(DATED, since="2023-01-02", **ONE)
    assert {d.name: d.detail for d in matrix.dropped} == {
        "old": "it was released on 2023-01-01",
        "timeless": "it has no release date",
    }
    matrix = ScoreMatrix.from_table(DATED, until="2023-12-31", **ONE)
    assert {(d.name, d.rule) for d in matrix.dropped} == {("new", "until"), ("timeless", "until")}


def test_labs():
    matrix = ScoreMatrix.from_table(DATED, labs=["B"], **ONE)
    assert matrix.models == ("new",)
    assert {d.name: d.detail for d in matrix.dropped} == {
        "old": "its lab is A",
        "timeless": "its lab is unknown",
    }


def test_domains_and_exclusions_name_benchmarks_and_those_left_empty():
    table = rows(
        ("m", "a", 0.1), ("m", "b", 0.1), ("n", "c", 0.1), ("m", "d", 0.1), domain=["x", "y", "", "x"]
    )
    matrix = ScoreMatrix.from_table(table, domains={"x"}, exclude_benchmarks=("d",), **ONE)
    assert matrix.benchmarks == ("a",)
    assert matrix.domain == ("x",)
    assert matrix.dropped == (
        Dropped("benchmark", "b", "domains", "its domain is y"),
        Dropped("benchmark", "c", "domains", "its domain is unknown"),
        Dropped("benchmark", "d", "exclude_benchmarks", "excluded by name"),
        Dropped("model", "n", "min_benchmarks", "0 benchmarks left, 1 needed"),
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"labs": ["a"]}, r"labs: 'a' is not among the 2 in the data\. Did you mean 'A'\?"),
        ({"domains": ["math"]}, r"domains: 'math' is not among the 0 in the data\. There are none\."),
        ({"exclude_benchmarks": ["bb"]}, r"exclude_benchmarks: 'bb' .* Did you mean 'b'\?"),
        ({"labs": "A"}, r"labs is the text 'A'\. Give a list"),
        ({"duplicates": "best"}, r"duplicates is 'best'\. It must be one of vendor, independent"),
        ({"min_models": 0}, r"min_models is 0\. It must be a whole number from 1"),
        ({"min_benchmarks": 2.5}, r"min_benchmarks is 2\.5"),
        ({"min_benchmarks": True}, r"min_benchmarks is True"),
        ({"since": "yesterday"}, r"since is 'yesterday', which is not a date"),
        ({"until": pd.NaT}, r"until is NaT, which is not a date"),
        ({"since": "2024-01-02", "until": "2024-01-01"}, r"since 2024-01-02 is later than until 2024-01-01"),
    ],
)
def test_rules_that_cannot_be(rule, message):
    with pytest.raises(DataError, match=message):
        ScoreMatrix.from_table(DATED, **{**ONE, **rule})


def test_nothing_left_names_the_rules():
    with pytest.raises(DataError, match=r"No score is left of 3 .* min_benchmarks dropped a model 3 times"):
        ScoreMatrix.from_table(DATED)


def test_rules_survive_json():
    rules = Rules(duplicates="max", since=dt.date(2024, 1, 1), labs=("B", "A", "B"), min_models=2)
    again = Rules(**json.loads(json.dumps(rules.as_dict())))
    assert again == rules
    assert again.labs == ("A", "B")
    assert ScoreMatrix.from_table(DATED, labs=["B"], **ONE).rules == Rules(labs=("B",), **ONE)
