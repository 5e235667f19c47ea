"""Plain tables of a trend: quantities, change models, prior sensitivity, frontier membership."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from eci.report.text import WIDTH, align, number

if TYPE_CHECKING:
    from eci.trend import Trend
    from eci.trend.quantity import DateQuantity, Quantity

CHANGE_WORDS = {
    "none": "one line, no change",
    "kink": "kink: the slope changes",
    "jump": "jump: the level changes, the slope stays",
    "both": "both slope and level change",
}
PRIOR_WORDS = {
    "slope_change_sd": "change of slope",
    "jump_sd": "jump",
    "residual_sd": "residual sd",
    "slope_change_sd and jump_sd": "change of slope and jump",
}


def list_quantities(trend: Trend) -> str:
    """Lay out the posterior quantities."""
    given = "given a change of slope" if trend.automatic else ""
    rows: list[tuple[str, Quantity | DateQuantity | None, str]] = [
        (
            "slope, no change",
            trend.slope_without_change,
            "points a year; given no change" if trend.automatic else "",
        ),
        ("slope before", trend.slope_before if trend.slope_after else None, f"points a year; {given}"),
        ("slope after", trend.slope_after, f"points a year; {given}"),
        ("change of slope", trend.slope_change, f"points a year; {given}"),
        (
            "ratio",
            trend.ratio,
            "averaged: none and jump are exactly 1" if trend.automatic else "after / before",
        ),
        ("ratio given change", trend.ratio_given_change if trend.automatic else None, given),
        ("jump", trend.jump, "points; given a jump or both" if trend.automatic else "points"),
        ("break date", trend.break_date, "given any change" if trend.automatic else ""),
        ("residual sd", trend.residual_sd, "points: scatter of true values about the line"),
    ]
    heading = f"{trend.interval_prob:.0%} interval"
    lines = [("", "median", heading, "mean", "sd", "")]
    for name, quantity, note in rows:
        if quantity is None:
            continue
        if isinstance(quantity.low, np.datetime64):
            ends = f"{quantity.low} to {quantity.high}"
            lines.append((name, str(quantity.median), ends, str(quantity.mean), f"{quantity.sd:.0f} d", note))
        else:
            mean, sd = ("", "") if quantity.mean is None else (number(quantity.mean), number(quantity.sd))
            ends = f"{number(quantity.low)} to {number(quantity.high)}"
            lines.append((name, number(quantity.median), ends, mean, sd, note.rstrip("; ")))
    table = align(lines, "<>>>><")
    ratio = trend.ratio
    if ratio is not None:
        table += (
            f"\n\nP(ratio > 1) = {ratio.p_gt_1:.3f}, P(ratio > 2) = {ratio.p_gt_2:.3f}, "
            f"P(slope before <= 0) = {ratio.p_before_le_0:.3f}. A ratio has no mean."
        )
    return table


def list_change_models(trend: Trend) -> str:
    """Lay out prior and posterior probabilities of the change models, with the priors."""
    lines = [("change model", "prior", "posterior", "log Bayes factor", "")]
    for change, p in trend.change_models.items():
        known = trend.identified or change == "none"
        factor = trend.log_bayes_factors[change]
        lines.append(
            (
                change,
                f"{trend.priors['change_prob'][change]:.2f}",
                f"{p:.3f}" if known else "not identified",
                f"{factor:+.2f}" if known and np.isfinite(factor) else "",
                CHANGE_WORDS[change],
            )
        )
    priors = trend.priors
    scales = (
        f"Priors: change of slope ~ Normal(0, {priors['slope_change_sd']:.3g}²) points a year, jump ~ "
        f"Normal(0, {priors['jump_sd']:.3g}²) points, residual sd ~ "
        f"half-Normal({priors['residual_sd']:.3g}), break date uniform, level and slope flat."
    )
    return align(lines, "<>>><") + "\n" + fill(scales, WIDTH)


def list_sensitivity(trend: Trend) -> str:
    """Lay out the probabilities under other prior scales."""
    lines: list[tuple[str, ...]] = [
        ("prior scale", "times", "none", "kink", "jump", "both", "P(any change)", "P(ratio > 2)")
    ]
    for row in trend.sensitivity:
        name = PRIOR_WORDS.get(row.prior, row.prior)
        known = trend.identified
        shares = [f"{p:.2f}" if known or c == "none" else "" for c, p in row.change_models.items()]
        lines.append(
            (
                name,
                "" if row.prior == "default" else f"{row.factor:g}",
                *shares,
                f"{row.p_any_change:.2f}",
                f"{row.p_ratio_gt_2:.2f}" if known else "",
            )
        )
    return "How far the prior decides\n" + align(lines, "<>>>>>>>")


def list_members(trend: Trend) -> str:
    """Name the models on the frontier, and those that may be."""
    uncertain = {name: p for name, p in trend.membership.items() if 0.01 <= p <= 0.99}
    certain = [name for name, p in trend.membership.items() if p > 0.99]
    text = f"On the frontier: {', '.join(certain) or 'none for certain'}."
    if uncertain:
        likely = sorted(uncertain.items(), key=lambda item: -item[1])
        text += " Uncertain: " + ", ".join(f"{name} {p:.2f}" for name, p in likely) + "."
    return fill(text, WIDTH)
