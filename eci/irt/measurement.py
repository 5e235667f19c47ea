"""The measurement program: log density of abilities, benchmarks and noise given a score matrix.

Coordinates. With R_j the mean crude ability of the models that sat benchmark j,

    z = slope_j * (ability - R_j) + intercept_j,    difficulty_j = R_j - intercept_j / slope_j,

so that, where the scores determine a benchmark, its intercept and slope are nearly independent, which
difficulty and slope are not. Where they do not (few scores, or all at the floor), difficulty and log slope
standardised by their common prior are the independent ones. A weight w per benchmark and coordinate moves
between the two (partial non-centring).

Unit. Shifting and stretching all abilities and difficulties leaves every score's density as it was; only the
N(0, 1) prior of abilities fixes the unit. Along that ridge the posterior is curved, and a sampler with
straight whitening is slow. So coordinates are taken in any unit, in which abilities are N(mean, sd) with
mean and sd among the shared parameters; `eci.inference.whiten` holds either those two or two linear functions
of the abilities fixed. Every density is taken in these coordinates, Jacobians included; with abilities = mean
+ sd * standard abilities, the Jacobian is that of a normal density with that mean and sd, whichever two are
held, up to a constant.

References
----------
Papaspiliopoulos, Roberts and Skold (2007), A general framework for the parametrization of hierarchical
models, doi:10.1214/088342307000000014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from eci.irt.curve import curve_mean
from eci.irt.datum import Groups, Row
from eci.irt.densities import half_normal_of_log, normal
from eci.irt.noise import NoiseValue
from eci.irt.observation import Likelihood
from eci.irt.priors import Priors

INTERCEPT, LOG_SLOPE = 0, 1  # columns of Position.benchmark; a third is the log of a pooled noise parameter
_HYPER = ("difficulty_mean", "difficulty_sd", "log_discrimination_mean", "log_discrimination_sd")


class Coordinates(NamedTuple):
    """Where each benchmark's coordinates are centred.

    reference (benchmark,): mean crude ability of the models that sat it, in logits.
    centring (benchmark, 2 or 3): 1 where the scores fix difficulty, log slope or log precision, 0 where the
    common prior does, and between.
    """

    reference: Array
    centring: Array


class CodedScores(NamedTuple):
    """A score matrix as arrays: indices and `datum` have a leading `score` axis; `groups` of them.

    Where the likelihood has an effect of the pair, all scores of a pair make one row, a `RepeatedDatum`.
    covariates (model, n_covariates) shift the prior mean of abilities; there are none but in a latent
    regression.
    """

    model_index: Array
    benchmark_index: Array
    datum: Row
    groups: Groups
    coordinates: Coordinates
    covariates: Array


class Position(NamedTuple):
    """A point in unconstrained coordinates.

    ability (model,); benchmark (benchmark, 2 or 3), read by `Measurement.decode`; shared (n_shared,): see
    `Measurement.shared_names`.
    """

    ability: Array
    benchmark: Array
    shared: Array


class Curve(NamedTuple):
    """One benchmark decoded: intercept (logits), log slope and noise on log scale, as `Noise.read` has it."""

    intercept: Array
    log_slope: Array
    noise: NoiseValue


@dataclass(frozen=True)
class Measurement:
    """A likelihood with its priors; hashable, so that compiled functions can be keyed by it."""

    likelihood: Likelihood
    priors: Priors

    @property
    def n_benchmark(self) -> int:
        """Coordinates of one benchmark."""
        return 2 + self.likelihood.noise.pooled

    @property
    def shared_names(self) -> tuple[str, ...]:
        """Names of the shared parameters, in the order of `Position.shared`, which has sds on log scale."""
        return (*_HYPER, *self.likelihood.noise.shared_names, "ability_mean", "ability_sd")

    @property
    def noise_at(self) -> slice:
        """Positions in `shared` of the shared parameters of the noise."""
        return slice(len(_HYPER), len(_HYPER) + len(self.likelihood.noise.shared_names))

    @property
    def prior_means(self) -> NDArray[np.intp]:
        """Positions in `shared` of the means of difficulty, log slope (and log precision)."""
        return np.arange(0, 2 * self.n_benchmark, 2)

    @property
    def prior_log_sds(self) -> NDArray[np.intp]:
        """Positions in `shared` of the log sds of difficulty, log slope (and log precision)."""
        return np.arange(1, 2 * self.n_benchmark, 2)

    def decode(self, benchmark: Array, shared: Array, at: Coordinates) -> Curve:
        """Read one benchmark's coordinates.

        With weights w and standardised prior sds s (see the module docstring):
        R - difficulty = (1 - w) (R - m_b) + v s_b^(1-w) slope^(-w);  log slope = (1 - w) m_a + v s_a^(1-w),
        and the log of a pooled noise parameter like the log slope.
        """
        w = at.centring
        spread = jnp.exp((1.0 - w) * shared[self.prior_log_sds])
        logs = (1.0 - w[1:]) * shared[self.prior_means[1:]] + spread[1:] * benchmark[1:]
        log_slope = logs[0]
        offset = (1.0 - w[0]) * (at.reference - shared[0]) * jnp.exp(log_slope)
        intercept = offset + benchmark[INTERCEPT] * spread[0] * jnp.exp((1.0 - w[0]) * log_slope)
        return Curve(intercept, log_slope, self.likelihood.noise.read(shared[self.noise_at], logs[1:]))

    def encode(self, curve: Curve, shared: Array, at: Coordinates) -> Array:
        """Inverse of `decode` for one benchmark."""
        w = at.centring
        spread = jnp.exp((1.0 - w) * shared[self.prior_log_sds])
        offset = (1.0 - w[0]) * (at.reference - shared[0]) * jnp.exp(curve.log_slope)
        intercept = (curve.intercept - offset) / (spread[0] * jnp.exp((1.0 - w[0]) * curve.log_slope))
        logs = (self.logs(curve) - (1.0 - w[1:]) * shared[self.prior_means[1:]]) / spread[1:]
        return jnp.concatenate([intercept[None], logs])

    def logs(self, curve: Curve) -> Array:
        """Log slope of one benchmark and, where it has a noise parameter of its own, the log of that."""
        return jnp.stack(
            [curve.log_slope, curve.noise] if self.likelihood.noise.pooled else [curve.log_slope]
        )

    def predictor(self, ability: Array, curve: Curve, reference: Array) -> Array:
        """Linear predictor z of one score, in logits."""
        return jnp.exp(curve.log_slope) * (ability - reference) + curve.intercept

    def row_log_prob(self, z: Array, noise: NoiseValue, datum: Row) -> Array:
        """Log density of one score given its predictor and noise parameter."""
        return self.likelihood.log_prob(datum, curve_mean(z, datum.lower, datum.upper), noise)

    def benchmark_residuals(self, benchmark: Array, shared: Array, at: Coordinates) -> Array:
        """Difficulty, log slope (and log precision) of one benchmark, standardised by their common priors."""
        curve = self.decode(benchmark, shared, at)
        difficulty = at.reference - curve.intercept * jnp.exp(-curve.log_slope)
        values = jnp.concatenate([difficulty[None], self.logs(curve)])
        return (values - shared[self.prior_means]) * jnp.exp(-shared[self.prior_log_sds])

    def benchmark_log_prior(self, benchmark: Array, shared: Array, at: Coordinates) -> Array:
        """Log prior of one benchmark's coordinates, with the Jacobian of `decode`."""
        residuals = self.benchmark_residuals(benchmark, shared, at)
        log_slope = self.decode(benchmark, shared, at).log_slope
        return (
            -0.5 * jnp.sum(residuals**2)
            - jnp.sum(at.centring * shared[self.prior_log_sds])
            - at.centring[0] * log_slope
        )

    @property
    def ability_log_sd_index(self) -> int:
        """Position in `shared` of the log sd of the abilities' prior."""
        return -1

    def ability_residual(self, ability: Array, covariates: Array, shared: Array) -> Array:
        """One ability standardised by its prior."""
        del covariates
        return (ability - shared[-2]) * jnp.exp(-shared[-1])

    def start_ability_prior(
        self, ability: NDArray[np.float64], covariates: NDArray[np.float64]
    ) -> list[float]:
        """First values of the shared parameters that describe the abilities, from crude abilities."""
        del ability, covariates
        return [0.0, 0.0]

    def shared_log_prior(self, shared: Array) -> Array:
        """Log prior of the shared parameters.

        The priors hold in the unit in which abilities are N(0, 1); minus the log ability sd is the
        Jacobian of the mean difficulty in that unit.
        """
        p, mean, log_sd = self.priors, shared[-2], shared[-1]
        value = (
            normal((shared[0] - mean) * jnp.exp(-log_sd), 0.0, p.difficulty_mean_sd)
            - log_sd
            + half_normal_of_log(shared[1] - log_sd, p.difficulty_sd_scale)
            + normal(shared[2] + log_sd, p.log_discrimination_mean, p.log_discrimination_mean_sd)
            + half_normal_of_log(shared[3], p.log_discrimination_sd_scale)
        )
        return value + self.likelihood.noise.log_prior(shared[self.noise_at], p)

    def curves(self, position: Position, scores: CodedScores) -> Curve:
        """All benchmarks decoded, fields of shape (benchmark,)."""
        return jax.vmap(self.decode, (0, None, 0))(position.benchmark, position.shared, scores.coordinates)

    def predictors(self, position: Position, curves: Curve, scores: CodedScores) -> Array:
        """Linear predictor of every score, in logits, (score,); fields of `curves` are (benchmark,).

        As `predictor`, with the reference put into the intercept, so that a score looks up two numbers, not
        three, and those in one place.
        """
        slope = jnp.exp(curves.log_slope)
        offset = curves.intercept - slope * scores.coordinates.reference
        slopes, offsets = jnp.stack([slope, offset], axis=1)[scores.benchmark_index].T
        return slopes * position.ability[scores.model_index] + offsets

    def row_log_probs(self, position: Position, scores: CodedScores) -> Array:
        """Log density of every score, shape (score,)."""
        curves = self.curves(position, scores)
        noise = jax.tree.map(lambda x: x[scores.benchmark_index], curves.noise)
        return self.row_log_prob(self.predictors(position, curves, scores), noise, scores.datum)

    def log_likelihood(self, position: Position, scores: CodedScores) -> Array:
        """Sum of `row_log_probs`, by the shortest way the likelihood knows."""
        curves, datum = self.curves(position, scores), scores.datum
        mean = curve_mean(self.predictors(position, curves, scores), datum.lower, datum.upper)
        return self.likelihood.total(datum, mean, curves.noise, scores.groups)

    def log_density(self, position: Position, scores: CodedScores) -> Array:
        """Log posterior density in unconstrained coordinates, up to a constant."""
        prior = jax.vmap(self.benchmark_log_prior, (0, None, 0))
        residual = jax.vmap(self.ability_residual, (0, 0, None))
        return (
            self.log_likelihood(position, scores)
            - 0.5 * jnp.sum(residual(position.ability, scores.covariates, position.shared) ** 2)
            - position.ability.size * position.shared[self.ability_log_sd_index]
            + jnp.sum(prior(position.benchmark, position.shared, scores.coordinates))
            + self.shared_log_prior(position.shared)
        )

    def constrain(self, position: Position, scores: CodedScores) -> dict[str, Array]:
        """Parameters by name, in the unit in which abilities are N(0, 1).

        Ability and difficulty in logits, discrimination per logit, noise and hyperparameters.
        """
        curve, (mean, log_sd) = self.curves(position, scores), position.shared[-2:]
        sd = jnp.exp(log_sd)
        difficulty = scores.coordinates.reference - curve.intercept * jnp.exp(-curve.log_slope)
        named = {
            "ability": (position.ability - mean) / sd,
            "difficulty": (difficulty - mean) / sd,
            "discrimination": jnp.exp(curve.log_slope) * sd,
            "difficulty_mean": (position.shared[0] - mean) / sd,
            "difficulty_sd": jnp.exp(position.shared[1]) / sd,
            "log_discrimination_mean": position.shared[2] + log_sd,
            "log_discrimination_sd": jnp.exp(position.shared[3]),
        }
        for name, value in zip(
            self.likelihood.noise.shared_names, position.shared[self.noise_at], strict=True
        ):
            named[name] = jnp.exp(value) if name.endswith(("_sd", "_scale")) else value
        if self.likelihood.noise.pooled:
            named["precision"] = jnp.exp(curve.noise)
        return named
