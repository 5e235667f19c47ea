"""Epoch's `eci_benchmarks.csv`: the scores behind the Epoch Capabilities Index, as its authors fit them."""

from __future__ import annotations

from pathlib import Path

from eci.scores.faults import Faults
from eci.scores.readers.glimpse import Glimpse, look
from eci.scores.readers.table import read_file
from eci.scores.readers.tables import Tables
from eci.scores.sheet import Header

_TITLES = {"score": "performance", "release_date": "date", "source_url": "source"}


def accepts(seen: Glimpse) -> bool:
    """Take a table with Epoch's name for the score."""
    return seen.has("benchmark", "performance") and not {"model", "Model"}.isdisjoint(seen.columns)


def read(path: Path, faults: Faults) -> Tables:
    """Read the columns model (else Model), benchmark, performance, date and source.

    Parameters
    ----------
    path
        A CSV or Parquet file.
    faults
        Collects what cannot be read.

    Notes
    -----
    `performance` is the fraction that Epoch's fit takes: what there is of chance levels and ceilings is in it
    already, so none are set here. Identifiers and release dates of benchmarks are not read.
    """
    with_model = "model" if "model" in look(path).columns else "Model"
    header = Header((with_model, "benchmark", *_TITLES.values()), (with_model, "benchmark", "performance"))
    sheet = read_file(path, header, faults)
    titles = {"model": with_model, **_TITLES}
    found = {ours: theirs for ours, theirs in titles.items() if theirs in sheet.cells}
    return Tables(sheet.rename(found), unit="fraction")
