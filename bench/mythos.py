"""Write docs/mythos.md: Claude Mythos Preview on Epoch's scale, and against the trend of all labs.

    eci fit --out DIR && python -m bench.mythos DIR --write docs/mythos.md

Every number on the page comes from the bundled tables and from the fit in DIR.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import eci
from eci.scores.load import bundled_data

NAME = "Claude Mythos Preview"
LAST = "Claude Opus 4.6"
AECI, EPOCH = "2026-05-28", "2026-07-07"
SINCE = "2023-01-01"
CARD_SD = 1.70  # half the 95 % interval of Mythos Preview in the next vintage (156.19 to 162.84), over 1.96


def published(name: str, vintage: str, within: float = 0.95) -> eci.IndexSeries:
    """Read one vintage of a bundled table."""
    frame = pd.read_csv(bundled_data() / "published" / f"{name}.csv")
    label = {"aeci": "AECI", "epoch_eci": "ECI"}[name]
    return eci.read_index(frame, vintage=vintage, error_corr=within, scale=label)


def assume_sd(series: eci.IndexSeries, sd: float, within: float = 0.95) -> eci.IndexSeries:
    """Give every model of a series without intervals the same error, most of it common to all."""
    n = len(series)
    return replace(
        series,
        index_sd=np.full(n, sd),
        covariance=(1 - within) * sd**2 * np.eye(n),
        shared=np.full(n, np.sqrt(within) * sd),
        error_corr=within,
    )


def common_until(old: eci.IndexSeries, new: eci.IndexSeries, last: str) -> list[str]:
    """Common models released no later than one of them."""
    limit = old.release_date[old.models.index(last)]
    shared = set(new.models)
    return [m for m, day in zip(old.models, old.release_date, strict=True) if m in shared and day <= limit]


def carry(link: eci.Link, old: eci.IndexSeries, new: eci.IndexSeries, reading: str) -> eci.IndexSeries:
    """Carry the one model across and set it among the models of the new index.

    The link's own error and the residual scatter become its error; so does its own error in the old index.
    The error that all models of the new index share holds for it too, as far as it holds for models at its
    level.
    """
    moved = alone(link, old, reading)
    own = float(moved.index_sd[0])
    level = np.polyfit(new.index, new.shared, 1)
    shared = float(np.polyval(level, moved.index[0]))
    n = len(new)
    covariance = np.zeros((n + 1, n + 1))
    covariance[:n, :n] = new.covariance
    covariance[n, n] = own**2
    return replace(
        new,
        models=(*new.models, NAME),
        release_date=np.append(new.release_date, moved.release_date),
        index=np.append(new.index, moved.index),
        index_sd=np.append(new.index_sd, np.hypot(own, shared)),
        labs=(*new.labs, "Anthropic"),
        open_weights=(*new.open_weights, False),
        reasoning=(*new.reasoning, True),
        values=np.append(new.values, moved.index),
        covariance=covariance,
        shared=np.append(new.shared, shared),
        pool=None,
        context=None,
    )


def alone(link: eci.Link, old: eci.IndexSeries, reading: str) -> eci.IndexSeries:
    """Carry the one model across; that it is extrapolated is said on the page."""
    one = old.take(np.array([old.models.index(NAME)]))
    one = replace(one, index_sd=np.sqrt(np.diagonal(one.covariance)))  # the shared error belongs to the scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", eci.EciWarning)
        return link.transform(one, reading=reading)


def against_trend(series: eci.IndexSeries, change: str = "auto") -> tuple[Any, Any]:
    """Compare the model with the all-lab frontier of the models released before it; return trend, answer."""
    day = series.release_date[series.models.index(NAME)]
    others = series.select(frontier=True, since=SINCE, until=str(day))
    trend = eci.fit_trend(others, change=change)
    return trend, trend.on_trend(NAME)


def answer_row(label: str, at: eci.IndexSeries, answer: Any) -> str:
    """Format one line of the table of answers."""
    i = at.models.index(NAME)
    months = answer.months_ahead
    return (
        f"| {label} | {at.index[i]:.1f} | {np.sqrt(at.covariance[i, i]):.1f} | "
        f"{answer.expected.median:.1f} | "
        f"{answer.above.median:+.1f} ({answer.above.low:+.1f} to {answer.above.high:+.1f}) | "
        f"{months.median:+.1f} ({months.low:+.1f} to {months.high:+.1f}) | {answer.p_above:.2f} |"
    )


HEAD = (
    "| link | carried to | sd | line expects | above the line, points | months ahead | P(above) |\n"
    "|---|---|---|---|---|---|---|"
)


def of(quantity: Any, spec: str = ".2f") -> str:
    """Median and interval."""
    return f"{quantity.median:{spec}} ({quantity.low:{spec}} to {quantity.high:{spec}})"


def section_epoch() -> tuple[list[str], dict[str, Any]]:
    """AECI carried to Epoch's index."""
    old, new = published("aeci", AECI), published("epoch_eci", EPOCH)
    models = common_until(old, new, LAST)
    every = eci.link(old, new)
    link = eci.link(old, new, models=models)
    robust = eci.link(old, new, models=models, robust=True)
    bare = {"models": models}
    measured = assume_sd(old, CARD_SD)
    spread = eci.link(measured, new, error_corr=0.4, **bare)
    loose = eci.link(old, published("epoch_eci", EPOCH, within=0.5), **bare)
    rows, answers = [], {}
    for label, found, reading in (
        ("free line", link, "free"),
        ("identity", link, "identity"),
        ("free line, robust", robust, "free"),
        (f"free line, AECI sd {CARD_SD}", spread, "free"),
        ("free line, ECI errors 0.5 shared", loose, "free"),
        (f"free line, all {len(every)} shared models", every, "free"),
    ):
        at = carry(found, measured if found is spread else old, new, reading)
        _, answers[label] = against_trend(at)
        rows.append(answer_row(label, at, answers[label]))
    without = []
    for name, other in eci.leave_one_out(old, new, models=models).items():
        at = carry(other, old, new, "free")
        _, answer = against_trend(at)
        answers[f"without {name}"] = answer
        rows_slope = other.quantities()["slope"]
        moved = alone(other, old, "free")
        without.append(
            f"| {name} | {of(rows_slope, '.3f')} | {moved.index[0]:.1f} | "
            f"{answer.above.median:+.1f} ({answer.above.low:+.1f} to {answer.above.high:+.1f}) | "
            f"{answer.p_above:.2f} |"
        )
    quantities = link.quantities()
    reach = old.index[old.models.index(NAME)] - link.range[1]
    difference = link.units.y - link.units.x
    corr = [
        f"| {row['error_corr']:.1f} | {row['slope']['median']:.3f} ({row['slope']['low']:.3f} to "
        f"{row['slope']['high']:.3f}) | {row['residual_sd']['median']:.2f} |"
        for row in spread.sensitivity
    ]
    table = [
        f"| {name} | {x:.1f} | {y:.1f} | {d:+.1f} | {r:+.2f} |"
        for name, x, y, d, r in zip(
            link.units.names, link.units.x, link.units.y, difference, link.residual, strict=True
        )
    ]
    trend, _ = against_trend(carry(link, old, new, "free"))
    lines = [
        "## AECI carried to Epoch's index",
        "",
        f"{len(link)} models are in both indices up to {LAST} (AECI, {old.vintage}; ECI, {new.vintage}). "
        f"Mythos Preview stands at {old.index[old.models.index(NAME)]:.1f}, {reach:.1f} points above "
        "the highest of "
        "them.",
        "",
        "| common model | AECI | ECI | ECI − AECI | residual of the free line |",
        "|---|---|---|---|---|",
        *table,
        "",
        f"- The identity: ECI − AECI runs from {difference.min():+.1f} to {difference.max():+.1f}, mean "
        f"{difference.mean():+.2f}; scatter about it "
        f"{np.median(link.identity_residual_sd):.1f} points. {int(np.sum(difference < 0))} of "
        f"{len(link)} models "
        "lie below it.",
        f"- The free line: slope {of(quantities['slope'], '.3f')}, residual sd "
        f"{of(quantities['residual_sd'])} (90 % intervals). P(slope > 1) = "
        f"{np.mean(link.slope > 1):.2f}. Both "
        "indices pin the same two anchors, so a slope other than 1 says that they measure different "
        "things, not "
        "that they use different units.",
        f"- Drift of the residual with release date: {link.drift()[0]:+.2f} points a year (standard error "
        f"{link.drift()[1]:.2f}).",
        "- AECI of this vintage states no intervals. Its values are taken as exact, so that all "
        "scatter counts as "
        f"residual; with an sd of {CARD_SD} for each (from the next vintage's interval of Mythos "
        "Preview) the "
        "correlation of the errors of one model in the two indices matters as follows:",
        "",
        "| error correlation | slope | residual sd |",
        "|---|---|---|",
        *corr,
        "",
        f"The trend is the frontier of all labs on ECI from {SINCE[:4]} to the day Mythos Preview came out, "
        f"{trend.n} models on the point frontier, change of pace allowed (P(any change) = "
        f"{trend.p_any_change:.2f}).",
        "",
        HEAD,
        *rows,
        "",
        "*sd* is the error of the carried value that other models of the index do not share: link, "
        "residual, and "
        "its own. The months are the distance along the line. Leaving out each common model in turn:",
        "",
        "| left out | slope | carried to | above the line, points | P(above) |",
        "|---|---|---|---|---|",
        *without,
        "",
    ]
    return lines, {"link": link, "answers": answers, "reach": reach}


