"""ScoreMatrix: coding, digest, consistency, connectivity."""

import dataclasses
import datetime as dt
import hashlib
import math
import struct

import numpy as np
import pandas as pd
import pytest

from eci.errors import DataError, IdentificationError
from eci.scores import Rules, ScoreMatrix, load_scores

ONE = {"min_benchmarks": 1, "min_models": 1}


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "model": ["n", "m", "m", "n"],
            "benchmark": ["b", "b", "a", "a"],
            "score": [0.4, 0.3, 0.1, 0.2],
            "n_items": [None, 40, 10, 10],
            "chance": [None, None, 0.25, 0.25],
            "ceiling": [0.9, 0.9, None, None],
            "release_date": ["2024-01-01", "", "", "2024-01-01"],
            "lab": ["L", "", "", "L"],
            "open_weights": [True, None, None, True],
            "reasoning": [None, False, False, None],
            "domain": ["math", "math", "", ""],
        }
    )


@pytest.fixture
def matrix(table):
    return ScoreMatrix.from_table(table, **ONE)


def test_hand_coded(matrix):
    assert matrix.models == ("m", "n")
    assert matrix.benchmarks == ("a", "b")
    assert matrix.model_index.tolist() == [0, 0, 1, 1]
    assert matrix.benchmark_index.tolist() == [0, 1, 0, 1]
    assert matrix.score.tolist() == [0.1, 0.3, 0.2, 0.4]
    np.testing.assert_array_equal(matrix.n_items, [10, 40, 10, np.nan])
    assert matrix.lower.tolist() == [0.25, 0.0]
    assert matrix.upper.tolist() == [1.0, 0.9]
    np.testing.assert_array_equal(matrix.release_date, np.array(["NaT", "2024-01-01"], dtype="datetime64[D]"))
    assert matrix.lab == ("", "L")
    assert matrix.open_weights == (None, True)
    assert matrix.reasoning == (False, None)
    assert matrix.domain == ("", "math")
    assert (matrix.n_models, matrix.n_benchmarks, matrix.n_scores) == (2, 2, 4)
    assert matrix.n_benchmarks_per_model.tolist() == [2, 2]
    assert matrix.n_models_per_benchmark.tolist() == [2, 2]
    assert matrix.rules == Rules(**ONE)


def test_types(matrix):
    assert matrix.model_index.dtype == matrix.benchmark_index.dtype == np.int64
    for array in (matrix.score, matrix.n_items, matrix.lower, matrix.upper):
        assert array.dtype == np.float64
    assert matrix.release_date.dtype == np.dtype("datetime64[D]")


def test_arrays_are_read_only_copies(matrix):
    score = np.array([0.1, 0.2])
    built = ScoreMatrix.from_arrays(["m"], ["a", "b"], [0, 0], [0, 1], score)
    score[0] = 9
    assert built.score[0] == 0.1
    with pytest.raises(ValueError, match="read-only"):
        matrix.score[0] = 0.5


def test_rebuilt_from_its_fields(matrix):
    fields = {f.name: getattr(matrix, f.name) for f in dataclasses.fields(matrix) if f.init}
    again = ScoreMatrix.from_arrays(**fields)
    assert again.digest == matrix.digest
    assert ScoreMatrix(**fields).digest == matrix.digest


def test_from_arrays_fills_in_the_unknown():
    matrix = ScoreMatrix.from_arrays(["m"], ["a"], [0], [0], [1.7])
    assert matrix.score.tolist() == [1.7]  # studies of the normal likelihood need scores beyond the limits
    assert np.isnan(matrix.n_items).all()
    assert np.isnat(matrix.release_date).all()
    assert (matrix.lower.tolist(), matrix.upper.tolist()) == ([0.0], [1.0])
    assert (matrix.lab, matrix.domain, matrix.open_weights, matrix.reasoning) == (
        ("",),
        ("",),
        (None,),
        (None,),
    )


def test_from_table_refuses_scores_beyond_the_limits(table):
    with pytest.raises(DataError, match="above 1"):
        ScoreMatrix.from_table(table.assign(score=1.7), **ONE)


@pytest.mark.parametrize("field", ["score", "n_items", "lower", "upper", "release_date"])
def test_digest_sees_arrays(matrix, field):
    changed = getattr(matrix, field).copy()
    changed[-1] = "2020-01-01" if field == "release_date" else 0.85
    assert dataclasses.replace(matrix, **{field: changed}).digest != matrix.digest


def test_digest_sees_labels_labs_and_indices(matrix):
    digests = {
        matrix.digest,
        dataclasses.replace(matrix, models=("m", "o")).digest,
        dataclasses.replace(matrix, benchmarks=("a", "c")).digest,
        dataclasses.replace(matrix, lab=("", "K")).digest,
        dataclasses.replace(matrix, model_index=[0, 0, 1, 0]).digest,
        dataclasses.replace(matrix, benchmark_index=[0, 1, 0, 0]).digest,
    }
    assert len(digests) == 6


