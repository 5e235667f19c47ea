"""The scores of a day: the matrix that the rules make of the table of that day, and nothing of later ones."""

from dataclasses import replace

import numpy as np
import pytest

from eci.errors import DataError, IdentificationError
from eci.scores import ScoreMatrix
from eci.scores.released import released_by

DAY = np.datetime64("2024-08-15")


@pytest.mark.parametrize("minima", [(4, 4), (5, 7), (6, 8), (1, 1)])
@pytest.mark.parametrize("day", ["2024-05-15", "2024-08-14", "2024-08-15", "2024-12-31"])
def test_it_is_the_matrix_of_the_table_of_that_day(small_table, minima, day):
    least = dict(zip(("min_benchmarks", "min_models"), minima, strict=True))
    whole = ScoreMatrix.from_table(small_table, **least)
    try:
        expected = ScoreMatrix.from_table(small_table, until=day, **least)
    except DataError:
        with pytest.raises(DataError, match="No score is left of the models released by"):
            released_by(whole, np.datetime64(day))
        return
    cut = released_by(whole, np.datetime64(day))
    assert cut.digest == expected.digest
    assert cut.rules == expected.rules
    assert {(d.kind, d.name) for d in cut.dropped} == {(d.kind, d.name) for d in expected.dropped}
    assert (cut.domain, cut.open_weights) == (expected.domain, expected.open_weights)


def test_later_models_leave_no_trace(small_table, small_matrix):
    later = small_table["release_date"] > str(DAY)
    changed = small_table.assign(score=small_table["score"].where(~later, 1 - small_table["score"]))
    assert ScoreMatrix.from_table(changed).digest != small_matrix.digest
    assert (
        released_by(ScoreMatrix.from_table(changed), DAY).digest
        == released_by(ScoreMatrix.from_table(small_table[~later]), DAY).digest
        == released_by(small_matrix, DAY).digest
    )


def test_what_leaves_is_named_with_its_reason(small_matrix):
    dates = small_matrix.release_date.copy()
    dates[3] = np.datetime64("NaT", "D")
    cut = released_by(replace(small_matrix, release_date=dates), DAY)
    why = {d.name: d.detail for d in cut.dropped}
    assert why["model 03"] == "it has no release date"
    assert why["model 10"] == "it was released on 2024-11-15"
    assert set(why).isdisjoint(cut.models)


def test_a_benchmark_with_too_few_models_by_then_goes_and_may_take_models_with_it():
    """b3 has two early models; without it m0 has one benchmark only."""
    pairs = [(0, 0), (0, 3), (1, 0), (1, 1), (1, 3), (2, 0), (2, 1), (2, 2), (3, 1), (3, 2), (3, 0), (4, 3)]
    model, benchmark = zip(*pairs, (4, 2), strict=False)
    matrix = ScoreMatrix.from_table(
        _table(model, benchmark, ["2024-01-01"] * 4 + ["2025-01-01"]), min_benchmarks=2, min_models=3
    )
    assert matrix.n_models == 5
    cut = released_by(matrix, np.datetime64("2024-06-01"))
    assert cut.models == ("m1", "m2", "m3") and cut.benchmarks == ("b0", "b1")
    why = {d.name: (d.rule, d.detail) for d in cut.dropped}
    assert why["b3"] == ("min_models", "2 models left, 3 needed")
    assert why["m0"] == ("min_benchmarks", "1 benchmark left, 2 needed")


def test_groups_that_a_later_model_joined_are_refused():
    pairs = [(m, b) for m in (0, 1) for b in (0, 1)] + [(m, b) for m in (2, 3) for b in (2, 3)]
    model, benchmark = zip(*pairs, *[(4, b) for b in range(4)], strict=False)
    dates = ["2024-01-01"] * 4 + ["2025-01-01"]
    matrix = ScoreMatrix.from_table(_table(model, benchmark, dates), min_benchmarks=2, min_models=2)
    with pytest.raises(IdentificationError, match="2 groups that share no model"):
        released_by(matrix, np.datetime64("2024-06-01"))


def _table(model, benchmark, dates):
    import pandas as pd

    return pd.DataFrame(
        {
            "model": [f"m{i}" for i in model],
            "benchmark": [f"b{j}" for j in benchmark],
            "score": np.linspace(0.1, 0.9, len(model)),
            "release_date": [dates[i] for i in model],
        }
    )
