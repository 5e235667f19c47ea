"""Pareto smoothing: ArviZ's numbers, known tails, and expectations that it should get right."""

import numpy as np
import pytest
from scipy import stats

from eci.psis import max_pareto_k, smooth_weights


def arviz_weights(log_ratios):
    """Smoothed weights and k of one column, from whichever ArviZ is installed."""
    import arviz

    if hasattr(arviz, "psislw"):
        weights, k = arviz.psislw(log_ratios.copy(), reff=1.0)
        return np.asarray(weights), float(k)
    from arviz_stats.base import array_stats

    weights, k = array_stats.psislw(-log_ratios, r_eff=1.0, axis=-1)  # takes log likelihoods
    return np.asarray(weights), float(k)


@pytest.fixture(scope="module")
def log_ratios():
    """Light, middling and heavy tails."""
    rng = np.random.default_rng(11)
    z = rng.normal(size=(2000, 4))
    return np.column_stack(
        [0.1 * z[:, 0], z[:, 1], 3.0 * z[:, 2], 0.9 * rng.exponential(size=2000), -0.5 * z[:, 3] ** 2]
    )


def test_arviz_agrees(log_ratios):
    """To the last digits for 0.23; from 1.0 ArviZ counts the draws of a tail otherwise."""
    import arviz

    weights, k = smooth_weights(log_ratios)
    same_tail = hasattr(arviz, "psislw")
    for column in range(log_ratios.shape[1]):
        expected, k_expected = arviz_weights(log_ratios[:, column])
        assert k[column] == pytest.approx(k_expected, abs=1e-8 if same_tail else 0.04)
        if same_tail:
            np.testing.assert_allclose(weights[:, column], expected, atol=1e-8)
        else:
            assert np.abs(np.exp(weights[:, column]) - np.exp(expected)).sum() < 0.02


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_the_tail_of_pareto_ratios_is_found(shape):
    ratios = stats.genpareto.rvs(shape, size=(20_000, 40), random_state=3) + 1.0
    _, k = smooth_weights(np.log(ratios))
    assert k.mean() == pytest.approx(shape, abs=0.05)


def test_expectations_move_from_one_normal_to_another():
    rng = np.random.default_rng(4)
    x = rng.normal(0, 1.5, size=(20_000, 1))
    weights, k = smooth_weights(stats.norm.logpdf(x, 1.0, 1.0) - stats.norm.logpdf(x, 0.0, 1.5))
    assert k[0] < 0.5
    assert np.exp(weights).sum() == pytest.approx(1.0)
    assert (np.exp(weights) * x).sum() == pytest.approx(1.0, abs=0.03)


def test_columns_do_not_meet(log_ratios):
    together = smooth_weights(np.tile(log_ratios, (1, 150)))
    alone = smooth_weights(log_ratios)
    for many, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(many, np.tile(one, (1,) * (one.ndim - 1) + (150,)), rtol=1e-12)


def test_equal_ratios_need_no_smoothing_and_broken_ones_have_no_answer():
    ratios = np.zeros((100, 2))
    ratios[3, 1] = np.nan
    weights, k = smooth_weights(ratios)
    np.testing.assert_allclose(weights[:, 0], -np.log(100))
    assert k[0] == -np.inf
    assert np.isnan(k[1])
    assert np.isnan(weights[:, 1]).all()


def test_few_draws_bear_less():
    assert max_pareto_k(100) == pytest.approx(0.5)
    assert max_pareto_k(4000) == 0.7


def test_a_tail_of_one_value_but_for_its_end_has_no_shape_and_no_raw_warning():
    """As of a fit to scores that are all equal: only warnings as errors tell."""
    x = np.full(1000, -1e4)
    x[:3] = 0.0, -0.1, -0.2
    weights, _ = smooth_weights(x[:, None])
    assert weights.shape == (1000, 1)
