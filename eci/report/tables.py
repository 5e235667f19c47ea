"""Tables of a fit, from the Fit itself or from the folder it was saved in; a folder needs no draws read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from eci.errors import DataError
from eci.fitted import Fit
from eci.folder import describe, load_facts, load_table
from eci.scores.names import did_you_mean


def abilities(source: Fit | str | Path, *, labs: Sequence[str] = (), top: int | None = None) -> pd.DataFrame:
    """Ranking of the models: columns rank, then those of abilities.csv.

    Parameters
    ----------
    source
        A fit, or the folder of a saved one.
    labs
        Labs to keep; ranks stay those among all models. Empty keeps all.
    top
        Rows to keep; None keeps all.

    Raises
    ------
    DataError
        Where the folder is not a fit, or no model has one of the labs.
    """
    table = source.abilities() if isinstance(source, Fit) else load_table(source, "abilities.csv")
    table.insert(0, "rank", range(1, len(table) + 1))
    known = set(table["lab"]) - {""}
    for lab in labs:
        if lab not in known:
            hint = did_you_mean(lab, known) or f"Known: {', '.join(sorted(known)) or 'none'}."
            raise DataError(f"No model in this fit is of the lab {lab!r}. {hint}")
    if labs:
        table = table[table["lab"].isin(labs)]
    return table[:top].reset_index(drop=True)


def benchmarks(source: Fit | str | Path, *, top: int | None = None) -> pd.DataFrame:
    """Benchmarks from the hardest to the easiest: the columns of benchmarks.csv.

    Parameters
    ----------
    source
        A fit, or the folder of a saved one.
    top
        Rows to keep; None keeps all.

    Raises
    ------
    DataError
        Where the folder is not a fit.
    """
    table = source.benchmarks() if isinstance(source, Fit) else load_table(source, "benchmarks.csv")
    return table[:top]


def diagnostics(source: Fit | str | Path) -> pd.DataFrame:
    """Checks of a fit: columns name, value, limit, ok, worst, advice.

    Parameters
    ----------
    source
        A fit, or the folder of a saved one.

    Raises
    ------
    DataError
        Where the folder is not a fit.
    """
    if isinstance(source, Fit):
        return pd.DataFrame([asdict(check) for check in source.diagnostics.checks])
    return pd.DataFrame(load_facts(source)["diagnostics"])


def facts(source: Fit | str | Path) -> dict[str, Any]:
    """Every choice, version and check of a fit: the content of fit.json.

    Parameters
    ----------
    source
        A fit, or the folder of a saved one.

    Raises
    ------
    DataError
        Where the folder is not a fit.
    """
    return describe(source) if isinstance(source, Fit) else load_facts(source)