def test_digest_ignores_rules_order_and_the_sign_of_zero(matrix):
    order = [2, 0, 3, 1]
    along = ("model_index", "benchmark_index", "score", "n_items")
    turned = dataclasses.replace(matrix, **{name: getattr(matrix, name)[order] for name in along})
    assert turned.digest == matrix.digest
    assert dataclasses.replace(matrix, rules=Rules(min_models=3)).digest == matrix.digest
    zero = dataclasses.replace(matrix, lower=[0.25, 0.0])
    assert dataclasses.replace(matrix, lower=[0.25, -0.0]).digest == zero.digest


def test_digest_written_out_by_hand():
    """A change here makes every saved fit refuse its data: it needs a new format name."""
    days = ["2024-01-01", "NaT"]
    matrix = ScoreMatrix.from_arrays(
        ["m", "ö"], ["a"], [1, 0], [0, 0], [0.25, 0.5], lab=["L", ""], n_items=[30, np.nan], release_date=days
    )
    labels = b'["eci score matrix 1", ["m", "\\u00f6"], ["a"], ["L", ""]]'
    indices = struct.pack("<4q", 0, 1, 0, 0)
    numbers = struct.pack("<6d", 0.5, 0.25, math.nan, 30, 0, 1)
    dates = struct.pack("<2q", (dt.date(2024, 1, 1) - dt.date(1970, 1, 1)).days, -(2**63))
    assert matrix.digest == hashlib.sha256(labels + indices + numbers + dates).hexdigest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ("n", "m")}, r"models: 'm' follows 'n'\. Names must be unique and in order"),
        ({"benchmarks": ("a", "a")}, "benchmarks: 'a' follows 'a'"),
        ({"score": [0.1]}, "axis score differ in length"),
        ({"lab": ("L",)}, "axis model differ in length"),
        ({"lower": [0.1]}, "axis benchmark differ in length"),
        ({"model_index": [0, 1, 2, 0]}, "index of models runs from 0 to 2, but there are 2"),
        ({"benchmark_index": [-1, 1, 1, 0]}, "index of benchmarks runs from -1"),
        ({"score": [0.1, np.nan, 0.1, 0.1]}, r"score\[1\] is nan"),
        ({"lower": [0.0, 0.9]}, "Benchmark 'b' has lower 0.9 and upper 0.9"),
        ({"upper": [np.nan, 0.9]}, "Benchmark 'a' has lower 0.25 and upper nan"),
    ],
)
def test_contradictions_are_refused(matrix, change, message):
    with pytest.raises(DataError, match=message):
        dataclasses.replace(matrix, **change)


def test_disconnected_graph_lists_its_components():
    pairs = [("m", "a"), ("n", "a"), ("o", "b"), ("p", "c"), ("p", "d")]
    table = pd.DataFrame([(*pair, 0.5) for pair in pairs], columns=["model", "benchmark", "score"])
    with pytest.raises(IdentificationError) as caught:
        ScoreMatrix.from_table(table, **ONE)
    lines = str(caught.value).splitlines()
    assert "3 groups" in lines[0]
    assert lines[1] == "  1. 2 models (m, n); 1 benchmark (a)"
    assert lines[2] == "  2. 1 model (o); 1 benchmark (b)"
    assert lines[3] == "  3. 1 model (p); 2 benchmarks (c, d)"
    assert "Add scores that bridge them" in lines[4]


def test_many_components_are_cut_short():
    names = [f"{i:03d}" for i in range(50)]
    table = pd.DataFrame({"model": names, "benchmark": names, "score": 0.5})
    with pytest.raises(IdentificationError, match="45 smaller groups"):
        ScoreMatrix.from_table(table, **ONE)


def test_rules_that_cut_the_bridge_are_told():
    rows = [(m, b, 0.5) for m in "mn" for b in "ab"] + [(m, b, 0.5) for m in "op" for b in "cd"]
    rows += [("bridge", "a", 0.5), ("bridge", "c", 0.5)]
    table = pd.DataFrame(rows, columns=["model", "benchmark", "score"])
    assert ScoreMatrix.from_table(table, min_benchmarks=2, min_models=2).components.max() == 0
    with pytest.raises(IdentificationError, match="lower minima can bring back a bridge"):
        ScoreMatrix.from_table(table[table["model"] != "bridge"], min_benchmarks=2, min_models=2)


def test_bundled_matrix_is_connected_and_kept_by_the_defaults():
    table = load_scores()
    matrix = ScoreMatrix.from_table(table)
    assert matrix.components.max() == 0
    assert set(matrix.models) == set(table["model"])
    assert matrix.n_benchmarks_per_model.min() >= 4
    assert matrix.n_models_per_benchmark.min() >= 4
    assert len(np.unique(np.stack([matrix.model_index, matrix.benchmark_index]), axis=1).T) == matrix.n_scores
