"""The mode with abilities integrated out: where approximations are centred.

The joint mode of abilities and benchmarks is degenerate (slopes grow as abilities shrink towards their
prior; a noise scale runs to zero while abilities interpolate one benchmark). Integrating the abilities by a
Laplace step per model removes both. The spreads of the hierarchical priors have no such mode either; they
are updated as in an EM algorithm, with the posterior variance of each benchmark's coordinates added.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.linalg import cho_solve, solve_triangular
from numpy.typing import NDArray

from eci.inference.whiten import Arrow, compiled_arrow, hold_prior, solve_arrow
from eci.irt.datum import Row
from eci.irt.measurement import INTERCEPT, LOG_SLOPE, CodedScores, Coordinates, Curve, Measurement, Position

MIN_NOISE = 0.01  # of the first value of a noise sd: scores have three or four digits
SMALLER = 10.0  # posterior variances of a log sd by which `recentre` takes it for smaller


class Mode(NamedTuple):
    """A centre: the position, its negative log marginal density, gradient norm (in whitened units), steps."""

    position: Position
    value: float
    gradient_norm: float
    n_steps: int


def crude_start(
    measurement: Measurement, scores: CodedScores, n_models: int, n_benchmarks: int
) -> tuple[Array, Position]:
    """Crude abilities from a two-way additive fit of score logits: the reference and a first position."""
    m, j = np.asarray(scores.model_index), np.asarray(scores.benchmark_index)
    datum = jax.tree.map(np.asarray, scores.datum)
    fraction = (datum.score - datum.lower) / (datum.upper - datum.lower)
    logit = np.log(np.clip(fraction, 0.02, 0.98) / (1 - np.clip(fraction, 0.02, 0.98)))
    ability, intercept = np.zeros(n_models), np.zeros(n_benchmarks)
    for _ in range(50):  # ridge of one half score keeps models and benchmarks with few scores near zero
        intercept = np.bincount(j, logit - ability[m], n_benchmarks) / (
            np.bincount(j, minlength=n_benchmarks) + 0.5
        )
        ability = np.bincount(m, logit - intercept[j], n_models) / (np.bincount(m, minlength=n_models) + 0.5)
        ability -= ability.mean()
    sd = max(float(ability.std()), 0.1)
    ability /= sd
    count = np.bincount(j, minlength=n_benchmarks)
    reference = np.bincount(j, ability[m], n_benchmarks) / np.maximum(count, 1)
    log_slope = np.full(n_benchmarks, np.log(max(sd, 0.3)))
    benchmark = np.column_stack([intercept + sd * reference, log_slope])
    noise = measurement.likelihood.noise.start(measurement.priors)
    if measurement.likelihood.noise.pooled:
        benchmark = np.column_stack([benchmark, np.full(n_benchmarks, noise[0])])
    hyper = [0.0, 0.0, float(log_slope[0]), np.log(0.5), *noise]
    hyper += measurement.start_ability_prior(ability, np.asarray(scores.covariates))
    return jnp.asarray(reference), Position(jnp.asarray(ability), jnp.asarray(benchmark), jnp.asarray(hyper))


def _ability_terms(
    measurement: Measurement, ability: Array, position: Position, scores: CodedScores
) -> tuple[Array, Array]:
    """Gradient of the log density in each ability and the (floored) curvature, both (model,)."""
    m, j = scores.model_index, scores.benchmark_index

    def one(ability: Array, curve: Curve, reference: Array, datum: Row) -> Array:
        return measurement.row_log_prob(measurement.predictor(ability, curve, reference), curve.noise, datum)

    curve = jax.tree.map(lambda x: x[j], measurement.curves(position, scores))
    args = (ability[m], curve, scores.coordinates.reference[j], scores.datum)
    slope = jax.vmap(jax.grad(one))(*args)
    curvature = -jax.vmap(jax.grad(jax.grad(one)))(*args)
    residual = jax.vmap(measurement.ability_residual, (0, 0, None))(
        ability, scores.covariates, position.shared
    )
    prior_sd = jnp.exp(position.shared[measurement.ability_log_sd_index])
    gradient = jnp.zeros_like(ability).at[m].add(slope) - residual / prior_sd
    # A row far off its curve can have negative curvature; the prior's is the least a model has.
    return gradient, jnp.maximum(jnp.zeros_like(ability).at[m].add(curvature), 0.0) + prior_sd**-2.0


def solve_abilities(
    measurement: Measurement, position: Position, scores: CodedScores, n_steps: int = 8
) -> Position:
    """Conditional mode of every ability given benchmarks, by damped Newton steps."""

    def step(_: int, ability: Array) -> Array:
        gradient, curvature = _ability_terms(measurement, ability, position, scores)
        return ability + jnp.clip(gradient / curvature, -1.0, 1.0)

    ability = jax.lax.fori_loop(0, n_steps, step, position.ability)
    return position._replace(ability=ability)


def _marginal_value(
    measurement: Measurement, scores: CodedScores, eta: tuple[Array, Array], ability: Array
) -> Array:
    """Negative log density of benchmarks and shared parameters, abilities integrated by Laplace.

    `ability` is the conditional mode, a constant; one differentiable Newton step from it restores the
    derivative of the mode.
    """
    position = Position(ability, *eta)
    gradient, curvature = _ability_terms(measurement, ability, position, scores)
    position = position._replace(ability=ability + gradient / jax.lax.stop_gradient(curvature))
    _, curvature = _ability_terms(measurement, position.ability, position, scores)
    return -measurement.log_density(position, scores) + 0.5 * jnp.sum(jnp.log(curvature))


@jax.jit
def benchmark_spread(factor: Arrow, position: Position) -> Array:
    """Posterior variance of each benchmark's difficulty, log slope (and log precision), (benchmark, k)."""
    n_benchmarks, k = position.benchmark.shape
    own = cho_solve((factor.benchmark_chol, True), jnp.broadcast_to(jnp.eye(k), factor.benchmark_chol.shape))
    coupling = factor.basis.T @ factor.coupling.reshape(n_benchmarks * k, -1).T
    half = solve_triangular(factor.w_chol, coupling, lower=True)
    half = half.T.reshape(n_benchmarks, k, -1)
    covariance = own + half @ half.transpose(0, 2, 1)
    slope = jnp.exp(position.benchmark[:, LOG_SLOPE])
    to_difficulty = jnp.stack([-1.0 / slope, position.benchmark[:, INTERCEPT] / slope], axis=1)
    difficulty = jnp.einsum("jk,jkl,jl->j", to_difficulty, covariance[:, :2, :2], to_difficulty)
    rest = jnp.diagonal(covariance, axis1=1, axis2=2)[:, LOG_SLOPE:]
    return jnp.concatenate([difficulty[:, None], rest], axis=1)


