"""Moments of each benchmark's own posterior, against quadrature, and what they leave as it was."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eci.inference.method import Map
from eci.inference.moments import match_moments
from eci.inference.problem import prepare
from eci.inference.provenance import Clock
from eci.irt.measurement import Measurement
from eci.irt.observation import LIKELIHOODS
from eci.irt.priors import Priors


@pytest.fixture(scope="module")
def matched(small_matrix):
    """The small problem at its mode, its whitening, and the matched one."""
    with jax.enable_x64(True):
        problem = prepare(small_matrix, Measurement(LIKELIHOODS["normal"], Priors()), Map(), Clock())
        return problem, match_moments(problem.measurement, problem.whitening, problem.scores)


def test_moments_are_those_of_quadrature(matched):
    """Two coordinates of a benchmark given all else, on a grid of 201 by 201 points."""
    problem, moved = matched
    line = np.linspace(-9, 9, 201)
    z = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    whitening, scores = problem.whitening, problem.scores
    center, n = whitening.center, whitening.center.benchmark.shape[0]

    @jax.jit
    @jax.vmap
    def log_density(z):
        benchmark = center.benchmark + whitening.benchmark_factor @ z
        position = center._replace(benchmark=benchmark)
        total = (
            jnp.zeros(n).at[scores.benchmark_index].add(problem.measurement.row_log_probs(position, scores))
        )
        prior = jax.vmap(problem.measurement.benchmark_log_prior, (0, None, 0))
        return total + prior(benchmark, center.shared, scores.coordinates)

    with jax.enable_x64(True):
        value = np.asarray(log_density(jnp.asarray(z)))
    weight = np.exp(value - value.max(axis=0))
    weight /= weight.sum(axis=0)
    for j in range(n):
        mean = weight[:, j] @ z
        covariance = (z - mean).T @ (weight[:, j, None] * (z - mean))
        factor = np.asarray(whitening.benchmark_factor[j])
        found = np.linalg.solve(factor, np.asarray(moved.center.benchmark[j] - center.benchmark[j]))
        np.testing.assert_allclose(found, mean, atol=0.15)
        half = np.linalg.solve(factor, np.asarray(moved.benchmark_factor[j]))
        np.testing.assert_allclose(half @ half.T, covariance, atol=0.2 * np.trace(covariance))


def test_only_the_benchmarks_own_blocks_are_touched(matched):
    problem, moved = matched
    for name in ("w_factor", "coupling"):
        np.testing.assert_array_equal(getattr(moved, name), getattr(problem.whitening, name))
    np.testing.assert_array_equal(moved.center.ability, problem.whitening.center.ability)
    np.testing.assert_array_equal(moved.center.shared, problem.whitening.center.shared)
