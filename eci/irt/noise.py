"""Where a likelihood keeps its noise parameter: nowhere, shared by all scores, or one for each benchmark.

The measurement program asks this object for everything that differs: names, priors, first values, draws. The
parameter reaches the density on log scale: `()` where there is none, an array, or a tuple of arrays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from eci.irt.densities import half_normal_of_log, normal
from eci.irt.priors import Priors

NoiseValue = Any  # a pytree of arrays, alike for all scores of one likelihood


class Noise(Protocol):
    """What the measurement program needs of a noise parameter."""

    @property
    def pooled(self) -> bool:
        """Whether each benchmark has one of its own: the third of its coordinates."""
        ...

    @property
    def shared_names(self) -> tuple[str, ...]:
        """Names of the shared parameters; those that end in `_sd` are coordinates on log scale."""
        ...

    def start(self, priors: Priors) -> list[float]:
        """First values of the shared parameters; the first of them also stands for every benchmark."""
        ...

    def log_prior(self, shared: Array, priors: Priors) -> Array | float:
        """Log prior of the shared parameters, up to a constant."""
        ...

    def read(self, shared: Array, own: Array) -> NoiseValue:
        """Noise of one benchmark's scores; `own` holds the benchmark's values beyond its log slope."""
        ...

    def simulate(self, key: Array, priors: Priors, n_benchmarks: int) -> dict[str, Array]:
        """Draw the parameters from their priors, by name as `Parameters.shared` has them."""
        ...

    def select(self, named: Mapping[str, Array], benchmark_index: Array) -> NoiseValue:
        """Noise of every score, from parameters by name."""
        ...


@dataclass(frozen=True)
class NoNoise:
    """The likelihood has no parameter but the expected score."""

    pooled: bool = False
    shared_names: tuple[str, ...] = ()

    def start(self, priors: Priors) -> list[float]:
        """No values."""
        del priors
        return []

    def log_prior(self, shared: Array, priors: Priors) -> float:
        """Return zero."""
        del shared, priors
        return 0.0

    def read(self, shared: Array, own: Array) -> NoiseValue:
        """Return nothing."""
        del shared, own
        return ()

    def simulate(self, key: Array, priors: Priors, n_benchmarks: int) -> dict[str, Array]:
        """No parameters."""
        del key, priors, n_benchmarks
        return {}

    def select(self, named: Mapping[str, Array], benchmark_index: Array) -> NoiseValue:
        """Return nothing."""
        del named, benchmark_index
        return ()


@dataclass(frozen=True)
class SharedNoise:
    """One sd for all scores, or several; each ~ HalfNormal(scale).

    Parameters
    ----------
    shared_names
        Names of the sds.
    scale
        Name of the prior scale in `Priors`.
    first
        First value in the search for the mode. Where tails are heavy it must be wide: scores far off their
        curve do not pull, and a search that starts among such does not find the curves.
    """

    shared_names: tuple[str, ...]
    scale: str
    first: float
    pooled: bool = False

    def start(self, priors: Priors) -> list[float]:
        """The first value, for each."""
        del priors
        return [math.log(self.first)] * len(self.shared_names)

    def log_prior(self, shared: Array, priors: Priors) -> Array:
        """Half-normal densities in log sd."""
        return jnp.sum(half_normal_of_log(shared, getattr(priors, self.scale)))

    def read(self, shared: Array, own: Array) -> NoiseValue:
        """Log sd, or a tuple of them."""
        del own
        return shared[0] if len(self.shared_names) == 1 else tuple(shared)

    def simulate(self, key: Array, priors: Priors, n_benchmarks: int) -> dict[str, Array]:
        """Draw each sd."""
        del n_benchmarks
        sd = getattr(priors, self.scale) * jnp.abs(jax.random.normal(key, (len(self.shared_names),)))
        return dict(zip(self.shared_names, sd, strict=True))

    def select(self, named: Mapping[str, Array], benchmark_index: Array) -> NoiseValue:
        """Log sd, or a tuple of them, the same for every score."""
        del benchmark_index
        values = tuple(jnp.log(named[name]) for name in self.shared_names)
        return values[0] if len(values) == 1 else values


@dataclass(frozen=True)
class PooledPrecision:
    """A precision for each benchmark, log precision ~ N(mean, sd) with mean and sd estimated."""

    pooled: bool = True
    shared_names: tuple[str, ...] = ("log_precision_mean", "log_precision_sd")

    def start(self, priors: Priors) -> list[float]:
        """Prior mean, and an sd of one half."""
        return [priors.log_precision_mean, math.log(0.5)]

    def log_prior(self, shared: Array, priors: Priors) -> Array:
        """Normal density of the mean, half-normal one of the sd."""
        return normal(
            shared[0], priors.log_precision_mean, priors.log_precision_mean_sd
        ) + half_normal_of_log(shared[1], priors.log_precision_sd_scale)

    def read(self, shared: Array, own: Array) -> NoiseValue:
        """Log precision."""
        del shared
        return own[0]

    def simulate(self, key: Array, priors: Priors, n_benchmarks: int) -> dict[str, Array]:
        """Draw mean and sd, then every precision."""
        standard = jax.random.normal(key, (2 + n_benchmarks,))
        mean = priors.log_precision_mean + priors.log_precision_mean_sd * standard[0]
        sd = priors.log_precision_sd_scale * jnp.abs(standard[1])
        return {
            "log_precision_mean": mean,
            "log_precision_sd": sd,
            "precision": jnp.exp(mean + sd * standard[2:]),
        }

    def select(self, named: Mapping[str, Array], benchmark_index: Array) -> NoiseValue:
        """Log precision of every score's benchmark."""
        return jnp.log(named["precision"])[benchmark_index]


NO_NOISE = NoNoise()
PRECISION = PooledPrecision()
