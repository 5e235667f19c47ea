"""Pictures of a fit: ranking, benchmarks, information curves, residuals. Numbers: `eci.report.tables`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eci.fitted import Fit
from eci.report import findings, tables
from eci.report.axes import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    POINTS_PER_INCH,
    RULE,
    SECOND,
    clip,
    make_axes,
    measure,
    name_points,
    set_headline,
)
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

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ROW = 0.19  # inches of one model in the ranking
NAME = 2.0  # inches of a name in the ranking, before it widens the picture
DOMAIN = 0.55  # inches of one domain of the residuals
N_RANKED = 40
N_MARKED = 28
NEAR = (4.0, 8.0)  # typographic points; peaks that stand too close are in the list only


def index(
    source: Fit | str | Path, *, labs: Sequence[str] = (), top: int = N_RANKED, ax: Axes | None = None
) -> Axes:
    """Draw the ranking: index of each model with its interval. Numbers: `tables.abilities`.

    Parameters
    ----------
    source
        A fit, or the folder of a saved one.
    labs, top
        Labs to keep, and models to show.
    ax
        Axes to draw on; a new figure where none is given.
    """
    table = tables.abilities(source, labs=labs, top=top)
    tables.require_index(table)
    percent = f"{tables.facts(source)['interval_prob']:.0%}"
    longest = max(measure(clip(model), 8) for model in table["model"]) / POINTS_PER_INCH
    ax = make_axes(ax, 8.0 + max(longest - NAME, 0.0), 1.3 + ROW * len(table))
    rows = np.arange(len(table))
    low, high = table["low"].fillna(table["index"]), table["high"].fillna(table["index"])
    ax.hlines(rows, low, high, color=INK, lw=1.2)
    ax.plot(table["index"], rows, "o", ms=4.5, color=ACCENT)
    for row, value in enumerate(table["index"]):
        ax.annotate(
            f"{value:.1f}",
            (1.0, row),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
        )
    names = [f"{clip(model)}  {rank:>3}" for model, rank in zip(table["model"], table["rank"], strict=True)]
    ax.set_yticks(rows, names, fontsize=8, parse_math=False)
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(*span(low, include=high))
    ax.grid(axis="x", color=RULE, lw=0.7)
    ax.spines["left"].set_visible(False)
    known = table["low"].notna().any()
    ax.set_xlabel(f"index, points, with {percent} interval" if known else "index, points")
    among = f" among the models of {', '.join(labs)}" if labs else ""
    set_headline(ax, f"{table['model'][0]} leads{among} with {table['index'][0]:.1f} points")
    return ax


def benchmarks(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw difficulty and slope of every benchmark, and the frontier. Numbers: `tables.at_frontier`.

    Parameters
    ----------
    fit
        The fit.
    ax
        Axes to draw on; a new figure where none is given.
    """
    standing = tables.at_frontier(fit)
    table = place_benchmarks(standing)
    ax = make_axes(ax, 8.5, 5.5)
    hard = table["p_harder"] > 0.5
    ax.set_yscale("log")
    ax.set_xlim(*span(table["x"], include=tables.frontier(fit)["index"]))
    ends = span(np.log10(table["y"]), include=() if len(table) else (-2.0, 0.0), margin=0.05)
    ax.set_ylim(10 ** ends[0], 10 ** ends[1])
    _mark_frontier(ax, tables.frontier(fit), bottom=True)
    for mask, marker, size, colour, label in (
        (~hard, "o", 14, ACCENT, "easier than the best model"),
        (hard, "^", 26, SECOND, "harder"),
    ):
        ax.scatter(
            table["x"][mask],
            table["y"][mask],
            s=size,
            marker=marker,
            color=colour,
            alpha=0.7,
            lw=0,
            label=label,
        )
    ax.set_yticks(list_slopes(*ax.get_ylim()))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    ax.grid(color=RULE, lw=0.7)
    ax.set_xlabel(fill(f"difficulty, points. {findings.tell_placed(standing)}".rstrip(". "), 110))
    ax.set_ylabel("slope per point")
    ax.legend(loc="upper left", frameon=False, fontsize=8)
    set_headline(ax, findings.tell_benchmarks(standing))
    marked = choose_marked(table, N_MARKED)
    word = _trace_word(ax, tables.frontier(fit), 0.04)
    name_points(
        ax,
        marked["x"],
        marked["y"],
        marked["benchmark"].tolist(),
        obstacles=(np.r_[table["x"], word[:, 0]], np.r_[table["y"], word[:, 1]]),
    )
    return ax


