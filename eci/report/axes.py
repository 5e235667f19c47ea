"""Axes, titles and labels that the pictures share. matplotlib is imported when a picture is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eci.errors import DataError
from eci.report.labels import place_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

# Blue and vermilion, apart for every kind of colour blindness; shape says the same again in grey print.
INK, MUTED, FAINT, RULE = "#1c1b19", "#6a665f", "#cfcbc2", "#e4e0d7"
ACCENT, SECOND = "#1d5f91", "#b9500f"
LABEL_SIZE = 7.5
HEADLINE_SIZE = 11.0
SPACE = 0.4  # of the size: the room between two words
POINTS_PER_INCH = 72.0
MOST_HEADLINE = 400  # characters


def make_axes(ax: Axes | None, width: float = 8.0, height: float = 5.0) -> Axes:
    """Give the axes given, or those of a new figure (inches) that no global list keeps alive."""
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(width, height), layout="constrained").add_subplot()
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(color=FAINT, labelcolor=MUTED, labelsize=9)
    ax.xaxis.label.set_color(MUTED)
    ax.yaxis.label.set_color(MUTED)
    ax.set_axisbelow(True)
    return ax


def clip(text: str, most: int = 60) -> str:
    """Cut what would leave no room for the picture, and show that it was cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def measure(text: str, size: float, weight: str = "normal") -> float:
    """Width of a text in typographic points; a name such as a$b$ counts as it stands."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    bare = text.replace("$", r"\$") or " "
    return float(TextPath((0, 0), bare, size=size, prop=FontProperties(weight=weight)).get_extents().width)


def set_headline(ax: Axes, text: str) -> None:
    """Put what a picture shows above it, in as few lines as hold it, about equally long."""
    lines = _break_evenly(clip(text, MOST_HEADLINE), _lay_out(ax) * ax.bbox.width)
    ax.set_title(lines, loc="left", fontsize=HEADLINE_SIZE, fontweight="bold", color=INK, parse_math=False)


def _break_evenly(text: str, width: float) -> str:
    """Break a headline into lines within a width in points; no last line of one word."""
    words = [(word, measure(word, HEADLINE_SIZE, "bold") + SPACE * HEADLINE_SIZE) for word in text.split()]

    def fill_lines(limit: float) -> list[str]:
        lines, left = [""], limit
        for word, size in words:
            if size > left and lines[-1]:
                lines, left = [*lines, ""], limit
            lines[-1], left = f"{lines[-1]} {word}".strip(), left - size
        return lines

    fewest = fill_lines(width)
    even = (fill_lines(share * width) for share in np.linspace(0.3, 1.0, 36))
    return "\n".join(next((lines for lines in even if len(lines) == len(fewest)), fewest))


def name_points(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    names: Sequence[str],
    *,
    obstacles: tuple[ArrayLike, ArrayLike] | None = None,
    rings: Sequence[float] = (5.0, 12.0, 24.0),
) -> None:
    """Write names beside points so that none covers another, the first ones first; those without room not.

    Parameters
    ----------
    ax
        Axes whose limits are final.
    x, y, names
        Points in data units and their names, the most important first.
    obstacles
        Other points, x and y in data units, that no name may cover.
    rings
        Distances tried between a point and its name, in typographic points.
    """
    from matplotlib.patheffects import withStroke

    scale = _lay_out(ax)

    def to_points(x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(ax.transData.transform(np.column_stack([x, y])) * scale)

    names = list(map(clip, names))
    sizes = [measure(name, LABEL_SIZE) + 2 for name in names]
    left, bottom, right, top = (edge * scale for edge in ax.bbox.extents)
    places = place_labels(
        to_points(x, y),
        [(width, LABEL_SIZE + 1.5) for width in sizes],
        bounds=(left, bottom, right + 3, top + 3),
        obstacles=() if obstacles is None else to_points(*obstacles),
        marker=3.0,
        rings=rings,
    )
    for at, name, place in zip(zip(np.asarray(x), np.asarray(y), strict=True), names, places, strict=True):
        if place is None:
            continue
        line = {"arrowstyle": "-", "lw": 0.5, "color": MUTED, "shrinkA": 0, "shrinkB": 2}
        note = ax.annotate(
            name,
            at,
            xytext=(place.dx, place.dy),
            textcoords="offset points",
            ha=place.align,
            va="center",
            fontsize=LABEL_SIZE,
            color=INK,
            arrowprops=line if place.leader else None,
            parse_math=False,
        )
        note.set_in_layout(False)
        note.set_path_effects(
            [withStroke(linewidth=1.8, foreground="white")]
        )  # readable over points and lines


def _lay_out(ax: Axes) -> float:
    """Lay the figure out, which decides where points stand; returns the typographic points of a pixel."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise DataError("These axes are on no figure. Make them with Figure.add_subplot.")
    figure.draw_without_rendering()
    return POINTS_PER_INCH / figure.dpi
