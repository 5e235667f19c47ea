"""Sentences and plain tables: results told the way a careful analyst would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from eci.trend import Trend
    from eci.trend.compare import OnTrend
    from eci.trend.quantity import DateQuantity, Quantity

WIDTH = 100
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


def describe_trend(trend: Trend, answers: Sequence[OnTrend] = ()) -> str:
    """Tell a trend in a paragraph, with its tables under it.

    Parameters
    ----------
    trend
        The result of `eci.fit_trend`.
    answers
        Models compared with the line of the others, from `Trend.on_trend`.
    """
    parts = [paragraph(_about_data(trend), _about_change(trend), _about_pace(trend))]
    parts += [paragraph(describe_on_trend(answer, trend.interval_prob)) for answer in answers]
    parts.append(_quantities(trend))
    if trend.automatic:
        parts.append(_change_models(trend))
        parts.append(_sensitivity(trend))
    if trend.membership:
        parts.append(_membership(trend))
    if trend.warnings:
        parts.append(
            "\n".join(fill(f"Note: {said}", WIDTH, subsequent_indent="      ") for said in trend.warnings)
        )
    return "\n\n".join(parts) + "\n"


def describe_on_trend(answer: OnTrend, interval_prob: float) -> str:
    """Say how far a model lies from the line of the others."""
    above = answer.above
    side = "above" if above.median >= 0 else "below"
    sign = 1 if above.median >= 0 else -1
    ends = sorted((sign * above.low, sign * above.high))
    months = answer.months_ahead
    month_ends = sorted((sign * months.low, sign * months.high))
    ahead = "ahead of" if sign > 0 else "behind"
    text = (
        f"{answer.name} lies {abs(above.median):.1f} points {side} the line expected from the other "
        f"{answer.n_others} models ({interval_prob:.0%} interval {ends[0]:.1f} to {ends[1]:.1f}), "
        f"{number(sign * months.median)} months {ahead} it ({number(month_ends[0])} to "
        f"{number(month_ends[1])}); P(above) = {answer.p_above:.3f}."
    )
    if answer.advances_frontier is not None:
        text += f" P(it exceeds every selected model released by then) = {answer.advances_frontier:.2f}."
    if answer.least_squares is not None:
        distance, se = answer.least_squares
        text += f" Least squares: {distance:+.2f} points, prediction standard error {se:.2f}."
    if answer.p_flat > 0.001:
        text += f" In {answer.p_flat:.1%} of the draws the line does not rise, and months mean nothing."
    for other, whose in ((answer.own_lab, "its own lab's line"), (answer.all_labs, "the line of all labs")):
        if other is not None and other.above != answer.above:
            text += (
                f" Against {whose} ({other.n_others} models): {other.above.median:+.1f} points "
                f"({other.above.low:.1f} to {other.above.high:.1f}), {number(other.months_ahead.median)} "
                f"months, P(above) = {other.p_above:.3f}."
            )
    return text


def _about_data(trend: Trend) -> str:
    point = trend.series.take(trend.series.point_frontier())
    dates = point.release_date
    what = "frontier models" if trend.series.frontier else "models"
    vintage = f", vintage {trend.series.vintage}" if trend.series.vintage else ""
    errors = "without measurement errors"
    if trend.series.has_errors:
        corr = trend.series.error_corr
        errors = "with joint errors" if corr is None else f"with errors correlated {corr:g} between models"
    line = trend.least_squares
    return (
        f"{trend.n} {what}, {dates.min()} to {dates.max()}{vintage}, {errors}. The least-squares line rises "
        f"{line.slope[0]:.2f} points a year (standard error {line.slope_se[0]:.2f}, residual sd "
        f"{line.residual_sd[0]:.2f})."
    )


def _about_change(trend: Trend) -> str:
    if not trend.automatic:
        change = trend.options.changes[0]
        at = (
            f" at {trend.options.break_model or trend.options.break_date}" if trend.options.break_date else ""
        )
        return f"The answer assumes {CHANGE_WORDS[change]}{at}."
    p, prior = trend.p_any_change, 1.0 - trend.priors["change_prob"]["none"]
    shares = [row.p_any_change for row in trend.sensitivity]
    said = (
        f"Did it change? {_verdict([_bayes_factor(share, prior) for share in shares])} P(any change) goes "
        f"from {prior:.2f} before the data to {p:.2f} after, and to {min(shares):.2f} to {max(shares):.2f} "
        "as prior scales are halved and doubled."
    )
    if not trend.identified:
        return said + " Which change: not identified, since one model follows every supported break."
    changes = [change for change in trend.change_models if change != "none"]
    best = max(changes, key=lambda change: trend.change_models[change])
    doubled = [row.p_ratio_gt_2 for row in trend.sensitivity]
    return said + (
        f" The likeliest change is {CHANGE_WORDS[best]} ({trend.change_models[best]:.2f}). "
        f"P(the pace at least doubled) = {doubled[0]:.2f} ({min(doubled):.2f} to {max(doubled):.2f})."
    )


def _about_pace(trend: Trend) -> str:
    ratio = trend.ratio_given_change
    after = trend.slope_after
    if after is None or ratio is None:
        slope = trend.slope_without_change if trend.automatic else trend.slope_before
        return "" if slope is None else f"The line rises {interval(slope)} points a year."
    given = "Given a change of slope, the" if trend.automatic else "The"
    return (
        f"{given} line rises {interval(trend.slope_before)} points a year before and {interval(after)} "
        f"after, a ratio of {interval(ratio)}."
    )


def _bayes_factor(posterior: float, prior: float) -> float:
    """Odds of any change after the data over the odds before."""
    if not 0.0 < prior < 1.0:
        return float("nan")
    return float(np.inf) if posterior >= 1.0 else posterior / (1.0 - posterior) * (1.0 - prior) / prior


def _verdict(factors: Sequence[float]) -> str:
    """Word the evidence for a change, in the grades of Kass and Raftery (1995), over all prior scales tried.

    https://doi.org/10.1080/01621459.1995.10476572: below 3 hardly worth a mention, to 20 positive, to 150
    strong.
    """
    if np.isnan(factors[0]):
        return "The prior leaves nothing to decide:"
    grades = {_grade(factor) for factor in factors}
    if len(grades) == 1:
        return f"The data give {grades.pop()} (Bayes factor for a change {_factor(factors[0])}):"
    low, high = min(factors), max(factors)
    return (
        f"The data give between {_grade(low)} and {_grade(high)}, depending on the prior "
        f"(Bayes factor for a change {_factor(factors[0])}, {_factor(low)} to {_factor(high)}):"
    )


def _grade(factor: float) -> str:
    side = "for" if factor >= 1 else "against"
    size = max(factor, 1.0 / factor) if factor > 0 else np.inf
    words = ((150, "very strong evidence"), (20, "strong evidence"), (3, "positive evidence"))
    word = next((word for limit, word in words if size >= limit), None)
    return "hardly any evidence" if word is None else f"{word} {side} a change"


def _factor(value: float) -> str:
    if value >= 1000:
        return "over 1000"
    return f"{value:.3g}" if value >= 0.001 else "under 0.001"


def _quantities(trend: Trend) -> str:
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


def _change_models(trend: Trend) -> str:
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


def _sensitivity(trend: Trend) -> str:
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


def _membership(trend: Trend) -> str:
    uncertain = {name: p for name, p in trend.membership.items() if 0.01 <= p <= 0.99}
    certain = [name for name, p in trend.membership.items() if p > 0.99]
    text = f"On the frontier: {', '.join(certain) or 'none for certain'}."
    if uncertain:
        likely = sorted(uncertain.items(), key=lambda item: -item[1])
        text += " Uncertain: " + ", ".join(f"{name} {p:.2f}" for name, p in likely) + "."
    return fill(text, WIDTH)


def align(rows: Iterable[Sequence[str]], sides: str) -> str:
    """Lay rows out in columns two spaces apart; `sides` holds < or > for each column."""
    listed = [list(row) for row in rows]
    widths = [max(len(row[k]) for row in listed) for k in range(len(sides))]
    lines = (
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True))
        for row in listed
    )
    return "\n".join(line.rstrip() for line in lines)


def interval(quantity: Quantity) -> str:
    """Show median and interval."""
    return f"{number(quantity.median)} ({number(quantity.low)} to {number(quantity.high)})"


def number(value: float | None) -> str:
    """Show three significant digits, two decimals at most."""
    if value is None or np.isnan(value):
        return ""
    if np.isinf(value):
        return "never" if value > 0 else "-never"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def paragraph(*sentences: str) -> str:
    """Fill sentences into lines."""
    return fill(" ".join(sentence for sentence in sentences if sentence), WIDTH)
