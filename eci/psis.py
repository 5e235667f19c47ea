"""Pareto-smoothed importance sampling of many sets of weights at once, in NumPy.

The arithmetic is ArviZ's (a test compares them); ArviZ itself takes seconds to import.

References
----------
Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, JMLR 25(72),
arXiv:1507.02646. Zhang and Stephens (2009), A new and efficient estimation method for the generalized Pareto
distribution, doi:10.1198/tech.2009.08017.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

FloatArray = NDArray[np.float64]

_CHUNK = 500  # sets smoothed at a time


def max_pareto_k(n_draws: int) -> float:
    """Largest shape at which `n_draws` weights can be relied on: 1 - 1 / log10(n), at most 0.7."""
    return min(1.0 - 1.0 / math.log10(n_draws), 0.7)


def smooth_weights(log_ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Smooth the largest weights of each column by a generalised Pareto distribution.

    Parameters
    ----------
    log_ratios
        Log importance ratios of independent draws, up to a constant, shape (draw, n); at least 25 draws.

    Returns
    -------
    tuple
        Log weights (draw, n), each column summing to one, and the shape k of its tail (n,): the mean of the
        weights converges fast below 0.5, usably up to `max_pareto_k`, and not at all above 1. Where the tail
        is one value, k is -inf: equal weights need no smoothing. Ratios that are not finite give nan.
    """
    columns = [
        _smooth(log_ratios[:, first : first + _CHUNK]) for first in range(0, log_ratios.shape[1], _CHUNK)
    ]
    return np.concatenate([x for x, _ in columns], axis=1), np.concatenate([k for _, k in columns])


def _smooth(log_ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
    n_draws = len(log_ratios)
    finite = np.isfinite(log_ratios).all(axis=0)
    x = np.where(finite, log_ratios, 0.0)
    x = x - x.max(axis=0)
    n_tail = math.ceil(min(0.2 * n_draws, 3.0 * math.sqrt(n_draws)))
    order = np.argpartition(x, n_draws - n_tail - 1, axis=0)[-n_tail - 1 :]
    largest = np.take_along_axis(x, order, axis=0)
    inner = np.argsort(largest, axis=0, kind="stable")
    order, largest = np.take_along_axis(order, inner, axis=0), np.take_along_axis(largest, inner, axis=0)
    cutoff = np.maximum(largest[0], math.log(np.finfo(np.float64).tiny))
    tail = np.exp(largest[1:]) - np.exp(cutoff)
    varies = tail[-1] - tail[0] > np.finfo(np.float64).eps * 10

    k = np.full(x.shape[1], -np.inf)
    if varies.any():
        k[varies], scale = _fit_pareto(tail[:, varies])
        probs = (np.arange(n_tail) + 0.5) / n_tail
        smoothed = np.log(_pareto_quantiles(probs, k[varies], scale) + np.exp(cutoff[varies]))
        columns = np.flatnonzero(varies)
        x[order[1:, columns], columns] = np.minimum(smoothed, 0.0)  # none above the largest raw weight
    x -= logsumexp(x, axis=0)
    return np.where(finite, x, np.nan), np.where(finite, k, np.nan)


def _fit_pareto(tail: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shape and scale of a generalised Pareto distribution, (n,) each; `tail` is sorted, (m, n)."""
    n = len(tail)
    n_grid = 30 + int(math.sqrt(n))
    grid = 1.0 - np.sqrt(n_grid / (np.arange(1, n_grid + 1) - 0.5))
    quartile = tail[int(n / 4 + 0.5) - 1]
    b = grid[:, None] / (3.0 * quartile) + 1.0 / tail[-1]
    with np.errstate(divide="ignore", invalid="ignore"):  # a tail of one value but for its end: k is nan
        k = np.stack([np.log1p(-value * tail).mean(axis=0) for value in b])
        log_likelihood = n * (np.log(-b / k) - k - 1.0)
    weight = np.exp(log_likelihood - logsumexp(log_likelihood, axis=0))
    weight = np.where(weight < 10 * np.finfo(np.float64).eps, 0.0, weight)
    b_mean = np.sum(b * weight, axis=0) / weight.sum(axis=0)
    k_mean = np.log1p(-b_mean * tail).mean(axis=0)
    # A weak prior towards 1/2 with the weight of ten draws steadies k for short tails.
    return (n * k_mean + 5.0) / (n + 10.0), -k_mean / b_mean


def _pareto_quantiles(probs: FloatArray, k: FloatArray, scale: FloatArray) -> FloatArray:
    """Quantiles (m, n) of generalised Pareto distributions."""
    log_tail = -np.log1p(-probs)[:, None]
    near_zero = np.abs(k) < np.finfo(np.float64).eps
    safe = np.where(near_zero, 1.0, k)
    return np.asarray(scale * np.where(near_zero, log_tail, np.expm1(safe * log_tail) / safe))
