"""The response curve: expected score of a model on a benchmark."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def expected_score(
    ability: ArrayLike,
    difficulty: ArrayLike,
    discrimination: ArrayLike,
    lower: ArrayLike = 0.0,
    upper: ArrayLike = 1.0,
) -> Array:
    """Expected score of the four-parameter logistic curve with known asymptotes.

    E[score] = lower + (upper - lower) * logistic(discrimination * (ability - difficulty))

    Parameters
    ----------
    ability, difficulty
        Logits, any shapes that broadcast.
    discrimination
        Slope per logit, positive.
    lower, upper
        Known chance level and ceiling, fractions with lower < upper.

    Returns
    -------
    Array
        Fractions in (lower, upper), of the broadcast shape.

    References
    ----------
    Barton and Lord (1981), An upper asymptote for the three-parameter logistic item-response model,
    ETS Research Report RR-81-20, doi:10.1002/j.2333-8504.1981.tb01255.x. Here the asymptotes are known.
    """
    z = jnp.asarray(discrimination) * (jnp.asarray(ability) - jnp.asarray(difficulty))
    return curve_mean(z, lower, upper)


def curve_mean(z: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Array:
    """Expected score at the linear predictor `z` in logits: lower + (upper - lower) * logistic(z)."""
    return jnp.asarray(lower) + (jnp.asarray(upper) - jnp.asarray(lower)) * jax.nn.sigmoid(z)
