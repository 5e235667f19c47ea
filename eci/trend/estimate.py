"""`fit_trend`: regress an index on release date, with an unknown change of pace."""

from __future__ import annotations

import datetime as dt
from typing import Literal, get_args

import numpy as np

from eci.errors import DataError
from eci.trend.analysis import MIN_SEGMENT, TrendDraws
from eci.trend.basis import CHANGE_MODELS, Array, ChangeModel
from eci.trend.caveats import Counts, collect_caveats
from eci.trend.compare import sensitivity
from eci.trend.ensemble import Ensemble, Segments, TrendOptions, fit_ensemble
from eci.trend.priors import TrendPriors
from eci.trend.result import Trend
from eci.trend.selection import find_model
from eci.trend.series import IndexSeries

Change = Literal["auto", "none", "kink", "jump", "both"]


def fit_trend(
    series: IndexSeries,
    *,
    change: Change = "auto",
    break_at: str | dt.date | np.datetime64 | None = None,
    segments: Segments = "joined",
    priors: TrendPriors | None = None,
    interval_prob: float = 0.9,
    min_segment: int = MIN_SEGMENT,
    n_memberships: int = 200,
    n_draws: int = 20_000,
    seed: int = 0,
) -> Trend:
    """Regress an index on release date, with the joint uncertainty of the index and the break date unknown.

    For a change model with design matrix X(t*), x | b, tau, t* ~ Normal(X(t*) b, S + tau² I). Coefficients b
    are integrated in closed form, break date t* and residual sd tau on a grid: the posterior is exact up to
    the grid and the draws are independent.

    Parameters
    ----------
    series
        The index over time. A frontier is averaged over the frontiers its errors allow.
    change
        Change model: none, kink (the slope changes), jump (the level changes), both, or auto, which compares
        and averages the four.
    break_at
        A model or a date at which the break is fixed; by default it is unknown, uniform from the second
        release to the one that leaves `min_segment` models.
    segments
        With a break fixed at a model and change "both": "separate" lets the break model belong to both
        segments, as system cards fit them.
    priors
        Prior scales, by default from the least-squares line (see `TrendPriors`).
    interval_prob
        Probability of the central intervals, in (0, 1).
    min_segment
        Least number of models on or after a free break of the slope; a jump needs one.
    n_memberships
        Draws of the frontier's membership.
    n_draws, seed
        Number of posterior draws and the seed of their generator.

    Returns
    -------
    Trend
        Posterior of slopes, jump, break date and ratio with the probabilities of the change models.

    Raises
    ------
    DataError
        Where the series is too short, the break lies outside it or no model follows the break.
    ConvergenceError
        Where the residual sd runs off its grid.

    Notes
    -----
    A year has 365.25 days. Regression with an unknown change point by enumeration: Carlin, Gelfand and Smith
    (1992), Applied Statistics 41(2), 389-405, https://doi.org/10.2307/2347570; here the enumeration is exact.
    """
    _check_names(change, segments)
    _check_numbers(interval_prob, min_segment, n_memberships, n_draws)
    changes: tuple[ChangeModel, ...] = CHANGE_MODELS if change == "auto" else (change,)
    break_date, break_model = _resolve_break(series, break_at, changes)
    if segments == "separate" and (change != "both" or break_model is None):
        raise DataError(
            f"segments='separate' with change={change!r} and break_at={break_at!r}: separate segments that "
            "share the break model are change='both' with break_at a model. Give these, or segments='joined'."
        )
    options = TrendOptions(
        changes=changes,
        break_date=break_date,
        break_model=break_model,
        segments=segments,
        priors=priors or TrendPriors(),
        min_segment=min_segment,
        n_memberships=n_memberships,
        n_draws=n_draws,
        seed=seed,
    )
    ensemble = fit_ensemble(series, options)
    return _assemble(series, options, ensemble, interval_prob)


