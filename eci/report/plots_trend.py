"""Pictures of a trend: models and line over time, change models, break date. Numbers: `eci.report.tables`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eci.report import findings, tables
from eci.report.axes import ACCENT, INK, MUTED, RULE, SECOND, make_axes, name_points, set_headline
from eci.report.layout import frame_trend, rank_leaders, to_years, trace_bars

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from eci.trend import Trend

MOST_LABELS = 34
STRIP = 0.12  # of the height: the posterior of the break date


def timeline(trend: Trend, ax: Axes | None = None) -> Axes:
    """Draw a trend: models, the averaged line with its band, and the break date along the time axis.

    Numbers: `tables.trend_models`, `tables.trend_line` and `tables.break_dates`.

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
    models, line = tables.trend_models(trend), tables.trend_line(trend)
    across, up = frame_trend(models, line)
    ax = make_axes(ax, 8.5, 5.5)
    ax.set_xlim(*_days(across).tolist())
    strip = STRIP if len(tables.break_dates(trend)) and trend.options.break_date is None else 0.0
    ax.set_ylim(up[0] - strip / (1 - strip) * (up[1] - up[0]), up[1])  # no model behind the strip
    label = f"{trend.interval_prob:.0%} interval of the line"
    ax.fill_between(line["date"], line["low"], line["high"], color=ACCENT, alpha=0.18, lw=0, label=label)
    ax.plot(line["date"], line["median"], color=ACCENT, lw=1.6)
    on_line, others = models[models["on_line"]], models[~models["on_line"]]
    if len(others):
        ax.plot(others["release_date"], others["index"], ".", color=MUTED, alpha=0.45, ms=4, zorder=1)
    half = on_line["high"] - on_line["index"]
    dates = on_line["release_date"]
    ax.errorbar(dates, on_line["index"], yerr=half, fmt="o", ms=4, lw=0.8, color=INK, zorder=3)
    _draw_breaks(trend, ax)
    ax.grid(color=RULE, lw=0.7)
    ax.set_ylabel("index, points")
    ax.legend(loc="upper left", frameon=False, fontsize=8)
    set_headline(ax, findings.tell_pace(trend))
    _name_leaders(ax, on_line, line)
    return ax


def changes(trend: Trend, ax: Axes | None = None) -> Axes:
    """Draw posterior and prior probabilities of the change models. Numbers: `tables.changes`.

    Parameters
    ----------
    trend
        The result of `eci.fit_trend`.
    ax
        Axes to draw on; a new figure where none is given.
    """
    table = tables.changes(trend)
    ax = make_axes(ax, 8.0, 2.6)
    rows = np.arange(len(table))
    ax.barh(rows, table["posterior"].fillna(0.0), height=0.5, color=ACCENT, label="posterior")
    ax.plot(table["prior"], rows, "|", ms=12, mew=1.8, color=INK, label="prior")
    for row, (prior, posterior) in enumerate(zip(table["prior"], table["posterior"], strict=True)):
        known = not np.isnan(posterior)
        text = f"{posterior:.2f}" if known else "not identified"
        at = max(prior, posterior) if known else prior
        ax.text(at + 0.012, row, text, va="center", fontsize=9, color=INK)
    ax.set_yticks(rows, table["meaning"].tolist())
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_xlim(0, 1.05)
    ax.grid(axis="x", color=RULE, lw=0.7)
    ax.set_xlabel("probability")
    ax.legend(loc="lower right", frameon=False, fontsize=8)
    set_headline(ax, findings.tell_changes(trend))
    return ax


def break_date(trend: Trend, ax: Axes | None = None) -> Axes:
    """Draw the posterior of the break date by month, given any change. Numbers: `tables.break_dates`.

    Parameters
    ----------
    trend
        The result of `eci.fit_trend`.
    ax
        Axes to draw on; a new figure where none is given.
    """
    table = tables.break_dates(trend)
    ax = make_axes(ax, 8.0, 3.2)
    if table.empty:
        ax.set_axis_off()
        ax.set_title("This trend has no change.", loc="left", fontsize=11, color=INK)
        return ax
    days = np.timedelta64(26, "D")
    ax.bar(table["month"], table["probability"], width=days, align="edge", color=SECOND)
    ax.grid(axis="y", color=RULE, lw=0.7)
    ax.set_ylabel("probability of the month")
    ax.set_xlabel("break date, given a change")
    set_headline(ax, findings.tell_break(trend))
    return ax


def _name_leaders(ax: Axes, on_line: pd.DataFrame, line: pd.DataFrame) -> None:
    if len(on_line) > MOST_LABELS:
        return
    named, (bar_years, bar_index) = rank_leaders(on_line), trace_bars(on_line)
    years = np.concatenate([to_years(line["date"]), bar_years])
    kept_clear = (_days(years), np.concatenate([line["median"], bar_index]))
    at = _days(to_years(named["release_date"]))
    name_points(ax, at, named["index"], named["model"].tolist(), obstacles=kept_clear)


def _draw_breaks(trend: Trend, ax: Axes) -> None:
    """Draw the posterior of the break date as a strip along the time axis, or a fixed break as a line."""
    months = tables.break_dates(trend)
    if months.empty:
        return
    if trend.options.break_date is not None:
        date = trend.options.break_date.astype("datetime64[D]")
        ax.axvline(float(date.astype(np.int64)), color=SECOND, lw=1, ls=":", label="break, fixed")
        return
    strip = ax.inset_axes((0.0, 0.0, 1.0, STRIP), sharex=ax)
    strip.set_axis_off()
    strip.bar(
        months["month"],
        months["probability"],
        width=np.timedelta64(28, "D"),
        align="edge",
        color=SECOND,
        alpha=0.75,
    )
    ax.plot([], [], color=SECOND, lw=6, label=f"break date, P(any change) = {trend.p_any_change:.2f}")


def _days(years: ArrayLike) -> NDArray[np.float64]:
    """Days since 1970, the dates of matplotlib, of years such as 2024.5."""
    return np.asarray((np.asarray(years, dtype=np.float64) - 1970.0) * 365.25)
