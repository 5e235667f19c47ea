"""What each figure of a report shows, in a sentence: heading, and text for those who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from eci.report.layout import place_benchmarks
from eci.report.text import count
from eci.report.trend_tables import CHANGE_WORDS

if TYPE_CHECKING:
    import pandas as pd

    from eci.trend import Trend

SURPRISING = 3.0  # standard deviations
COARSE = 10.0  # points: a standard error that says little about a top model


def tell_leader(abilities: pd.DataFrame, frontier: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """Say who leads, and how sure that is."""
    first = abilities.iloc[0]
    text = f"{first['model']} leads with {first['index']:.1f} points"
    if not np.isnan(first["low"]) and first["high"] > first["low"]:
        text += f" ({facts['interval_prob']:.0%} interval {first['low']:.1f} to {first['high']:.1f})"
    best = frontier.iloc[0]
    if np.isnan(best["p_leader"]):
        return text + "."
    if best["leader"] == first["model"]:
        return text + f"; the probability that no model is better is {best['p_leader']:.2f}."
    return text + f", and {best['leader']} is the best with the largest probability, {best['p_leader']:.2f}."


def tell_pace(trend: Trend) -> str:
    """Say whether the trend changed, as far as the data decide it."""
    if not trend.automatic:
        return f"The trend under the assumption of {_assumed(trend)}"
    p = trend.p_any_change
    if p >= 0.9 and trend.break_date is not None:
        when = trend.break_date
        ends = f"between {_month(when.low)} and {_month(when.high)} ({trend.interval_prob:.0%} interval)"
        return f"The trend changed (probability {p:.2f}), {ends}"
    if p <= 0.1:
        return f"One straight line will do: the probability of a change is {p:.2f}"
    return f"Whether the trend changed is open: the probability is {p:.2f}"


def tell_changes(trend: Trend) -> str:
    """Say which change the data favour."""
    if not trend.identified and trend.automatic:
        return "Which kind of change is not identified: one model follows every supported break"
    best = max(trend.change_models, key=lambda change: trend.change_models[change])
    return f"Likeliest, with probability {trend.change_models[best]:.2f}: {CHANGE_WORDS[best]}"


def tell_break(trend: Trend) -> str:
    """Say when the trend changed, if it did."""
    when = trend.break_date
    if trend.options.break_date is not None or when is None:
        return f"The break is fixed at {trend.options.break_model or trend.options.break_date}"
    ends = f"{_month(when.low)} and {_month(when.high)}"
    return f"If the trend changed, then between {ends} ({trend.interval_prob:.0%} interval)"


def tell_benchmarks(standing: pd.DataFrame) -> str:
    """Say how many benchmarks are still hard for the best model."""
    harder, solved = int((standing["p_harder"] > 0.5).sum()), int((standing["frontier_score"] > 0.9).sum())
    return (
        f"{harder} of {len(standing)} benchmarks are harder than the best model, which is expected to score "
        f"above 90% on {solved}"
    )


def tell_placed(standing: pd.DataFrame) -> str:
    """Say which benchmarks a picture draws elsewhere than at their means, or not at all; "" where none."""
    placed = place_benchmarks(standing)
    moved = int(((placed["x"] != placed["difficulty"]) | (placed["y"] != placed["discrimination"])).sum())
    n, said = len(standing), []
    if moved:
        said.append(
            f"{moved} of {n} benchmarks stand at the medians of their draws: a few wild draws throw a mean "
            "out of its interval."
        )
    if len(placed) < n:
        said.append(f"{n - len(placed)} of {n} benchmarks have no finite difficulty and slope to draw.")
    return " ".join(said)


def tell_information(standing: pd.DataFrame) -> str:
    """Say which benchmarks still separate the top models."""
    first = standing.iloc[0]
    coarse = int((standing["single_score_sd"] > COARSE).sum())
    return (
        f"{first['benchmark']} separates top models best; on {coarse} of {len(standing)} benchmarks one "
        f"score places a top model no better than ±{COARSE:g} points"
    )


def tell_cut(n: int) -> list[str]:
    """Say how many information curves leave the picture; nothing where none does."""
    return [f"{count(n, 'curve')} with wild draws cut off at the top"] if n else []


def tell_residuals(by_domain: pd.DataFrame) -> str:
    """Say how many models do better or worse in a domain than one number per model allows."""
    n = int((by_domain["z"].abs() > SURPRISING).sum())
    expected = 2 * ndtr(-SURPRISING) * len(by_domain)
    return (
        f"{n} of {len(by_domain)} pairs of model and domain lie more than {SURPRISING:g} standard deviations "
        f"from what the index says; chance alone gives {expected:.0f}"
    )


def _assumed(trend: Trend) -> str:
    change = trend.options.changes[0]
    return {"none": "no change", "kink": "a kink", "jump": "a jump", "both": "a kink and a jump"}[change]


def _month(date: np.datetime64) -> str:
    return str(date.astype("datetime64[D]").item().strftime("%B %Y"))
