"""Stochastic frontier: all models as a line minus a one-sided gap, the second reading of a frontier.

    x_i = a + b t_i - u_i + v_i + e_i,
    u_i ~ Exponential(mean g),   v_i ~ Normal(0, tau²),   e_i ~ Normal(0, S_ii)

Meeusen and van den Broeck (1977), International Economic Review 18(2), 435-444,
https://doi.org/10.2307/2525757. The running maximum asks which models led; this asks for the slope of the
line that generated all of them. With s² = tau² + S_ii and r = x - a - b t, the density of one model is

    exp(r / g + s² / (2 g²)) Phi(-r / s - s / g) / g.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eci.errors import ConvergenceError, DataError
from eci.trend.basis import Array
from eci.trend.priors import LeastSquares, least_squares
from eci.trend.quantity import Quantity, summarise

if TYPE_CHECKING:
    from eci.trend.series import IndexSeries

LEAST_MODELS = 10
N_IMPUTED = 40
LEAST_ESS = 100
DEGREES = 5.0
N_ROUNDS = 4


@dataclass(frozen=True)
class Envelope:
    """Line that bounds a series of models from above.

    Parameters
    ----------
    n
        Models.
    slope
        Slope of the line, points a year.
    gap
        Mean distance of a model below the line, points.
    residual_sd
        Two-sided scatter, points.
    effective_draws
        Effective number of importance draws, the least over imputations.
    """

    n: int
    slope: Quantity
    gap: Quantity
    residual_sd: Quantity
    effective_draws: float

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "n": self.n,
            "slope": self.slope.record(),
            "gap": self.gap.record(),
            "residual_sd": self.residual_sd.record(),
            "effective_draws": self.effective_draws,
        }


def fit_envelope(
    series: IndexSeries, *, interval_prob: float = 0.9, n_draws: int = 8000, seed: int = 0
) -> Envelope:
    """Fit a line minus one-sided gaps to all models of a series.

    Parameters
    ----------
    series
        The series; where it is a frontier, all the models among which the frontier was sought.
    interval_prob
        Probability of the intervals.
    n_draws, seed
        Importance draws and their seed.

    Returns
    -------
    Envelope
        Posterior of slope, mean gap and scatter. Level and slope have flat priors; gap and scatter are
        half-normal with twice the least-squares residual sd.

    Raises
    ------
    DataError
        Where there are fewer than ten models.
    ConvergenceError
        Where importance sampling from the mode fails (fewer than 100 effective draws).

    Notes
    -----
    A table's own errors enter model by model; the error its models share moves the level and is left out.
    Joint draws of a fit are imputed: the regression runs on 40 of them, which counts part of their error
    twice, as scatter too, and so errs on the wide side.
    """
    if len(series) < LEAST_MODELS:
        raise DataError(
            f"A line minus one-sided gaps needs at least {LEAST_MODELS} models, found {len(series)}. Loosen "
            "the selection."
        )
    rng = np.random.default_rng([seed, 13])
    origin = series.release_date.min()
    years = series.years(origin)
    years = years - years.mean()
    if series.draws is None:
        runs = [(series.values, np.diagonal(series.covariance), 1.0)]
    else:
        rows = np.linspace(0, len(series.draws) - 1, N_IMPUTED).round().astype(int)
        slopes = np.broadcast_to(series.units.slope, len(series.draws))
        runs = [(series.draws[row], np.zeros(len(series)), float(slopes[row])) for row in rows]
    parts, sizes = [], []
    for x, variance, unit in runs:
        draws, size = _importance(x, years, variance, n_draws // len(runs), rng)
        parts.append(unit * np.column_stack([draws[:, 1], np.exp(draws[:, 2]), np.exp(draws[:, 3])]))
        sizes.append(size)
    pooled = np.concatenate(parts)
    slope, gap, scatter = (summarise(column, interval_prob) for column in pooled.T)
    return Envelope(len(series), slope, gap, scatter, float(min(sizes)))


def log_density(parameters: Array, x: Array, years: Array, variance: Array, scale: float) -> Array:
    """Log posterior (draw,) of level, slope, log gap and log scatter (draw, 4), up to a constant."""
    from scipy.special import log_ndtr

    level, slope, log_gap, log_scatter = (parameters[:, [k]] for k in range(4))
    gap = np.exp(log_gap)
    s = np.sqrt(np.exp(2 * log_scatter) + variance)
    r = x - level - slope * years
    likelihood = np.sum(r / gap + 0.5 * (s / gap) ** 2 + log_ndtr(-r / s - s / gap) - log_gap, axis=1)
    prior = -0.5 * ((gap / scale) ** 2 + (np.exp(log_scatter) / scale) ** 2) + log_gap + log_scatter
    return np.asarray(likelihood + prior[:, 0])


def _importance(
    x: Array, years: Array, variance: Array, n_draws: int, rng: np.random.Generator
) -> tuple[Array, float]:
    """Draw by importance resampling from a Student t about the mode; return the effective size as well."""
    from scipy.optimize import minimize

    line = least_squares(x[None], years)
    scale = 2.0 * float(line.residual_sd[0])
    # in units of the data: level and slope in residual sds, so that the search is well conditioned
    shift, stretch = _standard(line)

    def minus(p: Array) -> float:
        return -float(log_density((shift + stretch * p)[None], x, years, variance, scale)[0])

    mode = minimize(minus, np.zeros(4), method="BFGS")
    curvature = _hessian(minus, mode.x)
    try:
        factor = np.linalg.cholesky(np.linalg.inv(curvature))
    except np.linalg.LinAlgError:
        raise ConvergenceError(
            f"The line minus one-sided gaps has no proper mode for these {x.size} models: gap and scatter "
            "cannot be told apart. Rest on the running maximum alone."
        ) from None
    n_proposed = max(2 * n_draws, 1000)
    centre = mode.x
    for _ in range(N_ROUNDS):
        standard = rng.standard_normal((n_proposed, 4)) / np.sqrt(
            rng.chisquare(DEGREES, (n_proposed, 1)) / DEGREES
        )
        proposed = centre + standard @ factor.T
        log_proposal = -0.5 * (DEGREES + 4) * np.log1p(np.sum(standard**2, axis=1) / DEGREES)
        log_weight = log_density(shift + stretch * proposed, x, years, variance, scale) - log_proposal
        weight = np.exp(log_weight - log_weight.max())
        # the next round starts from what this one found: the posterior leans where the gap is near zero
        centre = weight @ proposed / weight.sum()
        factor = np.linalg.cholesky(np.cov(proposed, rowvar=False, aweights=weight))
    size = float(weight.sum() ** 2 / np.sum(weight**2))
    if size < LEAST_ESS:
        raise ConvergenceError(
            f"Importance sampling of the line minus one-sided gaps kept {size:.0f} effective draws of "
            f"{n_proposed} (least {LEAST_ESS}). Rest on the running maximum alone."
        )
    rows = np.searchsorted(np.cumsum(weight), (np.arange(n_draws) + rng.uniform()) / n_draws * weight.sum())
    return shift + stretch * proposed[np.minimum(rows, n_proposed - 1)], size


def _standard(line: LeastSquares) -> tuple[Array, Array]:
    """Return where the search starts and the size of its steps: level, slope, log gap, log scatter."""
    sd = float(line.residual_sd[0])
    start = np.array([float(line.level[0]) + sd, float(line.slope[0]), np.log(sd), np.log(0.5 * sd)])
    return start, np.array([sd, float(line.slope_se[0]), 1.0, 1.0])


def _hessian(function: Callable[[Array], float], at: Array, step: float = 1e-3) -> Array:
    """Central second differences."""
    n = at.size
    steps = step * np.eye(n)
    matrix = np.empty((n, n))
    for i in range(n):
        for j in range(i, n):
            a, b = steps[i], steps[j]
            corners = (
                function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b)
            )
            matrix[i, j] = matrix[j, i] = corners / (4 * step**2)
    return matrix
