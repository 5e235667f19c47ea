"""The long table: one CSV or Parquet file, or a folder with scores.csv, models.csv and benchmarks.csv."""

from __future__ import annotations

from pathlib import Path

from eci.errors import DataError
from eci.scores.faults import Faults
from eci.scores.readers.csv_file import read_csv
from eci.scores.readers.glimpse import Glimpse
from eci.scores.readers.parquet_file import read_parquet
from eci.scores.readers.tables import Tables
from eci.scores.schema import BENCHMARKS, MODELS, SCORES
from eci.scores.sheet import Header, Sheet

_HEADERS = {"scores.csv": SCORES, "models.csv": MODELS, "benchmarks.csv": BENCHMARKS}


def accepts(seen: Glimpse) -> bool:
    """Take a folder with one of the three tables, or a table with the three columns."""
    if seen.kind == "folder":
        return not _HEADERS.keys().isdisjoint(seen.members)
    return seen.has(*SCORES.required)


def read(path: Path, faults: Faults) -> Tables:
    """Read the three tables of a folder, or one file that carries everything.

    Parameters
    ----------
    path
        A folder or a file.
    faults
        Collects what cannot be read.

    Raises
    ------
    DataError
        If a table of the folder is absent, or a file is no table with the required columns.
    """
    if not path.is_dir():
        return Tables(read_file(path, SCORES, faults))
    missing = [name for name in _HEADERS if not (path / name).is_file()]
    if missing:
        found = sorted(entry.name for entry in path.iterdir())
        shown = ", ".join(found[:8]) + (", …" if len(found) > 8 else "") if found else "nothing"
        raise DataError(
            f"{path}: the folder lacks {', '.join(missing)}; it holds {shown}. A data folder needs "
            "scores.csv, models.csv and benchmarks.csv; to read one table, name its file."
        )
    scores, models, benchmarks = (read_csv(path / name, header, faults) for name, header in _HEADERS.items())
    return Tables(scores, models, benchmarks)


def read_file(path: Path, header: Header, faults: Faults) -> Sheet:
    """Read one table from a CSV or Parquet file, which its first bytes tell apart."""
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    return (read_parquet if is_parquet else read_csv)(path, header, faults)
