"""How scores scatter around the curve, in NumPy: what queries and checks ask of a saved fit. Free of jax.

The densities are those of `eci.irt.observation`, which the sampler differentiates; a test holds them equal.
Arguments broadcast: `mean` is an expected score (fraction), `noise` a value of `select_noise`, `n_items` a
count or nan where unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eci.errors import DataError

FloatArray = NDArray[np.float64]

UNKNOWN_ITEMS = 200.0  # half an item is then 0.0025, below the rounding of most published percentages
NOISE = {"normal": "noise_sd", "beta": "precision"}  # likelihood -> name of its noise parameter


def select_noise(likelihood: str, shared: Mapping[str, FloatArray], benchmark_index: ArrayLike) -> FloatArray:
    """Noise of every score: the logarithm of the parameter that its likelihood names.

    Parameters
    ----------
    likelihood
        Name of the likelihood.
    shared
        Parameters by name, as in `Parameters.shared`: shape (...) where all scores share the parameter,
        (..., benchmark) where each benchmark has its own; `...` is empty for a mode and (draw,) for draws.
    benchmark_index
        Benchmark of every score, shape (score,).

    Returns
    -------
    FloatArray
        Shape (..., score), log scale.

    Raises
    ------
    DataError
        For a likelihood that is not known, or whose parameter is not in `shared`.
    """
    _require_known(likelihood)
    j = np.asarray(benchmark_index)
    name = NOISE[likelihood]
    if name not in shared:
        raise DataError(f"{likelihood} needs {name}, and the fit has {', '.join(shared)}. Fit again.")
    noise = np.log(shared[name])
    if name == "precision":
        return np.asarray(noise[..., j], dtype=np.float64)
    return np.broadcast_to(noise[..., None], (*noise.shape, j.size))


def log_prob(
    likelihood: str, score: ArrayLike, mean: ArrayLike, noise: ArrayLike, n_items: ArrayLike = np.nan
) -> FloatArray:
    """Log density of scores."""
    from scipy import stats

    _require_known(likelihood)
    score, mean, noise, n_items = _broadcast(score, mean, noise, n_items)
    if likelihood == "normal":
        return np.asarray(stats.norm.logpdf(score, mean, np.exp(noise)))
    edge = 0.5 / np.where(np.isnan(n_items), UNKNOWN_ITEMS, n_items)
    mean, precision = np.clip(mean, 1e-6, 1 - 1e-6), np.exp(noise)
    score = np.clip(score, edge, 1 - edge)
    return np.asarray(stats.beta.logpdf(score, mean * precision, (1 - mean) * precision))


def sample(
    likelihood: str,
    rng: np.random.Generator,
    mean: ArrayLike,
    noise: ArrayLike,
    n_items: ArrayLike = np.nan,
) -> FloatArray:
    """Draw scores, one for each element of the broadcast arguments."""
    _require_known(likelihood)
    mean, noise, _ = _broadcast(mean, noise, n_items)
    if likelihood == "normal":
        return np.asarray(rng.normal(mean, np.exp(noise)))
    mean, precision = np.clip(mean, 1e-6, 1 - 1e-6), np.exp(noise)
    return np.asarray(rng.beta(mean * precision, (1 - mean) * precision))


def variance(likelihood: str, mean: ArrayLike, noise: ArrayLike, n_items: ArrayLike = np.nan) -> FloatArray:
    """Variance of a score around its expected value (fraction squared)."""
    _require_known(likelihood)
    mean, noise, _ = _broadcast(mean, noise, n_items)
    if likelihood == "normal":
        return np.asarray(np.exp(2 * noise))
    return np.asarray(mean * (1 - mean) / (1 + np.exp(noise)))


def _broadcast(*arrays: ArrayLike) -> tuple[FloatArray, ...]:
    return tuple(np.broadcast_arrays(*(np.asarray(array, dtype=np.float64) for array in arrays)))


def _require_known(likelihood: str) -> None:
    if likelihood not in NOISE:
        raise DataError(f"likelihood is {likelihood!r}. Known: {', '.join(NOISE)}.")
