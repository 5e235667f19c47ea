"""Any source to the long table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pandas as pd

from eci.errors import DataError
from eci.scores.aliases import read_aliases
from eci.scores.assemble import assemble
from eci.scores.faults import Faults
from eci.scores.names import did_you_mean
from eci.scores.readers import READERS, recognise
from eci.scores.readers.tables import Tables
from eci.scores.schema import SCORES, Unit
from eci.scores.sheet import read_frame
from eci.scores.source import ATTRIBUTE, describe_file, describe_frame


def load_scores(
    source: str | os.PathLike[str] | pd.DataFrame | None = None,
    unit: Unit = "fraction",
    format: str = "auto",  # noqa: A002 - the word every reader of files uses
    aliases: str | os.PathLike[str] | Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Read published benchmark scores into the long table, one row per published value.

    Parameters
    ----------
    source
        None for the data that come with the package; a path in any of the formats that docs/formats.md lists;
        or a DataFrame, which needs the columns `model`, `benchmark` and `score`, and may carry any other
        column of the result.
    unit
        Unit of score, chance and ceiling in the source: "fraction" (0 to 1) or "percent" (0 to 100). It is
        declared, never guessed.
    format
        The format of a path: "auto" to recognise it, which refuses a path that two formats fit, or a name:
        "table" (long CSV or Parquet, or a folder of scores.csv, models.csv and benchmarks.csv), "wide"
        (models by benchmarks), "epoch" (Epoch's eci_benchmarks.csv), "epoch_zip" (Epoch's
        benchmark_data.zip), "items" (item responses or counts, aggregated by benchmark), "each_item" (item
        responses, each item a benchmark), "every_eval_ever" (its aggregate JSON), "inspect" (logs of
        Inspect).
    aliases
        Other spellings of names, which are never merged unasked: a CSV with the columns `alias` and `model`
        or `benchmark`, or a mapping of spellings of models to their names.

    Returns
    -------
    DataFrame
        Columns `model`, `benchmark`, `score` (fraction), `conditions`, `source_kind` (vendor, independent,
        secondary or blank), `source_url`, `n_items`, `lab`, `release_date`, `open_weights`, `reasoning`
        (nullable booleans), `domain`, `family`, `chance`, `ceiling` (fractions); in the order of the source;
        blank, NaN, NaT or NA where unknown. `table.attrs["eci_source"]` says what was read: path (None for
        the bundled data), SHA-256, format, unit and aliases; a `ScoreMatrix` keeps it, `fit.json` states it.

    Raises
    ------
    DataError
        If the source does not exist or has faults; all of them are collected, each with file, line, column,
        value and advice (`error.faults`).

    Warns
    -----
    EciWarning
        If blanks were removed around names, or a column looks misspelt.

    Notes
    -----
    A fact of a model (lab, release date, ...) or of a benchmark (chance, ceiling, ...) needs to stand in one
    row only; two rows that contradict each other are a fault. Item counts belong to rows: a blank one is
    filled from `benchmarks.csv`, never from another row.
    """
    if unit not in get_args(Unit):
        raise DataError(f"unit is {unit!r}. It must be 'fraction' or 'percent'.")
    if not (source is None or isinstance(source, str | os.PathLike | pd.DataFrame)):
        raise DataError(
            f"Scores are read from a path or a DataFrame; given {source!r}, which is of the type "
            f"{type(source).__name__}. Name a file, or give a DataFrame with the columns "
            "model, benchmark and score."
        )
    spelled = read_aliases(aliases)
    faults = Faults()
    if isinstance(source, pd.DataFrame):
        tables = Tables(read_frame(source, SCORES, faults))
        record = describe_frame(source, unit, spelled)
    else:
        given = None if source is None else Path(source)
        path = bundled_data() if given is None else given
        format_name = _choose_format(path, format)
        tables = READERS[format_name].read(path, faults)
        record = describe_file(given, path, format_name, unit, spelled)
    if tables.unit not in (None, unit):
        raise DataError(
            f"{source}: unit is {unit!r}, but this format states its scores as a {tables.unit}. Leave the "
            "unit out."
        )
    table = assemble(tables, unit, faults, spelled)
    faults.raise_any()
    table.attrs[ATTRIBUTE] = record
    return table


def bundled_data() -> Path:
    """Find the folder of the data that come with the package.

    Returns
    -------
    Path
        `eci/benchmarks_data` in an installed wheel, else `benchmarks_data` beside the package in a checkout.

    Raises
    ------
    DataError
        If neither exists.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "benchmarks_data", package.parent / "benchmarks_data"):
        if folder.is_dir():
            return folder
    raise DataError(f"No bundled data beside {package}. Install the package again, or name a data file.")


def _choose_format(path: Path, format_name: str) -> str:
    if format_name != "auto" and format_name not in READERS:
        known = ", ".join(["auto", *READERS])
        raise DataError(f"format is {format_name!r}. {did_you_mean(format_name, READERS)} Known: {known}.")
    if not path.exists():
        raise DataError(f"{path} does not exist. {_neighbours(path)}")
    if not (path.is_file() or path.is_dir()):
        raise DataError(f"{path} is neither a file nor a folder. Copy the data into a file first.")
    return recognise(path) if format_name == "auto" else format_name


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"There is no folder {path.parent} either; check the path."
    hint = did_you_mean(path.name, (entry.name for entry in path.parent.iterdir()))
    return hint or f"Nothing in {path.parent.resolve()} has a similar name; check the path."
