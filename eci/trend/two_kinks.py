"""Two breaks: three slopes that join at two unknown dates.

    x | b, tau, t1, t2  ~  Normal(X(t1, t2) b, S + tau² I),   columns  1,  t,  (t - t1)+,  (t - t2)+

The same exact regression as for one break: coefficients in closed form, the pair of dates and the residual sd
on a grid. Several breaks by enumeration: Bai and Perron (1998), https://doi.org/10.2307/2998540, by least
squares; here every pair is weighed by its marginal likelihood.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from eci.errors import IdentificationError
from eci.trend.analysis import NEGLIGIBLE
from eci.trend.basis import Array
from eci.trend.ensemble import Member, fit_ensemble
from eci.trend.priors import ResolvedPriors
from eci.trend.quantity import DateQuantity, Quantity, summarise, summarise_dates
from eci.trend.regress import (
    CoefficientPrior,
    GridPosterior,
    Statistics,
    accumulate,
    check_edges,
    marginalise,
)
from eci.trend.result import Trend
from eci.trend.sampling import project, sample

Bends = Literal["none", "one kink", "two kinks"]

BENDS: tuple[Bends, ...] = ("none", "one kink", "two kinks")
N_CELLS = 40
SUPPORTED = 0.5


@dataclass(frozen=True)
class TwoKinks:
    """Posterior of a line that bends twice, and the evidence for it.

    Parameters
    ----------
    n
        Models in the regression; a frontier counts its point frontier.
    slopes
        The three slopes in order of time, points a year.
    break_dates
        The two dates.
    residual_sd
        Scatter of true values about the line, points.
    probabilities
        Posterior probabilities of no, one and two kinks, 1/3 each before the data.
    log_bayes_factor_none, log_bayes_factor_kink
        Log evidence of two kinks against none and against one.
    supported
        Share of the frontiers drawn that hold enough models for two breaks (1 without a frontier); in the
        others two kinks count as impossible.
    min_segment
        Least number of models in each of the three segments.
    """

    n: int
    slopes: tuple[Quantity, Quantity, Quantity]
    break_dates: tuple[DateQuantity, DateQuantity]
    residual_sd: Quantity
    probabilities: dict[Bends, float]
    log_bayes_factor_none: float
    log_bayes_factor_kink: float
    supported: float
    min_segment: int

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {
            "slopes": [slope.record() for slope in self.slopes],
            "break_dates": [date.record() for date in self.break_dates],
            "residual_sd": self.residual_sd.record(),
        }


def fit_two_kinks(trend: Trend) -> TwoKinks:
    """Fit a line that bends at two unknown dates to the series of a trend, under the trend's priors.

    Parameters
    ----------
    trend
        A trend with a free break; its series, priors, `min_segment`, number of draws and seed are taken over.
        Both changes of slope have the prior of one.

    Returns
    -------
    TwoKinks
        Slopes, dates and evidence. The pair of dates is uniform over the pairs that leave `min_segment`
        models before the first, between the two, and on or after the second.

    Raises
    ------
    IdentificationError
        Where the break is fixed, or fewer than half of the sets of models leave room for two breaks.
    """
    options = replace(trend.options, changes=("none", "kink"))
    if options.break_date is not None:
        raise IdentificationError(
            f"Two breaks are sought at unknown dates, but the break is fixed at {options.break_date}. Drop "
            "break_at."
        )
    if trend.n < 3 * options.min_segment:
        raise _not_identified(trend)
    ensemble = fit_ensemble(trend.series, options)
    weights = np.array([member.weight for member in ensemble.members])
    years = trend.series.years(ensemble.origin)

    def bend(member: Member) -> _Bent | None:
        return _bend_twice(member, years[member.rows], ensemble.priors, options.min_segment)

    # a posterior over pairs is large: each is made again for its draws rather than all kept
    shares = np.array([_weigh(member, bend(member), ensemble.priors) for member in ensemble.members])
    supported = float(weights @ (shares[:, 2] > 0))
    if supported < SUPPORTED:
        raise _not_identified(trend)
    prob = weights @ shares
    with np.errstate(divide="ignore"):
        log_prob = np.log(prob)
    rng = np.random.default_rng([options.seed, 15])
    counts = _allocate(weights * shares[:, 2], options.n_draws, rng)
    parts = [
        _draw_bent(bent, int(k), rng)
        for member, k in zip(ensemble.members, counts, strict=True)
        if k and (bent := bend(member)) is not None
    ]
    coefficients, breaks, residual_sd = (np.concatenate(column) for column in zip(*parts, strict=True))
    per_unit, _ = trend.series.units.draw(options.n_draws, rng)
    slopes = np.cumsum(coefficients[:, 1:], axis=1) * per_unit[:, None]
    first, second, third = (summarise(slope, trend.interval_prob) for slope in slopes.T)
    dates = [summarise_dates(date, ensemble.origin, trend.interval_prob) for date in breaks.T]
    return TwoKinks(
        n=trend.n,
        slopes=(first, second, third),
        break_dates=(dates[0], dates[1]),
        residual_sd=summarise(residual_sd * per_unit, trend.interval_prob),
        probabilities=dict(zip(BENDS, prob.tolist(), strict=True)),
        log_bayes_factor_none=float(log_prob[2] - log_prob[0]),
        log_bayes_factor_kink=float(log_prob[2] - log_prob[1]),
        supported=supported,
        min_segment=options.min_segment,
    )


@dataclass(frozen=True)
class BreakPairs:
    """Pairs of break dates over which the regression is summed: midpoints of equal cells.

    A line that bends is smooth in its break dates, also where they cross a release, so the cells need not end
    at the releases.

    Parameters
    ----------
    years
        First and second break date, shape (pair, 2), years from the origin.
    width
        Width of a cell, years.
    """

    years: Array
    width: float


def lay_pairs(years: Array, min_segment: int, n_cells: int = N_CELLS) -> BreakPairs | None:
    """Lay pairs of dates that leave enough models in each segment; None where no pair does.

    Parameters
    ----------
    years
        Release dates (model,), years from the origin.
    min_segment
        Least number of models before the first break, between the two, and on or after the second.
    n_cells
        Cells between the earliest and the latest break.
    """
    ordered = np.sort(years)
    if ordered.size < 3 * min_segment:
        return None
    low, high = ordered[min_segment - 1], ordered[-min_segment]
    width = float(high - low) / n_cells
    nodes = low + (np.arange(n_cells) + 0.5) * width
    before = np.searchsorted(ordered, nodes)
    first, second = np.triu_indices(n_cells, 1)
    kept = before[second] - before[first] >= min_segment
    return BreakPairs(np.column_stack([nodes[first], nodes[second]])[kept], width) if kept.any() else None


def bend_design(years: Array, pairs: Array) -> Array:
    """Return the columns level, slope and the two changes of slope: (pair, model, 4) for pairs (pair, 2)."""
    since = np.maximum(years[None, :, None] - pairs[:, None, :], 0.0)
    ones = np.ones_like(since[..., :1])
    return np.concatenate([ones, ones * years[None, :, None], since], axis=-1)


@dataclass(frozen=True)
class _Bent:
    """Posterior of two kinks on one set of models."""

    pairs: BreakPairs
    statistics: Statistics
    posterior: GridPosterior
    shared_moment: Array | None


def _bend_twice(member: Member, years: Array, priors: ResolvedPriors, min_segment: int) -> _Bent | None:
    pairs = lay_pairs(years, min_segment)
    if pairs is None:
        return None
    k = years.size
    measurement, taus = member.measurement, member.analysis.statistics.taus
    covariance, shared = measurement.covariance[:k, :k], measurement.shared[:k]
    matrix = bend_design(years, pairs.years)
    statistics = accumulate(measurement.values[None, :k], covariance, matrix, taus)
    posterior = marginalise_pairs(statistics, priors)
    shared_moment = accumulate(shared[None], covariance, matrix, taus).moment if np.any(shared) else None
    return _Bent(pairs, statistics, posterior, shared_moment)


def marginalise_pairs(statistics: Statistics, priors: ResolvedPriors) -> GridPosterior:
    """Integrate coefficients, pair of dates (uniform) and residual sd.

    Parameters
    ----------
    statistics
        Of the design of `bend_design`.
    priors
        In working units; both changes of slope have the prior of one.
    """
    prior = priors.coefficients()
    columns = [0, 1, 2, 2]  # level, slope, change of slope twice
    n_pairs = statistics.gram.shape[2]
    return marginalise(
        statistics,
        columns=range(4),
        nodes=slice(None),
        prior=CoefficientPrior(prior.mean[:, columns], prior.precision[:, columns]),
        log_prior_node=np.full(n_pairs, -np.log(n_pairs)),
        log_prior_tau=priors.log_tau_mass(statistics.taus),
    )


def _weigh(member: Member, bent: _Bent | None, priors: ResolvedPriors) -> Array:
    """Return the posterior probabilities of no, one and two kinks on one set of models."""
    evidence = member.analysis.posteriors
    log_evidence = np.array(
        [
            *(evidence[c].log_evidence[0] if c in evidence else -np.inf for c in ("none", "kink")),
            -np.inf if bent is None else bent.posterior.log_evidence[0],
        ]
    )
    weight = np.exp(log_evidence - log_evidence.max())
    share = np.asarray(weight / weight.sum())
    if bent is not None and share[2] > NEGLIGIBLE:
        taus = bent.statistics.taus
        check_edges(bent.posterior, taus, priors.log_tau_mass(taus))
    return share


def _allocate(shares: Array, n_draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Share draws among sets of models in proportion, systematically."""
    edges = np.cumsum(shares) / shares.sum()
    points = (np.arange(n_draws) + rng.uniform()) / n_draws
    where = np.minimum(np.searchsorted(edges, points, side="right"), shares.size - 1)
    return np.bincount(where, minlength=shares.size)


def _draw_bent(bent: _Bent, n_draws: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    grid = sample(bent.posterior, bent.statistics.taus, n_draws, rng)
    coefficients = grid.coefficients
    if bent.shared_moment is not None:
        at: tuple[NDArray[np.int64], NDArray[np.int64]] = (grid.node_index, grid.tau_index)
        moments = [bent.shared_moment[column, 0][at] for column in range(4)]
        # the regression saw index = true + shared error: take its projection off the line
        shared = rng.standard_normal((n_draws, 1))
        coefficients = coefficients - shared * project(bent.posterior, moments, grid)
    within = rng.uniform(-0.5, 0.5, (n_draws, 2)) * bent.pairs.width
    return coefficients, bent.pairs.years[grid.node_index] + within, grid.residual_sd


def _not_identified(trend: Trend) -> IdentificationError:
    least = trend.options.min_segment
    return IdentificationError(
        f"Two breaks: not identified. Three segments of at least {least} models each are needed at different "
        f"dates; this trend rests on {trend.n} models. Widen the selection, or ask for one break."
    )