@partial(jax.jit, static_argnums=0)
def _evaluate(
    measurement: Measurement, position: Position, step: Position, size: float, scores: CodedScores
) -> tuple[Position, Array, tuple[Array, Array]]:
    """Go `size` of the step, solve the abilities there: position, value and gradient in the rest."""
    position = jax.tree.map(lambda x, s: x + size * s, position, step)
    position = solve_abilities(measurement, position, scores)
    eta = (position.benchmark, position.shared)
    value = partial(_marginal_value, measurement, scores)
    return position, *jax.value_and_grad(value)(eta, position.ability)


@partial(jax.jit, static_argnums=0)
def _descend(
    measurement: Measurement, factor: Arrow, gradient: tuple[Array, Array], scores: CodedScores
) -> tuple[Position, Array]:
    """Preconditioned step, with bounded lengths, and the slope along it."""
    n_models = scores.covariates.shape[0]
    step = solve_arrow(factor, Position(jnp.zeros(n_models), -gradient[0], -gradient[1]))
    step = step._replace(
        benchmark=jnp.clip(step.benchmark, -1.0, 1.0), shared=jnp.clip(step.shared, -0.3, 0.3)
    )
    return step, jnp.sum(step.benchmark * gradient[0]) + jnp.sum(step.shared * gradient[1])


def find_curvature(measurement: Measurement, position: Position, scores: CodedScores) -> tuple[Arrow, Array]:
    """Factored precision with the unit held by the prior, and the benchmarks' posterior variances."""
    basis = hold_prior(position.ability.size, position.shared.size)
    factor = compiled_arrow(measurement, position, scores, basis, exact=False)
    return factor, benchmark_spread(factor, position)


