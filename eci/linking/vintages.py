"""Vintages of one index: how far each model moved, and whether the order changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from eci.errors import DataError
from eci.linking.points import MIN_POINTS, Array
from eci.linking.result import Link
from eci.linking.run import link
from eci.linking.series import WITHIN_CORR, read_index
from eci.linking.spelling import tell_lookalikes
from eci.trend.series import IndexSeries

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "eci-vintages/1"


@dataclass(frozen=True, eq=False)
class VintageChange:
    """The move of one index from an older vintage to a newer one.

    Parameters
    ----------
    older, newer
        Names of the vintages.
    models
        Models in both.
    before, after
        Index in points, shape (model,).
    line
        The affine part of the move; None with fewer than three models, or where no rising line exists.
    order_changed
        Pairs of models whose order is reversed, the one that overtook first.
    why_no_line
        In words, why `line` is None; empty otherwise.
    spelled_apart
        In words, names of one vintage that differ from names of the other in spelling alone; empty otherwise.
    """

    older: str
    newer: str
    models: tuple[str, ...]
    before: Array
    after: Array
    line: Link | None
    order_changed: tuple[tuple[str, str], ...]
    why_no_line: str = ""
    spelled_apart: str = ""

    @property
    def moved(self) -> Array:
        """Points each model moved, shape (model,)."""
        return np.asarray(self.after - self.before)

    @property
    def n_pairs(self) -> int:
        """Pairs of models that are told apart in both vintages."""
        n = len(self.models)
        return sum(
            1
            for i, j in combinations(range(n), 2)
            if self.before[i] != self.before[j] and self.after[i] != self.after[j]
        )

    @property
    def affine_share(self) -> float | None:
        """Share of the mean squared move that a change of scale explains; None without a line or a move."""
        total = float(np.mean(self.moved**2))
        if self.line is None or total == 0.0:
            return None
        return max(0.0, 1.0 - float(np.mean(self.line.residual**2)) / total)

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        quantities = {} if self.line is None else self.line.quantities()
        residual = np.full(len(self.models), np.nan) if self.line is None else self.line.residual
        return {
            "older": self.older,
            "newer": self.newer,
            "n": len(self.models),
            "moved": dict(zip(self.models, self.moved.tolist(), strict=True)),
            "mean_move": float(self.moved.mean()),
            "largest_move": float(np.abs(self.moved).max()),
            **{name: quantity.record() for name, quantity in quantities.items()},
            "affine_share": self.affine_share,
            "residual": {
                name: float(value)
                for name, value in zip(self.models, residual, strict=True)
                if np.isfinite(value)
            },
            "order_changed": [list(pair) for pair in self.order_changed],
            "n_pairs": self.n_pairs,
            "no_line": self.why_no_line or None,
            "spelled_apart": self.spelled_apart or None,
        }

    def table(self) -> pd.DataFrame:
        """Return one row per model, the largest move first."""
        import pandas as pd

        table = pd.DataFrame(
            {"model": self.models, "before": self.before, "after": self.after, "moved": self.moved}
        )
        if self.line is not None:
            table["beyond_line"] = self.line.residual
        order = np.lexsort([np.array(self.models), -np.abs(self.moved)])
        return table.iloc[order].reset_index(drop=True)


def compare_vintages(
    frame: pd.DataFrame,
    *,
    vintages: Sequence[str] | None = None,
    error_corr: float = 0.8,
    within_corr: float = WITHIN_CORR,
    seed: int = 0,
) -> tuple[VintageChange, ...]:
    """Compare vintages of one index, each with the next that shares a model with it.

    Parameters
    ----------
    frame
        A published table with a column `vintage`; otherwise as `IndexSeries.from_table` has it.
    vintages
        Which to compare, by prefix, in order; by default all, sorted by name (names begin with a date).
    error_corr
        Correlation of the errors of one model in two vintages. High by default: they rest on mostly the same
        scores.
    within_corr
        Correlation of the errors of two models of one vintage.
    seed
        Seed of the draws of the line.

    Returns
    -------
    tuple of VintageChange
        One for each pair of vintages that follow each other and share a model; where a vintage shares none
        with the next, the nearest later one that does stands in.

    Raises
    ------
    DataError
        Where the table has no vintages or only one, or none share a model.
    """
    if "vintage" not in frame.columns:
        raise DataError(
            f"The table has no column `vintage`; it has {', '.join(map(str, frame.columns))}. Add one, or "
            "use `eci link` for two tables."
        )
    if frame["vintage"].isna().any():
        row = int(np.argmax(frame["vintage"].isna().to_numpy())) + 2
        raise DataError(f"Row {row} has no vintage. Fill the column, so that nothing is mixed.")
    named = vintages or sorted(frame["vintage"].astype(str).unique())
    series = [read_index(frame, vintage=name, error_corr=within_corr) for name in named]
    if len({one.vintage for one in series}) < max(len(named), 2):
        chosen = "were chosen" if vintages else "are in the table"
        raise DataError(
            f"These vintages {chosen}: {', '.join(map(repr, named))}. A comparison needs two different ones."
        )
    changes = []
    for i, older in enumerate(series[:-1]):
        newer = next((later for later in series[i + 1 :] if set(older.models) & set(later.models)), None)
        if newer is not None:
            changes.append(_compare(older, newer, error_corr, seed))
    if not changes:
        raise DataError(
            f"None of the {len(series)} vintages share a model: {'; '.join(map(str, named))}. "
            f"{tell_lookalikes(series[0].models, series[1].models)} Names must agree; a column "
            "`model_in_scores` can say which are the same."
        )
    return tuple(changes)


def _compare(older: IndexSeries, newer: IndexSeries, error_corr: float, seed: int) -> VintageChange:
    names = tuple(name for name in older.models if name in set(newer.models))
    before = np.array([older.index[older.models.index(name)] for name in names])
    after = np.array([newer.index[newer.models.index(name)] for name in names])
    line, why = None, ""
    if len(names) < MIN_POINTS:
        why = f"{len(names)} in common, and a line needs {MIN_POINTS}"
    else:
        try:
            line = link(older, newer, error_corr=error_corr, seed=seed)
        except DataError:
            raise
        except ValueError as refusal:  # IdentificationError: the models stand at one level, or turn round
            why = str(refusal)
    changed = [
        (names[j], names[i]) if before[i] > before[j] else (names[i], names[j])
        for i, j in combinations(range(len(names)), 2)
        if (before[i] - before[j]) * (after[i] - after[j]) < 0
    ]
    return VintageChange(
        str(older.vintage),
        str(newer.vintage),
        names,
        before,
        after,
        line,
        tuple(changed),
        why,
        tell_lookalikes(older.models, newer.models),
    )
