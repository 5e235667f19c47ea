"""Change models as design matrices: no change, kink, jump, both.

Every change model is a choice of columns of one matrix with rows for AI models and columns

    1,   t,   (t - t*)+,   1{t >= t*}

so that the coefficients read: level at the time origin, slope before, change of slope, jump.
Time is in years from the origin of the selection; a year has 365.25 days and a month 30.44.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ChangeModel = Literal["none", "kink", "jump", "both"]

CHANGE_MODELS: tuple[ChangeModel, ...] = get_args(ChangeModel)
LEVEL, SLOPE, SLOPE_CHANGE, JUMP = range(4)
COLUMNS: dict[ChangeModel, tuple[int, ...]] = {
    "none": (LEVEL, SLOPE),
    "kink": (LEVEL, SLOPE, SLOPE_CHANGE),
    "jump": (LEVEL, SLOPE, JUMP),
    "both": (LEVEL, SLOPE, SLOPE_CHANGE, JUMP),
}
DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = 30.44


def years_since(date: np.datetime64, origin: np.datetime64) -> float:
    """Return the years of 365.25 days from `origin` to a date."""
    days = date.astype("datetime64[D]").astype(np.int64) - origin.astype("datetime64[D]").astype(np.int64)
    return float(days / DAYS_PER_YEAR)


@dataclass(frozen=True)
class BreakNodes:
    """Break dates over which the regression is integrated: midpoints of cells that never cross a release.

    Between two releases the evidence for a jump is constant and that for a kink is smooth in the break
    date, so a midpoint rule on cells that end at the releases is exact for the one and close for the other.

    Parameters
    ----------
    years
        Break dates (node,), years from the origin.
    widths
        Widths of the cells (node,), years; a fixed break is one node of width 0.
    n_after
        Number of AI models released on or after the break (node,).
    """

    years: Array
    widths: Array
    n_after: NDArray[np.int64]


def free_break(years: Array, n_cells: int = 200) -> BreakNodes:
    """Lay break nodes from the second release date to the last.

    Parameters
    ----------
    years
        Release dates (model,), years from the origin, in any order.
    n_cells
        Cells are at most the span divided by this wide; every gap between releases has at least one.
    """
    releases = np.unique(years)
    if releases.size < 3:
        return BreakNodes(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))
    starts, ends = releases[1:-1], releases[2:]
    counts = np.maximum(1, np.ceil((ends - starts) / (releases[-1] - releases[1]) * n_cells)).astype(int)
    widths = np.repeat((ends - starts) / counts, counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    nodes = np.repeat(starts, counts) + (within + 0.5) * widths
    after = years.size - np.searchsorted(np.sort(years), nodes)
    return BreakNodes(nodes, widths, after.astype(np.int64))


def fixed_break(years: Array, break_years: float) -> BreakNodes:
    """Lay the single node of a break whose date is given; models on that date start the later segment."""
    n_after = int(np.sum(years >= break_years))
    return BreakNodes(np.array([break_years]), np.zeros(1), np.array([n_after], dtype=np.int64))


def design(years: Array, break_years: Array) -> Array:
    """Return the four columns at every break date.

    Parameters
    ----------
    years
        Release dates (model,), years from the origin.
    break_years
        Break dates (node,), years from the origin.

    Returns
    -------
    Array
        Design matrices (node, model, 4): level, slope, change of slope, jump.
    """
    since = years[None, :] - break_years[:, None]
    ones = np.ones_like(since)
    columns = [ones, ones * years, np.maximum(since, 0.0), (since >= 0).astype(np.float64)]
    return np.stack(columns, axis=-1)


def line_at(coefficients: Array, break_years: Array, years: Array) -> Array:
    """Evaluate the line with coefficients (draw, 4) and breaks (draw,) at `years` (date,) -> (draw, date).

    A draw of a model without a change carries a break of nan: its change columns count as zero.
    """
    since = years[None, :] - np.where(np.isnan(break_years), np.inf, break_years)[:, None]
    level, slope, slope_change, jump = coefficients.T[:, :, None]
    # max(-inf, 0) is 0: a draw without a break never leaves its first line
    return np.asarray(level + slope * years + slope_change * np.maximum(since, 0.0) + jump * (since >= 0))
