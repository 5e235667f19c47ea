"""Log densities of priors, up to a constant."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def normal(x: Array, mean: Array | float, sd: Array | float) -> Array:
    """Log density of a normal distribution, up to a constant."""
    return -0.5 * ((x - mean) / sd) ** 2


def half_normal_of_log(log_x: Array, scale: float) -> Array:
    """HalfNormal density of exp(log_x) in the coordinate log_x, up to a constant."""
    return -0.5 * (jnp.exp(log_x) / scale) ** 2 + log_x
