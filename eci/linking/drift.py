"""Drift of common units between two indices, beyond their measurement errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eci.linking.points import Array, Points, moment_line

_STAGES, _NODES, _ZOOM = 5, 21, 8.0  # of the search for the slope: 2 / (8**4 * 10) in log slope at the end


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

    With v_j(β) the error variance of y_j - β x_j and w_j the weights,

        Q(τ²) = min over α, β of Σ w_j (y_j - α - β x_j)² / (v_j(β) + τ²)

    is chi-squared with n - 2 degrees of freedom at the true τ. The estimate solves Q = n - 2 (Paule and
    Mandel 1982); τ is 0 where Q(0) is below. Its variance is 2 (n - 2) / (dQ/dτ²)², the derivative in
    expectation. Solving Q(τ²) = χ² for draws of χ² inverts the same pivot and gives every confidence interval
    of τ at once (Viechtbauer 2007). No prior is needed: with the few benchmarks of a link, a prior that
    allows large drifts keeps them.

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
    Paule and Mandel (1982), Consensus values and weighting factors, doi:10.6028/jres.087.022.
    Viechtbauer (2007), Confidence intervals for the amount of heterogeneity in meta-analysis,
    doi:10.1002/sim.2514.
    """
    n = points.x.size
    scale = float(np.var(points.y, ddof=1))
    variance = scale * np.concatenate([[1e-12], np.geomspace(1e-6, 1e4, 120)])
    total, slope = _least_squares(points, weights, variance)

    def solve(target: Array) -> Array:
        found = np.exp(np.interp(np.log(target), np.log(total[::-1] + 1e-300), np.log(variance[::-1])))
        return np.where(target >= total[0], 0.0, found)

    estimate = float(solve(np.array([n - 2.0]))[0])
    beta = float(np.interp(estimate, variance, slope))
    information = float(np.sum(weights / (np.maximum(_variance(points, beta), 1e-12 * scale) + estimate)))
    variance_var = 2.0 * n**2 / ((n - 2) * information**2)
    draws = np.sqrt(solve(rng.chisquare(n - 2, n_draws)))
    return Drift(float(np.sqrt(estimate)), variance_var, n - 2, draws)


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
