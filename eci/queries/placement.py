"""New models on the scale of a fit: what placing gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pandas as pd

from eci.queries.curves import FloatArray, IndexArray
from eci.scores import Dropped

PriorName = Literal["standard", "dated"]


@dataclass(frozen=True, eq=False)
class Placed:
    """One new model on the scale of a fit, under one prior.

    Parameters
    ----------
    model
        Name.
    prior
        "standard", N(0, 1) logits as in the fit, or "dated", around the trend of abilities at its release.
    index, sd, low, high
        Points: posterior mean, sd, and ends of the equal-tailed interval.
    prior_mean, prior_sd
        Points: what is believed before the scores.
    benchmarks
        Benchmarks of the fit that it has scores on, sorted.
    n_draws, effective_draws
        Draws of the benchmarks used, and how many equally good ones they are worth once weighted by how well
        they explain the scores.
    rows, index_draws
        Joint draws: rows of the fit's draws, and the index in points with each, shape (draw,).
    """

    model: str
    prior: PriorName
    index: float
    sd: float
    low: float
    high: float
    prior_mean: float
    prior_sd: float
    benchmarks: tuple[str, ...]
    n_draws: int
    effective_draws: float
    rows: IndexArray = field(repr=False)
    index_draws: FloatArray = field(repr=False)

    def record(self) -> dict[str, Any]:
        """Everything but the draws, for JSON."""
        names = ("index", "sd", "low", "high", "prior_mean", "prior_sd", "n_draws", "effective_draws")
        return {name: getattr(self, name) for name in names} | {"n_benchmarks": len(self.benchmarks)}


class LeftOut(NamedTuple):
    """A model or benchmark of the new scores that was not used, why, and which name may be meant."""

    kind: Literal["model", "benchmark"]
    name: str
    why: str
    hint: str = ""


@dataclass(frozen=True, eq=False)
class Placement:
    """New models on the scale of a fit.

    Parameters
    ----------
    placed
        One for each model and prior, models in order of name.
    left_out
        Models that are in the fit already or share no benchmark with it, and benchmarks that are not in it.
    dropped
        Rows that gave way to another of the same model and benchmark.
    warnings
        What to keep in mind, in words.
    """

    placed: tuple[Placed, ...]
    left_out: tuple[LeftOut, ...]
    dropped: tuple[Dropped, ...]
    warnings: tuple[str, ...]

    def __iter__(self) -> Iterator[Placed]:
        """All placed models, each under its priors."""
        return iter(self.placed)

    def table(self) -> pd.DataFrame:
        """One row for each model and prior: model, prior, index, sd, low, high, prior_mean, prior_sd, ..."""
        rows = [{"model": one.model, "prior": one.prior, **one.record()} for one in self.placed]
        return pd.DataFrame(rows)
