"""Charts of a trend for the HTML report: the index over time with the break date, and the change models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eci.report.layout import frame_trend, rank_leaders, round_dates, to_years, trace_bars
from eci.report.page.chart_style import (
    ACCENT,
    INK,
    MUTED,
    SECOND,
    Canvas,
    Plane,
    Sheets,
    along,
    finish,
    label_points,
)
from eci.report.timeline import break_dates, changes, trend_line, trend_models

if TYPE_CHECKING:
    import altair as alt

    from eci.trend import Trend

STRIP_HEIGHT = 56


def timeline(trend: Trend, sheets: Sheets, canvas: Canvas, description: str) -> dict[str, Any]:
    """Chart the models over time, the line with its band, and the posterior of the break date under it."""
    import altair as alt

    models, line = trend_models(trend), trend_line(trend)
    across, up = frame_trend(models, line)
    plane = Plane(across, up, canvas.plot_width, 440 if canvas.is_wide else 360)
    ticks = round_dates(across, 8 if canvas.is_wide else 5)
    said = [f"abs(datum.value - {at}) < 1e-6 ? '{label}'" for at, label in ticks.items()]
    x = alt.X(
        "year:Q",
        title=None,
        scale=alt.Scale(domain=list(across), nice=False),
        axis=alt.Axis(values=list(ticks), labelExpr=" : ".join([*said, "''"])),
    )
    y = alt.Y("index:Q", title="index, points", scale=alt.Scale(domain=list(up), nice=False))
    percent = f"{trend.interval_prob:.0%} interval"
    tooltip = [
        alt.Tooltip("model:N"),
        alt.Tooltip("lab:N"),
        alt.Tooltip("released:N"),
        alt.Tooltip("index:Q", format=".1f"),
        alt.Tooltip("interval:N", title=percent),
    ]
    if trend.series.frontier:
        tooltip.append(alt.Tooltip("p_frontier:Q", title="P(on the frontier)", format=".2f"))
    interval = [f"{low:.1f} to {high:.1f}" for low, high in zip(models["low"], models["high"], strict=True)]
    # dates as numbers and as text: a browser would show a time, which west of Greenwich is the day before
    released, year = models["release_date"].dt.strftime("%Y-%m-%d"), to_years(models["release_date"])
    shown = models.assign(interval=interval, released=released, year=year)
    shown = shown.drop(columns=["release_date", "sd"])
    drawn = line.assign(year=to_years(line["date"])).drop(columns="date")
    band = alt.Chart(sheets.hold(drawn)).encode(x=x)
    dots = alt.Chart(sheets.hold(shown)).encode(x=x, y=y, tooltip=tooltip)
    leaders = dots.transform_filter("datum.on_line")
    chosen = "lab == '' || datum.lab == lab"  # the lab that the reader chose in the ranking
    chart = alt.layer(
        band.mark_area(color=ACCENT, opacity=0.18).encode(y=along(y, "low:Q"), y2="high:Q"),
        band.mark_line(color=ACCENT, strokeWidth=2).encode(y=along(y, "median:Q")),
        dots.transform_filter("!datum.on_line")
        .mark_circle(size=26, color=MUTED)
        .encode(opacity=alt.condition(chosen, alt.value(0.55), alt.value(0.08))),
        leaders.mark_rule(color=INK, clip=True).encode(
            y=along(y, "low:Q"), y2="high:Q", opacity=alt.condition(chosen, alt.value(1), alt.value(0.15))
        ),
        leaders.mark_circle(size=46, color=INK).encode(
            opacity=alt.condition(chosen, alt.value(1), alt.value(0.15))
        ),
        *_name_leaders(models, line, sheets, plane, canvas, (x, y)),
    ).properties(width=plane.width, height=plane.height)
    strip = _chart_break(trend, sheets, x, across, canvas)
    whole = alt.vconcat(chart, strip, spacing=6) if strip else chart
    return finish(whole.add_params(alt.param(name="lab", value="")), description)


def _name_leaders(
    models: pd.DataFrame,
    line: pd.DataFrame,
    sheets: Sheets,
    plane: Plane,
    canvas: Canvas,
    axes: tuple[alt.X, alt.Y],
) -> list[alt.Chart]:
    """Name the models on the line, clear of the line, of each other and of their error bars."""
    on_line = models[models["on_line"]]
    named = rank_leaders(on_line)[: canvas.most_labels]
    kept_clear = [plane.pixels(to_years(line["date"]), line["median"]), plane.pixels(*trace_bars(on_line))]
    return label_points(
        sheets,
        named.assign(year=to_years(named["release_date"]))[["model", "year", "index"]],
        text="model",
        x=axes[0],
        y=axes[1],
        at=plane.pixels(to_years(named["release_date"]), named["index"]),
        plane=plane,
        obstacles=np.concatenate(kept_clear),
    )


def _chart_break(
    trend: Trend, sheets: Sheets, x: alt.X, across: tuple[float, float], canvas: Canvas
) -> alt.Chart | None:
    """Draw the break date by month under the time axis; nothing where no change was fitted."""
    import altair as alt

    months = break_dates(trend)
    if months.empty:
        return None
    named = months["month"].dt.strftime("%B %Y")
    start = to_years(months["month"])
    ends = {"start": start.clip(*across), "end": (start + 0.9 / 12).clip(*across)}  # not past the axis
    bars = pd.DataFrame({**ends, "probability": months["probability"], "month": named})
    month = (
        along(x, "start:Q")
        .title("when: posterior of the break date by month, given a change")
        .axis(labels=False, ticks=False, grid=False, titlePadding=4)
    )
    tooltip = [
        alt.Tooltip("month:N"),
        alt.Tooltip("probability:Q", title="P(break in this month)", format=".3f"),
    ]
    height, zero = alt.Y("probability:Q", axis=None, scale=alt.Scale(zero=True)), alt.Y2Datum(0)
    base = alt.Chart(sheets.hold(bars)).encode(x=month, x2="end:Q", y=height, y2=zero, tooltip=tooltip)
    bar: alt.Chart = base.mark_rect(color=SECOND)
    return bar.properties(width=canvas.plot_width, height=STRIP_HEIGHT)


def change_models(trend: Trend, sheets: Sheets, canvas: Canvas, description: str) -> dict[str, Any]:
    """Chart posterior probabilities of the change models as bars, with the prior as a tick."""
    import altair as alt

    table = changes(trend).dropna(subset=["posterior"])
    words = table["meaning"] if canvas.is_wide else table["change"]
    table = table.assign(label=words, shown=[f"{p:.2f}" for p in table["posterior"]])
    table = table.assign(edge=table[["prior", "posterior"]].max(axis=1))
    y = alt.Y(
        "label:N", sort=list(words), title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=300)
    )
    x = alt.X("posterior:Q", title="probability", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5))
    tooltip = [
        alt.Tooltip("meaning:N", title="change"),
        alt.Tooltip("prior:Q", format=".2f"),
        alt.Tooltip("posterior:Q", format=".3f"),
        alt.Tooltip("log_bayes_factor:Q", title="log Bayes factor", format="+.2f"),
    ]
    base = alt.Chart(sheets.hold(table)).encode(y=y, tooltip=tooltip)
    chart = alt.layer(
        base.mark_bar(color=ACCENT, height=14).encode(x=x),
        base.mark_tick(color=INK, thickness=2, size=20).encode(x="prior:Q"),
        base.mark_text(align="left", dx=6, tooltip=None).encode(x="edge:Q", text="shown:N"),
    )
    width = canvas.width - (290 if canvas.is_wide else 70)
    return finish(chart.properties(width=width, height=28 * len(table)), description)
