"""Likelihoods of scores as continuous fractions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import log_ndtr, logit

from eci.irt.datum import Datum, Edges, Groups, RepeatedDatum, Row, count_items, find_edges, snap_to_edges
from eci.irt.noise import PRECISION, Noise, NoiseValue, SharedNoise
from eci.irt.special import log_gamma, log_gamma_ratio
from eci.noise import DEGREES_OF_FREEDOM, UNKNOWN_ITEMS

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
_NOISE_SD = SharedNoise(("noise_sd",), "noise_sd_scale", first=0.1)
_NOISE_AND_PAIR_SD = SharedNoise(("noise_sd", "pair_sd"), "noise_sd_scale", first=0.1)
_NOISE_SCALE = SharedNoise(("noise_scale",), "noise_sd_scale", first=0.3)
_LOGIT_SD = SharedNoise(("logit_sd",), "logit_sd_scale", first=0.5)
_N_TERMS = 4  # of the series of an edge's probability: relative error below 1e-5 from 10 items on


class ByRow:
    """A likelihood that has no shorter way to add its scores up than one by one."""

    def log_prob(self, datum: Any, mean: Array, noise: Any) -> Array:
        """Log density of one score."""
        raise NotImplementedError

    def total(self, datum: Row, mean: Array, noise: NoiseValue, groups: Groups) -> Array:
        """Sum of the log densities of all scores; `mean` by score, `noise` by benchmark."""
        benchmark = groups.benchmark[groups.of_score]
        return jnp.sum(self.log_prob(datum, mean, jax.tree.map(lambda x: x[benchmark], noise)))


def off_zero(mean: Array) -> Array:
    """Expected score kept where logarithms and log-gamma are finite."""
    return jnp.clip(mean, 1e-6, 1.0 - 1e-6)


@dataclass(frozen=True)
class Normal(ByRow):
    """Score ~ Normal(mean, sd), one sd for all: the least-squares view of ECI.

    The density is not truncated to [0, 1], as in least squares; a score of 0 or 1 is taken as it is.
    """

    name: str = "normal"
    noise: Noise = _NOISE_SD
    needs_items: bool = False

    def log_prob(self, datum: Datum, mean: Array, noise: Array) -> Array:
        """Log density; `noise` is log sd."""
        return -0.5 * ((datum.score - mean) * jnp.exp(-noise)) ** 2 - noise - _HALF_LOG_2PI

    def simulate(self, key: Array, mean: Array, noise: Array, n_items: Array) -> Array:
        """Draw scores; they may fall outside [0, 1], as the density says."""
        del n_items
        return mean + jnp.exp(noise) * jax.random.normal(key, mean.shape)


@dataclass(frozen=True)
class RepeatedNormal(ByRow):
    """Rows of a pair ~ Normal(mean + effect, sd), effect ~ Normal(0, pair_sd): `normal` with repeated pairs.

    The effect is integrated: rows of a pair are jointly normal with variance sd^2 + pair_sd^2 and covariance
    pair_sd^2, which depends on their mean and sum of squares alone. A pair with one row tells of
    sd^2 + pair_sd^2 only; the split of the two rests on the repeated ones and the priors.
    """

    name: str = "normal"
    noise: Noise = _NOISE_AND_PAIR_SD
    needs_items: bool = False

    def log_prob(self, datum: RepeatedDatum, mean: Array, noise: tuple[Array, Array]) -> Array:
        """Log density of all rows of a pair; `noise` is log sd and log pair sd."""
        n, variance, pair_variance = datum.n_rows, jnp.exp(2.0 * noise[0]), jnp.exp(2.0 * noise[1])
        total = variance + n * pair_variance  # n times the variance of the mean of the rows
        return (
            -0.5 * n * (datum.score - mean) ** 2 / total
            - 0.5 * datum.sum_squares / variance
            - 0.5 * jnp.log(total)
            - (n - 1.0) * noise[0]
            - n * _HALF_LOG_2PI
        )

    def simulate(self, key: Array, mean: Array, noise: tuple[Array, Array], n_items: Array) -> Array:
        """Draw the only row of each pair."""
        del n_items
        sd = jnp.sqrt(jnp.exp(2.0 * noise[0]) + jnp.exp(2.0 * noise[1]))
        return mean + sd * jax.random.normal(key, mean.shape)


@dataclass(frozen=True)
class StudentT(ByRow):
    """Score ~ mean + scale * t with 4 degrees of freedom, one scale for all: `normal` with heavy tails.

    Published scores hold mistakes and odd protocols, a few far from their curve. The normal density lets
    each bend curve and ability by as much as it is off; here the pull of a score falls beyond two scales.

    References
    ----------
    Lange, Little and Taylor (1989), Robust statistical modeling using the t distribution,
    doi:10.1080/01621459.1989.10478852.
    """

    name: str = "student_t"
    noise: Noise = _NOISE_SCALE
    needs_items: bool = False

    def log_prob(self, datum: Datum, mean: Array, noise: Array) -> Array:
        """Log density; `noise` is log scale."""
        df = DEGREES_OF_FREEDOM
        constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
        t = (datum.score - mean) * jnp.exp(-noise)
        return constant - noise - 0.5 * (df + 1) * jnp.log1p(t * t / df)

    def simulate(self, key: Array, mean: Array, noise: Array, n_items: Array) -> Array:
        """Draw scores; they may fall outside [0, 1], as the density says."""
        del n_items
        return mean + jnp.exp(noise) * jax.random.t(key, DEGREES_OF_FREEDOM, mean.shape)


@dataclass(frozen=True)
class LogitNormal(ByRow):
    """logit(score) ~ Normal(logit(mean), s), s^2 = sd^2 + 1 / (n_items * mean * (1 - mean) + 1/2).

    One sd for all. The second term is the sampling variance of an empirical logit, without which scores near
    0 and 1, whose logits are far apart, would decide the fit. Edges: `find_edges`.

    References
    ----------
    Cox (1970), Analysis of Binary Data (the variance of the empirical logit).
    """

    name: str = "logit_normal"
    noise: Noise = _LOGIT_SD
    needs_items: bool = False

    def log_prob(self, datum: Datum, mean: Array, noise: Array) -> Array:
        """Log density; `noise` is log sd, in logits."""
        n, mean = count_items(datum), off_zero(mean)
        edges = find_edges(datum.score, n)
        y, log_s = edges.inside, self._log_sd(mean, noise, n)
        t = (logit(y) - logit(mean)) * jnp.exp(-log_s)
        inner = -0.5 * t * t - log_s - _HALF_LOG_2PI - jnp.log(y * (1.0 - y))
        outer = log_ndtr(jnp.where(edges.low, t, -t)) - jnp.log(edges.width)
        return jnp.where(edges.low | edges.high, outer, inner)

    def simulate(self, key: Array, mean: Array, noise: Array, n_items: Array) -> Array:
        """Draw scores."""
        mean = off_zero(mean)
        n = jnp.where(jnp.isnan(n_items), UNKNOWN_ITEMS, n_items)
        s = jnp.exp(self._log_sd(mean, noise, n))
        return snap_to_edges(jax.nn.sigmoid(logit(mean) + s * jax.random.normal(key, mean.shape)), n_items)

    @staticmethod
    def _log_sd(mean: Array, noise: Array, n_items: Array) -> Array:
        return 0.5 * jnp.log(jnp.exp(2.0 * noise) + 1.0 / (n_items * mean * (1.0 - mean) + 0.5))


@dataclass(frozen=True)
class Beta:
    """Score ~ Beta(mean * f, (1 - mean) * f), 1/f = 1/precision + 1/n_items.

    One precision a benchmark, partially pooled. The second term is the sampling variance of n_items answers:
    no score is known better than its items allow, however well a benchmark follows its curve. It keeps the
    density bounded. Edges: `find_edges`.

    References
    ----------
    Ferrari and Cribari-Neto (2004), Beta regression for modelling rates and proportions,
    doi:10.1080/0266476042000214501.
    """

    name: str = "beta"
    noise: Noise = PRECISION
    needs_items: bool = False

    def log_prob(self, datum: Datum, mean: Array, noise: Array) -> Array:
        """Log density; `noise` is log precision."""
        n, mean = count_items(datum), off_zero(mean)
        edges, f = find_edges(datum.score, n), beta_size(noise, n)
        return log_gamma(f) + _inside(mean, f, edges) + _at_edge(mean, f, edges)

    def total(self, datum: Datum, mean: Array, noise: Array, groups: Groups) -> Array:
        """Sum of the log densities, `noise` by benchmark: sizes once a group, edges where there are any."""
        n, mean = count_items(datum), off_zero(mean)
        edges, size = find_edges(datum.score, n), beta_size(noise[groups.benchmark], groups.n_items)
        inside = _inside(mean, size[groups.of_score], edges)
        at = groups.at_edge  # what is looked up has to be scattered again for the gradient: no more than this
        at_edge = _at_edge(mean[at], size[groups.of_score[at]], jax.tree.map(lambda x: x[at], edges))
        return jnp.sum(groups.n_scores * log_gamma(size)) + jnp.sum(inside) + jnp.sum(at_edge)

    def simulate(self, key: Array, mean: Array, noise: Array, n_items: Array) -> Array:
        """Draw scores."""
        mean = off_zero(mean)
        f = beta_size(noise, jnp.where(jnp.isnan(n_items), UNKNOWN_ITEMS, n_items))
        return snap_to_edges(jax.random.beta(key, mean * f, (1.0 - mean) * f), n_items)


def beta_size(log_precision: Array, n_items: Array) -> Array:
    """Precision of one score, below both the benchmark's and its number of items."""
    return n_items / (1.0 + n_items * jnp.exp(-log_precision))


