"""The response curve by hand, and every derivative the samplers use against finite differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from eci.inference.problem import code_scores
from eci.irt.curve import curve_mean, expected_score
from eci.irt.measurement import Coordinates, Measurement, Position
from eci.irt.observation import LIKELIHOODS
from eci.irt.priors import Priors
from eci.queries import curves
from eci.scores import ScoreMatrix


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(
    ("ability", "difficulty", "discrimination", "lower", "upper", "expected"),
    [
        (0.0, 0.0, 1.0, 0.0, 1.0, 0.5),
        (np.log(3.0), 0.0, 1.0, 0.0, 1.0, 0.75),
        (1.0, 1.0 - np.log(3.0) / 2, 2.0, 0.0, 1.0, 0.75),
        (0.7, 0.7, 3.0, 0.25, 1.0, 0.625),
        (np.log(3.0), 0.0, 1.0, 0.2, 0.6, 0.5),
        (-1000.0, 0.0, 1.0, 0.25, 0.9, 0.25),
        (1000.0, 0.0, 1.0, 0.25, 0.9, 0.9),
    ],
)
def test_hand_values_of_the_curve_and_of_its_twin_in_numpy(
    ability, difficulty, discrimination, lower, upper, expected
):
    for curve in (expected_score, curves.expected_score):
        value = curve(ability, difficulty, discrimination, lower, upper)
        assert float(value) == pytest.approx(expected, abs=1e-15)


def test_the_curve_broadcasts():
    assert expected_score(np.zeros((3, 1)), np.zeros(4), 1.0).shape == (3, 4)


@pytest.mark.parametrize("z", [-30.0, -4.0, 0.0, 0.3, 5.0, 30.0])
def test_derivatives_of_the_curve(z):
    lower, upper = 0.2, 0.9
    p = 1 / (1 + np.exp(-z))
    assert float(jax.grad(curve_mean)(z, lower, upper)) == pytest.approx(
        (upper - lower) * p * (1 - p), rel=1e-9
    )
    second = (upper - lower) * p * (1 - p) * (1 - 2 * p)
    assert float(jax.grad(jax.grad(curve_mean))(z, lower, upper)) == pytest.approx(
        second, rel=1e-9, abs=1e-300
    )


@pytest.mark.parametrize("ability", [-6.0, 0.4, 7.0])
def test_gradient_and_hessian_in_ability_difficulty_and_discrimination(ability):
    @jax.jit
    def curve(v):
        return expected_score(v[0], v[1], v[2], 0.1, 0.95)

    at = jnp.array([ability, 0.3, 1.7])
    assert_derivatives(jax.jit(jax.value_and_grad(curve)), jax.jit(jax.hessian(curve))(at), at)


def a_small_program(likelihood, scale):
    """3 models on 2 benchmarks, scores at the edges among them, and a position `scale` from the origin."""
    rng = np.random.default_rng(11)
    measurement = Measurement(LIKELIHOODS[likelihood], Priors())
    n_items = np.array([np.nan, 50, 50, np.nan, 30])
    matrix = ScoreMatrix.from_arrays(
        ["m0", "m1", "m2"],
        ["b0", "b1"],
        [0, 1, 2, 0, 2],
        [0, 0, 0, 1, 1],
        [0.31, 0.62, 1.0, 0.0, 0.4],
        n_items=np.nan_to_num(n_items, nan=80) if measurement.likelihood.needs_items else n_items,
        lower=[0.0, 0.25],
        upper=[1.0, 0.97],
    )
    k, n_shared = measurement.n_benchmark, len(measurement.shared_names)
    at = Coordinates(jnp.array([0.1, -0.3]), jnp.asarray(rng.uniform(size=(2, k))))
    scores = code_scores(matrix, measurement)._replace(coordinates=at)
    shapes = (3,), (2, k), (n_shared,)
    return measurement, Position(*(jnp.asarray(scale * rng.normal(size=shape)) for shape in shapes)), scores


@partial(jax.jit, static_argnums=0)
def log_density_and_gradient(measurement, position, scores):
    return jax.value_and_grad(measurement.log_density)(position, scores)


@partial(jax.jit, static_argnums=0)
def hessian_of_log_density(measurement, position, scores):
    flat, restore = ravel_pytree(position)
    return jax.hessian(lambda v: measurement.log_density(restore(v), scores))(flat)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("scale", [0.5, 2.0], ids=["mid", "extreme"])
def test_gradient_and_hessian_of_the_log_density(likelihood, scale):
    measurement, position, scores = a_small_program(likelihood, scale)
    flat, restore = ravel_pytree(position)

    def at(v):
        value, gradient = log_density_and_gradient(measurement, restore(v), scores)
        return float(value), np.asarray(ravel_pytree(gradient)[0])

    hessian = np.asarray(hessian_of_log_density(measurement, position, scores))
    assert_derivatives(at, hessian, flat)


def assert_derivatives(value_and_gradient, hessian, at, step=1e-5):
    """Central differences of the value against the gradient, and of the gradient against the Hessian."""
    value, gradient = value_and_gradient(at)
    moved = [
        (value_and_gradient(at + move), value_and_gradient(at - move)) for move in step * np.eye(len(at))
    ]
    slope = np.array([(up[0] - down[0]) / (2 * step) for up, down in moved])
    curvature = np.array([(up[1] - down[1]) / (2 * step) for up, down in moved])
    # What rounding leaves of a difference of two values of this size.
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-10 * abs(value) + 1e-9)
    np.testing.assert_allclose(hessian, curvature, rtol=1e-6, atol=1e-9 * np.abs(gradient).max() + 1e-9)


def test_the_log_density_is_the_textbook_one():
    """Normal likelihood, fully centred: the sum of the densities in the docstring of Priors, by hand."""
    measurement, position, scores = a_small_program("normal", 0.5)
    scores = scores._replace(coordinates=Coordinates(jnp.zeros(2), jnp.ones((2, 2))))
    position = position._replace(shared=position.shared.at[-2:].set(0.0))
    ability, (m_b, log_s_b, m_a, log_s_a, log_sd, _, _) = (
        np.array(position.ability),
        np.array(position.shared),
    )
    intercept, log_a = np.array(position.benchmark).T
    a, difficulty = np.exp(log_a), -intercept / np.exp(log_a)
    p = Priors()

    def normal(x, mean, sd):
        return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd)

    datum = jax.tree.map(np.array, scores.datum)
    m, j = np.array(scores.model_index), np.array(scores.benchmark_index)
    chance = 1 / (1 + np.exp(-a[j] * (ability[m] - difficulty[j])))
    by_hand = (
        normal(datum.score, datum.lower + (datum.upper - datum.lower) * chance, np.exp(log_sd)).sum()
        + normal(ability, 0, 1).sum()
        + normal(difficulty, m_b, np.exp(log_s_b)).sum()
        - log_a.sum()  # Jacobian from the intercept to the difficulty
        + normal(log_a, m_a, np.exp(log_s_a)).sum()
        + normal(m_b, 0, p.difficulty_mean_sd)
        + normal(m_a, p.log_discrimination_mean, p.log_discrimination_mean_sd)
        + normal(np.exp(log_s_b), 0, p.difficulty_sd_scale) + log_s_b
        + normal(np.exp(log_s_a), 0, p.log_discrimination_sd_scale) + log_s_a
        + normal(np.exp(log_sd), 0, p.noise_sd_scale) + log_sd
    )  # fmt: skip
    constant = float(log_density_and_gradient(measurement, position, scores)[0]) - by_hand
    # The constant: 2 pi of the five scores, and the sds of the fixed priors.
    scales = np.log([p.difficulty_mean_sd, p.log_discrimination_mean_sd, p.difficulty_sd_scale])
    more = np.log([p.log_discrimination_sd_scale, p.noise_sd_scale])
    assert constant == pytest.approx(-2.5 * np.log(2 * np.pi) + scales.sum() + more.sum(), abs=1e-9)