def compile_curvature(measurement: Measurement, position: Position, scores: CodedScores) -> None:
    """Compile `find_curvature` for the shapes of its arguments, whose values do not matter."""
    basis = hold_prior(position.ability.size, position.shared.size)
    factor = compiled_arrow.lower(measurement, position, scores, basis, exact=False)
    factor.compile()
    benchmark_spread.lower(factor.out_info, position).compile()


def find_mode(
    measurement: Measurement,
    scores: CodedScores,
    start: Position,
    *,
    max_steps: int = 60,
    tolerance: float = 0.1,
) -> Mode:
    """Descend from `start` by preconditioned steps until the predicted decrease is below `tolerance`.

    Where the noise runs to zero, so few scores that curves can pass through them all, there is no mode: the
    start is returned with an infinite gradient norm.
    """
    none = jax.tree.map(np.zeros_like, start)
    position, value, gradient = _evaluate(measurement, start, none, 0.0, scores)
    n_steps = 0
    while n_steps < max_steps:
        n_steps += 1
        factor, spread = find_curvature(measurement, position, scores)
        added, slope_added = _spread_value(measurement, np.asarray(spread), np.asarray(position.shared))
        downhill = gradient[0], np.asarray(gradient[1]) + slope_added
        step, slope = _descend(measurement, factor, downhill, scores)
        size = 1.0
        if -float(slope) < tolerance:
            break
        while size > 1e-4:
            moved, trial, gradient_there = _evaluate(measurement, position, step, size, scores)
            added_there, _ = _spread_value(measurement, np.asarray(spread), np.asarray(moved.shared))
            if float(trial) + added_there < float(value) + added + 1e-4 * size * float(slope):
                break
            size *= 0.5
        else:
            break
        position, value, gradient = moved, trial, gradient_there
    if _interpolates(measurement, position):
        return Mode(start, np.nan, np.inf, n_steps)
    return Mode(position, float(value) + added, float(np.sqrt(max(-float(slope), 0.0))), n_steps)


def _spread_value(
    measurement: Measurement, spread: NDArray[np.float64], shared: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """What the posterior variances add to the negative log density of the hierarchical sds; its gradient."""
    at = measurement.prior_log_sds
    terms = 0.5 * spread.sum(axis=0) * np.exp(-2.0 * shared[at])
    gradient = np.zeros_like(shared)
    gradient[at] = -2.0 * terms
    return float(terms.sum()), gradient


def _interpolates(measurement: Measurement, position: Position) -> bool:
    """Whether the noise sd has left the range that its prior makes plausible (a Heywood case)."""
    noise = measurement.likelihood.noise
    if noise.pooled or not noise.shared_names:
        return False
    first = noise.start(measurement.priors)[0]
    return bool(np.asarray(position.shared)[measurement.noise_at][0] < first + np.log(MIN_NOISE))


def recentre(
    measurement: Measurement, position: Position, scores: CodedScores
) -> tuple[Position, Coordinates]:
    """Weights by how far the scores shrink each benchmark's prior variance, and the position in them.

    A prior sd that may well be next to nothing is taken for smaller than at the mode, by `SMALLER` posterior
    variances of its logarithm: an eighth where that has an sd of 0.45, five sixths where it has one of 0.13.
    Centred coordinates have a neck at small sds that no chain enters; standardised ones have none, and lose
    little above.
    """
    factor, spread = find_curvature(measurement, position, scores)
    return _recentre(measurement, position, factor, spread, scores)


@partial(jax.jit, static_argnums=0)
def _recentre(
    measurement: Measurement, position: Position, factor: Arrow, spread: Array, scores: CodedScores
) -> tuple[Position, Coordinates]:
    log_sds = position.shared[measurement.prior_log_sds]
    half = solve_triangular(factor.w_chol, factor.basis.T, lower=True)[:, position.ability.size :]
    variance = jnp.sum(half[:, measurement.prior_log_sds] ** 2, axis=0)
    of_scores = jnp.maximum(1.0 / spread - jnp.exp(-2.0 * log_sds), 0.0)  # precision
    smaller = of_scores * jnp.exp(2.0 * (log_sds - SMALLER * variance))
    at = scores.coordinates._replace(centring=smaller / (1.0 + smaller))
    curves = measurement.curves(position, scores)
    benchmark = jax.vmap(measurement.encode, (0, None, 0))(curves, position.shared, at)
    return position._replace(benchmark=benchmark), at
