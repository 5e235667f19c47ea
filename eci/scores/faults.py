"""Faults of a table: collected to the end of the file, then told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from eci.errors import DataError

Counted = Literal["line", "row", "result"]

_KEPT = (
    1000  # a percent column read as fractions is a fault on every row: keep the count, not a million objects
)
_SHOWN = 10
_LONGEST_VALUE = 80


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one place of a table.

    Parameters
    ----------
    file
        The file as the user named it; empty for a DataFrame.
    line
        Physical line of the file, counted from 1, as an editor shows it; for a DataFrame or Parquet file the
        row, counted from 0; for JSON the result, counted from 1. None where the fault is about the whole
        file.
    column
        Name of the column; empty where the fault is about the whole line.
    value
        The value seen.
    problem
        What is wrong with it, as the end of a sentence that starts with the value.
    advice
        What to do.
    counted
        What `line` counts.
    """

    file: str
    line: int | None
    column: str
    value: str
    problem: str
    advice: str
    counted: Counted = "line"

    @property
    def where(self) -> str:
        """The place in words."""
        if not self.file:
            return "DataFrame" if self.line is None else f"DataFrame row {self.line}"
        return self.file if self.line is None else f"{self.file}, {self.counted} {self.line}"

    def __str__(self) -> str:
        """Word the fault as one sentence and its advice as another."""
        place = f"{self.where}, column {bare(self.column)}" if self.column else self.where
        return f"{place}: {' '.join(filter(None, [clip(self.value), self.problem]))}. {self.advice}."


class FaultyTableError(DataError):
    """A table with faults; the message shows the first ten, `faults` holds up to a thousand.

    Parameters
    ----------
    faults
        The faults in the order of the file.
    n_faults
        How many there are in all.
    """

    def __init__(self, faults: Sequence[Fault], n_faults: int) -> None:
        self.faults = tuple(faults)
        self.n_faults = n_faults
        super().__init__(describe(self.faults, n_faults))


class Faults:
    """Faults gathered while a table is read; the first thousand are kept, all are counted."""

    def __init__(self) -> None:
        self.kept: list[Fault] = []
        self.count = 0

    def add(self, fault: Fault) -> None:
        """Count a fault, and keep it while there is room."""
        self.count += 1
        if self.room:
            self.kept.append(fault)

    def add_rows(self, rows: npt.NDArray[np.int64], word: Callable[[int], Fault]) -> None:
        """Count one fault per row, and put into words those that there is room for."""
        described = rows[: self.room]
        for row in described.tolist():
            self.add(word(row))
        self.count += len(rows) - len(described)

    @property
    def room(self) -> int:
        """How many more faults would be kept."""
        return _KEPT - len(self.kept)

    def raise_any(self) -> None:
        """Raise what was gathered, in the order of the files and lines.

        Raises
        ------
        FaultyTableError
            If there is at least one fault.
        """
        if self.count:
            raise FaultyTableError(sorted(self.kept, key=lambda f: (f.file, f.line or 0)), self.count)


def clip(value: str) -> str:
    """Show a value in quotes, shortened, with control characters escaped; numbers stay bare."""
    if not value:
        return ""
    short = _shorten(value)
    try:
        float(short)
    except ValueError:
        return repr(short)
    return short


def bare(name: str) -> str:
    """Show a name without quotes, shortened; one with invisible characters is escaped."""
    short = _shorten(name)
    return short if short.isprintable() else repr(short)[1:-1]


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def describe(faults: Sequence[Fault], n_faults: int) -> str:
    """Put faults into words: a lone one as a sentence, several as a list of the first ten."""
    if n_faults == 1:
        return str(faults[0])
    lines = [f"{n_faults} faults in the data; nothing was read."]
    lines += [f"  {fault}" for fault in faults[:_SHOWN]]
    if n_faults > _SHOWN:
        lines.append(f"  … and {n_faults - _SHOWN} more (`eci check --json` lists up to {_KEPT}).")
    return "\n".join(lines)
