"""Concurrent calibration: both sets of scores in one fit. The one file of linking that needs inference."""

from __future__ import annotations

import numpy as np

from eci.errors import IdentificationError
from eci.fitted import Fit
from eci.linking.result import CommonUnits, Link
from eci.scores.matrix import ScoreMatrix

MIN_COMMON = 3


def link_concurrent(old: Fit, new: Fit, *, interval_prob: float, seed: int) -> Link:
    """Link two fits by fitting their scores together, each model of either side a model of its own.

    The common benchmarks have one curve; the scale of the joint fit stands between the two. In a draw of
    the joint fit, the line from old points to joint points is that of mean and sd over the old models (their
    posterior means in the old fit), likewise for the new; the link is the first followed by the inverse of
    the second.

    Parameters
    ----------
    old, new
        Fits with draws.
    interval_prob
        Probability of the intervals.
    seed
        Seed of the joint fit.

    Raises
    ------
    IdentificationError
        Where fewer than three benchmarks are common.

    Notes
    -----
    The joint fit is a Laplace approximation with the likelihood of the new fit. It assumes that no benchmark
    drifted between the two sides: its intervals hold no drift.

    References
    ----------
    Hanson and Beguin (2002), Obtaining a common scale for item response theory item parameters using
    separate versus concurrent estimation, doi:10.1177/0146621602026001001.
    """
    from eci.inference.method import Laplace
    from eci.inference.run import fit
    from eci.irt.priors import Priors

    shared = sorted(set(old.matrix.benchmarks) & set(new.matrix.benchmarks))
    if len(shared) < MIN_COMMON:
        raise IdentificationError(
            f"Concurrent calibration needs at least {MIN_COMMON} common benchmarks; the fits share "
            f"{len(shared)}. Link by common models instead."
        )
    joined = _join(old.matrix, new.matrix)
    together = fit(
        joined,
        likelihood=new.likelihood,  # type: ignore[arg-type]  # a saved fit names its likelihood as text
        priors=Priors(**new.priors),
        method=Laplace(),
        seed=seed,
    )
    n_old = old.matrix.n_models
    is_old = np.array([name.startswith(_OLD) for name in joined.models])
    # sorted names: the old side first, each side in its own order
    first, second = together.index_draws[:, is_old], together.index_draws[:, ~is_old]
    slope_old = first.std(axis=1) / old.index.std()
    slope_new = second.std(axis=1) / new.index.std()
    slope = slope_old / slope_new
    intercept = (
        new.index.mean() + (first.mean(axis=1) - second.mean(axis=1)) / slope_new - slope * old.index.mean()
    )
    if first.shape[1] != n_old:
        raise RuntimeError("the joint matrix lost models")
    x = old.difficulty_draws[:, [old.matrix.benchmarks.index(name) for name in shared]]
    y = new.difficulty_draws[:, [new.matrix.benchmarks.index(name) for name in shared]]
    units = CommonUnits(
        tuple(shared),
        x.mean(axis=0),
        y.mean(axis=0),
        x.std(axis=0, ddof=1),
        y.std(axis=0, ddof=1),
        np.ones(len(shared)),
        np.full(len(shared), np.datetime64("NaT", "D")),
    )
    return Link(
        method="concurrent",
        common="benchmarks",
        scales=(old.scale.label, new.scale.label),
        slope=slope,
        intercept=intercept,
        residual_sd=np.zeros(slope.size),
        units=units,
        interval_prob=interval_prob,
        warnings=("Concurrent calibration assumes that no benchmark drifted: residual sd 0 by assumption.",),
    )


_OLD, _NEW = "1 ", "2 "


def _join(old: ScoreMatrix, new: ScoreMatrix) -> ScoreMatrix:
    """Stack two matrices; models stay apart, benchmarks of one name are one benchmark."""
    benchmarks = sorted({*old.benchmarks, *new.benchmarks})
    place = {name: j for j, name in enumerate(benchmarks)}

    def placed(matrix: ScoreMatrix) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([place[name] for name in matrix.benchmarks], dtype=np.int64)

    lower, upper = np.zeros(len(benchmarks)), np.ones(len(benchmarks))
    for matrix in (old, new):
        lower[placed(matrix)], upper[placed(matrix)] = matrix.lower, matrix.upper
    return ScoreMatrix.from_arrays(
        [_OLD + name for name in old.models] + [_NEW + name for name in new.models],
        benchmarks,
        np.concatenate([old.model_index, old.n_models + new.model_index]),
        np.concatenate([placed(old)[old.benchmark_index], placed(new)[new.benchmark_index]]),
        np.concatenate([old.score, new.score]),
        n_items=np.concatenate([old.n_items, new.n_items]),
        lower=lower,
        upper=upper,
    )
