"""Posterior summaries: quantities, ratios and dates with their intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eci.trend.basis import DAYS_PER_YEAR, Array


@dataclass(frozen=True)
class Quantity:
    """Mean, sd, median and central interval of a posterior; mean and sd are None where they do not exist."""

    mean: float | None
    sd: float | None
    low: float
    median: float
    high: float

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON; what is not finite becomes None."""
        return {name: finite(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Ratio(Quantity):
    """Slope after over slope before: a median and an interval, no mean.

    Parameters
    ----------
    p_gt_1, p_gt_2
        P(after - k before > 0 and before > 0) for k = 1, 2.
    p_before_le_0
        P(before <= 0). The quantiles are over the draws with before > 0: below it a ratio says nothing.
    """

    p_gt_1: float
    p_gt_2: float
    p_before_le_0: float


@dataclass(frozen=True)
class DateQuantity:
    """A date with its interval; `sd` in days."""

    mean: np.datetime64
    sd: float
    low: np.datetime64
    median: np.datetime64
    high: np.datetime64

    def record(self) -> dict[str, Any]:
        """Return ISO dates for JSON."""
        dates = {name: str(getattr(self, name)) for name in ("mean", "low", "median", "high")}
        return {"mean": dates["mean"], "sd": self.sd} | {k: dates[k] for k in ("low", "median", "high")}


def summarise(draws: Array, prob: float, *, moments: bool = True) -> Quantity:
    """Summarise draws by mean, sd, median and the central interval that holds `prob`."""
    low, median, high = np.quantile(draws, [0.5 - prob / 2, 0.5, 0.5 + prob / 2], method="inverted_cdf")
    if not moments:
        return Quantity(None, None, float(low), float(median), float(high))
    return Quantity(float(draws.mean()), float(draws.std(ddof=1)), float(low), float(median), float(high))


def summarise_ratio(before: Array, after: Array, prob: float) -> Ratio | None:
    """Summarise after / before; None where hardly any draw has a rising line before."""
    rising = before > 0
    if rising.mean() < 0.05:
        return None
    quantiles = summarise(after[rising] / before[rising], prob, moments=False)
    return Ratio(
        mean=None,
        sd=None,
        low=quantiles.low,
        median=quantiles.median,
        high=quantiles.high,
        p_gt_1=float(np.mean(rising & (after > before))),
        p_gt_2=float(np.mean(rising & (after > 2.0 * before))),
        p_before_le_0=float(np.mean(~rising)),
    )


def summarise_dates(years: Array, origin: np.datetime64, prob: float) -> DateQuantity:
    """Summarise dates given in years from `origin`."""
    quantity = summarise(years, prob, moments=False)
    return DateQuantity(
        mean=to_date(float(years.mean()), origin),
        sd=float(years.std(ddof=1) * DAYS_PER_YEAR),
        low=to_date(quantity.low, origin),
        median=to_date(quantity.median, origin),
        high=to_date(quantity.high, origin),
    )


def to_date(years: float, origin: np.datetime64) -> np.datetime64:
    """Return the day that lies `years` from `origin`."""
    days = int(origin.astype("datetime64[D]").astype(np.int64)) + int(np.rint(years * DAYS_PER_YEAR))
    return np.datetime64(days, "D")


def finite(value: float | None) -> float | None:
    """Return None for a value JSON cannot hold."""
    return None if value is None or not np.isfinite(value) else float(value)
