"""Picture of a link. matplotlib is imported when it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eci.report.axes import ACCENT, INK, SECOND, clip, make_axes, name_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from eci.linking import Link

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

    ax = make_axes(ax, 6.5, 6.0)
    units, (low, high) = link.units, link.range
    margin = 0.08 * (high - low)
    at = np.linspace(low - margin, high + margin, 100)
    tail = 0.5 - link.interval_prob / 2
    band = np.quantile(link.line(at), [tail, 0.5, 1 - tail], axis=0)
    ax.fill_between(
        at,
        band[0],
        band[2],
        color=ACCENT,
        alpha=0.2,
        lw=0,
        label=f"{link.interval_prob:.0%} interval of the line",
    )
    ax.plot(at, band[1], color=ACCENT, lw=1.5)
    if link.identity_residual_sd is not None:
        ax.plot(at, at, color="0.5", lw=1, ls="--", label="identity")
    half = ndtri(0.5 + link.interval_prob / 2)
    outlying = np.isin(units.names, units.down_weighted)
    for mask, colour, label in (
        (~outlying, INK, f"common {link.common}"),
        (outlying, SECOND, "down-weighted"),
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
    ax.set_xlabel(clip(link.scales[0]), parse_math=False)  # they name files
    ax.set_ylabel(clip(link.scales[1]), parse_math=False)
    ax.legend(loc="upper left", frameon=False, fontsize=8)
    labelled = np.arange(len(link)) if len(link) <= MOST_LABELS else np.flatnonzero(outlying)
    ax.margins(0.02)
    name_points(
        ax,
        units.x[labelled],
        units.y[labelled],
        [units.names[i] for i in labelled],
        obstacles=(np.append(at, units.x), np.append(band[1], units.y)),
    )
    return ax
