"""The mode with abilities integrated out: stationary where it says, and where abilities are integrated."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eci.inference.mode import _marginal_value, _recentre, crude_start, find_mode, recentre, solve_abilities
from eci.inference.problem import code_scores
from eci.irt.measurement import Measurement
from eci.irt.observation import LIKELIHOODS
from eci.irt.priors import Priors
from eci.scores import ScoreMatrix

MEASUREMENT = Measurement(LIKELIHOODS["normal"], Priors())


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def start(small_matrix):
    """Scores of the small problem with their reference, and the crude start."""
    with jax.enable_x64(True):
        scores = code_scores(small_matrix, MEASUREMENT)
        reference, position = crude_start(
            MEASUREMENT, scores, small_matrix.n_models, small_matrix.n_benchmarks
        )
        return scores._replace(coordinates=scores.coordinates._replace(reference=reference)), position


@pytest.fixture(scope="module")
def mode(start):
    with jax.enable_x64(True):
        return find_mode(MEASUREMENT, *start, max_steps=300, tolerance=1e-3)


@partial(jax.jit, static_argnums=0)
def ability_gradient(measurement, position, scores):
    return jax.grad(measurement.log_density)(position, scores).ability


def test_the_crude_start_ranks_the_models(start):
    """The small problem has its models in order of ability."""
    _, position = start
    assert np.corrcoef(position.ability, np.arange(16))[0, 1] > 0.98
    assert float(position.ability.std()) == pytest.approx(1.0)


def test_abilities_are_at_their_conditional_mode(start, mode):
    scores, _ = start
    np.testing.assert_allclose(ability_gradient(MEASUREMENT, mode.position, scores), 0, atol=1e-6)


def test_the_mode_is_reached_from_elsewhere(start, mode):
    scores, position = start
    far = position._replace(ability=1.5 * position.ability, shared=position.shared.at[4].add(1.0))
    again = find_mode(MEASUREMENT, scores, far, max_steps=300, tolerance=1e-3)
    assert max(mode.gradient_norm, again.gradient_norm) < 0.04  # posterior sds
    np.testing.assert_allclose(again.position.ability, mode.position.ability, atol=0.02)
    np.testing.assert_allclose(again.position.benchmark, mode.position.benchmark, atol=0.02)
    assert mode.value <= again.value + 0.01


def test_the_value_integrates_abilities_as_quadrature_does(start, mode):
    """Laplace's step per model is nearly exact here: six informative scores a model.

    Differences between two places are compared, so that constants drop out.
    """
    scores, _ = start
    away = mode.position._replace(benchmark=mode.position.benchmark + 0.2)
    (near, near_exact), (far, far_exact) = (integrate(place, scores) for place in (mode.position, away))
    assert abs(far - near) > 1
    assert float(far - near) == pytest.approx(float(far_exact - near_exact), abs=0.02)


@jax.jit
def integrate(position, scores):
    """Negative log density with the abilities integrated: by Laplace, and each on a grid."""
    position = solve_abilities(MEASUREMENT, position, scores)
    eta = (position.benchmark, position.shared)
    by_laplace = _marginal_value(MEASUREMENT, scores, eta, position.ability)

    def log_terms(step):
        """What in the log density depends on each ability, moved by a step from its mode."""
        moved = position._replace(ability=position.ability + step)
        rows = MEASUREMENT.row_log_probs(moved, scores)
        return jnp.zeros_like(position.ability).at[scores.model_index].add(rows) - 0.5 * moved.ability**2

    steps = jnp.linspace(-2, 2, 801)
    integrals = jax.scipy.special.logsumexp(jax.vmap(log_terms)(steps), axis=0) + jnp.log(steps[1] - steps[0])
    rest = MEASUREMENT.log_density(position, scores) - log_terms(0.0).sum()
    return by_laplace, -rest - integrals.sum()


def test_recentring_keeps_the_curves_and_weighs_by_what_the_scores_say(start, mode):
    scores, _ = start
    moved, at = recentre(MEASUREMENT, mode.position, scores)
    before = MEASUREMENT.curves(mode.position, scores)
    after = MEASUREMENT.curves(moved, scores._replace(coordinates=at))
    np.testing.assert_allclose(after.intercept, before.intercept, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(after.log_slope, before.log_slope, rtol=1e-9, atol=1e-9)
    assert ((at.centring > 0) & (at.centring < 1)).all()
    noisy = mode.position._replace(shared=mode.position.shared.at[4].add(2.0))
    _, less = recentre(MEASUREMENT, noisy, scores)
    assert (less.centring < at.centring).all()


def test_recentring_takes_an_uncertain_sd_for_a_smaller_one(start, mode, monkeypatch):
    """By the variance of its logarithm, which twelve benchmarks leave at a twentieth or more."""
    scores, _ = start
    _, taken_smaller = recentre(MEASUREMENT, mode.position, scores)
    monkeypatch.setattr("eci.inference.mode.SMALLER", 0.0)
    _recentre.clear_cache()
    _, at_mode = recentre(MEASUREMENT, mode.position, scores)
    _recentre.clear_cache()
    odds = [np.asarray(x.centring / (1 - x.centring)) for x in (taken_smaller, at_mode)]
    np.testing.assert_allclose(odds[0] / odds[1], (odds[0] / odds[1])[:1].repeat(len(odds[0]), axis=0))
    assert (odds[0] < 0.6 * odds[1]).all()
    assert (at_mode.centring > 0.5).all()  # twelve scores with little noise


def test_scores_that_curves_can_pass_through_have_no_mode():
    """Four scores, more parameters: from little noise on it runs to zero, and the start stands in, named as
    no mode."""
    m, j = np.nonzero(np.ones((2, 2)))
    matrix = ScoreMatrix.from_arrays(["m0", "m1"], ["b0", "b1"], m, j, [0.25, 0.62, 0.55, 0.9])
    scores = code_scores(matrix, MEASUREMENT)
    _, start = crude_start(MEASUREMENT, scores, 2, 2)
    assert find_mode(MEASUREMENT, scores, start).gradient_norm < 1  # a mode, but not the highest density
    start = start._replace(shared=start.shared.at[4].set(np.log(0.001)))
    found = find_mode(MEASUREMENT, scores, start)
    assert found.gradient_norm == np.inf
    assert found.position is start
