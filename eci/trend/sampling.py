"""Independent draws from the exact mixture of a grid posterior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eci.trend.basis import Array
from eci.trend.regress import GridPosterior, Triangle, solve_lower, solve_transposed


@dataclass(frozen=True)
class GridDraws:
    """Independent draws from a `GridPosterior`.

    Parameters
    ----------
    node_index, tau_index
        Grid points, shape (draw,).
    coefficients
        Shape (draw, p).
    residual_sd
        Residual sd within the cell of its grid point, shape (draw,).
    """

    node_index: NDArray[np.int64]
    tau_index: NDArray[np.int64]
    coefficients: Array
    residual_sd: Array


@dataclass(frozen=True)
class TauMarginal:
    """Marginal posterior of log tau between the grid points.

    The grid integrates to rounding but is coarse enough to show in quantiles. The log density is smooth, so
    a cubic spline through the grid points gives the mass of each cell and the density inside it.

    Parameters
    ----------
    log_tau, below
        A fine grid and the distribution function on it, up to a factor.
    start, end
        Distribution function at the two ends of the cell of each grid point, shape (tau,).
    """

    log_tau: Array
    below: Array
    start: Array
    end: Array

    @classmethod
    def of(cls, mass: Array, taus: Array) -> TauMarginal | None:
        """Interpolate the masses of the grid points; None where fewer than four of them hold any."""
        from scipy.interpolate import CubicSpline

        log_tau, step = np.log(taus), np.log(taus[1] / taus[0])
        density = mass.copy()
        density[0] /= 0.5 + 1.0 / step  # the first point stands for everything below it as well
        kept = np.flatnonzero(density > 1e-12 * density.max())
        low, high = kept[0], kept[-1] + 1
        if high - low < 4 or not np.all(density[low:high] > 0):
            return None
        grid = log_tau[low:high]
        fine = np.linspace(grid[0], grid[-1], 20 * grid.size)
        fine_density = np.exp(CubicSpline(grid, np.log(density[low:high]))(fine))
        below = np.cumsum(fine_density) - 0.5 * fine_density
        start, end = np.interp(log_tau - step / 2, fine, below), np.interp(log_tau + step / 2, fine, below)
        return cls(fine, below, start, end)

    def draw(self, tau_index: NDArray[np.int64], rng: np.random.Generator) -> Array:
        """Draw a residual sd inside the cell of each grid point."""
        start, end = self.start[tau_index], self.end[tau_index]
        level = start + rng.uniform(size=tau_index.size) * (end - start)
        return np.asarray(np.exp(np.interp(level, self.below, self.log_tau)))


def sample(
    posterior: GridPosterior, taus: Array, n_draws: int, rng: np.random.Generator, series_index: int = 0
) -> GridDraws:
    """Draw independently from the mixture; grid points by systematic resampling.

    Systematic resampling visits each grid point in proportion to its mass up to one draw, so only the
    Gaussian part carries Monte Carlo noise.
    """
    weight = posterior.weight[series_index]
    mass = weight.sum(axis=0)
    marginal = TauMarginal.of(mass, taus)
    if marginal is not None:
        weight = weight * (
            np.maximum(marginal.end - marginal.start, 0.0) / np.maximum(mass, np.finfo(float).tiny)
        )
    edges = np.cumsum(weight.ravel())
    points = (np.arange(n_draws) + rng.uniform()) / n_draws * edges[-1]
    flat = np.minimum(np.searchsorted(edges, points, side="right"), weight.size - 1)
    rng.shuffle(flat)
    node_index, tau_index = np.unravel_index(flat, weight.shape)
    factor = at_points(posterior.factor, series_index, node_index, tau_index)
    half = [z[min(series_index, z.shape[0] - 1), node_index, tau_index] for z in posterior.half]
    noise = rng.standard_normal((len(half), n_draws))
    coefficients = solve_transposed(factor, [z + e for z, e in zip(half, noise, strict=True)])
    residual_sd = taus[tau_index] if marginal is None else marginal.draw(tau_index, rng)
    return GridDraws(node_index, tau_index, np.stack(coefficients, axis=1), residual_sd)


def project(
    posterior: GridPosterior, moments: Sequence[Array], draws: GridDraws, series_index: int = 0
) -> Array:
    """Return A^-1 X'Wv at the grid points of some draws, from the moments X'Wv (draw,) of each column.

    The regression's own projection of a vector v of values onto the coefficients, shape (draw, p).
    """
    factor = at_points(posterior.factor, series_index, draws.node_index, draws.tau_index)
    return np.stack(solve_transposed(factor, solve_lower(factor, moments)), axis=1)


def at_points(
    factor: Triangle, series_index: int, node_index: NDArray[np.int64], tau_index: NDArray[np.int64]
) -> Triangle:
    """Take the factor at some grid points."""
    return tuple(
        tuple(entry[min(series_index, entry.shape[0] - 1), node_index, tau_index] for entry in row)
        for row in factor
    )
