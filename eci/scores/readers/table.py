"""The long table: one CSV, or a folder with scores.csv, models.csv and benchmarks.csv."""

from __future__ import annotations

from pathlib import Path

from eci.errors import DataError
from eci.scores.faults import Faults
from eci.scores.readers.tables import Tables
from eci.scores.schema import BENCHMARKS, MODELS, SCORES
from eci.scores.sheet import read_csv

_HEADERS = {"scores.csv": SCORES, "models.csv": MODELS, "benchmarks.csv": BENCHMARKS}


def accepts(path: Path) -> bool:
    """Take anything: what is not a long table is told what a long table needs."""
    return True


def read(path: Path, faults: Faults) -> Tables:
    """Read the three tables of a folder, or one CSV that carries everything.

    Parameters
    ----------
    path
        A folder or a file.
    faults
        Collects what cannot be read.

    Raises
    ------
    DataError
        If a table of the folder is absent, or a file is no CSV with the required columns.
    """
    if not path.is_dir():
        return Tables(read_csv(path, SCORES, faults))
    missing = [name for name in _HEADERS if not (path / name).is_file()]
    if missing:
        found = sorted(entry.name for entry in path.iterdir())
        shown = ", ".join(found[:8]) + (", …" if len(found) > 8 else "") if found else "nothing"
        raise DataError(
            f"{path}: the folder lacks {', '.join(missing)}; it holds {shown}. A data folder needs "
            "scores.csv, models.csv and benchmarks.csv; to read one table, name its file."
        )
    return Tables(*(read_csv(path / name, header, faults) for name, header in _HEADERS.items()))
