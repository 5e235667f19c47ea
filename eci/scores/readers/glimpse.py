"""What can be seen of a path at little cost: enough to tell its format."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eci.scores.readers.csv_file import peek_csv
from eci.scores.readers.parquet_file import parquet_columns

Kind = Literal["folder", "csv", "parquet", "zip", "json"]

_KNOWN = ("model", "benchmark", "score", "performance", "item", "response", "n_correct", "n_items")
_NUMBER = re.compile(r"[-+.]?\d|$|(-|n/?a|nan|none|null|[-+]?inf(inity)?)$", re.IGNORECASE)
_START = 1 << 20


@dataclass(frozen=True)
class Glimpse:
    """A path as readers see it when they say whether they read it.

    Parameters
    ----------
    path
        The path.
    kind
        What it is: a folder, or a file by its first bytes and its ending.
    columns
        Names of the columns of a CSV or Parquet file.
    rows
        First rows of a CSV file, as text.
    members
        Names of the files in a folder (without a CSV: also of the .json and .eval files below) or zip
        archive, sorted.
    text
        Start of a JSON file, or of the first one in a folder.
    """

    path: Path
    kind: Kind
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    members: tuple[str, ...] = ()
    text: str = ""

    def has(self, *columns: str) -> bool:
        """Say whether the table has all these columns."""
        return set(columns) <= set(self.columns)

    def looks_numeric(self, column: str) -> bool:
        """Say whether every cell seen of a column begins as a number does, or is blank."""
        at = self.columns.index(column)
        return all(_NUMBER.match(row[at]) for row in self.rows if at < len(row))


def look(path: Path) -> Glimpse:
    """Look at a path without reading it.

    Parameters
    ----------
    path
        A file or folder that exists.
    """
    if path.is_dir():
        files = sorted(entry for entry in path.iterdir() if entry.is_file())
        if not any(file.suffix == ".csv" for file in files):
            files = sorted({*files, *path.rglob("*.json"), *path.rglob("*.eval")})
        first = next((file for file in files if file.suffix == ".json"), None)
        names = tuple(file.relative_to(path).as_posix() for file in files)
        return Glimpse(path, "folder", members=names, text=_start(first) if first else "")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        return Glimpse(path, "parquet", tuple(parquet_columns(path)))
    if magic == b"PK\x03\x04" and (members := _members(path)) is not None:
        return Glimpse(path, "zip", members=members)
    if path.suffix in (".json", ".jsonl") or magic.lstrip()[:1] in (b"{", b"["):
        return Glimpse(path, "json", text=_start(path))
    columns, rows = peek_csv(path, _KNOWN)
    return Glimpse(path, "csv", tuple(columns), tuple(map(tuple, rows)))


def _members(path: Path) -> tuple[str, ...] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(sorted(archive.namelist()))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None  # the reader that is named for it says what is wrong


def _start(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_START).decode("utf-8", "replace")
