"""A table as text: every cell a string, every row with the line it starts on."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from eci.errors import DataError, EciWarning
from eci.scores.faults import Fault, Faults, clip
from eci.scores.names import did_you_mean

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

_BLOCK = 2048  # rows turned into columns at a time: more of them keep the garbage collector busy
_DELIMITERS = ",;\t"
_MAGIC = {
    b"\x1f\x8b": ("compressed with gzip", "Unpack it first (gunzip)"),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "Unpack it, or save the sheet as CSV UTF-8"),
    b"PAR1": ("a Parquet file", "Write it as CSV, or read it with pandas and pass the DataFrame"),
    b"\xff\xfe": ("encoded as UTF-16", "Save it as UTF-8"),
    b"\xfe\xff": ("encoded as UTF-16", "Save it as UTF-8"),
}


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
            meant = _plain(name)
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
    """

    file: str
    cells: pd.DataFrame
    lines: npt.NDArray[np.int64]

    def fault(self, row: int, column: str, problem: str, advice: str) -> Fault:
        """Word a fault of one cell."""
        cell = self.cells[column].iloc[row]
        value = "" if pd.isna(cell) else str(cell)
        return Fault(self.file, int(self.lines[row]), column, value, problem, advice)

    def report(
        self, bad: npt.NDArray[np.bool_], column: str, problem: str, advice: str, faults: Faults
    ) -> None:
        """Add one fault per bad row, `bad` being a mask of shape (row,)."""
        faults.add_rows(np.flatnonzero(bad), lambda row: self.fault(row, column, problem, advice))


def read_frame(frame: pd.DataFrame, header: Header, faults: Faults) -> Sheet:
    """Take the wanted columns of a DataFrame, object columns as text.

    Parameters
    ----------
    frame
        A table in memory; its index is not read.
    header
        The columns to read.
    faults
        Collects faults of the header and text that is not Unicode.

    Raises
    ------
    DataError
        If a required column is missing, a column appears twice, or there is no row.
    """
    header.check([str(name) for name in frame.columns], "", None, faults)
    faults.raise_any()
    if frame.empty:
        raise DataError("The DataFrame has no row. It needs one row per published score.")
    frame = frame.reset_index(drop=True)
    cells = {name: _as_cells(frame[name]) for name in header.known if name in frame.columns}
    return Sheet("", pd.DataFrame(cells), np.arange(len(frame), dtype=np.int64))


def read_csv(path: Path, header: Header, faults: Faults) -> Sheet:
    """Read the wanted columns of a CSV file as text, with the physical line of every row.

    The standard library's parser does the work: it knows the line on which a record starts, which pandas
    does not, and goes on after a ragged one. It needs 5 s for 200 MB. Lines without any content are skipped.

    Parameters
    ----------
    path
        A UTF-8 file with or without a byte-order mark; lines end in LF, CRLF or CR; fields are separated by
        commas, semicolons or tabs, whichever makes the most of the header.
    header
        The columns to read.
    faults
        Collects faults of the header, ragged records and characters that are not text.

    Raises
    ------
    DataError
        If the file is empty, not text, has no row, or lacks a required column.
    """
    _require_text(path)
    name = str(path)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        first = next((line for line in file if line.strip()), "")
        file.seek(0)
        reader = csv.reader(
            _readable(file, name, faults), delimiter=_delimiter(first, header.known), strict=True
        )
        records = _records(reader, name, faults)
        header_line, found = next(records, (1, []))
        names = [column.strip() for column in found]
        header.check(names, name, header_line, faults)
        faults.raise_any()
        kept = {column: names.index(column) for column in header.known if column in names}
        blocks: list[pd.DataFrame] = []
        lines: list[int] = []
        whole = _of_width(len(names), records, name, faults)
        while block := list(islice(whole, _BLOCK)):
            lines += [line for line, _ in block]
            turned = list(zip(*(record for _, record in block), strict=True))
            blocks.append(pd.DataFrame({c: pd.array(turned[at], dtype="str") for c, at in kept.items()}))
    if not blocks:
        faults.raise_any()
        raise DataError(f"{name}: there is a header but no row below it. Add one row per published value.")
    return Sheet(name, pd.concat(blocks, ignore_index=True), np.array(lines, dtype=np.int64))


def _require_text(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        raise DataError(f"{path}: the file is empty. It needs a header line and one row per published value.")
    for magic, (what, advice) in _MAGIC.items():
        if start.startswith(magic):
            raise DataError(f"{path}: not a CSV file but {what}. {advice}.")


def _delimiter(first: str, known: Sequence[str]) -> str:
    """Choose the delimiter that finds most known columns in the header; data would be a guess."""

    def n_known(delimiter: str) -> int:
        return sum(name.strip(' "\r\n') in known for name in first.split(delimiter))

    return max(_DELIMITERS, key=n_known)  # the comma wins a tie


def _readable(file: Iterable[str], name: str, faults: Faults) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if line.isascii() and "\0" not in line:
            yield line
            continue
        raw = line.encode("utf-8", "surrogateescape")
        text = raw.decode("utf-8", "replace")
        if "\0" in text:
            text = text.replace("\0", "\ufffd")
            problem = f"at byte {raw.index(0) + 1} of the line: a NUL character, so this is not plain text"
            faults.add(Fault(name, number, "", "", problem, "Export the table again as CSV UTF-8"))
        elif text != line:
            at = _first_undecodable(raw)
            problem = f"byte 0x{raw[at]:02x} at byte {at + 1} of the line is not UTF-8"
            faults.add(Fault(name, number, "", "", problem, "Save the file as UTF-8"))
        yield text


def _first_undecodable(raw: bytes) -> int:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    raise ValueError("all bytes are UTF-8")  # pragma: no cover - the caller has seen one that is not


def _records(reader: CsvReader, name: str, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that hold anything, each with the line it starts on; stop where quoting breaks."""
    start = 1
    try:
        for record in reader:
            if any(map(str.strip, record)):
                yield start, record
            start = reader.line_num + 1
    except csv.Error as error:
        problem = f"cannot be split into fields ({error})"
        advice = "Look for a quote that is not closed, or not doubled inside a field; reading stopped here"
        faults.add(Fault(name, start, "", "", problem, advice))


def _of_width(
    width: int, records: Iterable[tuple[int, list[str]]], name: str, faults: Faults
) -> Iterator[tuple[int, list[str]]]:
    for line, record in records:
        if len(record) == width:
            yield line, record
        else:
            problem = f"{len(record)} fields where the header has {width}"
            advice = "Give every column a field, and quote a field that holds the delimiter"
            faults.add(Fault(name, line, "", "", problem, advice))


def _as_cells(column: pd.Series) -> pd.Series:
    """Keep numbers, flags and dates as they are; turn everything else into text, missing into blank."""
    kinds = pd.api.types
    if kinds.is_any_real_numeric_dtype(column) or kinds.is_bool_dtype(column):
        return column
    if kinds.is_datetime64_any_dtype(column):
        return column
    text = ["" if missing else str(cell) for cell, missing in zip(column, column.isna(), strict=True)]
    # Half a surrogate pair is no character and cannot be stored: its escape is seen, and seen to be wrong.
    return pd.Series([cell.encode("utf-8", "backslashreplace").decode() for cell in text], dtype="str")


def _plain(name: str) -> str:
    return "_".join(name.replace("-", " ").replace("_", " ").casefold().split())
