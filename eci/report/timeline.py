"""Tables of a trend: the models, the line with its band, the change models, and the break date by month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from eci.report.trend_tables import CHANGE_WORDS

if TYPE_CHECKING:
    from eci.trend import Trend

N_DATES = 200
MARGIN = 0.04  # of the time covered, before the first model and after the last


def trend_models(trend: Trend) -> pd.DataFrame:
    """Models of a trend by release date.

    Parameters
    ----------
    trend
        The result of `eci.fit_trend`.

    Returns
    -------
    DataFrame
        Columns model, lab, release_date (datetime64), index, sd, low, high (points; the interval is the
        normal one of the sd), p_frontier: the probability of being on the frontier, 1 for every model where
        the trend is that of all its models; on_line: whether the model is on the frontier of the published
        values, and so drawn as one the line rests on.
    """
    from scipy.special import ndtri

    series = trend.series
    half = ndtri(0.5 + trend.interval_prob / 2) * series.index_sd
    membership = [trend.membership.get(model, 0.0) if series.frontier else 1.0 for model in series.models]
    table = pd.DataFrame(
        {
            "model": series.models,
            "lab": [lab or "" for lab in series.labs],
            "release_date": series.release_date.astype("datetime64[s]"),
            "index": series.index,
            "sd": series.index_sd,
            "low": series.index - half,
            "high": series.index + half,
            "p_frontier": membership,
            "on_line": np.isin(np.arange(len(series)), series.point_frontier()),
        }
    )
    return table.sort_values(["release_date", "model"], ignore_index=True)


def trend_line(trend: Trend) -> pd.DataFrame:
    """Line of a trend, averaged over the change models, at 200 dates: columns date, low, median, high.

    Parameters
    ----------
    trend
        The result of `eci.fit_trend`. The band holds the line with probability `trend.interval_prob`; a
        model scatters about it.
    """
    point = trend.series.take(trend.series.point_frontier())
    start, end = point.release_date.min(), point.release_date.max()
    margin = (end - start) * MARGIN
    days = np.linspace(0, 1, N_DATES) * float((end - start + 2 * margin).astype(int))
    dates = (start - margin) + days.astype("timedelta64[D]")
    tail = 0.5 - trend.interval_prob / 2
    low, middle, high = np.quantile(trend.line(dates), [tail, 0.5, 1 - tail], axis=0)
    return pd.DataFrame({"date": dates.astype("datetime64[s]"), "low": low, "median": middle, "high": high})


def changes(trend: Trend) -> pd.DataFrame:
    """Change models: columns change, meaning, prior, posterior, log_bayes_factor (against none).

    Parameters
    ----------
    trend
        The result of `eci.fit_trend`. Where one model follows every supported break, which change it was is
        not identified, and posterior and factor of all but none are blank.
    """
    rows = []
    for change, posterior in trend.change_models.items():
        known = trend.identified or not trend.automatic or change == "none"
        factor = trend.log_bayes_factors[change] if known else np.nan
        prior = trend.priors["change_prob"][change]
        rows.append((change, CHANGE_WORDS[change], prior, posterior if known else np.nan, factor))
    return pd.DataFrame(rows, columns=["change", "meaning", "prior", "posterior", "log_bayes_factor"])


def break_dates(trend: Trend) -> pd.DataFrame:
    """Posterior of the break date: columns month (its first day) and probability, given any change.

    Parameters
    ----------
    trend
        The result of `eci.fit_trend`. A break fixed at a date has one row; without a change there is none.
    """
    changed = trend.given("kink", "jump", "both")
    if changed is None:
        return pd.DataFrame({"month": np.array([], dtype="datetime64[s]"), "probability": []})
    days = np.rint(changed.break_years * 365.25).astype("timedelta64[D]")
    months = (trend.origin + days).astype("datetime64[M]").astype(np.int64)
    probability = np.bincount(months - months.min()) / months.size
    every = np.arange(months.min(), months.max() + 1).astype("datetime64[M]")
    return pd.DataFrame({"month": every.astype("datetime64[s]"), "probability": probability})
