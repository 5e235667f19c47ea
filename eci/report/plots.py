"""Pictures of results. matplotlib is imported when a picture is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from eci.trend import IndexSeries, Trend

BAND = "#4c78a8"
BREAK = "#e45756"
MODELS = "#222222"
N_DATES = 200
MOST_LABELS = 30


def trend(trend: Trend, ax: Axes | None = None) -> Axes:
    """Draw a trend: models, the averaged line with its band, and the break date along the time axis.

    Parameters
    ----------
    trend
        The result of `eci.fit_trend`.
    ax
        Axes to draw on; a new figure where none is given.

    Returns
    -------
    Axes
        The axes drawn on; the figure is `ax.figure`.
    """
    ax = _axes(ax)
    series = trend.series
    point = series.take(series.point_frontier())
    start, end = point.release_date.min(), point.release_date.max()
    margin = (end - start) * 0.04
    dates = (start - margin) + (
        np.linspace(0, 1, N_DATES) * float((end - start + 2 * margin).astype(int))
    ).astype("timedelta64[D]")
    lines = trend.line(dates)
    tail = 0.5 - trend.interval_prob / 2
    low, middle, high = np.quantile(lines, [tail, 0.5, 1 - tail], axis=0)
    ax.fill_between(
        dates, low, high, color=BAND, alpha=0.2, lw=0, label=f"{trend.interval_prob:.0%} interval of the line"
    )
    ax.plot(dates, middle, color=BAND, lw=1.5)

    from scipy.special import ndtri

    half = ndtri(0.5 + trend.interval_prob / 2) * point.index_sd
    if series.frontier and len(series) > len(point):
        ax.plot(series.release_date, series.index, ".", color="0.75", ms=4, zorder=1)
    ax.errorbar(point.release_date, point.index, yerr=half, fmt="o", ms=4, lw=0.8, color=MODELS, zorder=3)
    _label_models(point, ax)
    _draw_breaks(trend, ax)
    ax.set_ylabel(series.scale)
    ax.set_xlabel("release date")
    ax.legend(loc="upper left", frameon=False, fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _label_models(point: IndexSeries, ax: Axes) -> None:
    """Name the models by turns above to the left and below to the right, so that neighbours stay apart."""
    if len(point) > MOST_LABELS:
        return
    sides = [((-5, 4), "right"), ((5, -9), "left")]
    for k, row in enumerate(np.argsort(point.release_date, kind="stable")):
        offset, side = sides[k % 2]
        at = (point.release_date[row], point.index[row])
        ax.annotate(point.models[row], at, xytext=offset, textcoords="offset points", ha=side, fontsize=7)


def _draw_breaks(result: Trend, ax: Axes) -> None:
    """Draw the posterior of the break date as a strip of the height P(any change) along the time axis."""
    changed = result.given("kink", "jump", "both")
    if changed is None:
        return
    days = changed.break_years * 365.25
    if np.ptp(days) < 1:
        date = result.origin + np.timedelta64(int(np.rint(days[0])), "D")
        ax.axvline(float(date.astype(np.int64)), color=BREAK, lw=1, ls=":", label="break, fixed")
        return
    counts, edges = np.histogram(days, bins=60)
    strip = ax.inset_axes((0.0, 0.0, 1.0, 0.14), sharex=ax)
    strip.set_axis_off()
    at = result.origin + edges.astype("timedelta64[D]")
    strip.stairs(counts, at.astype("datetime64[D]"), fill=True, color=BREAK, alpha=0.5)
    ax.plot(
        [], [], color=BREAK, alpha=0.5, lw=6, label=f"break date, P(any change) = {result.p_any_change:.2f}"
    )


def _axes(ax: Axes | None) -> Axes:
    """Return the axes given, or those of a new figure that no global list keeps alive."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(8.0, 5.0), layout="constrained").add_subplot()
