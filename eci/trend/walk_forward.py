"""Walk-forward back-test: the index itself refitted at every origin. Needs inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from eci.errors import DataError
from eci.scale import Scale
from eci.trend.backtest import Backtest, Refit, backtest, find_origins
from eci.trend.series import IndexSeries

if TYPE_CHECKING:
    from eci.fitted import Fit
    from eci.inference.method import Method


def walk_forward(
    series: IndexSeries,
    fit: Fit,
    *,
    months: Sequence[float] = (3, 6, 12),
    since: str | None = None,
    method: Method | None = None,
    n_memberships: int = 50,
    n_draws: int = 4000,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Backtest:
    """Back-test forecasts of `series` with the index refitted at every origin.

    Parameters
    ----------
    series
        Models of `fit`, perhaps selected; what is predicted is their index of today.
    fit
        The fit; at an origin the scores of the models released by then are fitted again under its rules,
        likelihood and priors.
    months, since, n_memberships, n_draws, seed
        As in `backtest`.
    method
        How to refit; the default is `Laplace()`, see `eci.inference.refit`.
    progress
        Called with (stage, origins done, origins in all).

    Raises
    ------
    DataError
        Where the series is not of this fit, or no back-test is possible.

    Notes
    -----
    Forecast and outcome must be in one unit. The models of an origin are all in the fit of today, so every
    draw of the earlier index is given the mean and spread over them that they have in draws of today's
    (mean-sigma linking; Marco 1977, https://doi.org/10.1111/j.1745-3984.1977.tb00033.x). This takes the zero
    and the unit of the scale from later scores, and nothing else: order, distances in proportion and errors
    are those of the day. Scores carry no date, so that a released model's counts as known whenever it was
    measured. An origin that cannot be refitted is skipped and named.
    """
    strangers = sorted(set(series.models) - set(fit.matrix.models))
    if strangers:
        raise DataError(
            f"{len(strangers)} models of the series are not in the fit, {strangers[0]!r} first. Build the "
            "series with IndexSeries.from_fit(fit)."
        )
    from eci.inference.refit import refit_until

    n_origins = len(find_origins(series, since))
    refits: list[Refit] = []

    def series_at(origin: np.datetime64) -> IndexSeries:
        if progress is not None:
            progress(f"refitting as of {origin}", len(refits), n_origins)
        past = refit_until(fit, origin, method=method)
        failed = tuple(check.name for check in past.diagnostics.failed)
        refits.append(Refit(str(origin), past.matrix.n_models, past.matrix.n_benchmarks, failed))
        return restrict_to(series, IndexSeries.from_fit(carry(past, fit)))

    tested = backtest(
        series,
        months=months,
        since=since,
        series_at=series_at,
        n_memberships=n_memberships,
        n_draws=n_draws,
        seed=seed,
    )
    return replace(tested, refits=tuple(refits))


def carry(past: Fit, today: Fit) -> Fit:
    """Put an earlier fit on the scale of today's, by the mean and spread of its models.

    Parameters
    ----------
    past, today
        Fits with draws; the models of `past` are among those of `today`.

    Returns
    -------
    Fit
        `past`, its points such that in every draw its models have the mean and the sd over models which
        they have, averaged over draws, in `today`.
    """
    place = {model: i for i, model in enumerate(today.matrix.models)}
    now = today.index_draws[:, [place[model] for model in past.matrix.models]]
    then = past.ability_draws
    slope = now.std(axis=1).mean() / then.std(axis=1)
    origin = now.mean() - slope * then.mean(axis=1)
    label = f"{today.scale.label}, carried by {past.matrix.n_models} common models"
    return replace(past, scale=Scale(slope, origin, label, {}))


def restrict_to(series: IndexSeries, past: IndexSeries) -> IndexSeries:
    """Keep in an earlier index the models of a series, which must exceed the same others on a frontier.

    Raises
    ------
    DataError
        Where none of them is there yet.
    """

    def take(index: IndexSeries, wanted: IndexSeries) -> IndexSeries:
        names = set(wanted.models)
        return index.take(np.array([i for i, m in enumerate(index.models) if m in names], dtype=np.int64))

    everyone = take(past, series.context or series)
    own = take(everyone, series)
    if not len(own):
        raise DataError("None of the models selected was out yet with enough scores.")
    return replace(own, frontier=series.frontier, context=everyone if series.frontier else None)
