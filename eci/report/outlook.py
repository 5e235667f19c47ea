"""Words for what a trend is asked besides: labs, forecasts, back-tests, power, time horizons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from eci.report.evidence import grade, show_factor
from eci.report.text import align, count, interval, number, paragraph
from eci.trend.forecast import MOST_YEARS

if TYPE_CHECKING:
    from eci.trend.backtest import Backtest, BacktestRow
    from eci.trend.envelope import Envelope
    from eci.trend.forecast import Forecast, Reach
    from eci.trend.groups import LabTrends
    from eci.trend.horizon import Horizon
    from eci.trend.power import Power, Rate
    from eci.trend.quantity import Quantity
    from eci.trend.robust import RobustTrend
    from eci.trend.two_kinks import TwoKinks


def describe_labs(labs: LabTrends, interval_prob: float) -> str:
    """Lay out the lines of all labs."""
    heading = f"{interval_prob:.0%} interval"
    lines: list[tuple[str, ...]] = [("lab", "models", "slope", heading, f"level {labs.at}", heading)]
    for lab in labs.labs:
        slope, level = lab.slope, lab.level
        lines.append(
            (
                lab.lab,
                str(lab.n),
                number(slope.median),
                f"{number(slope.low)} to {number(slope.high)}",
                number(level.median),
                f"{number(level.low)} to {number(level.high)}",
            )
        )
    said = (
        f"Lines by lab, partially pooled: common slope {interval(labs.common_slope)} points a year; "
        f"between labs the slopes spread with sd {interval(labs.slope_spread)}, the levels with sd "
        f"{interval(labs.level_spread)}."
    )
    if labs.n_unlabelled:
        said += f" Left out: {count(labs.n_unlabelled, 'model')} of unknown lab."
    return paragraph(said) + "\n\n" + align(lines, "<>>>>>")


def describe_envelope(envelope: Envelope) -> str:
    """Tell the line minus one-sided gaps."""
    return paragraph(
        f"Second reading, all {envelope.n} models as a line minus one-sided gaps: the line rises "
        f"{interval(envelope.slope)} points a year, a model lies {interval(envelope.gap)} points below it "
        f"on average, and the two-sided scatter has sd {interval(envelope.residual_sd)}. This is the pace "
        "of the line that generated all models; the running maximum is the pace of those that led."
    )


def describe_robust(robust: RobustTrend) -> str:
    """Tell the trend under Student-t residuals."""
    said = (
        f"With Student-t residuals ({robust.degrees:g} degrees of freedom) P(any change) is "
        f"{robust.p_any_change:.2f} (Monte Carlo error {robust.mc_error:.2f})"
    )
    if robust.ratio is not None:
        said += f" and P(the pace at least doubled) {robust.ratio.p_gt_2:.2f}"
    said += "."
    if robust.slope_before is not None and robust.slope_after is not None:
        said += (
            f" Given a change of slope, the line rises {interval(robust.slope_before)} points a year before "
            f"and {interval(robust.slope_after)} after."
        )
    odd = sorted((weight, name) for name, weight in robust.weights.items() if weight < 0.7)
    if odd:
        said += (
            " Counted least: " + ", ".join(f"{name} (weight {weight:.2f})" for weight, name in odd[:5]) + "."
        )
    return paragraph(said)


def describe_two_kinks(bent: TwoKinks, interval_prob: float) -> str:
    """Tell a line that bends twice, and whether the data ask for it."""
    factor = float(np.exp(bent.log_bayes_factor_kink))
    said = (
        f"A second break? The data give {grade(factor, 'a second break')} (Bayes factor of two kinks against "
        f"one {show_factor(factor)}, against none {show_factor(float(np.exp(bent.log_bayes_factor_none)))}; "
        f"each segment holds at least {bent.min_segment} models)."
    )
    if bent.supported < 0.99:
        said += f" Only {bent.supported:.0%} of the frontiers drawn hold enough models for two breaks."
    heading = f"{interval_prob:.0%} interval"
    rows: list[tuple[str, ...]] = [("", "median", heading)]
    for k, slope in enumerate(bent.slopes):
        rows.append((f"slope {k + 1}, points a year", number(slope.median), _ends(slope)))
        if k < len(bent.break_dates):
            date = bent.break_dates[k]
            rows.append((f"break {k + 1}", str(date.median), f"{date.low} to {date.high}"))
    return paragraph(said) + "\n\n" + align(rows, "<>>")


def _ends(quantity: Quantity) -> str:
    return f"{number(quantity.low)} to {number(quantity.high)}"


def describe_forecast(forecasts: Sequence[Forecast], reached: Sequence[Reach], interval_prob: float) -> str:
    """Tell forecasts: index at dates, and dates at which levels are reached."""
    said = [
        f"On {answer.date} the line stands at {interval(answer.line)} points, a new model at "
        f"{number(answer.index.median)} ({interval_prob:.0%} interval {number(answer.index.low)} to "
        f"{number(answer.index.high)})."
        for answer in forecasts
    ]
    for level in reached:
        if level.date is None and level.p_never > 0.5 - interval_prob / 2:
            said.append(f"The line never reaches {level.level:g} in {level.p_never:.0%} of the draws.")
        elif level.date is None:
            said.append(
                f"No date is given for {level.level:g} points: an end of its {interval_prob:.0%} interval is "
                f"more than {MOST_YEARS} years off. Ask for a level nearer to the index."
            )
        else:
            date = level.date
            said.append(
                f"The line reaches {level.level:g} points on {date.median} ({date.low} to {date.high})."
            )
    said.append("Forecasts continue the last line and foresee no further change.")
    return paragraph(*said)


def describe_backtests(today: Backtest, walked: Backtest | None = None) -> str:
    """Lay out how forecasts would have done; beside it, where there is one, with the index refitted."""
    shares_heading = ("in 50%", "in 80%", "in 90%")
    heading = ("months", "forecasts", "independent", *shares_heading, "CRPS", "CRPS of the line", "bias")
    rows = [_backtest_row(row) for row in today.rows]
    shares = (
        "share of forecasts inside each interval, with the 95% binomial interval from the forecasts that do "
        "not overlap."
    )
    leak = "Today's index leaks the future into the past: later scores have moved the earlier values."
    if walked is None:
        return (
            paragraph(f"Back-test, {today.kind}: {shares} {leak}")
            + "\n\n"
            + align([heading, *rows], ">" * len(heading))
        )
    said = [
        f"Back-test, {today.kind} and the {walked.kind}: {shares} {leak} Refitted, the index of an origin "
        "rests on the models released by then alone, and only the zero and unit of its scale are today's; "
        "but scores carry no date, so those of such a model count as known whenever they were measured. What "
        "is predicted is today's index either way.",
        _describe_refits(walked),
    ]
    both = [("today's", *row) for row in rows] + [("refitted", *_backtest_row(row)) for row in walked.rows]
    both.sort(key=lambda row: float(row[1]))
    return paragraph(*said) + "\n\n" + align([("index", *heading), *both], "<" + ">" * len(heading))


def _backtest_row(row: BacktestRow) -> tuple[str, ...]:
    shares = [f"{rate.share:.2f} [{rate.low:.2f}, {rate.high:.2f}]" for rate in row.coverage.values()]
    scores = (f"{row.crps:.2f}", f"{row.crps_line:.2f}", f"{row.bias:+.2f}")
    return (f"{row.months:g}", str(row.n), str(row.n_independent), *shares, *scores)


def _describe_refits(walked: Backtest) -> str:
    """Count the refits; name those that failed a check and the origins without one."""
    sizes = [refit.n_models for refit in walked.refits]
    said = f"{len(sizes)} refits, of {min(sizes)} to {max(sizes)} models."
    unsound = {refit.origin: refit.failed for refit in walked.refits if refit.failed}
    if unsound:
        named = "; ".join(f"{origin}: {', '.join(checks)}" for origin, checks in unsound.items())
        said += f" CHECK FAILED at {len(unsound)} of them ({named}): do not rely on their forecasts."
    if walked.skipped:
        origin, why = walked.skipped[0]
        days = ", ".join(day for day, _ in walked.skipped)
        said += f" No forecast could be made from {days}. Of {origin}: {why}"
    return said


def describe_power(power: Power) -> str:
    """Lay out false alarms and power."""
    alarms: list[tuple[str, ...]] = [("rule", "truth", "one look", "after every release")]
    alarms += [
        (row.rule, row.truth, _rate(row.one_look), _rate(row.every_release)) for row in power.false_alarms
    ]
    months = sorted({row.months for row in power.power})
    curves: list[tuple[str, ...]] = [("rule", "planted ratio", *(f"{month:g} months" for month in months))]
    for rule in dict.fromkeys(row.rule for row in power.power):
        for ratio in dict.fromkeys(row.ratio for row in power.power):
            shares = [f"{r.announced.share:.2f}" for r in power.power if (r.rule, r.ratio) == (rule, ratio)]
            curves.append((rule, f"{ratio:g}", *shares))
    said = (
        f"False alarms and power on {power.false_alarms[0].one_look.n} simulated series with these dates "
        f"and errors, {power.slope:.1f} points a year, residual sd {power.residual_sd:.2f}. “Pace changed” "
        "announces when P(ratio > 1) > 0.95, “at least doubled” when P(ratio > 2) > 0.95. After the "
        f"change, a release every {power.months_between:.1f} months; three are needed before a change of "
        "slope can be told."
    )
    return paragraph(said) + "\n\n" + align(alarms, "<<>>") + "\n\n" + align(curves, "<>" + ">" * len(months))


def describe_horizons(horizons: Sequence[Horizon], interval_prob: float) -> str:
    """Say what a point means in METR time horizon."""
    said = []
    for horizon in horizons:
        percent = horizon.kind.removeprefix("p")
        multiplier, factor, r_squared = horizon.least_squares
        text = (
            f"METR's {percent}% time horizon doubles every {interval(horizon.points_per_doubling)} points "
            f"({len(horizon.calibration)} models, measured horizons assumed good to a log sd of "
            f"{horizon.log_sd:g}; least squares {multiplier:.2g} · {factor:.4f}^index, R² {r_squared:.3f})."
        )
        for name, minutes in horizon.minutes.items():
            text += (
                f" {name}: {_duration(minutes.median)} ({interval_prob:.0%} interval "
                f"{_duration(minutes.low)} to {_duration(minutes.high)})."
            )
        said.append(paragraph(text))
    return "\n\n".join(said)


def _rate(rate: Rate) -> str:
    return f"{rate.share:.3f} [{rate.low:.3f}, {rate.high:.3f}]"


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
