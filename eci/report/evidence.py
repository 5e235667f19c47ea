"""Words for Bayes factors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def bayes_factor(posterior: float, prior: float) -> float:
    """Odds of any change after the data over the odds before."""
    if not 0.0 < prior < 1.0:
        return float("nan")
    return float(np.inf) if posterior >= 1.0 else posterior / (1.0 - posterior) * (1.0 - prior) / prior


def weigh_evidence(factors: Sequence[float], error: float | None = None) -> str:
    """Word the evidence for a change, in the grades of Kass and Raftery (1995), over all prior scales tried.

    https://doi.org/10.1080/01621459.1995.10476572: below 3 hardly worth a mention, to 20 positive, to 150
    strong.

    Parameters
    ----------
    factors
        Bayes factors, that of the priors in use first.
    error
        Monte Carlo standard error of the logarithm of the first, where there is one.
    """
    if np.isnan(factors[0]):
        return "The prior leaves nothing to decide:"
    grades = {grade(factor) for factor in factors}
    first = f"Bayes factor for a change {show_factor(factors[0])}"
    drawn = "" if error is None else f"; Monte Carlo error {100 * error:.2g}%"
    if len(grades) == 1:
        return f"The data give {grades.pop()} ({first}{drawn}):"
    low, high = min(factors), max(factors)
    return (
        f"The data give between {grade(low)} and {grade(high)}, depending on the prior "
        f"({first}, {show_factor(low)} to {show_factor(high)}{drawn}):"
    )


def grade(factor: float, what: str = "a change") -> str:
    """Word the Bayes factor for a change or something else."""
    side = "for" if factor >= 1 else "against"
    size = max(factor, 1.0 / factor) if factor > 0 else np.inf
    words = ((150, "very strong evidence"), (20, "strong evidence"), (3, "positive evidence"))
    word = next((word for limit, word in words if size >= limit), None)
    return "hardly any evidence" if word is None else f"{word} {side} {what}"


def show_factor(value: float) -> str:
    """Show three significant digits, within 0.001 to 1000."""
    if value >= 1000:
        return "over 1000"
    return f"{value:.3g}" if value >= 0.001 else "under 0.001"
