"""A table as text: every cell a string, every row with the line it starts on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from eci.errors import DataError, EciWarning
from eci.scores.faults import Counted, Fault, Faults, clip
from eci.scores.names import did_you_mean


@dataclass(frozen=True)
class Header:
    """The columns a table may have and those it must have.

    Parameters
    ----------
    known
        Names of all columns that are read; others are ignored.
    required
        Names of the columns without which nothing can be read.
    """

    known: tuple[str, ...]
    required: tuple[str, ...]

    def check(self, names: Sequence[str], file: str, line: int | None, faults: Faults) -> None:
        """Add the faults of a header: columns missing or named twice; warn of near misses."""
        for name in self.required:
            if name not in names:
                hint = did_you_mean(name, set(names) - set(self.known), 1)
                advice = f"{hint} The header reads {clip(', '.join(names))}".lstrip()
                if len(names) == 1:
                    advice += "; fields are separated by commas, semicolons or tabs"
                faults.add(Fault(file, line, name, "", "is missing", advice))
        for name in self.known:
            if names.count(name) > 1:
                problem = f"appears {names.count(name)} times in the header"
                faults.add(Fault(file, line, name, "", problem, "Keep one of them"))
        for name in names:
            meant = plain(name)
            if name not in self.known and meant in set(self.known) - {*names, *self.required}:
                where = f"{file}: column" if file else "Column"
                warnings.warn(
                    f"{where} {name!r} is not read; did you mean {meant!r}? Rename it to have it read.",
                    EciWarning,
                    stacklevel=2,
                )


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table as read from one file, before any cell is judged.

    Parameters
    ----------
    file
        The file as the user named it; empty for a DataFrame.
    cells
        The table; text cells are strings, a DataFrame's own typed columns keep their type.
    lines
        Where each row starts, shape (row,): physical line of the file, or row number of the DataFrame.
    titles
        What the source calls a column, where it has another name: one title, or one for every row.
    files
        File of every row, where the table is gathered from several.
    counted
        What `lines` counts.
    """

    file: str
    cells: pd.DataFrame
    lines: npt.NDArray[np.int64]
    titles: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    files: Sequence[str] | None = None
    counted: Counted = "line"

    def rename(self, titles: Mapping[str, str]) -> Sheet:
        """Call columns by our names; faults go on naming them as the source does."""
        ours = {theirs: name for name, theirs in titles.items()}
        return replace(self, cells=self.cells.rename(columns=ours), titles={**self.titles, **titles})

    def title(self, row: int, column: str) -> str:
        """Name a column of one row as the source does."""
        title = self.titles.get(column, column)
        return title if isinstance(title, str) else title[row]

    def file_of(self, row: int) -> str:
        """Name the file of one row."""
        return self.file if self.files is None else self.files[row]

    def fault(self, row: int, column: str, problem: str, advice: str) -> Fault:
        """Word a fault of one cell."""
        cell = self.cells[column].iloc[row]
        value = "" if pd.isna(cell) else str(cell)
        place = self.file_of(row), int(self.lines[row]), self.title(row, column)
        return Fault(*place, value, problem, advice, self.counted)

    def report(
        self, bad: npt.NDArray[np.bool_], column: str, problem: str, advice: str, faults: Faults
    ) -> None:
        """Add one fault per bad row, `bad` being a mask of shape (row,)."""
        faults.add_rows(np.flatnonzero(bad), lambda row: self.fault(row, column, problem, advice))


def read_frame(frame: pd.DataFrame, header: Header, faults: Faults, file: str = "") -> Sheet:
    """Take the wanted columns of a DataFrame, object columns as text.

    Parameters
    ----------
    frame
        A table in memory; its index is not read.
    header
        The columns to read.
    faults
        Collects faults of the header and text that is not Unicode.
    file
        The file it was read from; empty for a DataFrame of the user's.

    Raises
    ------
    DataError
        If a required column is missing, a column appears twice, or there is no row.
    """
    header.check([str(name) for name in frame.columns], file, None, faults)
    faults.raise_any()
    if frame.empty:
        raise DataError(f"{file or 'The DataFrame'} has no row. It needs one row per published score.")
    frame = frame.reset_index(drop=True)
    cells = {name: _as_cells(frame[name]) for name in header.known if name in frame.columns}
    return Sheet(file, pd.DataFrame(cells), np.arange(len(frame), dtype=np.int64), counted="row")


def _as_cells(column: pd.Series) -> pd.Series:
    """Keep numbers, flags and dates as they are; turn everything else into text, missing into blank."""
    kinds = pd.api.types
    if kinds.is_any_real_numeric_dtype(column) or kinds.is_bool_dtype(column):
        return column
    if kinds.is_datetime64_any_dtype(column):
        return column
    if isinstance(column.dtype, pd.StringDtype) and column.dtype.storage == "pyarrow":
        return column.fillna("")  # Unicode already
    text = ["" if missing else str(cell) for cell, missing in zip(column, column.isna(), strict=True)]
    # Half a surrogate pair is no character and cannot be stored: its escape is seen, and seen to be wrong.
    return pd.Series([cell.encode("utf-8", "backslashreplace").decode() for cell in text], dtype="str")


def plain(name: str) -> str:
    """Fold what people vary in the name of a column: case, blanks, hyphens."""
    return "_".join(name.replace("-", " ").replace("_", " ").casefold().split())