def section_own(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """AECI carried to our own index, which also saw Mythos Preview itself."""
    fit = eci.load_fit(folder)
    old, own = published("aeci", AECI), eci.IndexSeries.from_fit(fit)
    models = common_until(old, own, LAST)
    link = eci.link(old, own, models=models)
    moved = alone(link, old, "free")
    day = own.release_date[own.models.index(NAME)] if NAME in own.models else moved.release_date[0]
    others = own.select(frontier=True, since=SINCE, until=str(day))
    others = others.without(NAME) if NAME in others.models else others
    trend = eci.fit_trend(others)
    expected = trend.line(moved.release_date)[:, 0]
    rng = np.random.default_rng(0)
    scatter = trend.averaged.residual_sd * rng.standard_normal(expected.size)
    carried = moved.index[0] + moved.index_sd[0] * rng.standard_normal(expected.size)
    above = np.quantile(carried - expected - scatter, [0.05, 0.5, 0.95])
    slope = link.quantities()["slope"]
    lines = [
        "## AECI carried to our own index",
        "",
        f"Our index of the bundled scores ({fit.matrix.n_models} models, {fit.matrix.n_benchmarks} "
        f"benchmarks, likelihood `{fit.likelihood}`) "
        f"shares {len(link)} models with AECI up to {LAST}. Slope {of(slope, '.3f')}, residual sd "
        f"{of(link.quantities()['residual_sd'])}; Mythos Preview is carried to {moved.index[0]:.1f} (sd "
        f"{moved.index_sd[0]:.1f}), {above[1]:+.1f} points ({above[0]:+.1f} to {above[2]:+.1f}) from "
        "the frontier of "
        f"all labs before it.",
    ]
    direct = None
    if NAME in own.models:
        direct = trend.on_trend(NAME)
        i = own.models.index(NAME)
        n_scores = int(fit.matrix.n_benchmarks_per_model[fit.matrix.models.index(NAME)])
        lines += [
            "",
            f"The fit also holds {n_scores} public scores of Mythos Preview itself. They put it at "
            f"{own.index[i]:.1f} (sd {own.index_sd[i]:.1f}): {direct.above.median:+.1f} points "
            f"({direct.above.low:+.1f} to {direct.above.high:+.1f}) from the same line, P(above) = "
            f"{direct.p_above:.2f}, {direct.months_ahead.median:+.1f} months "
            f"({direct.months_ahead.low:+.1f} to "
            f"{direct.months_ahead.high:+.1f}). This needs no link, and rests on scores that a vendor "
            "chose to "
            "publish.",
        ]
    return [*lines, ""], {"link": link, "above": above, "direct": direct}


def conclusions(epoch: dict[str, Any], own: dict[str, Any]) -> list[str]:
    """What can be concluded and what cannot, in words that follow the numbers."""
    answers, link = epoch["answers"], epoch["link"]
    free, identity = answers["free line"], answers["identity"]
    medians = [answer.above.median for answer in answers.values()]
    probs = [answer.p_above for answer in answers.values()]
    covered = sum(answer.above.low <= 0 <= answer.above.high for answer in answers.values())
    left_out = {k.removeprefix("without "): a for k, a in answers.items() if k.startswith("without ")}
    swing = max(left_out, key=lambda name: abs(left_out[name].above.median - free.above.median))
    verdict = (
        "Every reading of the link has zero inside its 90 % interval: on Epoch's scale the data are "
        "compatible with *on trend*."
        if covered == len(answers)
        else f"{len(answers) - covered} of {len(answers)} readings have zero outside their 90 % interval."
    )
    lines = [
        "## What can be concluded",
        "",
        f"- {verdict} The medians run from {min(medians):+.1f} to {max(medians):+.1f} points, P(above "
        "the line) "
        f"from {min(probs):.2f} to {max(probs):.2f}.",
        "- The reading of the link moves the answer by "
        f"{free.above.median - identity.above.median:+.1f} points "
        f"(free line {free.above.median:+.1f}, identity {identity.above.median:+.1f}).",
        f"- {_pace(link)}",
        "",
        "## What cannot",
        "",
        f"- Whether the line holds at Mythos Preview: it lies {epoch['reach']:.1f} points outside the "
        "linked range, "
        "and no common model tests it there.",
        "- Whether Mythos Preview would have had this value on Epoch's benchmarks: Epoch publishes "
        "none. AECI mixes "
        "Epoch's data with internal benchmarks, so its errors are not independent of ECI's; by how "
        "much is an "
        "assumption here.",
        "- Whether one model above a line is an acceleration. A change of pace is a claim about the "
        "models after "
        "it.",
        "",
        "## How many points it hangs on",
        "",
        f"{len(link)} common models carry the link. The most telling is {swing}: without it the median "
        "moves from "
        f"{free.above.median:+.1f} to {left_out[swing].above.median:+.1f} points and P(above) from "
        f"{free.p_above:.2f} "
        f"to {left_out[swing].p_above:.2f}. One model, Mythos Preview, carries the conclusion.",
        "",
    ]
    if own["direct"] is not None:
        lines[5:5] = [
            "- Our own index, from public scores of Mythos Preview, says "
            f"{own['direct'].above.median:+.1f} points "
            f"({own['direct'].above.low:+.1f} to {own['direct'].above.high:+.1f}) without any link."
        ]
    return lines


def _pace(link: eci.Link) -> str:
    """Say which of the two indices rose faster over the common models."""
    p = float(np.mean(link.slope > 1))
    gap = float((link.units.y - link.units.x).mean())
    where = f"Over the {len(link)} common models ECI stands {gap:+.1f} points from AECI on average"
    if p > 0.9:
        return f"{where}, and it rose faster: P(slope > 1) = {p:.2f}. AECI has not run ahead of ECI."
    if p < 0.1:
        return f"{where}, and AECI rose faster: P(slope > 1) = {p:.2f}."
    return f"{where}; which of the two rose faster is open: P(slope > 1) = {p:.2f}."


def page(folder: Path) -> str:
    """Write the page."""
    first, epoch = section_epoch()
    second, own = section_own(folder)
    lines = [
        "# Was Claude Mythos Preview off the trend?",
        "",
        "<!-- written by: eci fit --out DIR && python -m bench.mythos DIR --write docs/mythos.md -->",
        "",
        f"**First: this extrapolates.** Epoch publishes no index for {NAME}. It is carried from "
        "Anthropic's index "
        f"(AECI) to Epoch's (ECI) by the {len(epoch['link'])} models both hold up to {LAST}, and lies "
        f"{epoch['reach']:.1f} points above the highest of them. Intervals hold 90 %.",
        "",
        *conclusions(epoch, own),
        *first,
        *second,
        "## How",
        "",
        "The link is a line with errors on both axes, residual scatter estimated, its posterior "
        "computed on a grid "
        "([linking](linking.md)). The carried value, with the errors of slope and intercept, the "
        "residual scatter "
        "and its own error, joins the models of the other index as one more model with an error; the "
        "trend of the "
        "others (break date and kind of change unknown, membership of the frontier uncertain) is "
        "compared with it "
        "by `Trend.on_trend`, which adds the error of the line and the scatter of models about it. "
        "Errors common "
        "to all models of an index belong to its scale, and shift line and model together. One thing "
        "is left out: "
        "the Claude models in the trend also made the link, so that their errors enter twice; they "
        "are few of the "
        "frontier, and their errors on ECI that other models do not share have an sd of half a point.",
        "",
        "Reproduce a part of it:",
        "",
        "```",
        "eci link aeci.csv epoch_eci.csv --vintage-a 2026-05-28 --vintage-b 2026-07-07 --leave-one-out",
        "```",
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Print the page, or write it."""
    text = page(Path(arguments[0]))
    if "--write" in arguments:
        target = Path(arguments[list(arguments).index("--write") + 1])
        target.write_text(text, encoding="utf-8", newline="\n")
        print(f"Wrote {target}.", file=sys.stderr)
    else:
        print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
