"""The wide matrix: a row for every model, a column for every benchmark, blank where there is no score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.scores.faults import Fault, Faults
from eci.scores.readers.glimpse import Glimpse, look
from eci.scores.readers.table import read_file
from eci.scores.readers.tables import Tables
from eci.scores.schema import MODEL_FACTS, SCORES
from eci.scores.sheet import Header, Sheet, plain

# A table with one of these is some other table with its columns misnamed, not a matrix.
_NO_BENCHMARK = {*SCORES.known, "performance", "accuracy", "value", "metric", "result", "response"} | {
    *("item", "correct", "n_correct", "n", "stderr", "rank", "average", "mean", "")
}


def accepts(seen: Glimpse) -> bool:
    """Take a CSV with a column `model`, its facts, and at least two columns of numbers named otherwise."""
    benchmarks = [name for name in seen.columns if name != "model" and name not in MODEL_FACTS]
    return (
        seen.kind == "csv"
        and seen.has("model")
        and len(benchmarks) > 1
        and _NO_BENCHMARK.isdisjoint(map(plain, benchmarks))
        and all(map(seen.looks_numeric, benchmarks))
    )


def read(path: Path, faults: Faults) -> Tables:
    """Read the matrix into long form; facts of models (lab, release_date, ...) may stand among its columns.

    Parameters
    ----------
    path
        A CSV or Parquet file.
    faults
        Collects what cannot be read; they name the column of the benchmark.

    Raises
    ------
    DataError
        If there is no column `model`, no benchmark, or no score.
    """
    columns = look(path).columns
    sheet = read_file(path, Header(known=tuple(dict.fromkeys(columns)), required=("model",)), faults)
    facts = [name for name in MODEL_FACTS if name in sheet.cells]
    benchmarks = [str(name) for name in sheet.cells if name not in ("model", *facts, "")]
    if not benchmarks:
        raise DataError(
            f"{path}: no column of a benchmark beside {', '.join(columns)}. A wide matrix has a row for "
            "every model and a column for every benchmark."
        )
    if "" in sheet.cells and not _is_blank(sheet.cells[""]).all():
        faults.add(Fault(str(path), None, "", "", "a column has no name", "Name it, or remove it"))
    return Tables(_melt(sheet, facts, benchmarks))


def _melt(sheet: Sheet, facts: list[str], benchmarks: list[str]) -> Sheet:
    """Turn every cell that is not blank into a row, in the order of the file."""
    filled = np.stack([~_is_blank(sheet.cells[name]) for name in benchmarks], axis=1)
    row, column = np.nonzero(filled)
    if not len(row):
        raise DataError(f"{sheet.file}: every cell is blank. A wide matrix needs at least one score.")
    names = np.array(benchmarks, dtype=object)[column]
    text = sheet.cells[benchmarks].astype("str").to_numpy(dtype=object)
    cells = sheet.cells[["model", *facts]].iloc[row].reset_index(drop=True)
    cells.insert(1, "benchmark", pd.Series(names, dtype="str"))
    cells.insert(2, "score", pd.Series(text[row, column], dtype="str"))
    lines = sheet.lines[row]
    return Sheet(sheet.file, cells, lines, {"score": names.tolist()}, counted=sheet.counted)


def _is_blank(column: pd.Series) -> np.ndarray:
    return np.asarray(column.isna() | (column.astype("str").str.strip() == ""), dtype=np.bool_)
