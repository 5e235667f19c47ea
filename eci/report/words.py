"""Sentences about a trend: results told the way a careful analyst would."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from eci.report.evidence import bayes_factor, weigh_evidence
from eci.report.text import WIDTH, count, interval, number, paragraph
from eci.report.trend_tables import (
    CHANGE_WORDS,
    list_change_models,
    list_members,
    list_quantities,
    list_sensitivity,
)

if TYPE_CHECKING:
    from eci.trend import Trend
    from eci.trend.compare import OnTrend


def describe_trend(trend: Trend, answers: Sequence[OnTrend] = ()) -> str:
    """Tell a trend in a paragraph, with its tables under it.

    Parameters
    ----------
    trend
        The result of `eci.fit_trend`.
    answers
        Models compared with the line of the others, from `Trend.on_trend`.
    """
    parts = [paragraph(summarise_trend(trend))]
    parts += [paragraph(describe_on_trend(answer, trend.interval_prob)) for answer in answers]
    parts.append(list_quantities(trend))
    if trend.automatic:
        parts.append(list_change_models(trend))
        parts.append(list_sensitivity(trend))
    if trend.membership:
        parts.append(list_members(trend))
    if trend.warnings:
        parts.append(
            "\n".join(fill(f"Note: {said}", WIDTH, subsequent_indent="      ") for said in trend.warnings)
        )
    return "\n\n".join(parts) + "\n"


def summarise_trend(trend: Trend) -> str:
    """Tell a trend in one paragraph: the data, whether the pace changed, and the pace."""
    told = (_about_data(trend), _about_change(trend), _about_pace(trend))
    return " ".join(sentence for sentence in told if sentence)


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
                f" Against {whose} ({count(other.n_others, 'model')}): {other.above.median:+.1f} points "
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
    evidence = weigh_evidence([bayes_factor(share, prior) for share in shares], trend.evidence_error)
    said = (
        f"Did it change? {evidence} P(any change) goes "
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
