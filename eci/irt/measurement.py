"""The measurement program: log density of abilities, benchmarks and noise given a score matrix.

Coordinates. With R_j the mean crude ability of the models that sat benchmark j,

    z = slope_j * (ability - R_j) + intercept_j,    difficulty_j = R_j - intercept_j / slope_j,

so that intercept and slope are nearly independent in the posterior, which difficulty and slope are not.
Every density below is taken in these unconstrained coordinates, Jacobians included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from eci.irt.curve import curve_mean
from eci.irt.observation import Datum, Likelihood
from eci.irt.priors import Priors

INTERCEPT, LOG_SLOPE, NOISE = 0, 1, 2  # columns of Position.benchmark
_HYPER = ("difficulty_mean", "difficulty_sd", "log_discrimination_mean", "log_discrimination_sd")


class CodedScores(NamedTuple):
    """A score matrix as arrays: indices and `datum` have a leading `score` axis, `reference` is (benchmark,)."""

    model_index: Array
    benchmark_index: Array
    datum: Datum
    reference: Array


class Position(NamedTuple):
    """A point in unconstrained coordinates.

    ability (model,), benchmark (benchmark, 2 or 3): intercept, log slope and, where the likelihood is
    pooled, log precision; shared (n_shared,): see `Measurement.shared_names`.
    """

    ability: Array
    benchmark: Array
    shared: Array


def _normal(x: Array, mean: Array | float, log_sd: Array | float) -> Array:
    return -0.5 * ((x - mean) * jnp.exp(-log_sd)) ** 2 - log_sd


def _half_normal_of_log(log_x: Array, scale: float) -> Array:
    """HalfNormal density of exp(log_x) in the coordinate log_x, up to a constant."""
    return -0.5 * (jnp.exp(log_x) / scale) ** 2 + log_x


@dataclass(frozen=True)
class Measurement:
    """A likelihood with its priors; hashable, so that compiled functions can be keyed by it."""

    likelihood: Likelihood
    priors: Priors

    @property
    def n_benchmark(self) -> int:
        """Coordinates of one benchmark."""
        return 3 if self.likelihood.pooled else 2

    @property
    def shared_names(self) -> tuple[str, ...]:
        """Names of the shared parameters, in the order of `Position.shared`; those ending in sd are logged."""
        noise = ("log_precision_mean", "log_precision_sd") if self.likelihood.pooled else ("noise_sd",)
        return _HYPER + noise

    @property
    def prior_means(self) -> Array:
        """Positions in `shared` of the means of difficulty, log slope (and log precision)."""
        return np.arange(0, 2 * self.n_benchmark, 2)

    @property
    def prior_log_sds(self) -> Array:
        """Positions in `shared` of the log sds of difficulty, log slope (and log precision)."""
        return np.arange(1, 2 * self.n_benchmark, 2)

    def predictor(self, ability: Array, benchmark: Array, reference: Array) -> Array:
        """Linear predictor z of one score, in logits."""
        return jnp.exp(benchmark[LOG_SLOPE]) * (ability - reference) + benchmark[INTERCEPT]

    def noise(self, benchmark: Array, shared: Array) -> Array:
        """Noise parameter of one score on its log scale: the benchmark's own or the shared one."""
        return benchmark[NOISE] if self.likelihood.pooled else shared[4]

    def row_log_prob(self, z: Array, noise: Array, datum: Datum) -> Array:
        """Log density of one score given its predictor and noise parameter."""
        return self.likelihood.log_prob(datum, curve_mean(z, datum.lower, datum.upper), noise)

    def benchmark_residuals(self, benchmark: Array, shared: Array, reference: Array) -> Array:
        """Difficulty, log slope (and log precision) of one benchmark, standardised by their common priors."""
        difficulty = reference - benchmark[INTERCEPT] * jnp.exp(-benchmark[LOG_SLOPE])
        values = jnp.stack([difficulty, *benchmark[LOG_SLOPE:]])
        return (values - shared[self.prior_means]) * jnp.exp(-shared[self.prior_log_sds])

    def benchmark_log_prior(self, benchmark: Array, shared: Array, reference: Array) -> Array:
        """Log prior of one benchmark's coordinates; minus the log slope is the Jacobian of the intercept."""
        residuals = self.benchmark_residuals(benchmark, shared, reference)
        return -0.5 * jnp.sum(residuals**2) - jnp.sum(shared[self.prior_log_sds]) - benchmark[LOG_SLOPE]

    def shared_log_prior(self, shared: Array) -> Array:
        """Log prior of the shared parameters."""
        p = self.priors
        value = (
            _normal(shared[0], 0.0, jnp.log(p.difficulty_mean_sd))
            + _half_normal_of_log(shared[1], p.difficulty_sd_scale)
            + _normal(shared[2], p.log_discrimination_mean, jnp.log(p.log_discrimination_mean_sd))
            + _half_normal_of_log(shared[3], p.log_discrimination_sd_scale)
        )
        if self.likelihood.pooled:
            return (
                value
                + _normal(shared[4], p.log_precision_mean, jnp.log(p.log_precision_mean_sd))
                + _half_normal_of_log(shared[5], p.log_precision_sd_scale)
            )
        return value + _half_normal_of_log(shared[4], p.noise_sd_scale)

    def row_log_probs(self, position: Position, scores: CodedScores) -> Array:
        """Log density of every score, shape (score,)."""
        ability = position.ability[scores.model_index]
        benchmark = position.benchmark[scores.benchmark_index]
        reference = scores.reference[scores.benchmark_index]
        z = jax.vmap(self.predictor)(ability, benchmark, reference)
        noise = jax.vmap(self.noise, (0, None))(benchmark, position.shared)
        return jax.vmap(self.row_log_prob)(z, noise, scores.datum)

    def log_density(self, position: Position, scores: CodedScores) -> Array:
        """Log posterior density in unconstrained coordinates, up to a constant."""
        prior = jax.vmap(self.benchmark_log_prior, (0, None, 0))
        return (
            jnp.sum(self.row_log_probs(position, scores))
            - 0.5 * jnp.sum(position.ability**2)
            + jnp.sum(prior(position.benchmark, position.shared, scores.reference))
            + self.shared_log_prior(position.shared)
        )

    def constrain(self, position: Position, reference: Array) -> dict[str, Array]:
        """Parameters by name: ability, difficulty (logits), discrimination (per logit), noise and hyperparameters."""
        slope = jnp.exp(position.benchmark[:, LOG_SLOPE])
        named = {
            "ability": position.ability,
            "difficulty": reference - position.benchmark[:, INTERCEPT] / slope,
            "discrimination": slope,
        }
        for name, value in zip(self.shared_names, position.shared, strict=True):
            named[name] = jnp.exp(value) if name.endswith("_sd") else value
        if self.likelihood.pooled:
            named["precision"] = jnp.exp(position.benchmark[:, NOISE])
        return named
