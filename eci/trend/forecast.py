"""Forecast of an index: where it stands at a date, and when it reaches a level.

A forecast is a draw of the line, model-averaged, plus the scatter of a new model about it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eci.errors import DataError, EciWarning
from eci.trend.basis import DAYS_PER_YEAR, years_since
from eci.trend.quantity import DateQuantity, Quantity, summarise, to_date

if TYPE_CHECKING:
    from eci.trend.result import Trend


MOST_YEARS = 1000  # from the first release on; a date further off means nothing


@dataclass(frozen=True)
class Forecast:
    """Index of a new model of the series at a date.

    Parameters
    ----------
    date
        The date.
    line
        The line itself, points.
    index
        A new model about the line, points.
    """

    date: np.datetime64
    line: Quantity
    index: Quantity

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"date": str(self.date), "line": self.line.record(), "index": self.index.record()}


@dataclass(frozen=True)
class Reach:
    """When the line reaches a level; `p_never` is the share of draws whose last line does not rise to it.

    There is no date where an end of its interval is never, or more than 1000 years off.
    """

    level: float
    date: DateQuantity | None
    p_never: float

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        date = None if self.date is None else self.date.record()
        return {"level": self.level, "date": date, "p_never": self.p_never}


def forecast(trend: Trend, date: str | np.datetime64) -> Forecast:
    """Predict the index of a new model of the series at a date, under the averaged posterior.

    Parameters
    ----------
    trend
        The trend; the last line of each draw is continued, with no further change.
    date
        A date, ISO.

    Raises
    ------
    DataError
        Where the text is not a date.

    Warns
    -----
    EciWarning
        Where the date is before all models of the trend: the first line is then continued backwards.
    """
    try:
        day: np.datetime64 = np.array([date], dtype="datetime64[D]")[0]
        if np.isnat(day):
            raise ValueError("no day")
    except ValueError:
        raise DataError(f"The forecast date {date!r} is not a date. Give it as YYYY-MM-DD.") from None
    first = trend.series.release_date.min()
    if day < first:
        warnings.warn(
            f"The forecast date {day} is before all models of the trend, whose first was released on "
            f"{first}: the line is continued backwards there and nothing holds it. Ask for a later date.",
            EciWarning,
            stacklevel=2,
        )
    draws = trend.averaged
    line = draws.line(np.array([years_since(day, trend.origin)]))[:, 0]
    rng = np.random.default_rng([trend.options.seed, 8])
    index = line + draws.residual_sd * rng.standard_normal(line.size)
    return Forecast(day, summarise(line, trend.interval_prob), summarise(index, trend.interval_prob))


def reach(trend: Trend, level: float) -> Reach:
    """Say when the line reaches a level, under the averaged posterior.

    The quantiles count the draws that never reach it as later than any date; the mean is over the draws that
    do.
    """
    draws = trend.averaged
    last = years_since(trend.series.release_date.max(), trend.origin)
    start = draws.line(np.array([last]))[:, 0]
    slope = draws.slope_at(last + 1e-9)
    gap = level - start
    rising = slope > 0
    years = np.where(rising, last + gap / np.where(rising, slope, 1.0), np.where(gap > 0, np.inf, last))
    tail = 0.5 - trend.interval_prob / 2
    low, median, high = np.quantile(years, [tail, 0.5, 1 - tail], method="inverted_cdf")
    p_never = float(np.mean(~np.isfinite(years)))
    if not np.isfinite(high) or max(abs(low), abs(high)) > MOST_YEARS:
        return Reach(level, None, p_never)
    certain = years[np.isfinite(years)]
    quantity = DateQuantity(
        to_date(float(certain.mean()), trend.origin),
        float(certain.std() * DAYS_PER_YEAR),
        to_date(float(low), trend.origin),
        to_date(float(median), trend.origin),
        to_date(float(high), trend.origin),
    )
    return Reach(level, quantity, p_never)
