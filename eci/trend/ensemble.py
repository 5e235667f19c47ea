"""The exact regression over a fixed set of models, or averaged over the frontiers the data allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError
from eci.trend.analysis import MIN_SEGMENT, Analysis, Layout, TrendDraws, analyse, join_draws, weigh
from eci.trend.basis import (
    CHANGE_MODELS,
    COLUMNS,
    JUMP,
    SLOPE_CHANGE,
    Array,
    ChangeModel,
    fixed_break,
    years_since,
)
from eci.trend.measurement import Measurement
from eci.trend.priors import LeastSquares, ResolvedPriors, TrendPriors, least_squares
from eci.trend.series import IndexSeries

Segments = Literal["joined", "separate"]

# column of the design each prior scale belongs to; the residual sd belongs to all
SCALE_COLUMNS = {"slope_change_sd": SLOPE_CHANGE, "jump_sd": JUMP, "residual_sd": None}


@dataclass(frozen=True)
class TrendOptions:
    """Every analyst's choice of a trend, as recorded in the result; `fit_trend` documents them."""

    changes: tuple[ChangeModel, ...] = CHANGE_MODELS
    break_date: np.datetime64 | None = None
    break_model: str | None = None
    segments: Segments = "joined"
    priors: TrendPriors = field(default_factory=TrendPriors)
    min_segment: int = MIN_SEGMENT
    n_memberships: int = 200
    n_draws: int = 20_000
    seed: int = 0


@dataclass(frozen=True)
class Member:
    """One set of models the trend may rest on, with its weight and its analysis.

    Parameters
    ----------
    rows
        Positions in the series.
    weight
        Posterior probability of this set.
    measurement
        Values and covariance of the set; where a further model is to be compared, it comes last.
    analysis
        Posteriors of the change models.
    """

    rows: NDArray[np.int64]
    weight: float
    measurement: Measurement
    analysis: Analysis


@dataclass(frozen=True)
class Ensemble:
    """Analyses of all sets under common priors and a common time origin.

    Parameters
    ----------
    members
        The sets with their analyses; one where the selection is certain.
    priors
        In working units.
    line
        Least-squares line of the published values, points.
    origin
        Time origin.
    unusable
        Share of frontiers left out because they hold fewer than three dates or no admissible break.
    """

    members: tuple[Member, ...]
    priors: ResolvedPriors
    line: LeastSquares
    origin: np.datetime64
    unusable: float = 0.0

    @property
    def probabilities(self) -> Array:
        """Posterior probabilities of the change models, averaged over the sets, shape (4,)."""
        return np.asarray(sum(m.weight * m.analysis.probabilities[0] for m in self.members))

    @property
    def log_bayes_factors(self) -> Array:
        """Log evidence of each change model against none (4,), from averaged posterior and prior odds."""
        with np.errstate(divide="ignore", invalid="ignore"):
            posterior, prior = np.log(self.probabilities), np.log(self.priors.change_prob)
            return np.asarray((posterior - posterior[0]) - (prior - prior[0]))

    def allocate(
        self, change: ChangeModel, n_draws: int, rng: np.random.Generator
    ) -> Iterator[tuple[Member, int]]:
        """Share draws of one change model among the sets, in proportion to its probability in each."""
        which = CHANGE_MODELS.index(change)
        share = np.array([m.weight * m.analysis.probabilities[0, which] for m in self.members])
        edges = np.cumsum(share) / share.sum()
        points = (np.arange(n_draws) + rng.uniform()) / n_draws
        counts = np.bincount(
            np.minimum(np.searchsorted(edges, points, side="right"), len(share) - 1), minlength=len(share)
        )
        for member, count in zip(self.members, counts, strict=True):
            if count:
                yield member, int(count)

    def draw(self, change: ChangeModel, n_draws: int, rng: np.random.Generator) -> TrendDraws:
        """Draw from one change model, averaged over the sets, in working units."""
        parts = [m.analysis.draw(change, k, rng) for m, k in self.allocate(change, n_draws, rng)]
        return join_draws(parts).rows(rng.permutation(n_draws))

    def reweigh(self, priors: ResolvedPriors, options: TrendOptions) -> Ensemble:
        """Return the same data under other prior scales; change models without these scales are kept."""
        moved = {
            name
            for name, column in SCALE_COLUMNS.items()
            if np.any(getattr(priors, name) != getattr(self.priors, name))
        }
        kept = [
            change
            for change in options.changes
            if not any(
                column is None or column in COLUMNS[change] for column in map(SCALE_COLUMNS.get, moved)
            )
        ]
        members = tuple(
            replace(
                member,
                analysis=weigh(
                    member.analysis,
                    priors,
                    changes=options.changes,
                    min_segment=_least_after(options),
                    kept=kept,
                ),
            )
            for member in self.members
        )
        return replace(self, members=members, priors=priors)


def share_draws(probabilities: Array, n_draws: int) -> NDArray[np.int64]:
    """Split draws among change models by largest remainder, so that the counts add up."""
    exact = probabilities * n_draws
    counts = np.floor(exact).astype(np.int64)
    short = n_draws - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:short]] += 1
    return counts


def _least_after(options: TrendOptions) -> int:
    return options.min_segment if options.break_date is None else 1


