"""Did these models break the trend? One table for all labs and for each model's own lab, from a saved fit.

    eci fit --out DIR && python -m bench.on_trend DIR [MODEL ...]

Every cell is a median with its 90 % interval, or a probability: slopes in points a year given a change of
slope, the ratio averaged over the change models, the jump given a jump or both, the break given any change.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

import eci
from eci.report.text import align, number

MODELS = ("Claude Mythos Preview", "Claude Opus 5.5", "GPT-5.5")


def cell(quantity) -> str:
    """Median and interval of a number or a date; what the data do not identify stays blank."""
    if quantity is None:
        return ""
    if isinstance(quantity.median, np.datetime64):
        median, low, high = (str(day)[:7] for day in (quantity.median, quantity.low, quantity.high))
        return f"{median} ({low} to {high})"
    return f"{number(quantity.median)} ({number(quantity.low)} to {number(quantity.high)})"


def lines_table(trends: dict[str, eci.Trend]) -> str:
    """Whether and how the frontier of each selection changed pace."""
    columns = [[who, str(trend.n), *changes(trend)] for who, trend in trends.items()]
    names = [
        "P(none)",
        "P(kink)",
        "P(jump)",
        "P(both)",
        "slope before",
        "slope after",
        "ratio",
        "P(ratio > 2)",
    ]
    names += ["jump", "break date"]
    return align(zip(["frontier of", "models", *names], *columns, strict=True), "<" + ">" * len(columns))


def changes(trend: eci.Trend) -> list[str]:
    """One column of the first table."""
    ratio = trend.ratio
    return [
        *(f"{p:.2f}" for p in trend.change_models.values()),
        cell(trend.slope_before),
        cell(trend.slope_after),
        cell(ratio),
        "" if ratio is None else f"{ratio.p_gt_2:.2f}",
        cell(trend.jump),
        cell(trend.break_date),
    ]


def models_table(everyone: eci.Trend, models: Sequence[str]) -> str:
    """How far each model lies from the line of the others, in all labs and in its own."""
    rows = [("model", "against", "points above", "months ahead", "P(above)", "P(advances frontier)")]
    for name in models:
        answer = everyone.on_trend(name)
        for whose, reading in (("all labs", answer), ("own lab", answer.own_lab)):
            if reading is not None:
                advances = "" if reading.advances_frontier is None else f"{reading.advances_frontier:.2f}"
                rows.append(
                    (
                        name,
                        whose,
                        cell(reading.above),
                        cell(reading.months_ahead),
                        f"{reading.p_above:.2f}",
                        advances if whose == "all labs" else "",
                    )
                )
    return align(rows, "<<>>>>")


def main(arguments: Sequence[str]) -> None:
    folder, *models = arguments
    models = models or list(MODELS)
    fit = eci.load_fit(folder)
    lab_of = dict(zip(fit.matrix.models, fit.matrix.lab, strict=True))
    trends = {"all labs": eci.fit_trend(eci.IndexSeries.from_fit(fit, frontier=True))}
    for lab in dict.fromkeys(lab_of[name] for name in models):
        trends[lab] = eci.fit_trend(eci.IndexSeries.from_fit(fit, frontier=True, labs=[lab]))
    print(lines_table(trends), models_table(trends["all labs"], models), sep="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