def _assemble(series: IndexSeries, options: TrendOptions, ensemble: Ensemble, interval_prob: float) -> Trend:
    rng = np.random.default_rng([options.seed, 0])
    prob = ensemble.probabilities
    slope, origin = series.units.draw(options.n_draws, rng)
    draws = {
        change: ensemble.draw(change, options.n_draws, rng).in_points(slope, origin)
        for change, p in zip(CHANGE_MODELS, prob, strict=True)
        if p > 0
    }
    identified = _tells_changes_apart(draws, prob)
    point = series.take(series.point_frontier())
    counts = _count_segments(point, draws, prob, ensemble.origin)
    membership: dict[str, float] = {}
    if series.frontier:
        on = np.zeros(len(series))
        for member in ensemble.members:
            on[member.rows] += member.weight
        membership = {
            series.models[i]: min(float(on[i]), 1.0)
            for i in np.argsort(series.release_date, kind="stable")
            if on[i] > 0
        }
    n_capped = max(member.measurement.n_capped for member in ensemble.members)
    bayes = ensemble.log_bayes_factors if len(options.changes) > 1 else np.full(4, np.nan)
    return Trend(
        series=series,
        options=options,
        interval_prob=interval_prob,
        origin=ensemble.origin,
        draws=draws,
        change_models=dict(zip(CHANGE_MODELS, prob.tolist(), strict=True)),
        log_bayes_factors=dict(zip(CHANGE_MODELS, bayes.tolist(), strict=True)),
        least_squares=ensemble.line,
        n=counts.n,
        n_before=counts.before,
        n_after=counts.after,
        membership=membership,
        priors=ensemble.priors.record(series.units.typical_slope),
        sensitivity=sensitivity(ensemble, options) if prob[0] < 1 else (),
        n_capped=n_capped,
        identified=identified,
        warnings=collect_caveats(series, options, ensemble, counts, identified),
    )


def _tells_changes_apart(draws: dict[ChangeModel, TrendDraws], prob: Array) -> bool:
    """Return False where nearly every supported break has one model after it."""
    changed = [c for c in draws if c != "none"]
    weight = np.array([prob[CHANGE_MODELS.index(c)] for c in changed])
    alone = np.array([np.mean(draws[c].n_after <= 1) for c in changed])
    return not changed or bool(weight @ alone / weight.sum() <= 0.95)


def _count_segments(
    point: IndexSeries, draws: dict[ChangeModel, TrendDraws], prob: Array, origin: np.datetime64
) -> Counts:
    """Count models before, and on or after, the median break given a change."""
    changed = [c for c in draws if c != "none"]
    if not changed:
        return Counts(len(point), None, None)
    breaks = np.concatenate([draws[c].break_years for c in changed])
    weights = np.concatenate([np.full(len(draws[c]), prob[CHANGE_MODELS.index(c)]) for c in changed])
    order = np.argsort(breaks, kind="stable")
    middle = int(np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2))
    after = int(np.sum(point.years(origin) >= breaks[order][min(middle, breaks.size - 1)]))
    return Counts(len(point), len(point) - after, after)


def _resolve_break(
    series: IndexSeries, break_at: str | dt.date | np.datetime64 | None, changes: tuple[ChangeModel, ...]
) -> tuple[np.datetime64 | None, str | None]:
    if break_at is None:
        return None, None
    if changes == ("none",):
        raise DataError(
            f"break_at = {break_at!r} was given with change='none', which has no break. Drop one of them."
        )
    name: str | None = None
    if isinstance(break_at, str) and break_at in series.models:
        name = break_at
        date = series.release_date[find_model(series.models, name)]
    else:
        try:
            date = np.asarray(break_at, dtype="datetime64[D]")[()]
        except ValueError:
            date = series.release_date[find_model(series.models, str(break_at))]
    first, last = series.release_date.min(), series.release_date.max()
    if not first < date <= last:
        raise DataError(
            f"The break at {break_at} ({date}) leaves no model on one side: the selection runs from {first} "
            f"to {last}. Choose a date after the first release and not after the last."
        )
    if date == last and changes != ("jump",):
        raise DataError(
            f"No model follows the break at {break_at} ({date}), the last release of the selection, so no "
            "slope after it exists. Choose an earlier break, or ask how far the model lies above the line "
            "of the others."
        )
    return date, name


def _check_names(change: str, segments: str) -> None:
    if change not in get_args(Change):
        raise DataError(f"change = {change!r} is not an option. Give one of {', '.join(get_args(Change))}.")
    if segments not in get_args(Segments):
        raise DataError(
            f"segments = {segments!r} is not an option. Give one of {', '.join(get_args(Segments))}."
        )


def _check_numbers(interval_prob: float, min_segment: int, n_memberships: int, n_draws: int) -> None:
    if not 0.0 < interval_prob < 1.0:
        raise DataError(
            f"interval_prob = {interval_prob} lies outside (0, 1). Give a probability such as 0.9."
        )
    if min_segment < 1:
        raise DataError(
            f"min_segment = {min_segment} is below 1. Give the least number of models after a break."
        )
    if n_memberships < 1 or n_draws < 100:
        raise DataError(
            f"n_memberships = {n_memberships}, n_draws = {n_draws}: at least 1 and 100 are needed. Give "
            "more draws."
        )
