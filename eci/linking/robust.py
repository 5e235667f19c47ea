"""Student-t residuals: weights that let common units which drifted speak less."""

from __future__ import annotations

import numpy as np

from eci.linking.points import Array, Points

T_DF = 4.0
DOWN_WEIGHTED = 0.5
# the information of a t residual about its location is (df + 1) / (df + 3) of the scaled precision that known
# weights of mean 1 would give (Lange, Little and Taylor 1989, appendix B)
STRETCH = float(np.sqrt((T_DF + 3) / (T_DF + 1)))


def robust_weights(points: Points) -> Array:
    """Weights of Student-t residuals at the mode, by expectation-maximisation from a resistant start."""
    slope = _median_slope(points)
    intercept = float(np.median(points.y - slope * points.x))
    error = np.diagonal(points.y_cov) - 2 * slope * np.diagonal(points.cross_cov)
    weights = np.ones(points.x.size)
    for _ in range(200):
        residual = points.y - intercept - slope * points.x
        variance = np.maximum(error + slope**2 * np.diagonal(points.x_cov), 0.0)
        extra = _extra_variance(residual, variance)
        ratio = residual**2 / np.maximum(variance + extra, 1e-20)
        new = (T_DF + 1) / (T_DF + ratio)
        precision = new / np.maximum(variance + extra, 1e-20)
        mx, my = np.average(points.x, weights=precision), np.average(points.y, weights=precision)
        covered = float(np.sum(precision * (points.x - mx) * (points.y - my)))
        spread = float(np.sum(precision * (points.x - mx) ** 2))
        noise = float(np.sum(precision * np.diagonal(points.x_cov)))
        slope = covered / max(spread - noise, 0.5 * spread)
        intercept = my - slope * mx
        if np.max(np.abs(new - weights)) < 1e-8:
            break
        weights = new
    return np.asarray(weights)


def widen_for_weights(slope: Array, intercept: Array, centre: float) -> tuple[Array, Array]:
    """Widen draws made with known weights to those of Student-t residuals, about the level at `centre`."""
    level, log_slope = intercept + slope * centre, np.log(slope)
    level = level.mean() + STRETCH * (level - level.mean())
    slope = np.exp(log_slope.mean() + STRETCH * (log_slope - log_slope.mean()))
    return slope, level - slope * centre


def _median_slope(points: Points) -> float:
    """Median of the slopes between all pairs (Theil 1950, Sen 1968): half the pairs may be wrong."""
    i, j = np.triu_indices(points.x.size, 1)
    run, rise = points.x[j] - points.x[i], points.y[j] - points.y[i]
    apart = np.abs(run) > 1e-9
    return float(np.median(rise[apart] / run[apart]))


def _extra_variance(residual: Array, variance: Array) -> float:
    """Scale of Student-t residuals beyond their measurement error: where sum of w r² / v is n (bisection)."""

    def excess(extra: float) -> float:
        v = np.maximum(variance + extra, 1e-20)
        return float(np.mean((T_DF + 1) * residual**2 / (T_DF * v + residual**2)) - 1.0)

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(np.max(residual**2)) * (T_DF + 1) + 1e-20
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high
