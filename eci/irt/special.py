"""Log-gamma and digamma for positive arguments, several times cheaper on a CPU than jax's own.

The argument is shifted up by six, where Stirling's series with seven terms is exact to 1e-13.

References
----------
Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 6.1.40, 6.1.15, 6.3.18 and 6.3.5.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

# B_2k / (2k (2k - 1)) of the log-gamma series and B_2k / 2k of the digamma series, in powers of 1 / y^2.
_LOG_GAMMA = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def _series(coefficients: tuple[float, ...], x: Array) -> Array:
    value = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def _rising(x: Array) -> tuple[Array, Array]:
    """X (x + 1) ... (x + 5) and its derivative, by the pairs x (x + 5), (x + 1) (x + 4), (x + 2) (x + 3)."""
    u = x * (x + 5.0)
    return u * (u + 4.0) * (u + 6.0), (2.0 * x + 5.0) * ((3.0 * u + 20.0) * u + 24.0)


def log_gamma(x: ArrayLike) -> Array:
    """Logarithm of the gamma function for x > 0, with relative error below 1e-12."""
    return log_gamma_ratio((jnp.asarray(x),), ())


def digamma(x: ArrayLike) -> Array:
    """Derivative of the logarithm of the gamma function for x > 0."""
    return _expand(jnp.asarray(x)).slope


@jax.custom_jvp
def log_gamma_ratio(above: tuple[Array, ...], below: tuple[Array, ...], times: ArrayLike = 1.0) -> Array:
    """Logarithm of times * product of gamma(above) / product of gamma(below), all positive.

    One logarithm serves for all shifts together and for `times`; logarithms are most of what it costs.
    """
    return _log_gamma_ratio([_expand(x) for x in above], [_expand(x) for x in below], times)


@log_gamma_ratio.defjvp
def _log_gamma_ratio_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    above, below, times = primals
    above, below = [_expand(x) for x in above], [_expand(x) for x in below]
    slope = tangents[2] / times
    for sign, terms, steps in ((1.0, above, tangents[0]), (-1.0, below, tangents[1])):
        for term, step in zip(terms, steps, strict=True):
            slope += sign * term.slope * step
    return _log_gamma_ratio(above, below, times), slope


class _Expansion(NamedTuple):
    """log gamma(x) = stirling - log(rising); its slope in x."""

    stirling: Array
    rising: Array
    slope: Array


def _expand(x: Array) -> _Expansion:
    y = x + 6.0
    log_y, inverse = jnp.log(y), 1.0 / y
    square = inverse * inverse
    stirling = (y - 0.5) * log_y - y + inverse * _series(_LOG_GAMMA, square) + 0.5 * math.log(2.0 * math.pi)
    rising, slope = _rising(x)
    return _Expansion(
        stirling, rising, log_y - 0.5 * inverse - square * _series(_DIGAMMA, square) - slope / rising
    )


def _log_gamma_ratio(above: list[_Expansion], below: list[_Expansion], times: ArrayLike) -> Array:
    numerator, denominator = jnp.asarray(times), jnp.ones(())
    value = jnp.zeros(())
    for term in above:
        value, denominator = value + term.stirling, denominator * term.rising
    for term in below:
        value, numerator = value - term.stirling, numerator * term.rising
    return value + jnp.log(numerator / denominator)
