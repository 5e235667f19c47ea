"""How far a normal approximation is from the posterior: importance ratios of its draws."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from scipy.special import logsumexp

from eci.inference.problem import Problem, cut_draws, pad_draws
from eci.inference.whiten import Whitening, unwhiten
from eci.irt.measurement import CodedScores, Measurement

PIECE = 250  # draws weighed at a time
N_INNER = 8  # draws of every benchmark for each draw of the abilities
MAX_OUTER = 500  # draws of the abilities


def weigh_draws(problem: Problem, z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log ratio of the posterior to the approximation, (draw,), at whitened draws (draw, n)."""
    shared, own = _weigh(problem, z)
    return shared + own.sum(axis=1)


def weigh_abilities(problem: Problem, z: NDArray[np.float64], key: Array) -> NDArray[np.float64]:
    """Log ratio of the marginal densities of abilities and shared parameters, (draw,), up to a constant.

    Given these the benchmarks are independent, so each is integrated out on its own, by the mean ratio of a
    few draws. That leaves some noise in the result, which makes its tail heavier, never lighter: a shape that
    passes would pass without the noise.
    """
    n_outer = min(len(z), MAX_OUTER)
    n_benchmarks = problem.whitening.center.benchmark.size
    n_w = z.shape[1] - n_benchmarks
    inner = np.asarray(jax.random.normal(key, (n_outer * N_INNER, n_benchmarks)))
    repeated = np.concatenate([np.repeat(z[:n_outer, :n_w], N_INNER, axis=0), inner], axis=1)
    shared, own = _weigh(problem, repeated)
    mean = logsumexp(own.reshape(n_outer, N_INNER, -1), axis=1) - np.log(N_INNER)
    return shared[::N_INNER] + mean.sum(axis=1)


def _weigh(problem: Problem, z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log ratio in two parts: of abilities and shared parameters (draw,), and of benchmarks (draw, j)."""
    pieces = []
    for rows in cut_draws(z, PIECE):
        padded = pad_draws(rows, PIECE)
        piece = _weigh_piece(problem.measurement, problem.whitening, problem.scores, padded)
        pieces.append([np.asarray(part)[: len(rows)] for part in piece])
    shared, own = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return shared, own


@partial(jax.jit, static_argnums=0)
def _weigh_piece(
    measurement: Measurement, whitening: Whitening, scores: CodedScores, z: Array
) -> tuple[Array, Array]:
    n_benchmarks = whitening.center.benchmark.shape[0]

    def one(z: Array) -> tuple[Array, Array]:
        position = unwhiten(whitening, z)
        prior = jax.vmap(measurement.benchmark_log_prior, (0, None, 0))
        of_benchmark = prior(position.benchmark, position.shared, scores.coordinates)
        of_scores = measurement.row_log_probs(position, scores)
        of_benchmark = of_benchmark.at[scores.benchmark_index].add(of_scores)
        z_w, z_b = z[: -whitening.center.benchmark.size], z[-whitening.center.benchmark.size :]
        rest = measurement.log_density(position, scores) - jnp.sum(of_benchmark)
        own = of_benchmark + 0.5 * jnp.sum(z_b.reshape(n_benchmarks, -1) ** 2, axis=1)
        return rest + 0.5 * jnp.sum(z_w**2), own

    return jax.vmap(one)(z)
