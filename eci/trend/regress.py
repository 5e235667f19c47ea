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

from eci.errors import ConvergenceError
from eci.trend.basis import Array

EDGE_MASS = 0.01
FLAT_SLOPE = 0.1
LOW, HIGH = 0.005, 8.0


# rows of a lower-triangular matrix, each entry an array over grid points
Triangle = tuple[tuple[Array, ...], ...]


@dataclass(frozen=True)
class Statistics:
    """What the data say at every grid point, before any prior; `p` counts the columns of the design.

    Parameters
    ----------
    gram
        X'WX, shape (p, p, node, tau): components first, so that small linear algebra runs over long arrays.
    moment
        X'Wx, shape (p, series, node, tau).
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
    factor
        Lower Cholesky factor L of A = LL', rows of shape (series or 1, node, tau) each.
    half
        L^-1 h, component by component, so that a draw of the coefficients is L'^-1 (half + noise).
    """

    log_evidence: Array
    weight: Array
    factor: Triangle
    half: tuple[Array, ...]

    @property
    def mean(self) -> Array:
        """Coefficients given the grid point, shape (series, node, tau, p)."""
        return np.stack(np.broadcast_arrays(*solve_transposed(self.factor, self.half)), axis=-1)


def tau_grid(smallest: float, largest: float, n_models: int) -> Array:
    """Lay residual sds from well below `smallest` to well above `largest`, log-spaced.

    The posterior of log tau has sd about 1/sqrt(2n); steps of that size make the trapezoid rule exact to
    rounding. Far below the measurement errors a smaller residual sd changes nothing, so a low start costs
    little.

    Parameters
    ----------
    smallest, largest
        Least and greatest plausible residual sd: of the least-squares line and of the prior.
    n_models
        Number of models.
    """
    low, high = LOW * smallest, HIGH * largest
    n_points = max(48, 1 + int(np.ceil(np.log(high / low) * np.sqrt(2.0 * n_models))))
    return np.geomspace(low, high, n_points)


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
    gram = np.empty((n_columns, n_columns, n_nodes, taus.size))
    for i in range(n_columns):
        for j in range(i + 1):
            gram[i, j] = gram[j, i] = (rotated_design[..., i] * rotated_design[..., j]) @ weights.T
    weighted_x = rotated_x[:, None, :] * weights
    moment = np.stack(
        [np.tensordot(weighted_x, rotated_design[..., i], axes=(2, 1)) for i in range(n_columns)]
    )
    return Statistics(
        gram=gram,
        moment=np.ascontiguousarray(np.swapaxes(moment, 2, 3)),
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
    nodes: slice,
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
        Columns of the design in the change model, and the run of grid nodes its break may take.
    prior
        Gaussian prior of these coefficients.
    log_prior_node
        Log prior mass of each node, shape (node,), summing to one.
    log_prior_tau
        Log prior mass of each residual sd, shape (series or 1, tau), summing to one.
    """
    precision = prior.precision.T[:, :, None, None]
    shift = (prior.precision * prior.mean).T[:, :, None, None]
    gram = [
        [
            statistics.gram[i, j][None, nodes] + (precision[a] if a == b else 0.0)
            for b, j in enumerate(columns[: a + 1])
        ]
        for a, i in enumerate(columns)
    ]
    factor = _factorise(gram)
    half = solve_lower(factor, [statistics.moment[i][:, nodes] + shift[a] for a, i in enumerate(columns)])

    proper = prior.precision > 0
    log_prior_det = np.sum(np.log(np.where(proper, prior.precision, 1.0)), axis=1)
    prior_quadratic = np.sum(prior.precision * prior.mean**2, axis=1)
    quadratic = statistics.quadratic[:, None, :] + prior_quadratic[:, None, None] - sum(z**2 for z in half)
    log_det_precision = 2.0 * sum(np.log(factor[k][k]) for k in range(len(columns)))
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
        log_evidence=np.log(total[:, 0, 0]) + peak[:, 0, 0], weight=mass / total, factor=factor, half=half
    )


def _factorise(matrix: Sequence[Sequence[Array]]) -> Triangle:
    """Cholesky factors of many small matrices at once, given by the rows of their lower triangles."""
    rows: list[list[Array]] = []
    for i, entries in enumerate(matrix):
        row: list[Array] = []
        for j, entry in enumerate(entries):
            known = sum((row[k] * (rows[j][k] if j < i else row[k]) for k in range(j)), 0.0)
            row.append(np.sqrt(entry - known) if i == j else (entry - known) / rows[j][j])
        rows.append(row)
    return tuple(tuple(row) for row in rows)


def solve_lower(factor: Triangle, right: Sequence[Array]) -> tuple[Array, ...]:
    """Solve L z = right, component by component."""
    solution: list[Array] = []
    for row, target in zip(factor, right, strict=True):
        known = sum((entry * z for entry, z in zip(row, solution, strict=False)), 0.0)
        solution.append((target - known) / row[-1])
    return tuple(solution)


def solve_transposed(factor: Triangle, right: Sequence[Array]) -> tuple[Array, ...]:
    """Solve L' z = right, component by component."""
    size = len(factor)
    solution = list(right)
    for k in reversed(range(size)):
        known = sum((factor[j][k] * solution[j] for j in range(k + 1, size)), 0.0)
        solution[k] = (right[k] - known) / factor[k][k]
    return tuple(solution)


def check_edges(posterior: GridPosterior, taus: Array, log_prior_tau: Array) -> None:
    """Refuse a posterior of the residual sd that runs off the grid.

    Where measurement errors explain all the scatter, the likelihood is flat below them and the lowest grid
    point stands for everything down to zero: that edge is then the end of the range, not of the grid.

    Raises
    ------
    ConvergenceError
        Where more than 1% of the mass lies on the last residual sd of the grid, or on the first while the
        likelihood still changes there.
    """
    mass = posterior.weight.sum(axis=1)
    for series, edge in np.argwhere(mass[:, [0, -1]] > EDGE_MASS):
        prior = log_prior_tau[min(series, log_prior_tau.shape[0] - 1)]
        log_likelihood = np.log(np.maximum(mass[series, :2], np.finfo(float).tiny)) - prior[:2]
        slope = (log_likelihood[1] - log_likelihood[0]) / np.log(taus[1] / taus[0])
        if edge == 0 and abs(slope) < FLAT_SLOPE:
            continue
        raise ConvergenceError(
            f"The residual sd runs off its grid: {mass[series, (0, -1)[edge]]:.1%} of the posterior lies on "
            f"the {('lowest', 'highest')[edge]} value {taus[(0, -1)[edge]]:.3g} (limit 1%). The values may "
            "lie on an exact line or hold too few models; add models, or give `residual_sd` in the priors."
        )