def information(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw information curves, those that tell most at the frontier named. Numbers: `tables.information`.

    Parameters
    ----------
    fit
        The fit.
    ax
        Axes to draw on; a new figure where none is given.
    """
    curves, standing = tables.information(fit), tables.at_frontier(fit)
    telling = choose_telling(curves, standing)
    ax = make_axes(ax, 8.5, 5.0)
    ax.set_yscale("function", functions=(_root, np.square))
    best = tables.frontier(fit)
    across, top, n_cut = frame_information(curves, best)
    ax.set_ylim(0, top)
    ax.set_xlim(*across)
    _mark_frontier(ax, best)
    for drawn, colour, width in ((curves, FAINT, 0.5), (telling, ACCENT, 1.6)):
        for _, curve in drawn.groupby("benchmark", sort=False):
            ax.plot(curve["index"], curve["information"], color=colour, lw=width)
    ax.grid(color=RULE, lw=0.7)
    ax.set_xlabel("index, points")
    ax.set_ylabel("information of one score, 1/points² (square-root axis)")
    set_headline(ax, findings.tell_information(standing))
    inside = telling[telling["information"] <= top]
    peaks = inside.loc[inside.groupby("benchmark")["information"].idxmax()]
    peaks = peaks.sort_values("information", ascending=False)
    heading = "Error of one score at the frontier, points"
    ax.text(
        0.02,
        0.96,
        "\n".join([heading, *map(clip, list_telling(standing)), *findings.tell_cut(n_cut)]),
        transform=ax.transAxes,
        va="top",
        fontsize=8,
        linespacing=1.5,
        color=INK,
        parse_math=False,
    )
    word = _trace_word(ax, best, 0.96)
    kept_clear = np.r_[inside["index"], word[:, 0]], np.r_[inside["information"], word[:, 1]]
    names = peaks["benchmark"].tolist()
    name_points(ax, peaks["index"], peaks["information"], names, obstacles=kept_clear, rings=NEAR)
    return ax


def residuals(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw residuals of every model by domain. Numbers: `tables.residuals_by_domain`.

    Parameters
    ----------
    fit
        The fit.
    ax
        Axes to draw on; a new figure where none is given.
    """
    by_domain = tables.residuals_by_domain(fit)
    placed = swarm(by_domain, per_row=34)
    domains = list(dict.fromkeys(placed.sort_values("row")["domain"]))
    ax = make_axes(ax, 8.5, 1.4 + DOMAIN * len(domains))
    reach = float(np.ceil(placed["z"].abs().max() + 0.3))
    ax.set_xlim(-reach, reach)
    ax.set_ylim(len(domains) - 0.5, -0.5)
    ax.axvspan(-2, 2, color=RULE, alpha=0.5, lw=0)
    for mask, marker, size, colour, label in (
        (placed["z"].abs() <= 2, "o", 6, MUTED, None),
        (placed["z"] > 2, "^", 22, ACCENT, "better than its index says"),
        (placed["z"] < -2, "v", 22, SECOND, "worse"),
    ):
        ax.scatter(
            placed["z"][mask],
            placed["at"][mask],
            s=size,
            marker=marker,
            color=colour,
            alpha=0.5 if marker == "o" else 1.0,
            lw=0,
            label=label,
        )
    titles = [clip(name.replace("_", " ")) or "no domain" for name in domains]
    ax.set_yticks(range(len(domains)), titles, parse_math=False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=RULE, lw=0.7)
    ax.set_xlabel("standard deviations below or above what the index says (shaded: within 2)")
    ax.legend(loc="lower right", frameon=False, fontsize=8)
    set_headline(ax, findings.tell_residuals(by_domain))
    marked = choose_surprising(placed, N_MARKED)
    name_points(
        ax, marked["z"], marked["at"], marked["model"].tolist(), obstacles=(placed["z"], placed["at"])
    )
    return ax


def _mark_frontier(ax: Axes, frontier: pd.DataFrame, *, bottom: bool = False) -> None:
    best = frontier.iloc[0]
    if not np.isnan(best["low"]):
        ax.axvspan(best["low"], best["high"], color=RULE, alpha=0.6, lw=0)
    ax.axvline(best["index"], color=INK, lw=0.9, ls=(0, (4, 3)))
    ax.annotate(
        "frontier",
        (best["index"], 0.02 if bottom else 0.98),
        xycoords=("data", "axes fraction"),
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        va="bottom" if bottom else "top",
        fontsize=8,
        color=INK,
    )


def _trace_word(ax: Axes, frontier: pd.DataFrame, up: float) -> NDArray[np.float64]:
    """Points along the word "frontier", at a share of the height, that labels keep clear of; shape (n, 2)."""
    to_share = ax.transData + ax.transAxes.inverted()
    end = to_share.transform((float(frontier["index"].iloc[0]), ax.get_ylim()[1]))[0]
    shares = np.column_stack([np.linspace(end - 0.1, end, 12), np.full(12, up)])
    return np.asarray(to_share.inverted().transform(shares))


def _root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square root of what is not negative, for an axis whose margins may be."""
    return np.asarray(np.sqrt(np.maximum(values, 0.0)))
