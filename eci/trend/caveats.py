"""Stated consequences: what a reader of a trend must be told about its data and choices."""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass

import numpy as np

from eci.errors import EciWarning
from eci.trend.ensemble import Ensemble, TrendOptions
from eci.trend.labels import listed
from eci.trend.series import IndexSeries

FEW_MODELS = 4


@dataclass(frozen=True)
class Counts:
    """Models in the regression, and before and from the median break on; None without a break."""

    n: int
    before: int | None
    after: int | None


def collect_caveats(
    series: IndexSeries, options: TrendOptions, ensemble: Ensemble, counts: Counts, identified: bool
) -> tuple[str, ...]:
    """Return the caveats of a trend in the order in which they matter."""
    said = list(series.notes) + _about_size(options, counts, identified)
    missing = [c for c in options.changes if not any(c in m.analysis.posteriors for m in ensemble.members)]
    if missing:
        said.append(
            f"Not considered: {' and '.join(missing)}, because no break date leaves {options.min_segment} "
            "models after it."
        )
    if ensemble.unusable > 0:
        said.append(f"{ensemble.unusable:.0%} of the frontier draws held too few models and were left out.")
    n_capped = max(member.measurement.n_capped for member in ensemble.members)
    if n_capped:
        said.append(
            f"In {n_capped} directions the scores say almost nothing beyond the ability prior; their "
            "variance was capped."
        )
    if np.abs(ensemble.line.slope[0]) < ensemble.line.slope_se[0]:
        said.append(
            "The least-squares slope is smaller than its standard error, which sets the default prior "
            "scales instead."
        )
    if not series.has_errors:
        said.append(
            "The index comes without errors: the residual sd carries them, and errors that move together "
            "do not show."
        )
    return tuple(said)


def warn_of_future(series: IndexSeries, today: dt.date) -> None:
    """Warn of models of a series that are released after today: most are slips, and one moves the line.

    Parameters
    ----------
    series
        The models of a trend.
    today
        The last day that is no slip.

    Warns
    -----
    EciWarning
        If there is such a model; the first eight are named.
    """
    late = np.flatnonzero(series.release_date > np.datetime64(today))
    if late.size:
        named = listed([f"{series.models[i]} {series.release_date[i]}" for i in late])
        counted = "1 model of the trend is" if late.size == 1 else f"{late.size} models of the trend are"
        warnings.warn(
            f"{counted} released after today, {today}: {named}. Correct the release_date if it is a slip, "
            "or leave out what is not released yet with --until (until=).",
            EciWarning,
            stacklevel=2,
        )


def _about_size(options: TrendOptions, counts: Counts, identified: bool) -> list[str]:
    said = []
    for name, count in (("before", counts.before), ("after", counts.after)):
        if count is not None and count < FEW_MODELS:
            models = f"{count} model" if count == 1 else f"{count} models"
            said.append(
                f"The segment {name} the break has {models}, fewer than {FEW_MODELS}: its slope rests on "
                "little."
            )
    if counts.before is None and counts.n < FEW_MODELS:
        said.append(f"The line rests on {counts.n} models, fewer than {FEW_MODELS}.")
    if not identified:
        assumed = "; the answer assumes the one named." if len(options.changes) == 1 else "."
        said.append(
            "Which change: not identified. One model follows the break, so kink, jump and both are one "
            f"datum{assumed}"
        )
    elif counts.after == 2:
        said.append("Two models lie on or after the break: the later slope is a line through two points.")
    return said
