"""Tables of a fit and of a trend: the numbers behind every picture.

Those of this file come from a Fit or from the folder it was saved in, which needs no draws read; the others,
from the files of their figures, need the draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.fitted import Fit
from eci.folder.facts import describe, load_facts
from eci.folder.load import load_table
from eci.report.information import at_frontier, frontier, information
from eci.report.residuals import residuals, residuals_by_domain
from eci.report.timeline import break_dates, changes, trend_line, trend_models
from eci.scores.names import did_you_mean

__all__ = [
    "abilities", "at_frontier", "benchmarks", "break_dates", "changes", "coverage", "diagnostics", "facts",
    "frontier", "information", "residuals", "residuals_by_domain", "trend_line", "trend_models",
]  # fmt: skip


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


def require_index(table: pd.DataFrame) -> None:
    """Refuse a ranking in which no model has an index, which neither a picture nor a page can show.

    Parameters
    ----------
    table
        The result of `abilities`.

    Raises
    ------
    DataError
        Where no index is finite.
    """
    if not np.isfinite(table["index"].to_numpy(dtype=np.float64)).any():
        names = ", ".join(table["model"][:3]) + (", ..." if len(table) > 3 else "")
        raise DataError(
            f"No model of this fit has an index: all {len(table)} values are nan ({names}). There is nothing "
            "to show; `eci show DIR --checks` says which check failed. Fit again with the method nuts."
        )


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


def coverage(fit: Fit) -> pd.DataFrame:
    """What the scores of a fit cover, by domain and in all, the domain with most scores first.

    Parameters
    ----------
    fit
        The fit.

    Returns
    -------
    DataFrame
        Columns domain ("all domains" in the last row), n_benchmarks, n_models, n_scores, share (pairs of
        these benchmarks and models that have a score), first_date and last_date (of the models, ISO text).
    """
    matrix = fit.matrix
    domains = np.array(matrix.domain, dtype=object)[matrix.benchmark_index]
    every = np.ones(matrix.n_scores, dtype=bool)
    parts = [(domain, domains == domain) for domain in dict.fromkeys(matrix.domain)]
    rows = []
    for name, mask in [*parts, ("all domains", every)]:
        j, m = matrix.benchmark_index[mask], matrix.model_index[mask]
        n_benchmarks, n_models = len(np.unique(j)), len(np.unique(m))
        pairs = len(np.unique(np.stack([j, m]), axis=1).T)
        dates = matrix.release_date[np.unique(m)]
        known = dates[~np.isnat(dates)]
        ends = (str(known.min()), str(known.max())) if known.size else ("", "")
        share = pairs / (n_benchmarks * n_models)
        rows.append((name, n_benchmarks, n_models, int(mask.sum()), share, *ends))
    names = ["domain", "n_benchmarks", "n_models", "n_scores", "share", "first_date", "last_date"]
    table = pd.DataFrame(rows, columns=names)
    order = table["n_scores"][:-1].sort_values(ascending=False, kind="stable").index.to_list()
    return table.loc[[*order, len(table) - 1]].reset_index(drop=True)


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
