"""Labels of the models of an index: names, dates, labs, weights, reasoning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eci.errors import DataError

Dates = NDArray[np.datetime64]


@dataclass(frozen=True)
class Described:
    """Labels of the models of an index, checked to have one length."""

    models: tuple[str, ...]
    release_date: Dates
    labs: tuple[str | None, ...]
    open_weights: tuple[bool | None, ...]
    reasoning: tuple[bool | None, ...]

    @classmethod
    def of(
        cls,
        models: Sequence[str],
        release_date: ArrayLike,
        labs: Sequence[str | None] | None,
        open_weights: Sequence[bool | None] | None,
        reasoning: Sequence[bool | None] | None,
    ) -> Described:
        """Fill in what is not known and check the lengths."""
        n = len(models)
        described = cls(
            models=tuple(str(name) for name in models),
            release_date=np.asarray(release_date, dtype="datetime64[D]"),
            labs=(None,) * n if labs is None else tuple(lab or None for lab in labs),
            open_weights=(None,) * n if open_weights is None else tuple(open_weights),
            reasoning=(None,) * n if reasoning is None else tuple(reasoning),
        )
        for name, column in vars(described).items():
            if len(column) != n:
                raise DataError(f"{name} has {len(column)} entries for {n} models. Give one for each.")
        repeated = sorted({m for m in described.models if described.models.count(m) > 1})
        if repeated:
            raise DataError(f"Models appear twice: {listed(repeated)}. Keep one column each.")
        return described


def listed(names: Sequence[str], limit: int = 8) -> str:
    """Name the first few and count the rest."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
