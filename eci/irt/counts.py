"""Likelihoods of scores as counts of items answered well: they need the number of items."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from eci.irt.continuous import ByRow, off_zero
from eci.irt.datum import Datum
from eci.irt.noise import NO_NOISE, PRECISION, Noise
from eci.irt.special import log_gamma_ratio
from eci.noise import MAX_LOG_PRECISION


def log_choose(datum: Datum) -> Array:
    """Logarithm of n_items times the binomial coefficient, for counts that need not be whole.

    A score averaged over runs is no whole count; log-gamma carries the coefficient on between counts.
    """
    n = datum.n_items
    return log_gamma_ratio((n + 1.0,), (n * datum.score + 1.0, n * (1.0 - datum.score) + 1.0), n)


@dataclass(frozen=True)
class Binomial(ByRow):
    """n_items * score ~ Binomial(n_items, mean): nothing but sampling error of the items.

    Benchmarks disagree with a one-dimensional curve by more, so its intervals are too narrow on published
    scores; it is here to show that, and for scores that are such counts.
    """

    name: str = "binomial"
    noise: Noise = NO_NOISE
    needs_items: bool = True

    def log_prob(self, datum: Datum, mean: Array, noise: tuple[()]) -> Array:
        """Log probability of the count, times n_items."""
        del noise
        mean = off_zero(mean)
        log_odds = datum.score * jnp.log(mean) + (1.0 - datum.score) * jnp.log1p(-mean)
        return log_choose(datum) + datum.n_items * log_odds

    def simulate(self, key: Array, mean: Array, noise: tuple[()], n_items: Array) -> Array:
        """Draw scores."""
        del noise
        return jax.random.binomial(key, n_items, off_zero(mean)) / n_items


@dataclass(frozen=True)
class BetaBinomial(ByRow):
    """n_items * score ~ BetaBinomial(n_items, mean * precision, (1 - mean) * precision).

    A binomial count whose probability scatters around the curve as in `beta`, with the sampling error of the
    items apart; one precision a benchmark, partially pooled. Above exp(18) it counts as that, as good as
    binomial: differences of log-gammas lose their digits there, and the density would have peaks that are
    rounding errors.

    References
    ----------
    Skellam (1948), A probability distribution derived from the binomial distribution by regarding the
    probability of success as variable between the sets of trials, doi:10.1111/j.2517-6161.1948.tb00014.x.
    """

    name: str = "beta_binomial"
    noise: Noise = PRECISION
    needs_items: bool = True

    def log_prob(self, datum: Datum, mean: Array, noise: Array) -> Array:
        """Log probability of the count, times n_items; `noise` is log precision."""
        n, precision, mean = datum.n_items, _count_size(noise), off_zero(mean)
        a, b, right = mean * precision, (1.0 - mean) * precision, n * datum.score
        return (
            log_choose(datum)
            + log_gamma_ratio((precision, a + right), (precision + n, a))
            + log_gamma_ratio((b + n - right,), (b,))
        )

    def simulate(self, key: Array, mean: Array, noise: Array, n_items: Array) -> Array:
        """Draw scores."""
        mean, precision = off_zero(mean), _count_size(noise)
        key_prob, key_count = jax.random.split(key)
        prob = jax.random.beta(key_prob, mean * precision, (1.0 - mean) * precision)
        return jax.random.binomial(key_count, n_items, prob) / n_items


def _count_size(log_precision: Array) -> Array:
    return jnp.exp(jnp.minimum(log_precision, MAX_LOG_PRECISION))
