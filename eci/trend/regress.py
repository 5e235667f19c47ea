"""Exact marginal regression: coefficients in closed form, break date and residual sd on a grid.

For a change model with design matrix X(t*), coefficients b and residual sd tau,

    x | b, tau, t*  ~  Normal(X(t*) b, S + tau² I),        b ~ Normal(m0, P^-1)

with S the measurement covariance of the index. Given (t*, tau) this is generalised least squares with a
Gaussian prior: b | x, tau, t* ~ Normal(A^-1 h, A^-1) with W = (S + tau² I)^-1, A = X'WX + P,
h = X'Wx + P m0, and the evidence is the usual Gaussian integral (Gelman et al., Bayesian Data Analysis,
3rd ed., 2013, section 14.8). The two remaining parameters are summed over a grid, so nothing is sampled until
summaries are wanted, and the draws are then independent draws from the exact mixture.

One eigendecomposition of S serves all residual sds, break dates, change models, priors *and* series: every
function takes a batch of series that share dates and covariance, which makes simulations cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eci.errors import ConvergenceError
from eci.trend.basis import Array

EDGE_MASS = 0.01


@dataclass(frozen=True)
class Statistics:
    """What the data say at every grid point, before any prior; `p` counts the columns of the design.

    Parameters
    ----------
    gram
        X'WX, shape (node, tau, p, p).
    moment
        X'Wx, shape (series, node, tau, p).
    quadratic
        x'Wx, shape (series, tau).
    log_det
        log |S + tau² I|, shape (tau,).
    taus
        Residual sds of the grid, shape (tau,), log-spaced.
    n_models
        Number of AI models in each series.
    """

    gram: Array
    moment: Array
    quadratic: Array
    log_det: Array
    taus: Array
    n_models: int


@dataclass(frozen=True)
class CoefficientPrior:
    """Independent Gaussian prior of the coefficients; precision 0 is flat.

    Parameters
    ----------
    mean, precision
        Shape (series, p) or (1, p).
    """

    mean: Array
    precision: Array

    def restrict(self, columns: Sequence[int]) -> CoefficientPrior:
        """Keep the coefficients of some columns."""
        return CoefficientPrior(self.mean[:, columns], self.precision[:, columns])


@dataclass(frozen=True)
class GridPosterior:
    """Posterior of one change model: a mixture of Gaussians over the grid.

    Parameters
    ----------
    log_evidence
        Log marginal likelihood, shape (series,); flat coefficients contribute Lebesgue measure 1.
    weight
        Posterior mass of every grid point, shape (series, node, tau).
    mean
        Coefficients given the grid point, shape (series, node, tau, p).
    factor
        Lower Cholesky factor L of A = LL', shape (series or 1, node, tau, p, p).
    """

    log_evidence: Array
    weight: Array
    mean: Array
    factor: Array


@dataclass(frozen=True)
class GridDraws:
    """Independent draws from a `GridPosterior`: grid indices (draw,) and coefficients (draw, p)."""

    node_index: NDArray[np.int64]
    tau_index: NDArray[np.int64]
    coefficients: Array


def tau_grid(scale: float, n_models: int, low: float = 0.005, high: float = 8.0) -> Array:
    """Lay residual sds from `low` to `high` times `scale`, log-spaced.

    The posterior of log tau has sd about 1/sqrt(2n); steps of that size make the trapezoid rule exact to
    rounding. Far below the measurement errors a smaller residual sd changes nothing, so a low start costs
    little.
    """
    n_points = max(48, 1 + int(np.ceil(np.log(high / low) * np.sqrt(2.0 * n_models))))
    return scale * np.geomspace(low, high, n_points)


def accumulate(x: Array, covariance: Array, design: Array, taus: Array) -> Statistics:
    """Collect the sufficient statistics of a batch of series at every break date and residual sd.

    Parameters
    ----------
    x
        Values, shape (series, model).
    covariance
        Measurement covariance S shared by the series, shape (model, model), positive semi-definite.
    design
        Design matrices, shape (node, model, p).
    taus
        Residual sds, shape (tau,).
    """
    eigenvalues, basis = _diagonalise(covariance)
    spread = eigenvalues[None, :] + taus[:, None] ** 2
    weights = 1.0 / spread
    rotated_design = basis.T @ design
    rotated_x = x @ basis
    n_nodes, n_models, n_columns = design.shape
    rows, columns = np.triu_indices(n_columns)
    half = weights @ (rotated_design[..., rows] * rotated_design[..., columns])
    gram = np.empty((n_nodes, taus.size, n_columns, n_columns))
    gram[..., rows, columns] = half
    gram[..., columns, rows] = half
    weighted_x = rotated_x[:, None, :] * weights
    moment = np.moveaxis(np.tensordot(weighted_x, rotated_design, axes=(2, 1)), 2, 1)
    return Statistics(
        gram=gram,
        moment=np.ascontiguousarray(moment),
        quadratic=np.sum(rotated_x[:, None, :] * weighted_x, axis=2),
        log_det=np.sum(np.log(spread), axis=1),
        taus=taus,
        n_models=n_models,
    )


def _diagonalise(covariance: Array) -> tuple[Array, Array]:
    """Return eigenvalues clipped at 0 and eigenvectors; a diagonal matrix is its own answer."""
    diagonal = np.diagonal(covariance)
    if not np.any(covariance - np.diag(diagonal)):
        return diagonal.astype(np.float64), np.eye(diagonal.size)
    eigenvalues, basis = np.linalg.eigh(covariance)
    return np.maximum(eigenvalues, 0.0), basis


def marginalise(
    statistics: Statistics,
    *,
    columns: Sequence[int],
    nodes: NDArray[np.int64],
    prior: CoefficientPrior,
    log_prior_node: Array,
    log_prior_tau: Array,
) -> GridPosterior:
    """Integrate out coefficients, break date and residual sd for one change model.

    Parameters
    ----------
    statistics
        From `accumulate`, for the full set of columns and nodes.
    columns, nodes
        Columns of the design in the change model and grid nodes its break may take.
    prior
        Gaussian prior of these coefficients.
    log_prior_node
        Log prior mass of each node, shape (node,), summing to one.
    log_prior_tau
        Log prior mass of each residual sd, shape (series or 1, tau), summing to one.
    """
    column_index = np.asarray(columns)
    gram = statistics.gram[np.ix_(nodes, np.arange(statistics.taus.size), column_index, column_index)]
    precision = gram[None] + _diagonal(prior.precision)[:, None, None]
    shift = (prior.precision * prior.mean)[:, None, None, :]
    moment = statistics.moment[:, nodes][..., column_index] + shift
    factor = np.linalg.cholesky(precision)
    half = _solve_lower(factor, moment)
    mean = _solve_transposed(factor, half)

    proper = prior.precision > 0
    log_prior_det = np.sum(np.log(np.where(proper, prior.precision, 1.0)), axis=1)
    prior_quadratic = np.sum(prior.precision * prior.mean**2, axis=1)
    quadratic = statistics.quadratic[:, None, :] + prior_quadratic[:, None, None] - np.sum(half**2, axis=-1)
    log_det_precision = 2.0 * np.sum(np.log(np.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)
    n_flat = np.sum(~proper, axis=1)
    log_likelihood = -0.5 * (
        statistics.log_det
        + quadratic
        + log_det_precision
        - log_prior_det[:, None, None]
        + (statistics.n_models - n_flat)[:, None, None] * np.log(2 * np.pi)
    )
    log_joint = log_likelihood + log_prior_node[:, None] + log_prior_tau[:, None, :]
    peak = np.max(log_joint, axis=(1, 2), keepdims=True)
    mass = np.exp(log_joint - peak)
    total = np.sum(mass, axis=(1, 2), keepdims=True)
    return GridPosterior(
        log_evidence=np.log(total[:, 0, 0]) + peak[:, 0, 0], weight=mass / total, mean=mean, factor=factor
    )


def _diagonal(values: Array) -> Array:
    return values[..., :, None] * np.eye(values.shape[-1])


def _solve_lower(factor: Array, right: Array) -> Array:
    """Solve L z = right for stacks of small lower-triangular L, column by column."""
    solution: list[Array] = []
    for k in range(right.shape[-1]):
        known: Array | float = sum((factor[..., k, j] * solution[j] for j in range(k)), 0.0)
        solution.append((right[..., k] - known) / factor[..., k, k])
    return np.stack(solution, axis=-1)


def _solve_transposed(factor: Array, right: Array) -> Array:
    """Solve L' z = right for stacks of small lower-triangular L."""
    size = right.shape[-1]
    solution: dict[int, Array] = {}
    for k in reversed(range(size)):
        known: Array | float = sum((factor[..., j, k] * solution[j] for j in range(k + 1, size)), 0.0)
        solution[k] = (right[..., k] - known) / factor[..., k, k]
    return np.stack([solution[k] for k in range(size)], axis=-1)


