"""What changed between two tables of scores."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

_SAME = 1e-9  # a score written with other digits is no other score


@dataclass(frozen=True)
class ScoreChange:
    """A score that both tables have, with another value.

    Parameters
    ----------
    model, benchmark
        The pair.
    old, new
        The values, fraction; the maximum where a table has several.
    """

    model: str
    benchmark: str
    old: float
    new: float


@dataclass(frozen=True)
class TableDiff:
    """The difference of two tables.

    Parameters
    ----------
    models_added, models_removed, benchmarks_added, benchmarks_removed
        Names, sorted.
    scores_added, scores_removed
        Pairs of model and benchmark that one table has, sorted; with those of added and removed names.
    scores_changed
        Changed values, the largest change first.
    n_same
        Pairs with the same value in both.
    """

    models_added: tuple[str, ...]
    models_removed: tuple[str, ...]
    benchmarks_added: tuple[str, ...]
    benchmarks_removed: tuple[str, ...]
    scores_added: tuple[tuple[str, str], ...]
    scores_removed: tuple[tuple[str, str], ...]
    scores_changed: tuple[ScoreChange, ...]
    n_same: int

    def as_dict(self) -> dict[str, Any]:
        """Give the difference as JSON can hold it."""
        return asdict(self)


def compare_tables(old: pd.DataFrame, new: pd.DataFrame) -> TableDiff:
    """Say which models, benchmarks and scores came, went and changed.

    Parameters
    ----------
    old, new
        Long tables, as `load_scores` returns them.
    """
    before, after = (t.groupby(["model", "benchmark"])["score"].max() for t in (old, new))
    both = before.index.intersection(after.index).sort_values()
    change = after[both] - before[both]
    moved = change[change.abs() > _SAME].abs().sort_values(ascending=False, kind="stable").index
    names = {key: (set(old[key].unique()), set(new[key].unique())) for key in ("model", "benchmark")}

    def gone(key: str, first: int, second: int) -> tuple[str, ...]:
        return tuple(sorted(names[key][first] - names[key][second]))

    return TableDiff(
        models_added=gone("model", 1, 0),
        models_removed=gone("model", 0, 1),
        benchmarks_added=gone("benchmark", 1, 0),
        benchmarks_removed=gone("benchmark", 0, 1),
        scores_added=tuple(sorted(after.index.difference(before.index))),
        scores_removed=tuple(sorted(before.index.difference(after.index))),
        scores_changed=tuple(
            ScoreChange(
                str(model), str(benchmark), float(before[model, benchmark]), float(after[model, benchmark])
            )
            for model, benchmark in moved
        ),
        n_same=len(both) - len(moved),
    )
