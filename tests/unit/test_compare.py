"""Models compared by joint draws: hand values, letters, laws, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eci.errors import DataError
from eci.queries.compare import compare, letter
from eci.scale import Scale

A, B, C = "model 02", "model 05", "model 09"


def with_index(fit, draws, others=0.0):
    """A fit whose index draws are given for some models by name; the others are far below."""
    n = len(next(iter(draws.values())))
    ability = others + np.arange(fit.matrix.n_models) * 1e-3 + np.zeros((n, 1))
    for name, values in draws.items():
        ability[:, fit.matrix.models.index(name)] = values
    parts = fit.draws.difficulty[:1].repeat(n, 0), fit.draws.discrimination[:1].repeat(n, 0)
    drawn = fit.draws._replace(ability=ability, difficulty=parts[0], discrimination=parts[1], shared={})
    return replace(fit, draws=drawn, scale=Scale(np.ones(n), np.zeros(n), "points", {}))


def test_hand_values(invented_fit):
    fit = with_index(invented_fit, {A: [13, 13, 13, 11], B: [12, 12, 12, 12], C: [11, 11, 14, 10]})
    found = compare(fit, [C, A, B], interval_prob=0.5)
    assert found.models["model"].tolist() == [A, B, C]
    np.testing.assert_allclose(found.models["index"], [12.5, 12.0, 11.5])
    np.testing.assert_allclose(found.models["p_best"], [0.5, 0.25, 0.25])
    np.testing.assert_allclose(found.p_above, [[0, 0.75, 0.75], [0.25, 0, 0.75], [0.25, 0.25, 0]])
    row = found.pairs.iloc[0]
    assert (row["model"], row["other"], row["p_above"], row["difference"]) == (A, B, 0.75, 0.5)
    assert row["sd"] == pytest.approx(1.0)  # 1, 1, 1, -1
    assert (row["low"], row["high"], row["apart"]) == (0.5, 1.0, True)
    assert found.models["rank"].tolist() == [1, 2, 3]
    # quarters of 1 1 2 2, of 1 2 2 3 and of 1 3 3 3
    assert found.models[["rank_low", "rank_high"]].to_numpy().tolist() == [[1, 2], [1, 2], [1, 3]]
    assert found.models["letters"].tolist() == ["a", "b", "c"]


def test_ranks_count_all_models_of_the_fit(invented_fit):
    fit = with_index(invented_fit, {A: [1.0, 1.0], B: [-1.0, -1.0]})
    found = compare(fit, [A, B])
    assert found.n_models == 16
    assert found.models["rank"].tolist() == [1, 16]


def test_a_common_error_widens_the_indices_and_not_the_difference(invented_fit):
    rng = np.random.default_rng(2)
    common = rng.normal(0, 5, 2000)
    fit = with_index(invented_fit, {A: 101 + common + rng.normal(0, 0.1, 2000), B: 100 + common}, others=-99)
    found = compare(fit, [A, B])
    first, second = found.models.iloc[0], found.models.iloc[1]
    assert first["low"] < second["high"]  # the intervals overlap
    assert found.pairs["apart"].item() and found.pairs["p_above"].item() == 1.0
    assert found.pairs["sd"].item() == pytest.approx(0.1, rel=0.1)
    assert first["letters"] != second["letters"]


def test_one_is_above_the_other_or_below(invented_fit):
    """P(A > B) + P(B > A) = 1 where no draws tie, and 1 less the share of ties where some do."""
    found = compare(invented_fit, invented_fit.matrix.models)
    off = ~np.eye(16, dtype=bool)
    np.testing.assert_allclose((found.p_above + found.p_above.T)[off], 1.0)
    tied = compare(with_index(invented_fit, {A: [1, 2, 3, 4], B: [1, 1, 4, 4]}), [A, B])
    assert tied.p_above[0, 1] + tied.p_above[1, 0] == 0.5


def test_neither_the_order_of_names_nor_the_scale_matters(invented_fit):
    names = [A, B, C, "model 12"]
    found, again = compare(invented_fit, names), compare(invented_fit, names[::-1])
    assert found.record() == again.record()
    other = compare(invented_fit.rescale(standard=True), names)
    np.testing.assert_array_equal(other.p_above, found.p_above)
    assert other.models["letters"].tolist() == found.models["letters"].tolist()
    assert other.models["rank"].tolist() == found.models["rank"].tolist()


def test_anchors_differ_by_definition(invented_fit):
    pair = compare(invented_fit, ["model 01", "model 14"]).pairs.iloc[0]
    assert (pair["difference"], pair["sd"], pair["p_above"]) == (20.0, 0.0, 1.0)


def test_a_wider_interval_tells_fewer_apart(invented_fit):
    rng = np.random.default_rng(0)
    fit = with_index(invented_fit, {A: rng.normal(1.5, 1, 4000), B: np.zeros(4000)}, others=-99)
    assert compare(fit, [A, B], interval_prob=0.5).pairs["apart"].item()
    assert not compare(fit, [A, B], interval_prob=0.95).pairs["apart"].item()


def test_a_chain_of_neighbours_shares_letters_pairwise():
    alike = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool)
    assert letter(alike) == ["a", "ab", "b"]
    assert letter(np.ones((3, 3), dtype=bool)) == ["a", "a", "a"]
    assert letter(np.eye(3, dtype=bool)) == ["a", "b", "c"]
    assert letter(np.eye(30, dtype=bool))[25:28] == ["z", "a1", "b1"]


@given(st.integers(1, 7).flatmap(lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n)))
def test_models_share_a_letter_exactly_where_they_are_alike(flags):
    n = int(np.sqrt(len(flags)))
    alike = np.array(flags).reshape(n, n)
    alike = alike | alike.T | np.eye(n, dtype=bool)
    given_letters = letter(alike)
    for i in range(n):
        for j in range(n):
            assert bool(set(given_letters[i]) & set(given_letters[j])) == alike[i, j]


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (["model 02", "model 99"], {}, "The model 'model 99' is not among the 16 of this fit. Did you mean"),
        ([A, A], {}, "'model 02' is named twice"),
        ([A], {}, "at least two models; 1 given"),
        ([A, B], {"interval_prob": 1.0}, "interval_prob is 1.0"),
    ],
)
def test_bad_input_is_refused(invented_fit, models, options, message):
    with pytest.raises(DataError, match=message):
        compare(invented_fit, models, **options)


def test_a_point_has_nothing_to_compare(invented_fit):
    with pytest.raises(DataError, match="Fit again"):
        compare(replace(invented_fit, draws=None), [A, B])
