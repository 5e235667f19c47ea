"""Likelihoods: how published scores scatter around the response curve."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from jax import Array

from eci.irt.continuous import Beta, LogitNormal, Normal, RepeatedNormal, StudentT
from eci.irt.counts import BetaBinomial, Binomial
from eci.irt.datum import Datum, Groups
from eci.irt.noise import Noise, NoiseValue

LikelihoodName = Literal["normal", "student_t", "logit_normal", "beta", "binomial", "beta_binomial"]


class Likelihood(Protocol):
    """What the measurement program needs of a likelihood.

    `noise` says where its noise parameter is kept and what is expected of it beforehand. `log_prob` takes the
    expected score and that parameter as `noise` reads it; `simulate` draws scores. A density over fractions
    integrates to one over all scores that `simulate` can draw; one over counts is divided by the distance
    1 / n_items of two scores, so that log scores of all likelihoods compare.
    """

    @property
    def name(self) -> str:
        """Name of the likelihood."""
        ...

    @property
    def noise(self) -> Noise:
        """Its noise parameter."""
        ...

    @property
    def needs_items(self) -> bool:
        """Whether every score needs its number of items."""
        ...

    def log_prob(self, datum: Any, mean: Array, noise: NoiseValue) -> Array:
        """Log density of one score: a `Datum`, or what the likelihood takes in its place."""
        ...

    def total(self, datum: Any, mean: Array, noise: NoiseValue, groups: Groups) -> Array:
        """Sum of the log densities of all scores, `noise` by benchmark: what a sampler spends its time on."""
        ...

    def simulate(self, key: Array, mean: Array, noise: NoiseValue, n_items: Array) -> Array:
        """Draw scores around `mean`."""
        ...


LIKELIHOODS: dict[str, Likelihood] = {
    likelihood.name: likelihood
    for likelihood in (Normal(), StudentT(), LogitNormal(), Beta(), Binomial(), BetaBinomial())
}
REPEATED: dict[str, Likelihood] = {"normal": RepeatedNormal()}
"""For scores with several rows of one pair: a likelihood that knows rows of a pair belong together."""

__all__ = ["LIKELIHOODS", "REPEATED", "Datum", "Likelihood", "LikelihoodName"]
