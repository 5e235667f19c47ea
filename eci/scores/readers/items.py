"""Item responses: one row for every model and item, or counts of right answers for model and benchmark."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from eci.errors import DataError, EciWarning
from eci.scores.faults import Faults
from eci.scores.readers.glimpse import Glimpse, look
from eci.scores.readers.table import read_file
from eci.scores.readers.tables import Tables
from eci.scores.schema import BENCHMARK_FACTS, MODEL_FACTS
from eci.scores.sheet import Header, Sheet

_RESPONSES = ("response", "correct", "score")
_FACTS = (*MODEL_FACTS, *BENCHMARK_FACTS)
_COUNTS = ("model", "benchmark", "n_correct", "n_items")
_WORDS = {"true": 1.0, "false": 0.0}


def accepts(seen: Glimpse) -> bool:
    """Take a table with an item and a response in every row, or with counts."""
    has_response = seen.has("model", "item") and not set(_RESPONSES).isdisjoint(seen.columns)
    return has_response or seen.has(*_COUNTS)


def accepts_nothing(seen: Glimpse) -> bool:
    """Leave keeping every item to those who ask for it."""
    return False


def read(path: Path, faults: Faults) -> Tables:
    """Read responses into one score for model and benchmark, with its number of items.

    Parameters
    ----------
    path
        A CSV or Parquet file with the columns model, benchmark, item and `response` (or `correct`, or
        `score`): 0, 1, true, false, or a credit between; or with model, benchmark, n_correct and n_items.
        Facts of models and benchmarks may stand beside.
    faults
        Collects what cannot be read.

    Raises
    ------
    DataError
        If a column is missing.

    Notes
    -----
    The score is the mean over items of the mean over the runs of an item, n_items the number of different
    items: runs of one item share its difficulty and are no further items.
    """
    if look(path).has(*_COUNTS) and not look(path).has("item"):
        return _read_counts(path, faults)
    responses = _read_responses(path, faults)
    if "benchmark" not in responses.cells:
        raise DataError(
            f"{path}: there is no column benchmark, so nothing says which items belong together. Add it, or "
            "keep every item as a benchmark of its own with format='each_item' (--format each_item)."
        )
    keys = [name for name in ("model", "benchmark", *_FACTS) if name in responses.cells]
    groups = responses.cells.groupby(keys, sort=False, observed=True, dropna=False)
    table = groups.agg(score=("score", "mean"), n_items=("score", "size"), first=("row", "min"))
    return _as_tables(responses, table.reset_index())


def read_each(path: Path, faults: Faults) -> Tables:
    """Read responses, every item as a benchmark of its own with n_items = 1.

    Parameters
    ----------
    path
        As for `read`; without a column benchmark the item alone names the benchmark.
    faults
        Collects what cannot be read.
    """
    responses = _read_responses(path, faults)
    table = responses.cells.rename(columns={"row": "first"})
    if "benchmark" in table:
        table["benchmark"] = table["benchmark"] + " / " + table["item"]
    else:
        table["benchmark"] = table["item"]
    return _as_tables(responses, table.drop(columns="item").assign(n_items=1))


def _as_tables(responses: Sheet, table: pd.DataFrame) -> Tables:
    lines = responses.lines[table.pop("first").to_numpy()]
    scores = Sheet(responses.file, table, lines, responses.titles, counted=responses.counted)
    return Tables(scores, unit="fraction")


def _read_responses(path: Path, faults: Faults) -> Sheet:
    """Read one row for every model and item, with its mean response and the first row it stands in.

    The lines stay those of the file: `row` says which of them a response is on.
    """
    columns = look(path).columns
    found = [name for name in _RESPONSES if name in columns] or [_RESPONSES[0]]
    if len(found) > 1:
        raise DataError(
            f"{path}: the columns {' and '.join(found)} could all be the response. Leave one of them, with 0 "
            "or 1, or a credit between."
        )
    named = found[0]
    needed = ("model", "item", named)
    sheet = read_file(path, Header((*needed, "benchmark", *_FACTS), needed), faults)
    cells = sheet.cells
    keys = [name for name in ("model", "benchmark", "item") if name in cells]
    for name in keys:
        # A blank would drop out of the groups; what else a name may not be is judged with all formats.
        raw = cells[name].astype("str").fillna("")
        cells[name] = raw.str.strip()
        sheet.report((cells[name] == "").to_numpy(), name, "is blank", f"Name the {name}", faults)
        if n_padded := int((raw != cells[name]).sum()):
            said = f"{path}, column {name}: removed the blanks around {n_padded} names."
            warnings.warn(said, EciWarning, stacklevel=2)
    score = _credit(sheet, named, faults)
    facts = [name for name in _FACTS if name in cells]
    for name in facts:
        cells[name] = _everywhere(sheet, name, faults)
    faults.raise_any()
    cells = cells.drop(columns=named).assign(score=score, row=np.arange(len(cells)))
    if cells.duplicated(keys).any():
        runs = cells.groupby([*keys, *facts], sort=False, observed=True, dropna=False)
        cells = runs.agg(score=("score", "mean"), row=("row", "min")).reset_index()
    return Sheet(sheet.file, cells, sheet.lines, {"score": named}, counted=sheet.counted)


def _everywhere(sheet: Sheet, fact: str, faults: Faults) -> pd.Series:
    """Put a fact that stands in some row of its model or benchmark into all of them."""
    key = "model" if fact in MODEL_FACTS or "benchmark" not in sheet.cells else "benchmark"
    owner, cells = sheet.cells[key], sheet.cells[fact]
    stated = cells.notna() & (cells.astype("str").str.strip() != "")
    first = cells[stated].groupby(owner[stated]).first()
    everywhere = owner.map(first)
    clash = (stated & (cells != everywhere)).to_numpy()
    sheet.report(clash, fact, f"contradicts another row of the {key}", f"Give each {key} one {fact}", faults)
    return everywhere


def _credit(sheet: Sheet, column: str, faults: Faults) -> pd.Series:
    """Read 0, 1, true, false, or a credit between them."""
    cells = sheet.cells[column]
    if is_numeric_dtype(cells) or is_bool_dtype(cells):
        credit = cells.astype("Float64").astype("float64")
    else:
        words = cells.astype("str").str.strip().str.casefold()
        number: pd.Series[float] = pd.to_numeric(words, errors="coerce").astype("float64")
        credit = number.fillna(words.map(_WORDS))
    bad = ~credit.between(0.0, 1.0).to_numpy()
    advice = "Write 0 or 1 (true or false), or a credit between; leave out what was not asked"
    sheet.report(bad, column, "is no response", advice, faults)
    return credit


def _read_counts(path: Path, faults: Faults) -> Tables:
    """Read counts of right answers, one row for every model and benchmark."""
    sheet = read_file(path, Header((*_COUNTS, *_FACTS), _COUNTS), faults)
    right, asked = (
        pd.to_numeric(sheet.cells[name], errors="coerce").astype("float64") for name in _COUNTS[2:]
    )
    report = partial(sheet.report, faults=faults)
    report((~(asked >= 1)).to_numpy(), "n_items", "is not a count", "Write a whole number from 1")
    bad = ~((right >= 0) & (right <= asked)) & (asked >= 1)
    report(bad.to_numpy(), "n_correct", "is not a count up to n_items", "Write how many were right")
    faults.raise_any()
    cells = sheet.cells.drop(columns="n_correct").assign(score=right / asked)
    return Tables(
        Sheet(sheet.file, cells, sheet.lines, {"score": "n_correct"}, counted=sheet.counted), unit="fraction"
    )
