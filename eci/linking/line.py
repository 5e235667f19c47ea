"""A line through points with errors on both axes: its posterior on a grid, for few points and for many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.linking.points import Array, Points, moment_line
from eci.linking.robust import robust_weights, widen_for_weights

SLOPE_LOG_SD = 1.0
_EXACT = 1e-11  # residuals of this size, in standard deviations of the points, are rounding
_LOG_RESIDUAL = (np.log(1e-3), np.log(4.0))
_POPULATION_RANGE = (0.4, 3.0)
_NEGLIGIBLE = 1e-6
_MANY = 30


@dataclass(frozen=True)
class LineDraws:
    """Posterior draws of y = intercept + slope x + residual, each of shape (draw,)."""

    slope: Array
    intercept: Array
    residual_sd: Array
    weights: Array


def fit_line(points: Points, *, n_draws: int, rng: np.random.Generator, robust: bool = False) -> LineDraws:
    """Draw from the posterior of a line through points with errors on both axes.

    x = ξ + e, y = intercept + slope ξ + δ + f, ξ ~ Normal(μ, ω²), δ ~ Normal(0, τ²), (e, f) ~ Normal(0, S)

    Parameters
    ----------
    points
        Values and the covariances in S.
    n_draws
        Number of independent draws.
    rng
        Generator.
    robust
        Student-t residuals with 4 degrees of freedom: the weights (df + 1) / (df + r²) of the standardised
        residuals r at the mode multiply the precision of y; what holding them hides is added after.

    Notes
    -----
    In units of the spread of the points, so that the answer follows any rescaling: log slope ~ Normal(log of
    the ratio of the spreads, 1), intercept and μ flat, p(ω) ∝ 1/ω, p(τ) ∝ 1/(s + τ) with s a quarter of the
    median measurement error. The last is the reference prior 1/τ of a plain regression where the residual
    exceeds the errors, and is flat below them, where the data say nothing. Intercept and μ are integrated in
    closed form, the rest on a grid (ω is held at its moment estimate from 30 points on). A flat prior of ξ in
    place of a population would shrink the slope as least squares does (Gull 1989).

    References
    ----------
    Gull (1989), Bayesian data analysis: straight-line fitting, doi:10.1007/978-94-015-7860-8_55.
    Lange, Little and Taylor (1989), Robust statistical modeling using the t distribution,
    doi:10.1080/01621459.1989.10478852.
    """
    scaled, (mx, my), (sx, sy) = points.standardised()
    weights = robust_weights(scaled) if robust else np.ones(points.x.size)
    slope, intercept, residual_sd = _draw_standardised(scaled, weights, n_draws, rng)
    if robust:
        slope, intercept = widen_for_weights(slope, intercept, float(np.average(scaled.x, weights=weights)))
    slope = slope * sy / sx
    return LineDraws(slope, my + sy * intercept - slope * mx, residual_sd * sy, weights)


def _draw_standardised(
    points: Points, weights: Array, n_draws: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    n = points.x.size
    slope, intercept = moment_line(points, np.ones(n))
    if np.abs(points.y - intercept - slope * points.x).max() < _EXACT:
        # one index is an affine copy of the other: errors are shared and the line is known
        return np.full(n_draws, slope), np.full(n_draws, intercept), np.zeros(n_draws)
    no_error = not np.any(points.x_cov)
    many = n >= _MANY
    true_sd = float(np.sqrt(max(1.0 - np.diagonal(points.x_cov).mean(), 0.1)))
    # without errors in x its population says nothing about the line; with many points it is known well
    omega = np.array([true_sd]) if no_error or many else np.geomspace(*_POPULATION_RANGE, 7)
    error = float(np.sqrt(np.median(np.diagonal(points.y_cov) + slope**2 * np.diagonal(points.x_cov))))
    floor = max(0.25 * error, np.exp(_LOG_RESIDUAL[0]))
    slopes = _Axis.even(float(np.log(slope)) - 2.0, float(np.log(slope)) + 2.0, 41)
    taus = _Axis.even(_LOG_RESIDUAL[0], _LOG_RESIDUAL[1], 15)
    mass: Array = np.empty(0)
    for step in range(3):
        if step:
            slopes = slopes.refine(mass.sum(axis=(1, 2)), 45)
            taus = taus.refine(mass.sum(axis=(0, 2)), 21)
        log_post, mean, half = _evaluate(points, weights, slopes.nodes, taus.nodes, omega, floor)
        log_post = log_post + np.log(slopes.widths)[:, None, None] + np.log(taus.widths)[None, :, None]
        mass = np.exp(log_post - log_post.max())
    cells = rng.choice(mass.size, size=n_draws, p=(mass / mass.sum()).ravel())
    i, j, k = np.unravel_index(cells, mass.shape)
    drawn_slope, drawn_tau = np.exp(slopes.within(i, rng)), np.exp(taus.within(j, rng))
    levels = mean[i, j, k] + np.einsum("dab,db->da", half[i, j, k], rng.standard_normal((n_draws, 2)))
    return drawn_slope, levels[:, 1] - drawn_slope * levels[:, 0], drawn_tau


class _Axis(NamedTuple):
    """Nodes centre + scale * sinh(u) at even steps of u: close where the mass is, wide in its tails."""

    u: Array
    centre: float
    scale: float

    @classmethod
    def even(cls, low: float, high: float, n: int) -> _Axis:
        """Return nearly even nodes."""
        half = (high - low) / 2
        return cls(np.linspace(-np.arcsinh(1e-3), np.arcsinh(1e-3), n), low + half, 1e3 * half)

    @property
    def nodes(self) -> Array:
        """Positions."""
        return np.asarray(self.centre + self.scale * np.sinh(self.u))

    @property
    def widths(self) -> Array:
        """Widths of the cells around the nodes."""
        return np.asarray(self.scale * np.cosh(self.u) * (self.u[1] - self.u[0]))

    def within(self, cells: NDArray[np.int64], rng: np.random.Generator) -> Array:
        """Draw a position inside each cell."""
        step = self.u[1] - self.u[0]
        u = self.u[cells] + step * rng.uniform(-0.5, 0.5, cells.size)
        return np.asarray(self.centre + self.scale * np.sinh(u))

    def refine(self, mass: Array, n: int) -> _Axis:
        """Return an axis over the part that holds the mass, with a node to spare on either side."""
        nodes, share = self.nodes, np.cumsum(mass) / mass.sum()
        kept = np.flatnonzero(mass > _NEGLIGIBLE * mass.max())
        low, high = nodes[max(kept[0] - 1, 0)], nodes[min(kept[-1] + 1, nodes.size - 1)]
        left, centre, right = np.interp([0.16, 0.5, 0.84], share, nodes)
        scale = max((right - left) / 2, (high - low) / (4 * n))
        ends = np.arcsinh((low - centre) / scale), np.arcsinh((high - centre) / scale)
        return _Axis(np.linspace(ends[0], ends[1], n), float(centre), float(scale))


def _evaluate(
    points: Points, weights: Array, log_slope: Array, log_tau: Array, omega: Array, floor: float
) -> tuple[Array, Array, Array]:
    """Return log posterior mass on the grid, and mean and Cholesky factor of (μ, mean of y) at each node."""
    solve = _information_by_unit if points.is_diagonal else _information
    slope, tau = np.exp(log_slope), np.exp(log_tau)
    information, score, log_like = solve(points, weights, slope, tau, omega)
    covariance = np.linalg.inv(information)
    mean = np.einsum("...ab,...b->...a", covariance, score)
    log_like = log_like + 0.5 * np.einsum("...a,...a->...", score, mean)
    log_like -= 0.5 * np.log(np.linalg.det(information))
    # densities in log slope and log τ: their Jacobians are part of the priors
    log_prior = -0.5 * (log_slope[:, None, None] / SLOPE_LOG_SD) ** 2
    log_prior = log_prior + (log_tau - np.log(floor + tau))[None, :, None]
    return log_like + log_prior, mean, np.linalg.cholesky(covariance)


def _information_by_unit(
    points: Points, weights: Array, slope: Array, tau: Array, omega: Array
) -> tuple[Array, Array, Array]:
    """Return information on (μ, mean of y), score and log likelihood at 0; errors independent by unit.

    Shapes (slope, tau, omega, 2, 2), (slope, tau, omega, 2) and (slope, tau, omega).
    """
    b, t2, o2 = slope[:, None, None, None], tau[:, None, None] ** 2, omega[:, None] ** 2
    c11 = o2 + np.diagonal(points.x_cov)
    c12 = b * o2 + np.diagonal(points.cross_cov) / np.sqrt(weights)
    c22 = b**2 * o2 + (t2 + np.diagonal(points.y_cov)) / weights
    det = c11 * c22 - c12**2
    p11, p12, p22 = c22 / det, -c12 / det, c11 / det
    x, y = points.x, points.y
    information = np.empty((*det.shape[:3], 2, 2))
    information[..., 0, 0], information[..., 1, 1] = p11.sum(axis=-1), p22.sum(axis=-1)
    information[..., 0, 1] = information[..., 1, 0] = p12.sum(axis=-1)
    score = np.stack([p11 @ x + p12 @ y, p12 @ x + p22 @ y], axis=-1)
    log_like = -0.5 * (np.log(det).sum(axis=-1) + p11 @ x**2 + 2 * (p12 @ (x * y)) + p22 @ y**2)
    return information, score, log_like


def _information(
    points: Points, weights: Array, slope: Array, tau: Array, omega: Array
) -> tuple[Array, Array, Array]:
    """Return the same for any covariance of the errors.

    As p(x) p(y | x): the covariance of y given x is K(slope, ω) + τ² / weights, so that one
    eigendecomposition serves every τ.
    """
    n = points.x.size
    root = np.sqrt(weights)
    y_cov, cross = points.y_cov / np.outer(root, root), points.cross_cov / root
    information = np.empty((slope.size, tau.size, omega.size, 2, 2))
    score, log_like = np.empty((*information.shape[:3], 2)), np.empty(information.shape[:3])
    ones = np.ones((n, 1))
    for k, o2 in enumerate(omega**2):
        x_var = points.x_cov + o2 * np.eye(n)
        inverse = np.linalg.inv(x_var)
        of_x = inverse @ np.column_stack([ones, points.x])
        x_logdet = float(np.linalg.slogdet(x_var)[1])
        for i, b in enumerate(slope):
            shared = b * o2 * np.eye(n) + cross  # covariance of x with y
            gain = shared.T @ inverse
            rest = b**2 * o2 * np.eye(n) + y_cov - gain @ shared
            eigenvalues, basis = np.linalg.eigh(root[:, None] * (rest + rest.T) / 2 * root)
            columns = np.column_stack([-gain @ ones, ones, points.y - gain @ points.x])
            rotated = basis.T @ (root[:, None] * columns)
            variance = np.maximum(eigenvalues, 0.0) + tau[:, None] ** 2
            gram = np.einsum("ua,tu,ub->tab", rotated, 1.0 / variance, rotated)
            information[i, :, k], score[i, :, k] = gram[:, :2, :2], gram[:, :2, 2]
            information[i, :, k, 0, 0] += of_x[:, 0].sum()
            score[i, :, k, 0] += of_x[:, 1].sum()
            log_like[i, :, k] = -0.5 * (
                np.log(variance).sum(axis=1)
                - np.log(weights).sum()
                + gram[:, 2, 2]
                + x_logdet
                + points.x @ of_x[:, 1]
            )
    return information, score, log_like
