"""Placed models, predicted scores and the next benchmark in words."""

from __future__ import annotations

from itertools import groupby
from textwrap import fill
from typing import TYPE_CHECKING

from eci.report.text import WIDTH, count, paragraph

if TYPE_CHECKING:
    from eci.queries.calibrate import Calibration
    from eci.queries.design import Design
    from eci.queries.next import Advice
    from eci.queries.placement import Placement
    from eci.queries.predict import Prediction


def describe_placement(placement: Placement) -> str:
    """Say what the priors are, what the scores have added, what was left out, and what to keep in mind."""
    names = {one.prior for one in placement}
    lines = [
        paragraph(
            "The standard prior is that of the fit, N(0, 1) logits, an average model of the fit.",
            "The dated prior is a normal one around the straight line of index on release date, as wide as "
            "the models scatter about it."
            if "dated" in names
            else "With a release_date, models are also placed under a prior dated by it.",
            "sd before is the prior's; effective is how many equally good draws of the benchmarks are left "
            "once each counts by how well it explains the scores.",
        )
    ]
    for why, group in groupby(placement.left_out, key=lambda item: (item.kind, item.why)):
        names_out = [f"{item.name} ({item.hint})" if item.hint else item.name for item in group]
        noun = why[0] if len(names_out) == 1 else f"{why[0]}s"
        lines.append(paragraph(f"Left out, {len(names_out)} {noun} {why[1]}: {', '.join(names_out)}."))
    if placement.dropped:
        gave = [f"{item.name}: {item.detail}" for item in placement.dropped]
        lines.append(paragraph(f"{len(gave)} rows gave way to another of the same pair: {'; '.join(gave)}."))
    lines += _notes(placement.warnings)
    return "\n".join(lines)


def describe_prediction(prediction: Prediction, likelihood: str) -> str:
    """Say what the intervals are."""
    seen = int(prediction.pairs["measured"].notna().sum())
    return paragraph(
        "Intervals hold a newly published score with the probability in the heading: they contain the "
        f"uncertainty of ability and benchmark, and the scatter of scores about the curve ({likelihood}).",
        "A measured score has shaped its own prediction, so the two are no test." if seen else "",
        "--calibration says how often they hold the scores of this fit.",
    )


def describe_calibration(calibration: Calibration) -> str:
    """Say how well the scores of a fit are predicted, each left out."""
    return paragraph(
        f"Each of the {calibration.n_scores} scores left out in turn and predicted from the others: the 50% "
        f"interval holds {calibration.in_50:.2f} of them, the 90% interval {calibration.in_90:.2f} (median "
        f"width {calibration.width_90:.2f}). Mean absolute error {calibration.error:.3f}; the mean of the "
        f"other models on the benchmark is wrong by {calibration.error_of_mean:.3f}.",
        f"In {calibration.n_unsure} cases leaving the score out changes the fit so much that its prediction "
        "stays too near to it."
        if calibration.n_unsure
        else "",
    )


def describe_advice(advice: Advice) -> str:
    """Say what the utility is and what the best set would leave."""
    last = advice.best_set.iloc[-1]
    return paragraph(
        f"Posterior sd now: {advice.sd:.2f} points ({advice.target}). Utility: its expected posterior "
        "variance once the score is known; expected sd is the square root.",
        f"The {len(advice.best_set)} of the set together: {last['expected_sd']:.2f} points, "
        f"{100 * last['removed']:.0f}% of the variance removed."
        if len(advice.best_set) > 1
        else "",
    )


def describe_design(design: Design) -> str:
    """Say what was assumed of the new benchmark and which difficulty is best."""
    best = design.levels.loc[design.levels["difficulty"] == design.best].iloc[0]
    near = ", ".join(f"{row.benchmark} {row.difficulty:.0f}" for row in design.nearest.itertuples())
    return paragraph(
        f"A new benchmark of difficulty {design.best:g} would separate the "
        f"{count(len(design.models), 'model')} at the frontier best ({design.models[0]} would score "
        f"{best['expected_score']:.2f}): taken by all of them, it leaves an expected sd of "
        f"{best['expected_gap_sd']:.2f} points in a model's distance from their mean, "
        f"now {design.gap_sd:.2f}.",
        f"The sd of an index itself would go from {design.index_sd:.2f} to {best['expected_index_sd']:.2f}: "
        "the error of the scale, which all models share, stays.",
        f"Assumed: slope {design.discrimination:.3f} per point and noise, the medians of the fit; difficulty "
        f"known to {design.difficulty_sd:.1f} points.",
        f"Nearest benchmarks of the fit: {near}.",
    )


def _notes(warnings: tuple[str, ...]) -> list[str]:
    return [fill(f"Note: {said}", WIDTH, subsequent_indent="      ") for said in warnings]
