"""Draw abilities, benchmarks, noise and scores from the priors: pure arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from eci.irt.curve import expected_score
from eci.irt.measurement import Measurement


def simulate_parameters(
    measurement: Measurement, key: Array, n_models: int, n_benchmarks: int
) -> dict[str, Array]:
    """Parameters from the priors, named and shaped as `Measurement.constrain` gives them."""
    p, keys = measurement.priors, iter(jax.random.split(key, 10))

    def normal(shape: tuple[int, ...] = ()) -> Array:
        return jax.random.normal(next(keys), shape)

    named = {
        "ability": normal((n_models,)),
        "difficulty_mean": p.difficulty_mean_sd * normal(),
        "difficulty_sd": p.difficulty_sd_scale * jnp.abs(normal()),
        "log_discrimination_mean": p.log_discrimination_mean + p.log_discrimination_mean_sd * normal(),
        "log_discrimination_sd": p.log_discrimination_sd_scale * jnp.abs(normal()),
    }
    named["difficulty"] = named["difficulty_mean"] + named["difficulty_sd"] * normal((n_benchmarks,))
    log_slope = named["log_discrimination_mean"] + named["log_discrimination_sd"] * normal((n_benchmarks,))
    named["discrimination"] = jnp.exp(log_slope)
    return {**named, **measurement.likelihood.noise.simulate(next(keys), p, n_benchmarks)}


def simulate_scores(
    measurement: Measurement,
    key: Array,
    parameters: dict[str, Array],
    model_index: Array,
    benchmark_index: Array,
    *,
    lower: Array,
    upper: Array,
    n_items: Array,
) -> Array:
    """Scores of the given pairs, shape (score,); lower, upper and n_items have that shape too."""
    mean = expected_score(
        parameters["ability"][model_index],
        parameters["difficulty"][benchmark_index],
        parameters["discrimination"][benchmark_index],
        lower,
        upper,
    )
    noise = measurement.likelihood.noise.select(parameters, benchmark_index)
    return measurement.likelihood.simulate(key, mean, noise, n_items)
