"""Drift of common units between two indices, beyond their measurement errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eci.linking.points import Array, Points, moment_line

_STAGES, _NODES, _ZOOM = 5, 21, 8.0  # of the search for the slope: steps of 5e-5 in log slope at the end
_VARIANCES = np.concatenate([[1e-12], np.geomspace(1e-6, 1e4, 160)])  # per variance of the new values


@dataclass(frozen=True)
class Drift:
    """The standard deviation of a common unit about the line, errors of measurement apart.

    Parameters
    ----------
    sd
        Estimate, 0 where the errors explain all scatter.
    variance_var
        Sampling variance of sd².
    n_free
        Units less the two constants of the line.
    draws
        Confidence distribution of the sd, shape (draw,).
    """

    sd: float
    variance_var: float
    n_free: int
    draws: Array


def estimate_drift(points: Points, *, weights: Array, n_draws: int, rng: np.random.Generator) -> Drift:
    """Estimate how far common units drifted.

    With v_j(β) the error variance of y_j - β x_j, w_j the weights, V = diag((v_j + τ²) / w_j), X = (1, x) and

        Q(τ²) = min over α, β of Σ w_j (y_j - α - β x_j)² / (v_j(β) + τ²),

    the estimate maximises the restricted likelihood -½ (log |V| + log |X'V⁻¹X| + Q), which among the usual
    estimators loses least where units are measured unequally well (Viechtbauer 2005). Its variance is
    2 / tr(PP), P = V⁻¹ - V⁻¹X(X'V⁻¹X)⁻¹X'V⁻¹. Q is chi-squared with n - 2 degrees of freedom at the true τ,
    so that solving Q(τ²) = χ² for draws of χ² gives every confidence interval of τ at once (Viechtbauer
    2007).

    Nothing here is a prior: one that allows large drifts keeps them wherever five benchmarks cannot rule them
    out, and a link would be too wide.

    Parameters
    ----------
    points
        Values and errors, independent by unit; off-diagonal covariances are not used.
    weights
        Weight of each unit, shape (unit,).
    n_draws
        Number of draws.
    rng
        Generator.

    References
    ----------
    Viechtbauer (2005), Bias and efficiency of meta-analytic variance estimators in the random-effects model,
    doi:10.3102/10769986030003261. Viechtbauer (2007), Confidence intervals for the amount of heterogeneity in
    meta-analysis, doi:10.1002/sim.2514.
    """
    n = points.x.size
    variance = float(np.var(points.y, ddof=1)) * _VARIANCES
    total, slope = _least_squares(points, weights, variance)
    likelihood = -0.5 * (_log_determinants(points, weights, variance, slope) + total)
    estimate, beta = _highest(variance, slope, likelihood)
    projection = _projection(points.x, weights / (_variance(points, beta) + max(estimate, variance[0])))
    draws = np.exp(
        np.interp(
            np.log(rng.chisquare(n - 2, n_draws)),
            np.log(np.maximum(total[::-1], 1e-300)),
            np.log(variance[::-1]),
        )
    )
    return Drift(
        sd=float(np.sqrt(estimate)),
        variance_var=2.0 / float(np.sum(projection**2)),
        n_free=n - 2,
        draws=np.where(draws <= variance[0], 0.0, np.sqrt(draws)),
    )


def _variance(points: Points, slope: Array | float) -> Array:
    """Error variance of y - slope x, unit last."""
    b = np.asarray(slope)[..., None]
    x_var, y_var = np.diagonal(points.x_cov), np.diagonal(points.y_cov)
    return np.asarray(y_var + b**2 * x_var - 2 * b * np.diagonal(points.cross_cov))


def _least_squares(points: Points, weights: Array, variance: Array) -> tuple[Array, Array]:
    """Return Q and the slope that gives it for each τ² in `variance`, by a search that narrows."""
    start, _ = moment_line(points, weights)
    centre, half = np.full(variance.size, np.log(start)), 2.0
    steps = np.linspace(-1.0, 1.0, _NODES)
    for _ in range(_STAGES):
        slope = np.exp(centre[:, None] + half * steps)
        precision = weights / (_variance(points, slope) + variance[:, None, None])
        rise = points.y - slope[..., None] * points.x
        level = np.sum(precision * rise, axis=-1, keepdims=True) / precision.sum(axis=-1, keepdims=True)
        total = np.sum(precision * (rise - level) ** 2, axis=-1)
        best = total.argmin(axis=1)
        centre, half = centre + half * steps[best], half / _ZOOM
    return total.min(axis=1), np.exp(centre)


def _log_determinants(points: Points, weights: Array, variance: Array, slope: Array) -> Array:
    """Return log |V| + log |X'V⁻¹X| for each τ²."""
    precision = weights / (_variance(points, slope) + variance[:, None])
    whole = precision.sum(axis=1)
    spread = points.x - (precision @ points.x / whole)[:, None]
    information = whole * np.sum(precision * spread**2, axis=1)
    return np.asarray(np.log(information) - np.log(precision).sum(axis=1))


def _highest(variance: Array, slope: Array, likelihood: Array) -> tuple[float, float]:
    """Return τ² at the maximum, by a parabola in its logarithm, and the slope there; 0 at the lower end."""
    best = int(np.argmax(likelihood))
    if best == 0:
        return 0.0, float(slope[0])
    if best == 1 or best == variance.size - 1:
        return float(variance[best]), float(slope[best])
    below, here, above = likelihood[best - 1 : best + 2]
    step = 0.5 * (below - above) / (below - 2 * here + above)
    return float(variance[best] * (variance[best + 1] / variance[best]) ** step), float(slope[best])


def _projection(x: Array, precision: Array) -> Array:
    """Return P, which takes values to their residuals about the line, in units of their variances."""
    root = np.sqrt(precision)
    centred = x - np.average(x, weights=precision)
    basis, _ = np.linalg.qr(np.column_stack([root, root * centred]))
    return np.asarray(root[:, None] * (np.eye(x.size) - basis @ basis.T) * root)
