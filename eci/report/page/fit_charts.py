"""Charts of a fit for the HTML report: benchmarks, information curves, residuals by domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eci.report.findings import tell_cut
from eci.report.layout import (
    choose_marked,
    choose_surprising,
    choose_telling,
    frame_information,
    list_slopes,
    list_telling,
    place_benchmarks,
    span,
    swarm,
)
from eci.report.page.chart_style import (
    ACCENT,
    CHAR_WIDTH,
    FAINT,
    INK,
    LABEL_SIZE,
    MUTED,
    RULE,
    SECOND,
    Canvas,
    Plane,
    Sheets,
    along,
    finish,
    label_points,
)
from eci.report.text import write_number

if TYPE_CHECKING:
    import altair as alt

FLAT = 0.004  # of the height of the plot: a pixel
NEAR = (5.0, 10.0)  # pixels; peaks that stand too close are in the list only
ROW = 46  # pixels of one domain


def benchmarks(
    standing: pd.DataFrame, frontier: pd.DataFrame, sheets: Sheets, canvas: Canvas, description: str
) -> dict[str, Any]:
    """Chart difficulty and slope of the benchmarks, from `at_frontier`, with the frontier as a line."""
    import altair as alt

    width, height = canvas.plot_width, 440 if canvas.is_wide else 360
    standing = place_benchmarks(standing)
    across = span(standing["x"], include=frontier["index"])
    up = span(np.log10(standing["y"]), include=() if len(standing) else (-2.0, 0.0), margin=0.05)
    ends = [10 ** up[0], 10 ** up[1]]
    x = alt.X(
        "x:Q",
        title="difficulty, points",
        scale=alt.Scale(domain=list(across), nice=False),
        axis=alt.Axis(tickCount=8),
    )
    y = alt.Y(
        "y:Q",
        title="slope per point",
        scale=alt.Scale(type="log", domain=ends, nice=False),
        axis=alt.Axis(values=list_slopes(*ends), format="~g"),
    )
    tooltip = [
        alt.Tooltip("benchmark:N"),
        alt.Tooltip("domain:N"),
        alt.Tooltip("difficulty:N"),
        alt.Tooltip("slope:N", title="slope per point"),
        alt.Tooltip("frontier_score:Q", title="score expected of the frontier", format=".2f"),
        alt.Tooltip("n_models:Q", title="models"),
    ]
    told = ["benchmark", "domain", "x", "y", "difficulty", "slope", "frontier_score", "p_harder", "n_models"]
    shown = standing.assign(
        difficulty=[write_number(value, ".1f") for value in standing["difficulty"]],
        slope=[write_number(value, ".3f") for value in standing["discrimination"]],
    )
    dots = alt.Chart(sheets.hold(shown[told])).encode(x=x, y=y, tooltip=tooltip)
    marked = choose_marked(standing, canvas.most_labels)
    plane = Plane(across, up, width, height)

    chart = alt.layer(
        *_mark_frontier(sheets, frontier, x, across, height - 10),
        dots.transform_filter("datum.p_harder <= 0.5").mark_circle(size=34, color=ACCENT, opacity=0.55),
        dots.transform_filter("datum.p_harder > 0.5").mark_point(
            shape="triangle-up", size=44, fill=SECOND, stroke=None, opacity=0.95
        ),
        *label_points(
            sheets,
            marked[["benchmark", "x", "y"]],
            text="benchmark",
            x=x,
            y=y,
            at=plane.pixels(marked["x"], np.log10(marked["y"])),
            plane=plane,
            obstacles=np.vstack(
                [plane.pixels(standing["x"], np.log10(standing["y"])), _trace_word(frontier, plane, 10)]
            ),
        ),
    )
    return finish(chart.properties(width=width, height=height), description)


def information(
    curves: pd.DataFrame,
    standing: pd.DataFrame,
    frontier: pd.DataFrame,
    sheets: Sheets,
    canvas: Canvas,
    description: str,
) -> dict[str, Any]:
    """Chart information curves; those that separate top models best are named, the others stay grey."""
    import altair as alt

    width, height = canvas.plot_width, 380
    telling = choose_telling(curves, standing)
    across, top, n_cut = frame_information(curves, frontier)
    plane = Plane(across, (0.0, top**0.5), width, height)
    x = alt.X(
        "index:Q",
        title="index, points",
        scale=alt.Scale(domain=list(across), nice=False),
        axis=alt.Axis(tickCount=8),
    )
    y = alt.Y(
        "information:Q",
        title="information of one score, 1/points² (square-root axis)",
        scale=alt.Scale(type="sqrt", domain=[0, top], nice=False),
        axis=alt.Axis(tickCount=5),
    )
    seen = curves[curves["information"] > FLAT**2 * top]  # the rest lies on the axis
    rows = seen.groupby("benchmark")[["index", "information"]].agg(list).reset_index()
    lines = alt.Chart(sheets.hold(rows)).transform_flatten(["index", "information"])
    best = alt.Chart(sheets.hold(telling))
    inside = telling[telling["information"] <= top]  # dots and labels are not clipped as lines are
    peaks = inside.loc[inside.groupby("benchmark")["information"].idxmax()].sort_values(
        "information", ascending=False
    )
    tooltip = [
        alt.Tooltip("benchmark:N"),
        alt.Tooltip("index:Q", title="at index", format=".0f"),
        alt.Tooltip("information:Q", format=".2f"),
        alt.Tooltip("error:Q", title="error of one score, points", format=".1f"),
    ]
    heading = "Error of one score at the frontier, points" if canvas.is_wide else "Error of one score, points"
    listed = pd.DataFrame({"line": [heading, *list_telling(standing), *tell_cut(n_cut)]})
    listed["at"] = 14 + 16.0 * listed.index
    words = alt.Chart(sheets.hold(listed)).mark_text(align="left", baseline="middle", tooltip=None)
    chart = alt.layer(
        *_mark_frontier(sheets, frontier, x, across, 8),
        lines.mark_line(color=FAINT, strokeWidth=0.6, opacity=0.7, interpolate="monotone", clip=True).encode(
            x=x, y=y, detail="benchmark:N"
        ),
        best.mark_line(color=ACCENT, strokeWidth=1.8, interpolate="monotone", clip=True).encode(
            x=x, y=y, detail="benchmark:N"
        ),
        words.encode(x=alt.value(10), y=alt.Y("at:Q", scale=None), text="line:N"),
        alt.Chart(sheets.hold(inside)).mark_circle(opacity=0, size=160).encode(x=x, y=y, tooltip=tooltip),
        *label_points(
            sheets,
            peaks,
            text="benchmark",
            x=x,
            y=y,
            at=plane.pixels(peaks["index"], np.sqrt(peaks["information"])),
            plane=plane,
            obstacles=np.vstack(
                [
                    plane.pixels(inside["index"], np.sqrt(inside["information"])),
                    _trace_word(frontier, plane, height - 8),
                ]
            ),
            rings=NEAR,
        ),
    )
    return finish(chart.properties(width=width, height=height), description)


def residuals(by_domain: pd.DataFrame, sheets: Sheets, canvas: Canvas, description: str) -> dict[str, Any]:
    """Chart residuals of every model by domain, in standard deviations; the surprising ones are named."""
    import altair as alt

    placed = swarm(by_domain, per_row=30 if canvas.is_wide else 22)
    domains = list(dict.fromkeys(placed.sort_values("row")["domain"]))
    width = canvas.width - (110 if canvas.is_wide else 92)
    height = ROW * len(domains)
    reach = float(np.ceil(placed["z"].abs().max() + 0.3))
    up = (len(domains) - 0.5, -0.5)
    x = alt.X(
        "z:Q",
        title="standard deviations below or above what the index says"
        if canvas.is_wide
        else "sd from expected",
        scale=alt.Scale(domain=[-reach, reach], nice=False),
        axis=alt.Axis(format="+d", tickMinStep=1),
    )
    names = {str(k): name.replace("_", " ") or "no domain" for k, name in enumerate(domains)}
    label = " : ".join(f"datum.value == {k} ? '{_quote(name)}'" for k, name in names.items()) + " : ''"
    y = alt.Y(
        "at:Q",
        title=None,
        scale=alt.Scale(domain=[up[1], up[0]], reverse=True, nice=False),
        axis=alt.Axis(
            values=list(range(len(domains))), labelExpr=label, grid=False, ticks=False, domain=False
        ),
    )
    tooltip = [
        alt.Tooltip("model:N"),
        alt.Tooltip("domain:N"),
        alt.Tooltip("n_scores:Q", title="scores"),
        alt.Tooltip("residual:Q", title="score minus expected", format="+.3f"),
        alt.Tooltip("z:Q", title="in standard deviations", format="+.1f"),
    ]
    marked = choose_surprising(placed, canvas.most_labels)
    plane = Plane((-reach, reach), up, width, height)
    zone = alt.Chart(sheets.hold(placed[:1].assign(low=-2.0, high=2.0)[["low", "high"]]))
    told = placed[["model", "domain", "n_scores", "residual", "z", "at"]]
    dots = alt.Chart(sheets.hold(told)).encode(x=x, y=y, tooltip=tooltip)
    chart = alt.layer(
        zone.mark_rect(color=RULE, opacity=0.45).encode(x=along(x, "low:Q"), x2="high:Q"),
        dots.transform_filter("abs(datum.z) <= 2").mark_circle(size=20, color=MUTED, opacity=0.5),
        dots.transform_filter("datum.z > 2").mark_circle(size=40, color=ACCENT, opacity=1),
        dots.transform_filter("datum.z < -2").mark_circle(size=40, color=SECOND, opacity=1),
        *label_points(
            sheets,
            marked[["model", "z", "at"]],
            text="model",
            x=x,
            y=y,
            at=plane.pixels(marked["z"], marked["at"]),
            plane=plane,
            obstacles=plane.pixels(placed["z"], placed["at"]),
        ),
    )
    return finish(chart.properties(width=width, height=height), description)


def _mark_frontier(
    sheets: Sheets, frontier: pd.DataFrame, x: alt.X, across: tuple[float, float], at_y: float
) -> list[alt.Chart]:
    """Draw where the best model stands, with its interval, on the axis `x`; its name `at_y` pixels down."""
    import altair as alt

    # what is outside the axis Vega would draw all the same, and shrink the plot for it
    inside = frontier[["index", "low", "high"]].clip(*across)
    base = alt.Chart(sheets.hold(inside.assign(words="frontier")))
    at = along(x, "index:Q")
    return [
        base.mark_rect(color=RULE, opacity=0.5).encode(x=along(x, "low:Q"), x2="high:Q"),
        base.mark_rule(color=INK, strokeDash=[4, 3]).encode(x=at),
        base.mark_text(align="right", dx=-5, baseline="middle").encode(
            x=at, y=alt.value(at_y), text="words:N"
        ),
    ]


def _trace_word(frontier: pd.DataFrame, plane: Plane, up: float) -> NDArray[np.float64]:
    """Pixels along the word "frontier", `up` from the bottom, which labels keep clear of; shape (n, 2)."""
    end = plane.pixels(frontier["index"], [0.0])[0, 0] - 5
    start = end - CHAR_WIDTH * LABEL_SIZE * len("frontier")
    return np.column_stack([np.linspace(start, end, 9), np.full(9, up)])


def _quote(text: str) -> str:
    """Text inside a Vega string."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ")
