"""Likelihoods: how published scores scatter around the response curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from eci.irt.special import log_gamma

LikelihoodName = Literal["normal", "beta"]


class Datum(NamedTuple):
    """One published score and what is known of its benchmark; arrays with a leading `score` axis when mapped.

    score, lower, upper are fractions; n_items is a count or nan.
    """

    score: Array
    n_items: Array
    lower: Array
    upper: Array


class Likelihood(Protocol):
    """What the measurement program needs of a likelihood.

    `pooled` says whether each benchmark has a noise parameter of its own, drawn from a common normal
    distribution, or all scores share one. `log_prob` takes the expected score and that parameter on its
    unconstrained (log) scale; `simulate` draws a score.
    """

    @property
    def name(self) -> str:
        """Name of the likelihood."""
        ...

    @property
    def pooled(self) -> bool:
        """Whether each benchmark has a noise parameter of its own."""
        ...

    def log_prob(self, datum: Datum, mean: Array, noise: Array) -> Array:
        """Log density of one score."""
        ...

    def simulate(self, key: Array, mean: Array, noise: Array, n_items: Array) -> Array:
        """Draw scores around `mean`."""
        ...


def move_off_edges(score: Array, n_items: Array) -> Array:
    """Move scores of exactly 0 or 1 half an item inward, for densities that are zero or infinite there.

    This is the one place where edges are treated. A benchmark whose item count is unknown counts as
    having 200: half an item is then 0.0025, below the rounding of most published percentages.

    Notes
    -----
    The half-item continuity correction of the empirical logit: Cox (1970), Analysis of Binary Data.
    """
    edge = 0.5 / jnp.where(jnp.isnan(n_items), 200.0, n_items)
    return jnp.clip(score, edge, 1.0 - edge)


@dataclass(frozen=True)
class Normal:
    """Score ~ Normal(mean, sd), one sd for all: the least-squares view of ECI.

    The density is not truncated to [0, 1], as in least squares; a score of 0 or 1 is taken as it is.
    """

    name: str = "normal"
    pooled: bool = False

    def log_prob(self, datum: Datum, mean: Array, noise: Array) -> Array:
        """Log density; `noise` is log sd."""
        return -0.5 * ((datum.score - mean) * jnp.exp(-noise)) ** 2 - noise - 0.5 * jnp.log(2 * jnp.pi)

    def simulate(self, key: Array, mean: Array, noise: Array, n_items: Array) -> Array:
        """Draw scores; they may fall outside [0, 1], as the density says."""
        del n_items
        return mean + jnp.exp(noise) * jax.random.normal(key, mean.shape)


@dataclass(frozen=True)
class Beta:
    """Score ~ Beta(mean * precision, (1 - mean) * precision), one precision a benchmark, partially pooled.

    References
    ----------
    Ferrari and Cribari-Neto (2004), Beta regression for modelling rates and proportions,
    doi:10.1080/0266476042000214501.
    """

    name: str = "beta"
    pooled: bool = True

    def log_prob(self, datum: Datum, mean: Array, noise: Array) -> Array:
        """Log density; `noise` is log precision; edge scores are moved half an item inward."""
        y = move_off_edges(datum.score, datum.n_items)
        precision = jnp.exp(noise)
        mean = jnp.clip(mean, 1e-6, 1.0 - 1e-6)
        a, b = mean * precision, (1.0 - mean) * precision
        return (
            log_gamma(precision)
            - log_gamma(a)
            - log_gamma(b)
            + (a - 1.0) * jnp.log(y)
            + (b - 1.0) * jnp.log1p(-y)
        )

    def simulate(self, key: Array, mean: Array, noise: Array, n_items: Array) -> Array:
        """Draw scores."""
        del n_items
        precision = jnp.exp(noise)
        mean = jnp.clip(mean, 1e-6, 1.0 - 1e-6)
        return jax.random.beta(key, mean * precision, (1.0 - mean) * precision)


LIKELIHOODS: dict[str, Likelihood] = {"normal": Normal(), "beta": Beta()}