def solve_normal(factor: Array, right: Array) -> Array:
    """Solve L L' z = right for stacks of small systems."""
    return _solve_transposed(factor, _solve_lower(factor, right))


def check_edges(posterior: GridPosterior, taus: Array) -> None:
    """Refuse a posterior of the residual sd that runs off the grid.

    Raises
    ------
    ConvergenceError
        Where more than 1 % of the mass lies on the first or the last residual sd of the grid.
    """
    edges = posterior.weight.sum(axis=1)[:, [0, -1]]
    if np.any(edges > EDGE_MASS):
        series, edge = np.argwhere(edges > EDGE_MASS)[0]
        raise ConvergenceError(
            f"The residual sd runs off its grid: {edges[series, edge]:.1%} of the posterior lies on the "
            f"{('lowest', 'highest')[edge]} value {taus[(0, -1)[edge]]:.3g} (limit 1 %). The values may lie "
            "on an exact line or hold too few models; add models, or give `residual_sd` in the priors."
        )


def sample(
    posterior: GridPosterior, n_draws: int, rng: np.random.Generator, series_index: int = 0
) -> GridDraws:
    """Draw independently from the mixture; grid points by systematic resampling.

    Systematic resampling visits each grid point in proportion to its mass up to one draw, so only the
    Gaussian part carries Monte Carlo noise.
    """
    weight = posterior.weight[series_index]
    edges = np.cumsum(weight.ravel())
    points = (np.arange(n_draws) + rng.uniform()) / n_draws * edges[-1]
    flat = np.minimum(np.searchsorted(edges, points, side="right"), weight.size - 1)
    rng.shuffle(flat)
    node_index, tau_index = np.unravel_index(flat, weight.shape)
    factor = posterior.factor[min(series_index, posterior.factor.shape[0] - 1), node_index, tau_index]
    mean = posterior.mean[series_index, node_index, tau_index]
    noise = rng.standard_normal(mean.shape)
    return GridDraws(node_index, tau_index, mean + _solve_transposed(factor, noise))