def fit_ensemble(
    series: IndexSeries,
    options: TrendOptions,
    *,
    target: int | None = None,
    origin: np.datetime64 | None = None,
) -> Ensemble:
    """Analyse every set of models the series may rest on.

    Parameters
    ----------
    series
        Models in the regression and, where `target` is given, one more.
    options
        Analyst's choices.
    target
        Position of a model that is measured jointly with the others but left out of the regression.
    origin
        Time origin; by default the mean release date.

    Raises
    ------
    DataError
        Where fewer than three models or two release dates are left.
    """
    others = np.array([i for i in range(len(series)) if i != target], dtype=np.int64)
    rest = series.take(others)
    if origin is None:
        days = rest.release_date.astype("datetime64[D]").astype(np.int64)
        origin = np.datetime64(int(np.rint(days.mean())), "D")
    point = rest.point_frontier()
    check_enough(rest.take(point), frontier=rest.frontier)
    years = series.years(origin)
    line = least_squares(rest.index[None, point], years[others][point])
    if line.residual_sd[0] <= 1e-9 * max(float(np.ptp(rest.index)), 1e-12) and not rest.has_errors:
        raise DataError(
            f"The {point.size} values lie exactly on a line, so the residual sd is zero and no interval "
            "exists. Add models, or give the values with their standard deviations."
        )
    points = series.units.typical_slope
    working_line = least_squares(rest.values[None, point], years[others][point])
    priors = _for_changes(options).resolve(working_line, points)
    rng = np.random.default_rng([options.seed, 1])
    masks, weights = rest.memberships(options.n_memberships, rng)
    fitted = [
        _fit_member(
            series,
            others[mask],
            options,
            weight=float(weight),
            years=years,
            priors=priors,
            residual_sd=float(working_line.residual_sd[0]),
            target=target,
            origin=origin,
        )
        for mask, weight in zip(masks, weights, strict=True)
        if np.unique(years[others][mask]).size >= 3
    ]
    usable = [member for member in fitted if member.analysis.posteriors]
    if not usable:
        raise DataError(
            f"No break date leaves enough models for change {' or '.join(options.changes)}: {point.size} "
            f"models, at least {_least_after(options)} needed after the break. Lower min_segment or choose "
            "another change model."
        )
    total = sum(member.weight for member in usable)
    members = tuple(replace(member, weight=member.weight / total) for member in usable)
    return Ensemble(members, priors, line, origin, unusable=1.0 - float(total / weights.sum()))


def _for_changes(options: TrendOptions) -> TrendPriors:
    """Condition the prior probabilities on the change models asked for."""
    given = np.asarray(options.priors.change_prob)
    wanted = np.array([c in options.changes for c in CHANGE_MODELS])
    prob = np.where(wanted, given, 0.0)
    prob = prob if prob.sum() > 0 else wanted.astype(np.float64)
    prob = prob / prob.sum()
    return replace(options.priors, change_prob=(prob[0], prob[1], prob[2], prob[3]))


def _fit_member(
    series: IndexSeries,
    rows: NDArray[np.int64],
    options: TrendOptions,
    *,
    weight: float,
    years: Array,
    priors: ResolvedPriors,
    residual_sd: float,
    target: int | None,
    origin: np.datetime64,
) -> Member:
    joint = rows if target is None else np.append(rows, target)
    measurement = series.measure(joint)
    k = rows.size
    layout = _lay_out(series, rows, years[rows], options, origin)
    analysis = analyse(
        measurement.values[None, :k],
        measurement.covariance[:k, :k],
        layout,
        priors,
        changes=options.changes,
        min_segment=_least_after(options),
        shared=measurement.shared[:k],
        residual_sd=residual_sd,
    )
    return Member(rows, weight, measurement, analysis)


def _lay_out(
    series: IndexSeries, rows: NDArray[np.int64], years: Array, options: TrendOptions, origin: np.datetime64
) -> Layout:
    if options.break_date is None:
        return Layout.plain(years)
    # the same arithmetic as for the releases, so that the break model compares equal to its own date
    breaks = fixed_break(years, years_since(options.break_date, origin))
    if options.segments == "joined":
        return Layout.plain(years, breaks)
    names: Sequence[str] = [series.models[i] for i in rows]
    if options.break_model not in names:
        raise DataError(
            f"Separate segments share the break model, but {options.break_model!r} is not among the "
            f"{len(names)} models of this trend. Name a selected model, or use joined segments."
        )
    return Layout.separate(years, breaks, names.index(str(options.break_model)))


def check_enough(series: IndexSeries, *, frontier: bool = False) -> None:
    """Refuse a series that holds too few models or dates for a line with a residual sd.

    Raises
    ------
    DataError
        Where there are fewer than three models or three release dates.
    """
    n, n_dates = len(series), np.unique(series.release_date).size
    what = "frontier models" if frontier else "models"
    if n < 3:
        found = f"{n}: {', '.join(series.models)}" if n else "none"
        raise DataError(
            f"A trend needs at least 3 {what}, found {found}. Loosen the selection; every model needs a "
            "release date and an index that is a number."
        )
    if n_dates < 3:
        raise DataError(
            f"A trend needs at least 3 different release dates, found {n_dates} among {n} {what}. "
            "Check the dates or loosen the selection."
        )
