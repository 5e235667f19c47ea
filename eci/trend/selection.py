"""Which models of an index enter: labs, dates, names, reasoning, weights, and the frontier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError
from eci.scores.names import did_you_mean
from eci.trend.labels import listed

if TYPE_CHECKING:
    from eci.trend.series import IndexSeries


class SelectionRules(TypedDict, total=False):
    """Keyword arguments of every builder of a series; `Selection` documents them."""

    frontier: bool
    labs: Sequence[str] | None
    models: Sequence[str] | None
    since: str | None
    until: str | None
    through: str | None
    reasoning: Literal["yes", "no"] | None
    weights: Literal["open", "closed"] | None


@dataclass(frozen=True)
class Selection:
    """Rules that choose models of an index; every rule is recorded in the result.

    Parameters
    ----------
    frontier
        Ask for the running maximum of the true abilities among the models the other rules keep.
    labs
        Keep these labs.
    models
        Keep exactly these models.
    since, until
        Keep release dates in this window, ends included, ISO dates.
    through
        Keep models released up to and on the release date of this model.
    reasoning
        "yes" or "no": keep models known to reason, or known not to.
    weights
        "open" or "closed": keep models known to have open or closed weights.
    """

    frontier: bool = False
    labs: Sequence[str] | None = None
    models: Sequence[str] | None = None
    since: str | None = None
    until: str | None = None
    through: str | None = None
    reasoning: Literal["yes", "no"] | None = None
    weights: Literal["open", "closed"] | None = None

    def record(self) -> dict[str, Any]:
        """Return the rules that were set, as plain values."""
        given = {
            "frontier": self.frontier or None,
            "labs": None if self.labs is None else list(self.labs),
            "models": None if self.models is None else list(self.models),
            "since": None if self.since is None else str(self.since),
            "until": None if self.until is None else str(self.until),
            "through": self.through,
            "reasoning": self.reasoning,
            "weights": self.weights,
        }
        return {name: value for name, value in given.items() if value is not None}

    def choose(self, series: IndexSeries) -> NDArray[np.int64]:
        """Return the rows of `series` that meet every rule.

        Raises
        ------
        DataError
            Where a named model or lab does not exist, or nothing is left.
        """
        kept = np.ones(len(series), dtype=bool)
        if self.labs is not None:
            kept &= _among(series.labs, self.labs, "lab")
        if self.models is not None:
            kept &= _among(series.models, self.models, "model")
        if self.since is not None:
            kept &= series.release_date >= _date(self.since, "since")
        if self.until is not None:
            kept &= series.release_date <= _date(self.until, "until")
        if self.through is not None:
            row = find_model(series.models, self.through)
            kept &= series.release_date <= series.release_date[row]
        if self.reasoning is not None:
            wanted = _option(self.reasoning, {"yes": True, "no": False}, "reasoning")
            kept &= np.array([known is wanted for known in series.reasoning], dtype=bool)
        if self.weights is not None:
            wanted = _option(self.weights, {"open": True, "closed": False}, "weights")
            kept &= np.array([known is wanted for known in series.open_weights], dtype=bool)
        if len(series) == 0:
            raise DataError(
                "The index holds no model with a release date, and a trend is one over time. Fill the column "
                "release_date, of the scores before a fit or of the table, and try again."
            )
        if not kept.any():
            raise DataError(
                f"The selection leaves no model: {self.record()} of {len(series)} models. Loosen a rule; "
                "models whose lab, weights or reasoning is unknown meet no rule about it."
            )
        return np.flatnonzero(kept)


def drop_undated(series: IndexSeries) -> IndexSeries:
    """Drop models without a release date, by name."""
    missing = np.isnat(series.release_date)
    if not missing.any():
        return series
    names = tuple(series.models[i] for i in np.flatnonzero(missing))
    note = f"{len(names)} of {len(series)} models have no release date and are dropped: {listed(names)}."
    return replace(
        series.take(np.flatnonzero(~missing)),
        dropped=series.dropped + tuple((name, "no release date") for name in names),
        notes=(*series.notes, note),
    )


def find_model(models: Sequence[str], name: str) -> int:
    """Return the position of a model, or say which names come close.

    Raises
    ------
    DataError
        Where no model has this name.
    """
    if name in models:
        return list(models).index(name)
    raise DataError(f"No model {name!r} among the {len(models)} of this index. {_suggest(name, models)}")


def frontier_members(release_date: NDArray[np.datetime64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the models on the running maximum of each draw.

    Parameters
    ----------
    release_date
        Dates, shape (model,). Models released on one day are one step: only the best of them can advance.
    values
        Index, shape (draw, model).

    Returns
    -------
    NDArray[np.bool_]
        Membership, shape (draw, model).
    """
    members = np.zeros(values.shape, dtype=bool)
    best = np.full(values.shape[0], -np.inf)
    draws = np.arange(values.shape[0])
    for date in np.unique(release_date):
        column = np.flatnonzero(release_date == date)
        winner = column[np.argmax(values[:, column], axis=1)]
        level = values[draws, winner]
        advances = level > best
        members[draws[advances], winner[advances]] = True
        best = np.maximum(best, level)
    return members


def _among(have: Sequence[str | None], wanted: Sequence[str], what: str) -> NDArray[np.bool_]:
    known = sorted({name for name in have if name is not None})
    for name in wanted:
        if name not in known:
            hint = (
                _suggest(name, known)
                if known
                else f"The index holds no {what} at all: add a `{what}` column."
            )
            raise DataError(f"No {what} {name!r} in this index. {hint}")
    return np.array([name in set(wanted) for name in have], dtype=bool)


def _suggest(name: str, known: Sequence[str]) -> str:
    return did_you_mean(name, known) or f"Known: {', '.join(known[:8])} …"


def _option(value: str, options: dict[str, bool], name: str) -> bool:
    if value not in options:
        raise DataError(f"{name} = {value!r} is not an option. Give one of {', '.join(options)}.")
    return options[value]


def _date(text: str, name: str) -> np.datetime64:
    try:
        return np.datetime64(text, "D")
    except ValueError:
        raise DataError(f"{name} = {text!r} is not a date. Give it as YYYY-MM-DD.") from None
