"""Advice on the next measurement: against linear-Gaussian theory, and laws."""

import dataclasses
from itertools import combinations

import numpy as np
import pytest

import eci
from eci.queries.curves import Curves
from eci.queries.gain import Candidates, Linear
from eci.queries.next import next_benchmark

N = 4000
SLOPES = np.array([1.0, 2.0, 0.5, 1.5])  # information of a score about the target: squares over noise


@pytest.fixture(scope="module")
def linear_gaussian():
    """Scores that are linear in the target, with normal noise: E[y] = 0.5 + 0.01 slope * target, noise 0.01.

    The expected variance after a set is 1 / (1 + sum of slope²), in the unit of the target.
    """
    rng = np.random.default_rng(3)
    target = rng.standard_normal(N)
    wide = np.ones((N, 1))
    curves = Curves(
        "normal",
        difficulty=np.zeros((N, 4)),
        discrimination=0.04 * SLOPES * wide,
        noise=np.log(0.01) * np.ones((N, 4)),
        lower=np.zeros(4),
        upper=np.ones(4),
        n_items=np.full(4, np.nan),
    )
    return Candidates.draw(target, curves, np.repeat(target[:, None], 4, axis=1), rng)


def left_after(candidates, chosen):
    return candidates.variance / (1 + candidates.variance * np.sum(SLOPES[list(chosen)] ** 2))


def test_one_score_leaves_what_theory_says(linear_gaussian):
    for at, found in enumerate(linear_gaussian.measure_each()):
        assert found.variance == pytest.approx(left_after(linear_gaussian, [at]), rel=0.05)
        assert found.error < 0.04 * found.variance


def test_linear_prediction_is_exact_there(linear_gaussian):
    linear = Linear.of(linear_gaussian)
    for at in range(4):
        left = linear.variance - linear.reduction[at]
        assert left == pytest.approx(left_after(linear_gaussian, [at]), rel=0.01)
    both = linear.given(1)
    assert both.variance - both.reduction[3] == pytest.approx(left_after(linear_gaussian, [1, 3]), rel=0.01)


def test_a_set_grows_by_the_most_informative(linear_gaussian):
    chosen = linear_gaussian.choose_set(1, 4)
    assert [at for at, _ in chosen] == [1, 3, 0, 2]
    for size, (_, found) in enumerate(chosen, start=1):
        expected = left_after(linear_gaussian, [at for at, _ in chosen[:size]])
        assert found.variance == pytest.approx(expected, rel=0.08)


def test_no_information_leaves_the_variance(linear_gaussian):
    flat = dataclasses.replace(
        linear_gaussian.curves, discrimination=1e-12 * linear_gaussian.curves.discrimination
    )
    nothing = dataclasses.replace(linear_gaussian, curves=flat)
    for found in nothing.measure_each():
        assert found.variance == pytest.approx(nothing.variance, rel=1e-3)


def test_the_advice_is_a_ranking(small_fit):
    advice = next_benchmark(small_fit, "model 05", k=2)
    each = advice.each
    assert (np.diff(each["expected_variance"]) >= 0).all()
    assert each["benchmark"].iloc[0] == advice.best_set["benchmark"].iloc[0]
    assert each["expected_variance"].iloc[0] == advice.best_set["expected_variance"].iloc[0]
    assert advice.best_set["expected_variance"].is_monotonic_decreasing
    np.testing.assert_allclose(each["removed"], 1 - each["expected_variance"] / advice.sd**2)
    assert next_benchmark(small_fit, "model 05", k=2).record() == advice.record()


def test_the_greedy_set_is_near_the_best_of_all(small_fit):
    """Every pair of benchmarks by linear prediction; the greedy pair removes at least 0.95 of the best."""
    m = 5
    fit, matrix = small_fit, small_fit.matrix
    j = np.setdiff1d(np.arange(8), matrix.benchmark_index[matrix.model_index == m])
    rows = np.arange(0, len(fit.ability_draws), 2)
    curves = Curves.of_fit(fit, j, rows)
    ability = np.repeat(fit.ability_draws[rows, m][:, None], len(j), axis=1)
    candidates = Candidates.draw(fit.index_draws[rows, m], curves, ability, np.random.default_rng(0))
    linear = Linear.of(candidates)
    removed = {
        pair: linear.reduction[pair[0]] + linear.given(pair[0]).reduction[pair[1]]
        for pair in combinations(range(len(j)), 2)
    }
    first = int(np.argmin([found.variance for found in candidates.measure_each()]))
    greedy = tuple(sorted(at for at, _ in candidates.choose_set(first, 2)))
    assert removed[greedy] >= 0.95 * max(removed.values())


def test_a_difference_may_be_narrowed_from_both_sides(small_fit):
    advice = next_benchmark(small_fit, "model 05", against="model 06")
    draws = small_fit.index_draws[:, 5] - small_fit.index_draws[:, 6]
    assert advice.sd == pytest.approx(draws.std(), rel=0.05)
    assert set(advice.each["model"]) == {"model 05", "model 06"}
    assert advice.target == "model 05 minus model 06"


def test_what_has_no_answer_is_refused(small_fit):
    anchored = small_fit.rescale({"model 01": 130.0, "model 14": 150.0})
    for arguments, message in (
        ({"model": "model 01"}, "model 01 and model 14 are the anchors"),
        ({"model": "model 02", "against": "model 02"}, "against itself"),
        ({"model": "model 2"}, "Did you mean"),
        ({"model": "model 02", "against": "Model 3"}, "Did you mean"),
        ({"model": "model 02", "k": 0}, "k is 0"),
    ):
        with pytest.raises(eci.DataError, match=message):
            next_benchmark(anchored, **arguments)


def test_a_new_benchmark_should_be_as_hard_as_the_frontier(small_fit):
    """Curves of equal slope without chance level: most is told where half is solved."""
    anchored = small_fit.rescale({"model 01": 130.0, "model 14": 150.0})
    design = eci.next_difficulty(anchored, n_models=4)
    top = np.sort(anchored.index)[-4:]
    assert design.models[0] == anchored.matrix.models[int(np.argmax(anchored.index))]
    assert top.min() - 5 < design.best < top.max() + 5
    assert design.levels["expected_variance"].min() < design.gap_sd**2
    assert (design.levels["expected_gap_sd"] <= 1.01 * design.gap_sd).all()
    assert design.levels["expected_score"].is_monotonic_decreasing
    with pytest.raises(eci.DataError, match="n_models is 17"):
        eci.next_difficulty(anchored, n_models=17)
