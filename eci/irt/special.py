"""Log-gamma and digamma for positive arguments, several times cheaper on a CPU than jax's own.

The argument is shifted up by six, where Stirling's series with seven terms is exact to 1e-13.

References
----------
Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 6.1.40, 6.1.15, 6.3.18 and 6.3.5.
"""

from __future__ import annotations

import math

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


@jax.custom_jvp
def log_gamma(x: ArrayLike) -> Array:
    """Logarithm of the gamma function for x > 0, with relative error below 1e-12."""
    x = jnp.asarray(x)
    y = x + 6.0
    inverse = 1.0 / y
    stirling = (y - 0.5) * jnp.log(y) - y + 0.5 * math.log(2.0 * math.pi)
    return stirling + inverse * _series(_LOG_GAMMA, inverse * inverse) - jnp.log(_rising(x)[0])


@log_gamma.defjvp
def _log_gamma_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    return log_gamma(x), digamma(x) * tangent


def digamma(x: ArrayLike) -> Array:
    """Derivative of the logarithm of the gamma function for x > 0."""
    x = jnp.asarray(x)
    y = x + 6.0
    inverse = 1.0 / y
    square = inverse * inverse
    product, slope = _rising(x)
    return jnp.log(y) - 0.5 * inverse - square * _series(_DIGAMMA, square) - slope / product
