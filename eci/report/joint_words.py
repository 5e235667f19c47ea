"""Words for the joint check: the trend as the prior of ability, beside the two-stage answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from eci.report.text import align, number, paragraph
from eci.report.verdict import tell_failure

if TYPE_CHECKING:
    from eci.trend import Trend
    from eci.trend.joint import JointTrend
    from eci.trend.quantity import Quantity

AGREE = 0.25  # posterior sds
NAMES = {
    "slope_before": "slope before",
    "slope_after": "slope after",
    "ratio": "ratio",
    "jump": "jump",
    "residual_sd": "residual sd",
}


def describe_joint(joint: JointTrend, trend: Trend) -> str:
    """Lay the joint answer beside the two-stage one and say what a difference means.

    Parameters
    ----------
    joint
        From `eci.fit_joint`, on all models of the fit.
    trend
        The two-stage trend of the same models with the same change model and break.
    """
    heading = f"{trend.interval_prob:.0%} interval"
    rows: list[tuple[str, ...]] = [("", "two-stage", heading, "joint", heading, "difference")]
    shifts: dict[str, float] = {}
    for name, ours in joint.summarise(trend.interval_prob).items():
        theirs: Quantity | None = getattr(trend, name)
        if ours is None or theirs is None:
            continue
        shifts[NAMES[name]] = _shift(theirs, ours, trend.interval_prob)
        rows.append((NAMES[name], *_cells(theirs), *_cells(ours), f"{shifts[NAMES[name]]:+.2f} sd"))
    failed = [tell_failure(asdict(check)) for check in joint.diagnostics.failed]
    return "\n".join([paragraph(_meaning(shifts, bool(failed))), "", align(rows, "<>>>>>"), *failed])


def _meaning(shifts: dict[str, float], failed: bool) -> str:
    said = (
        "Joint check: all scores fitted again, with this line as the prior of ability. The two-stage answer "
        "estimates abilities under one common prior, takes its pull out again, and treats the errors of the "
        "index as normal; the joint one does neither, so a difference is what these two steps cost."
    )
    if failed:
        return said + " A check of its sampler failed, so the comparison does not count yet."
    worst = max(shifts, key=lambda name: abs(shifts[name]))
    if abs(shifts[worst]) <= AGREE:
        return said + f" Here it is small: at most {abs(shifts[worst]):.2f} posterior sd ({worst})."
    return said + (
        f" Here the {worst} differs by {abs(shifts[worst]):.2f} posterior sd: for these scores, quote the "
        "joint answer."
    )


def _cells(quantity: Quantity) -> tuple[str, str]:
    return number(quantity.median), f"{number(quantity.low)} to {number(quantity.high)}"


def _shift(two_stage: Quantity, joint: Quantity, interval_prob: float) -> float:
    """Difference of medians, joint minus two-stage, in sds of a normal with the joint interval's width."""
    from scipy.special import ndtri

    sd = (joint.high - joint.low) / (2.0 * ndtri(0.5 + interval_prob / 2))
    return float((joint.median - two_stage.median) / sd)
