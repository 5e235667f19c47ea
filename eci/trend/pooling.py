"""Lines of several groups of models, partially pooled: the regression behind labs' own trends.

With lab l of model i, t its release date,

    x_i = (a + a_l) + (b + b_l) t_i + r_i + e_i,   a_l ~ Normal(0, s_a²),  b_l ~ Normal(0, s_b²),
    r_i ~ Normal(0, tau²),  e ~ Normal(0, S).

Coefficients are integrated in closed form and the three sds on a grid, as in `regress`. Partial pooling:
Gelman and Hill, Data Analysis Using Regression and Multilevel/Hierarchical Models (2007), chapter 12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eci.trend.basis import Array
from eci.trend.measurement import Measurement
from eci.trend.priors import RESIDUAL_FACTOR, least_squares
from eci.trend.series import IndexSeries

N_SPREADS = 12
N_RESIDUAL = 24


@dataclass(frozen=True)
class GroupDraws:
    """Draws of the lines of all labs.

    Parameters
    ----------
    labs
        Names, in the order of the columns.
    level, slope
        True lines, shape (draw, lab).
    fitted_level, fitted_slope
        Lines of the index as measured, before the shared error is taken off.
    common_slope, level_spread, slope_spread, residual_sd
        Shape (draw,).
    shared
        The standard normal draw that scales the shared error.
    """

    labs: tuple[str, ...]
    level: Array
    slope: Array
    fitted_level: Array
    fitted_slope: Array
    common_slope: Array
    level_spread: Array
    slope_spread: Array
    residual_sd: Array
    shared: Array


def draw_groups(
    series: IndexSeries,
    measurement: Measurement,
    origin: np.datetime64,
    n_draws: int,
    rng: np.random.Generator,
) -> GroupDraws:
    """Integrate coefficients and sds, and draw from the mixture."""
    years = series.years(origin)
    labs = tuple(sorted({str(lab) for lab in series.labs}))
    x = measurement.values
    design = _group_design(years, np.array([labs.index(str(lab)) for lab in series.labs]), len(labs))
    line = least_squares(x[None], years)
    residual, pace = float(line.residual_sd[0]), float(max(abs(line.slope[0]), line.slope_se[0]))
    taus = residual * np.geomspace(0.05, 4.0, N_RESIDUAL)
    spreads = np.geomspace(0.03, 4.0, N_SPREADS)
    # half-normal priors: levels and residuals on the residual scale, slopes of labs on half the common pace
    scales = (RESIDUAL_FACTOR * residual, 0.5 * pace, RESIDUAL_FACTOR * residual)
    grids = (scales[0] * spreads, scales[1] * spreads, taus)
    log_prior = [np.log(g) - 0.5 * (g / s) ** 2 for g, s in zip(grids, scales, strict=True)]

    eigenvalues, basis = np.linalg.eigh(measurement.covariance)
    rotated, rotated_x = basis.T @ design, basis.T @ x
    shapes = (N_SPREADS, N_SPREADS, N_RESIDUAL)
    log_joint = np.empty(shapes)
    n_labs = len(labs)
    for k, tau in enumerate(taus):
        weight = 1.0 / (np.maximum(eigenvalues, 0.0) + tau**2)
        gram = (rotated * weight[:, None]).T @ rotated
        moment = rotated.T @ (weight * rotated_x)
        precision = gram + _group_precision(grids[0], grids[1], n_labs)
        factor = np.linalg.cholesky(precision)
        half = np.linalg.solve(factor, np.broadcast_to(moment, precision.shape[:-1])[..., None])[..., 0]
        log_det = 2.0 * np.sum(np.log(np.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)
        prior_det = -2.0 * n_labs * (np.log(grids[0])[:, None] + np.log(grids[1])[None, :])
        log_joint[:, :, k] = 0.5 * (
            np.sum(np.log(weight))
            - np.sum(weight * rotated_x**2)
            + np.sum(half**2, axis=-1)
            - log_det
            + prior_det
        )
    log_joint += log_prior[0][:, None, None] + log_prior[1][None, :, None] + log_prior[2]
    mass = np.exp(log_joint - log_joint.max())
    rotated_all = _Rotated(rotated, rotated_x, basis.T @ measurement.shared, np.maximum(eigenvalues, 0.0))
    fitted, shift, where = _draw_mixture(mass, grids, rotated_all, n_draws, rng)
    shared = rng.standard_normal(n_draws)
    true = fitted - shared[:, None] * shift
    own, turn = slice(2, 2 + n_labs), slice(2 + n_labs, None)
    return GroupDraws(
        labs=labs,
        level=true[:, [0]] + true[:, own],
        slope=true[:, [1]] + true[:, turn],
        fitted_level=fitted[:, [0]] + fitted[:, own],
        fitted_slope=fitted[:, [1]] + fitted[:, turn],
        common_slope=true[:, 1],
        level_spread=grids[0][where[0]],
        slope_spread=grids[1][where[1]],
        residual_sd=grids[2][where[2]],
        shared=shared,
    )


@dataclass(frozen=True)
class _Rotated:
    """Design, values and shared loadings in the eigenbasis of the measurement covariance."""

    design: Array
    x: Array
    shared: Array
    eigenvalues: Array


def _group_design(years: Array, lab_index: NDArray[np.int64], n_labs: int) -> Array:
    indicator = np.eye(n_labs)[lab_index]
    return np.column_stack([np.ones_like(years), years, indicator, indicator * years[:, None]])


def _group_precision(level_sd: Array, slope_sd: Array, n_labs: int) -> Array:
    """Return prior precisions (level_sd, slope_sd, p, p): flat for the common line, normal for the labs."""
    diagonal = np.zeros((level_sd.size, slope_sd.size, 2 + 2 * n_labs))
    diagonal[..., 2 : 2 + n_labs] = level_sd[:, None, None] ** -2.0
    diagonal[..., 2 + n_labs :] = slope_sd[None, :, None] ** -2.0
    return diagonal[..., None] * np.eye(2 + 2 * n_labs)


def _draw_mixture(
    mass: Array, grids: tuple[Array, Array, Array], rotated: _Rotated, n_draws: int, rng: np.random.Generator
) -> tuple[Array, Array, tuple[NDArray[np.intp], ...]]:
    """Draw grid points by systematic resampling, coefficients given each, and the shared error's shift."""
    edges = np.cumsum(mass.ravel())
    points = (np.arange(n_draws) + rng.uniform()) / n_draws * edges[-1]
    flat = np.minimum(np.searchsorted(edges, points, side="right"), mass.size - 1)
    rng.shuffle(flat)
    design = rotated.design
    n_labs = design.shape[1] // 2 - 1
    coefficients, shift = np.empty((n_draws, design.shape[1])), np.empty((n_draws, design.shape[1]))
    for point in np.unique(flat):
        i, j, k = np.unravel_index(point, mass.shape)
        weight = 1.0 / (rotated.eigenvalues + grids[2][k] ** 2)
        precision = (design * weight[:, None]).T @ design
        precision += _group_precision(grids[0][[i]], grids[1][[j]], n_labs)[0, 0]
        factor = np.linalg.cholesky(precision)
        rows = np.flatnonzero(flat == point)
        noise = np.linalg.solve(factor.T, rng.standard_normal((design.shape[1], rows.size)))
        moments = design.T @ (weight[:, None] * np.column_stack([rotated.x, rotated.shared]))
        mean, projected = np.linalg.solve(precision, moments).T
        coefficients[rows] = mean + noise.T
        shift[rows] = projected
    return coefficients, shift, np.unravel_index(flat, mass.shape)
