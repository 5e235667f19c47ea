"""Picture of a link. matplotlib is imported when it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from eci.linking import Link

BAND = "#4c78a8"
OUTLIER = "#e45756"
UNITS = "#222222"
MOST_LABELS = 30


def link(link: Link, ax: Axes | None = None) -> Axes:
    """Draw a link: common units on both scales with error bars, the line with its band, and the identity.

    Parameters
    ----------
    link
        The result of `eci.link`.
    ax
        Axes to draw on; a new figure where none is given.

    Returns
    -------
    Axes
        The axes drawn on; the figure is `ax.figure`.
    """
    from scipy.special import ndtri

    ax = _axes(ax)
    units, (low, high) = link.units, link.range
    margin = 0.08 * (high - low)
    at = np.linspace(low - margin, high + margin, 100)
    tail = 0.5 - link.interval_prob / 2
    band = np.quantile(link.line(at), [tail, 0.5, 1 - tail], axis=0)
    ax.fill_between(
        at,
        band[0],
        band[2],
        color=BAND,
        alpha=0.2,
        lw=0,
        label=f"{link.interval_prob:.0%} interval of the line",
    )
    ax.plot(at, band[1], color=BAND, lw=1.5)
    if link.identity_residual_sd is not None:
        ax.plot(at, at, color="0.5", lw=1, ls="--", label="identity")
    half = ndtri(0.5 + link.interval_prob / 2)
    outlying = np.isin(units.names, units.down_weighted)
    for mask, colour, label in (
        (~outlying, UNITS, f"common {link.common}"),
        (outlying, OUTLIER, "down-weighted"),
    ):
        if mask.any():
            ax.errorbar(
                units.x[mask],
                units.y[mask],
                xerr=half * units.x_sd[mask],
                yerr=half * units.y_sd[mask],
                fmt="o",
                ms=4,
                lw=0.8,
                color=colour,
                label=label,
            )
    labelled = range(len(link)) if len(link) <= MOST_LABELS else np.flatnonzero(outlying)
    for i in labelled:
        ax.annotate(
            units.names[i], (units.x[i], units.y[i]), xytext=(5, -8), textcoords="offset points", fontsize=7
        )
    ax.set_xlabel(link.scales[0])
    ax.set_ylabel(link.scales[1])
    ax.legend(loc="upper left", frameon=False, fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(6.5, 6.0), layout="constrained").add_subplot()