def _inside(mean: Array, f: Array, edges: Edges) -> Array:
    """Logarithm of y^(a - 1) (1 - y)^(b - 1) / (gamma(a) gamma(b)), y the score kept off the edges."""
    a, b = mean * f, (1.0 - mean) * f
    powers = (a - 1.0) * jnp.log(edges.inside) + (b - 1.0) * jnp.log1p(-edges.inside)
    return log_gamma_ratio((), (a, b)) + powers


def _at_edge(mean: Array, f: Array, edges: Edges) -> Array:
    """What the probability of an edge, spread over it, has beyond the density at its end; zero inside."""
    near = jnp.where(edges.high, 1.0 - mean, mean) * f
    return jnp.where(edges.low | edges.high, jnp.log(_series(near, f, edges.width) / near), 0.0)


def _series(a: Array, f: Array, x: Array) -> Array:
    """What the probability of [0, x] has beyond x^a (1 - x)^(f - a - 1) / (a B(a, f - a)), a factor.

    (1 - x) * sum_k (f)_k / (a + 1)_k x^k, quick to converge because f x is at most one half (Abramowitz and
    Stegun 1964, 26.5.4, in its form with 2F1(f, 1; a + 1; x)).
    """
    above = a + (1.0 + _N_TERMS)
    below = above - (f + _N_TERMS) * x  # the terms left out, as if geometric
    for k in reversed(range(_N_TERMS)):  # one fraction, so that there is one division
        below = below * (a + (1.0 + k))
        above = below + above * (f + k) * x
    return above / below * (1.0 - x)
