"""Latent regression: the abilities' prior follows covariates, such as a trend in the release date."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from eci.irt.densities import half_normal_of_log, normal
from eci.irt.measurement import CodedScores, Measurement, Position


@dataclass(frozen=True)
class LatentRegression(Measurement):
    """Measurement program with ability_m ~ N(level + covariates_m . coefficients, residual_sd).

    Covariates have mean 0. Priors, in the unit of the other priors: level ~ N(0, 1), coefficient_i ~ N(0,
    coefficient_sd_i), residual_sd ~ HalfNormal(residual_sd_scale).

    Parameters
    ----------
    likelihood, priors
        As for `Measurement`.
    coefficient_sd
        Prior sd of each coefficient, logits per unit of its covariate.
    residual_sd_scale
        Logits.

    References
    ----------
    Mislevy (1984), Estimating latent distributions, doi:10.1007/BF02306026.
    """

    coefficient_sd: tuple[float, ...] = (1.0,)
    residual_sd_scale: float = 1.0

    @property
    def n_covariates(self) -> int:
        """Number of covariates."""
        return len(self.coefficient_sd)

    @property
    def shared_names(self) -> tuple[str, ...]:
        """Names of the shared parameters, in the order of `Position.shared`."""
        coefficients = tuple(f"coefficient_{i}" for i in range(self.n_covariates))
        *before, mean, sd = super().shared_names
        return (*before, "level", *coefficients, "residual_sd", mean, sd)

    @property
    def ability_log_sd_index(self) -> int:
        """Position in `shared` of the log residual sd."""
        return -3

    def ability_residual(self, ability: Array, covariates: Array, shared: Array) -> Array:
        """One ability standardised by the regression."""
        level, coefficients, log_sd = self._regression(shared)
        return (ability - level - jnp.dot(covariates, coefficients)) * jnp.exp(-log_sd)

    def start_ability_prior(
        self, ability: NDArray[np.float64], covariates: NDArray[np.float64]
    ) -> list[float]:
        """Least-squares regression of crude abilities."""
        design = np.column_stack([np.ones(len(ability)), covariates])
        coefficients = np.linalg.lstsq(design, ability, rcond=None)[0]
        residual_sd = max(float(np.std(ability - design @ coefficients)), 0.1)
        return [*coefficients.tolist(), float(np.log(residual_sd)), 0.0, 0.0]

    def shared_log_prior(self, shared: Array) -> Array:
        """Log prior of the shared parameters; level and coefficients carry a Jacobian of the unit each."""
        level, coefficients, log_residual_sd = self._regression(shared)
        mean, log_sd = shared[-2], shared[-1]
        return (
            super().shared_log_prior(shared)
            + normal((level - mean) * jnp.exp(-log_sd), 0.0, 1.0)
            + jnp.sum(normal(coefficients * jnp.exp(-log_sd), 0.0, jnp.asarray(self.coefficient_sd)))
            + half_normal_of_log(log_residual_sd - log_sd, self.residual_sd_scale)
            - (1 + self.n_covariates) * log_sd
        )

    def constrain(self, position: Position, scores: CodedScores) -> dict[str, Array]:
        """Parameters by name, with level, coefficients (n_covariates,) and residual_sd in logits."""
        level, coefficients, log_residual_sd = self._regression(position.shared)
        mean, sd = position.shared[-2], jnp.exp(position.shared[-1])
        return {
            **super().constrain(position, scores),
            "level": (level - mean) / sd,
            "coefficients": coefficients / sd,
            "residual_sd": jnp.exp(log_residual_sd) / sd,
        }

    def _regression(self, shared: Array) -> tuple[Array, Array, Array]:
        """Level, coefficients and log residual sd."""
        return shared[-4 - self.n_covariates], shared[-3 - self.n_covariates : -3], shared[-3]
