"""Sensitivity by power-scaling: how far a posterior moves when prior or likelihood is raised to a power.

With power a the draws get weights p^(a - 1), Pareto-smoothed. The move of a quantity is the cumulative
Jensen-Shannon distance between its weighted and unweighted distribution, for each doubling of a, taken from
a = 1 / 1.01 and 1.01. Of the priors, those of the top level are scaled, the ones a user can set: means and
spreads common to all benchmarks, and the noise.

References
----------
Kallioinen, Paananen, Burkner and Vehtari (2024), Detecting and diagnosing prior and likelihood sensitivity
with power-scaling, doi:10.1007/s11222-023-10366-5. Nguyen and Vreeken (2015), Non-parametric Jensen-Shannon
divergence, doi:10.1007/978-3-319-23525-7_11.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eci.psis import smooth_weights

FloatArray = NDArray[np.float64]

_POWER = 1.01


def log_prior(shared: Mapping[str, FloatArray], priors: Mapping[str, float]) -> FloatArray:
    """Log density of the top-level priors, (draw,), up to a constant.

    A parameter X with a prior X_sd is normal about the prior X (0 where there is none); one with X_scale is
    half-normal.
    """
    total = np.zeros(len(next(iter(shared.values()))))
    for name, values in shared.items():
        if f"{name}_sd" in priors:
            total -= 0.5 * ((values - priors.get(name, 0.0)) / priors[f"{name}_sd"]) ** 2
        elif f"{name}_scale" in priors:
            total -= 0.5 * (values / priors[f"{name}_scale"]) ** 2
    return total


def measure_sensitivity(draws: FloatArray, log_component: FloatArray) -> FloatArray:
    """Distance moved by each column of `draws` (draw, n) for each doubling of the power of a component.

    `log_component` (draw,) is the log density of prior or likelihood at each draw.
    """
    moved = np.zeros(draws.shape[1])
    for power in (1.0 / _POWER, _POWER):
        log_weights, _ = smooth_weights(((power - 1.0) * log_component)[:, None])
        moved += distance(draws, np.exp(log_weights[:, 0]))
    return np.asarray(moved / (2.0 * np.log2(_POWER)))


def distance(draws: FloatArray, weights: FloatArray) -> FloatArray:
    """Cumulative Jensen-Shannon distance of each column (draw, n) from itself with weights (draw,)."""
    order = np.argsort(draws, axis=0)
    x, weighted = np.take_along_axis(draws, order, axis=0), weights[order]
    upward = _one_sided(x, weighted)
    return np.maximum(upward, _one_sided(-x[::-1], weighted[::-1]))  # either tail may be the one that moves


def _one_sided(x: FloatArray, weights: FloatArray) -> FloatArray:
    width = np.diff(x, axis=0)
    p = (np.arange(1, len(x)) / len(x))[:, None]
    q = np.cumsum(weights, axis=0)[:-1] / weights.sum(axis=0)
    middle = np.log2(0.5 * (p + q))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_q = np.where(q > 0, q * (np.log2(q) - middle), 0.0)
    # The two terms in the difference of the areas cancel in the symmetric form.
    divergence = np.sum(width * (p * (np.log2(p) - middle) + log_q), axis=0)
    bound = np.sum(width * (p + q), axis=0)
    return np.asarray(np.sqrt(np.maximum(divergence, 0.0) / np.where(bound > 0, bound, 1.0)))
