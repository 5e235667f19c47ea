"""The scores of the models released by a day: what a fit on that day could have seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from eci.errors import DataError
from eci.scores.connectivity import require_connected
from eci.scores.matrix import ScoreMatrix
from eci.scores.rules import Dropped

IndexArray = npt.NDArray[np.int64]


def released_by(matrix: ScoreMatrix, day: np.datetime64) -> ScoreMatrix:
    """Keep the models released by a day and apply the minima of the matrix again.

    Parameters
    ----------
    matrix
        Coded scores with release dates.
    day
        The last release date to keep.

    Returns
    -------
    ScoreMatrix
        Its rules have `until` set; its `dropped` adds what left here to what was dropped before.

    Raises
    ------
    DataError
        Where nothing is left.
    IdentificationError
        Where what is left falls into groups without a common scale.

    Notes
    -----
    The matrix itself has lost what missed the minima among all its models, which would have missed them
    among fewer as well, so this is the matrix that the same rules make of the table of that day. Scores have
    no date: one of a released model counts as known, whenever it was measured.
    """
    rules = replace(matrix.rules, until=day.astype("datetime64[D]").item())
    in_time = matrix.release_date <= day
    dropped = [_too_late(matrix, int(i)) for i in np.flatnonzero(~in_time)]
    kept = in_time[matrix.model_index]
    here = {"model": in_time.copy(), "benchmark": np.ones(matrix.n_benchmarks, dtype=bool)}
    before = -1
    while len(dropped) != before:
        before = len(dropped)
        for kind, names, own, other, least in (
            ("model", matrix.models, matrix.model_index, matrix.benchmark_index, rules.min_benchmarks),
            ("benchmark", matrix.benchmarks, matrix.benchmark_index, matrix.model_index, rules.min_models),
        ):
            counts = _count_partners(own[kept], other[kept], len(names))
            few = here[kind] & (counts < least)
            dropped += [_too_few(kind, names[i], int(counts[i]), least) for i in np.flatnonzero(few)]  # type: ignore[arg-type]
            here[kind] &= ~few
            kept &= ~few[own]
    if not kept.any():
        raise DataError(
            f"No score is left of the models released by {day}: {int(in_time.sum())} of {matrix.n_models} "
            f"models were, and none has {rules.min_benchmarks} benchmarks with {rules.min_models} such "
            "models each. Take a later day, or fit with lower minima."
        )
    cut = _cut(matrix, kept, here["model"], here["benchmark"])
    require_connected(cut.models, cut.benchmarks, cut.components)
    return replace(cut, rules=rules, dropped=tuple(sorted({*matrix.dropped, *dropped})))


def _count_partners(own: IndexArray, other: IndexArray, n: int) -> IndexArray:
    """Count the different partners of each of n names."""
    pairs = np.unique(np.stack([own, other]), axis=1)
    return np.bincount(pairs[0], minlength=n).astype(np.int64)


def _too_late(matrix: ScoreMatrix, i: int) -> Dropped:
    date = matrix.release_date[i]
    why = "it has no release date" if np.isnat(date) else f"it was released on {date}"
    return Dropped("model", matrix.models[i], "until", why)


def _too_few(kind: Literal["model", "benchmark"], name: str, n: int, least: int) -> Dropped:
    other = "benchmark" if kind == "model" else "model"
    rule: Literal["min_benchmarks", "min_models"] = "min_benchmarks" if kind == "model" else "min_models"
    return Dropped(kind, name, rule, f"{n} {other}{'' if n == 1 else 's'} left, {least} needed")


def _cut(
    matrix: ScoreMatrix,
    kept: npt.NDArray[np.bool_],
    its_models: npt.NDArray[np.bool_],
    its_benchmarks: npt.NDArray[np.bool_],
) -> ScoreMatrix:
    """Take the scores marked, and the models and benchmarks marked, which hold them all."""
    models, benchmarks = np.flatnonzero(its_models), np.flatnonzero(its_benchmarks)
    return replace(
        matrix,
        models=tuple(matrix.models[i] for i in models),
        benchmarks=tuple(matrix.benchmarks[j] for j in benchmarks),
        model_index=np.searchsorted(models, matrix.model_index[kept]),
        benchmark_index=np.searchsorted(benchmarks, matrix.benchmark_index[kept]),
        score=matrix.score[kept],
        n_items=matrix.n_items[kept],
        lower=matrix.lower[benchmarks],
        upper=matrix.upper[benchmarks],
        release_date=matrix.release_date[models],
        lab=tuple(matrix.lab[i] for i in models),
        open_weights=tuple(matrix.open_weights[i] for i in models),
        reasoning=tuple(matrix.reasoning[i] for i in models),
        domain=tuple(matrix.domain[j] for j in benchmarks),
    )
