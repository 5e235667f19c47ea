"""What every reader returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from eci.scores.sheet import Sheet


@dataclass(frozen=True)
class Tables:
    """Sheets of text with line numbers, in the vocabulary of the long table; nothing is judged yet.

    Parameters
    ----------
    scores
        One row per published value, at least model, benchmark and score.
    models
        One row per model, or None where the format has no such list.
    benchmarks
        One row per benchmark, or None.
    unit
        The unit that the format itself fixes, or None where the user declares it.
    """

    scores: Sheet
    models: Sheet | None = None
    benchmarks: Sheet | None = None
    unit: Literal["fraction"] | None = None
