"""Monte Carlo error: how far other draws of the same posterior would move the evidence for a change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eci.errors import EciError
from eci.trend.ensemble import TrendOptions, fit_ensemble
from eci.trend.series import IndexSeries

N_BATCHES = 8


def evidence_error(series: IndexSeries, options: TrendOptions) -> float | None:
    """Return the Monte Carlo standard error of the log Bayes factor for any change, by batch means.

    The regression sees draws of the index by their mean, their covariance and the frontiers in them. Batches
    of successive draws are regressed one by one; the sd over the batches over the square root of their
    number is the error of the whole (Flegal, Haran and Jones 2008, https://doi.org/10.1214/08-STS257). A
    table without draws has an error where its frontiers are drawn. Of a bootstrap, whose values are those of
    the fit of all scores, it is overstated: batches move values too.

    Parameters
    ----------
    series
        The selection, as given to `fit_trend`.
    options
        Analyst's choices; the draws of the frontier's membership are shared among the batches.

    Returns
    -------
    float or None
        None where nothing is drawn, or where a batch is too small to say.
    """
    if series.draws is None and not series.frontier:
        return None
    odds = []
    for k in range(N_BATCHES):
        share = replace(
            options, n_memberships=max(1, options.n_memberships // N_BATCHES), seed=options.seed + k
        )
        try:
            unchanged = fit_ensemble(_batch(series, k), share).probabilities[0]
        except EciError:
            return None
        if not 0.0 < unchanged < 1.0:
            return None
        odds.append(np.log1p(-unchanged) - np.log(unchanged))
    return float(np.std(odds, ddof=1) / np.sqrt(N_BATCHES))


def _batch(series: IndexSeries, k: int) -> IndexSeries:
    """Take one batch of the draws; moments move as those of the draws do."""
    if series.draws is None:
        return series
    part = np.array_split(series.draws, N_BATCHES)[k]
    return replace(
        series,
        draws=part,
        values=series.values + part.mean(axis=0) - series.draws.mean(axis=0),
        covariance=series.covariance + _covariance(part) - _covariance(series.draws),
        context=None if series.context is None else _batch(series.context, k),
    )


def _covariance(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.atleast_2d(np.cov(draws, rowvar=False))
