"""Each benchmark's own mean and covariance, by importance sampling around the mode.

At the mode the curvature of a benchmark with few scores says too little of how wide its posterior is: its
noise parameter sits where the curve nearly passes through the scores, and away from there the posterior is
several times wider. Given abilities and common parameters, though, benchmarks are independent and have two or
three coordinates, so that weighted draws find their moments in a few rounds, all benchmarks at once.

References
----------
Cappe, Douc, Guillin, Marin and Robert (2008), Adaptive importance sampling in general mixture classes,
doi:10.1007/s11222-008-9059-x. Ionides (2008), Truncated importance sampling, doi:10.1198/106186008X320456.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from eci.inference.whiten import Whitening
from eci.irt.measurement import CodedScores, Measurement

N_POINTS, N_ROUNDS = 1000, 5
FIRST_SCALE, SCALE = 3.0, 1.2  # of the proposals, in sds: the first round looks far around the mode
DEGREES_OF_FREEDOM = 5.0  # of the proposals, a t distribution


@partial(jax.jit, static_argnums=0)
def match_moments(measurement: Measurement, whitening: Whitening, scores: CodedScores) -> Whitening:
    """Centre and scale the whitening of each benchmark by its mean and covariance given all else.

    Where the posterior is normal nothing changes but for the error of a few per cent of the moments. As
    everywhere in whitening, an inexact one costs speed only.
    """
    center, factor = whitening.center, whitening.benchmark_factor
    n_benchmarks, k = center.benchmark.shape
    df, (key_normal, key_chi2) = DEGREES_OF_FREEDOM, jax.random.split(jax.random.key(0))
    points = jax.random.normal(key_normal, (N_POINTS, k))
    points /= jnp.sqrt(jax.random.chisquare(key_chi2, df, (N_POINTS, 1)) / df)
    log_proposal = -0.5 * (df + k) * jnp.log1p(jnp.sum(points**2, axis=1) / df)

    def log_density(z: Array) -> Array:
        """Log density of every benchmark at whitened coordinates z (benchmark, k)."""
        benchmark = center.benchmark + jnp.einsum("jkl,jl->jk", factor, z)
        rows = measurement.row_log_probs(center._replace(benchmark=benchmark), scores)
        prior = jax.vmap(measurement.benchmark_log_prior, (0, None, 0))
        return prior(benchmark, center.shared, scores.coordinates).at[scores.benchmark_index].add(rows)

    def improve(i: Array, moments: tuple[Array, Array]) -> tuple[Array, Array]:
        mean, chol = moments
        scale = jnp.where(i == 0, FIRST_SCALE, SCALE)
        z = mean + scale * jnp.einsum("jkl,sl->sjk", chol, points)
        log_ratio = jax.lax.map(log_density, z) - log_proposal[:, None]
        log_ratio = jnp.where(jnp.isnan(log_ratio), -jnp.inf, log_ratio)
        weight = jnp.minimum(jax.nn.softmax(log_ratio, axis=0), N_POINTS**-0.5)  # truncated
        weight /= weight.sum(axis=0)
        mean = jnp.einsum("sj,sjk->jk", weight, z)
        away = z - mean
        covariance = jnp.einsum("sj,sjk,sjl->jkl", weight, away, away)
        return mean, jnp.linalg.cholesky(covariance + 1e-6 * jnp.eye(k))

    start = jnp.zeros((n_benchmarks, k)), jnp.broadcast_to(jnp.eye(k), factor.shape)
    mean, chol = jax.lax.fori_loop(0, N_ROUNDS, improve, start)
    benchmark = center.benchmark + jnp.einsum("jkl,jl->jk", factor, mean)
    return whitening._replace(center=center._replace(benchmark=benchmark), benchmark_factor=factor @ chol)
