"""Plain text: filled paragraphs, aligned tables, numbers with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from eci.trend.quantity import Quantity

WIDTH = 100
MOST = 1e6  # beyond, digits before the point tell nothing: wild draws of laplace make such numbers


def align(rows: Iterable[Sequence[str]], sides: str) -> str:
    """Lay rows out in columns two spaces apart; `sides` holds < or > for each column."""
    listed = [list(row) for row in rows]
    widths = [max(len(row[k]) for row in listed) for k in range(len(sides))]
    lines = (
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True))
        for row in listed
    )
    return "\n".join(line.rstrip() for line in lines)


def interval(quantity: Quantity) -> str:
    """Show median and interval."""
    return f"{number(quantity.median)} ({number(quantity.low)} to {number(quantity.high)})"


def number(value: float | None) -> str:
    """Show three significant digits, two decimals at most."""
    if value is None or np.isnan(value):
        return ""
    if np.isinf(value):
        return "never" if value > 0 else "-never"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def write_number(value: float, spec: str) -> str:
    """Show a number by a format such as ".1f"; from a million on in powers of ten, as 4.86e+67."""
    if spec.endswith("f") and abs(value) >= MOST:
        spec = spec.partition(".")[0] + ".2e"
    return format(value, spec)


def count(n: int, noun: str) -> str:
    """Show how many: 1 model, 2 models."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def paragraph(*sentences: str) -> str:
    """Fill sentences into lines."""
    return fill(" ".join(sentence for sentence in sentences if sentence), WIDTH)
