"""What all charts of the HTML report share: colours that follow the page's theme, data, labels, export.

Altair draws them: its Vega-Lite specifications are small and declarative, draw as SVG that prints sharply
and takes its colours from the page's CSS, and need one script of 0.9 MB, which vl-convert carries, so that no
network is touched when the report is written or read. Plotly's script alone is near the report's limit of
5 MB, and Bokeh paints a canvas, which neither the page's colours nor a screen reader reach.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eci.report.labels import RINGS, Place, place_labels

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    Axis = TypeVar("Axis", alt.X, alt.Y)
    AnyChart = alt.LayerChart | alt.VConcatChart | alt.FacetChart

FloatArray = NDArray[np.float64]

# CSS variables of templates/style.css: the same specification serves light, dark and print.
INK, MUTED, FAINT, RULE = "var(--ink)", "var(--muted)", "var(--faint)", "var(--rule)"
ACCENT, SECOND = "var(--accent)", "var(--second)"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
FONT_SIZE = 12
LABEL_SIZE = 11
CHAR_WIDTH = 0.56  # of the font size: a little wide for most fonts, so that labels keep apart in all
AXIS_WIDTH = 52  # taken by the y axis and its title


@dataclass(frozen=True)
class Canvas:
    """Size of a chart in pixels, axes included, and how many labels it can carry.

    A report holds every chart for a wide and for a narrow window: text keeps its size and labels their
    distance in both, which a picture that is merely shrunk does not.
    """

    width: int
    most_labels: int
    is_wide: bool

    @property
    def plot_width(self) -> int:
        """Width inside the axes."""
        return self.width - AXIS_WIDTH


WIDE = Canvas(840, 34, is_wide=True)
NARROW = Canvas(342, 10, is_wide=False)


class Sheets:
    """Tables behind a chart, each held once under a name made of its content.

    Altair checks every value that stands inside a specification against its schema, which takes seconds; data
    under a name it leaves alone, and the wide and the narrow chart share them.
    """

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def hold(self, frame: pd.DataFrame) -> alt.NamedData:
        """Hold a table: dates as ISO text, numbers to seven digits, nothing for nan."""
        import altair as alt

        names = [str(name) for name in frame.columns]
        columns = [[_plain(value) for value in frame[name].tolist()] for name in frame.columns]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        name = blake2b(json.dumps(rows).encode(), digest_size=6).hexdigest()
        self.rows[name] = rows
        return alt.NamedData(name=name)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.7g}") if np.isfinite(value) else None
    if isinstance(value, list):
        return [float(f"{part:.4g}") for part in value]
    return value.strftime("%Y-%m-%d") if hasattr(value, "strftime") else value


def finish(chart: AnyChart, description: str) -> dict[str, Any]:
    """Turn a chart into its specification, in the style of the page; its tables are in its `Sheets`."""
    axis = {
        "labelColor": MUTED, "titleColor": MUTED, "tickColor": RULE, "domainColor": RULE, "gridColor": RULE,
        "gridOpacity": 0.6, "labelFont": FONT, "titleFont": FONT, "labelFontSize": FONT_SIZE,
        "titleFontSize": FONT_SIZE, "titleFontWeight": "normal", "labelFontWeight": "normal",
        "titlePadding": 8,
    }  # fmt: skip
    text = {"font": FONT, "fontSize": LABEL_SIZE, "fill": INK}
    described = chart.properties(description=description)
    styled = described.configure(background="transparent", font=FONT, aria=False).configure_view(stroke=None)
    specification = styled.to_dict(validate=False)
    specification["config"] |= {"axis": axis, "text": text}
    specification["autosize"] = {"type": "pad", "contains": "padding"}
    specification["padding"] = 2
    return dict(specification)


@dataclass(frozen=True)
class Plane:
    """Where data lie in the pixels of a plot with linear axes: ends of the axes, width and height."""

    across: tuple[float, float]
    up: tuple[float, float]
    width: float
    height: float

    def pixels(self, x: ArrayLike, y: ArrayLike) -> FloatArray:
        """Pixels from the lower left corner, shape (n, 2)."""
        places = [
            (np.asarray(values, dtype=np.float64) - low) / (high - low) * size
            for values, (low, high), size in ((x, self.across, self.width), (y, self.up, self.height))
        ]
        return np.column_stack(places)


def along(axis: Axis, column: str) -> Axis:
    """Another column on the same axis: layers with scales of their own would be given the union of all."""
    other = axis.copy()
    other.shorthand = column
    return other


def label_points(
    sheets: Sheets,
    frame: pd.DataFrame,
    *,
    text: str,
    x: alt.X,
    y: alt.Y,
    at: FloatArray,
    plane: Plane,
    obstacles: ArrayLike = (),
    rings: Sequence[float] = RINGS,
) -> list[alt.Chart]:
    """Layers of labels that do not cover each other, for the rows of a table in order of importance.

    Parameters
    ----------
    sheets, frame
        Where the chart's tables are held; the labelled points.
    text, x, y
        Column of the label, and the encodings of the points.
    at
        Pixels of the points from the lower left corner, shape (n, 2).
    plane
        The plot.
    obstacles
        Pixels of other points, shape (k, 2).
    rings
        Distances tried between a point and its label.
    """
    import altair as alt

    sizes = [[CHAR_WIDTH * LABEL_SIZE * len(name) + 4, LABEL_SIZE + 2] for name in frame[text]]
    bounds = (-2.0, 0.0, plane.width + 2, plane.height + 10)
    places = place_labels(at, sizes, bounds=bounds, obstacles=obstacles, rings=rings)
    found: list[Place] = [place for place in places if place is not None]
    kept = frame[[place is not None for place in places]].assign(
        dx=[place.dx for place in found],
        dy=[-place.dy for place in found],
        align=[place.align for place in found],
        leader=[place.leader for place in found],
    )
    base = alt.Chart(sheets.hold(kept)).encode(x=x, y=y)
    names = base.mark_text(
        dx=alt.expr("datum.dx"),
        dy=alt.expr("datum.dy"),
        align=alt.expr("datum.align"),
        baseline="middle",
        tooltip=None,
    ).encode(text=f"{text}:N")
    far = kept[kept["leader"]]
    return [names] if far.empty else [_draw_leaders(sheets, base, far), names]


def _draw_leaders(sheets: Sheets, base: alt.Chart, far: pd.DataFrame) -> alt.Chart:
    """Draw short lines to the labels that stand off, as SVG paths of one symbol a point."""
    import altair as alt

    # a symbol of size 4 spans the unit square, so a path in pixels needs no scale
    shape = [f"M0,0L{dx * 0.8:.1f},{dy * 0.8:.1f}" for dx, dy in zip(far["dx"], far["dy"], strict=True)]
    lines: alt.Chart = base.properties(data=sheets.hold(far.assign(shape=shape)))
    drawn: alt.Chart = lines.mark_point(
        shape=alt.expr("datum.shape"), size=4, stroke=MUTED, strokeWidth=0.7, fill=None
    )
    return drawn
