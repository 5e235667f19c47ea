"""Concurrent calibration: both sets of scores in one fit. The one file of linking that needs inference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from eci.errors import IdentificationError
from eci.fitted import Fit
from eci.linking.common import Constants, Curves
from eci.linking.drift import Drift, estimate_drift
from eci.linking.fits import SHARED_CELLS, shared_cells
from eci.linking.points import Array, Points, check_points
from eci.linking.propagate import add_drift, constants_at
from eci.linking.result import CommonUnits, Link
from eci.linking.standardised import Standardised, in_points
from eci.scores.matrix import ScoreMatrix

MIN_COMMON = 3
ENOUGH = 10  # from here on simulated intervals held what they should at every drift tried


def link_concurrent(old: Fit, new: Fit, *, interval_prob: float, seed: int) -> Link:
    """Link two fits by fitting their scores together, each model of either side a model of its own.

    The common benchmarks have one curve; the scale of the joint fit stands between the two. In a draw of
    the joint fit, the line from old points to joint points is that of mean and sd over the old models (those
    of the typical draw of the old fit), likewise for the new; the link is the first followed by the inverse
    of the second.

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
    The joint fit is a Laplace approximation with the likelihood of the new fit. It holds each common
    benchmark for one curve. Benchmarks drift all the same, so that the drift seen between the two separate
    fits (`estimate_drift`) is added to the error, through the influence it has on such a link; the link
    itself stays weighted as if there were none, and loses to `regression` where drift is large.

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
    sides = Standardised(old), Standardised(new)
    places = [np.array([side.fit.matrix.benchmarks.index(name) for name in shared]) for side in sides]
    none = np.empty(0, dtype=np.int64)
    (x, x_cov), (y, y_cov) = (side.measure(none, at) for side, at in zip(sides, places, strict=True))
    errors = np.diag(np.diagonal(x_cov)), np.diag(np.diagonal(y_cov)), np.zeros_like(x_cov)
    points = Points(x, y, *errors)
    check_points(points, "benchmarks", shared)
    together = fit(
        _join(old.matrix, new.matrix),
        likelihood=new.likelihood,  # type: ignore[arg-type]  # a saved fit names its likelihood as text
        priors=Priors(**new.priors),
        method=Laplace(n_weighed=0),
        seed=seed,
    )
    centre = float(x.mean())
    links = _links(together, *sides, centre)
    rng = np.random.default_rng([seed, 31])
    drift = estimate_drift(points, weights=np.ones(x.size), n_draws=links.shape[0], rng=rng)
    typical = links.mean(axis=0)
    (old_origin, old_unit), (_, new_unit) = sides[0].typical, sides[1].typical
    by_drift = find_drift_influence(
        sides[0].curves(places[0]),
        sides[1].curves(places[1]),
        slope=float(np.exp(typical[0])) * old_unit / new_unit,
        centre=(centre - old_origin) / old_unit,
    ) / np.array([new_unit, 1.0])
    constants = constants_at(typical + add_drift(links - typical, by_drift, drift, rng), centre)
    units = CommonUnits(
        tuple(shared),
        x,
        y,
        np.sqrt(np.diagonal(x_cov)),
        np.sqrt(np.diagonal(y_cov)),
        np.ones(len(shared)),
        np.full(len(shared), np.datetime64("NaT", "D")),
    )
    return Link(
        method="concurrent",
        common="benchmarks",
        scales=(old.scale.label, new.scale.label),
        slope=constants.slope,
        intercept=constants.intercept,
        residual_sd=drift.draws,
        units=units,
        interval_prob=interval_prob,
        warnings=tuple(_warnings(drift, len(shared), shared_cells(old, new))),
    )


def _warnings(drift: Drift, n: int, same: float) -> Iterator[str]:
    yield (
        "Concurrent calibration weighs the common benchmarks as if none had drifted. The drift their "
        f"difficulties show (sd {drift.sd:.2g} points) is in the intervals."
    )
    if n < ENOUGH:
        yield (
            f"With {n} benchmarks the intervals may still be too narrow: the few best measured ones decide, "
            "and how far just these drifted is hardly known."
        )
    if same >= SHARED_CELLS:
        yield (
            f"{same:.0%} of the scores of the smaller fit are in both and count twice: the intervals are not "
            "those of one set of scores. Use another method, which resamples them jointly."
        )


def find_drift_influence(old: Curves, new: Curves, *, slope: float, centre: float) -> Array:
    """Find what a drift in difficulty does to a link that holds each benchmark for one curve on both sides.

    To second order the likelihood of the joint fit is that of the two estimates (log a, b) of each curve, so
    that its link minimises Σ r' P r, with r the difference of the two after the change of scale and P the
    inverse of the sum of their posterior covariances. A drift d of one benchmark moves the minimum by
    -(Σ J'PJ)⁻¹ J'P (0, 1)' d, J the derivative of r (White 1982 has this for any misspecified likelihood).

    Parameters
    ----------
    old, new
        Posterior draws of the common benchmarks.
    slope
        The link's.
    centre
        Old value at which its level is taken.

    Returns
    -------
    ndarray
        Change of (log slope, level) per unit of drift, shape (benchmark, 2).

    References
    ----------
    White (1982), Maximum likelihood estimation of misspecified models, doi:10.2307/1912526.
    """
    n = old.lower.size

    def covariance(curves: Curves, unit: float) -> Array:
        log_a = np.log(curves.discrimination)
        both = np.stack(
            [log_a - log_a.mean(axis=0), unit * (curves.difficulty - curves.difficulty.mean(axis=0))]
        )
        return np.asarray(np.einsum("adj,bdj->jab", both, both) / (log_a.shape[0] - 1))

    precision = np.linalg.inv(covariance(old, slope) + covariance(new, 1.0))
    jacobian = np.zeros((n, 2, 2))
    jacobian[:, 0, 0], jacobian[:, 1, 1] = 1.0, -1.0
    jacobian[:, 1, 0] = -slope * (old.difficulty.mean(axis=0) - centre)
    pulled = np.einsum("jka,jkl->jal", jacobian, precision)
    gram = np.einsum("jal,jlb->ab", pulled, jacobian)
    return np.asarray(-np.linalg.solve(gram, pulled[:, :, 1].T).T)


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


def _links(together: Fit, old: Standardised, new: Standardised, centre: float) -> Array:
    """Return draws of (log slope, level at `centre`) from the abilities of the joint fit."""
    is_old = np.array([name.startswith(_OLD) for name in together.matrix.models])
    # sorted names: the old side first, each side in its own order
    first, second = together.index_draws[:, is_old], together.index_draws[:, ~is_old]
    if first.shape[1] != old.fit.matrix.n_models:
        raise RuntimeError("the joint matrix lost models")
    between = Constants(
        first.std(axis=1) / second.std(axis=1),
        (first.mean(axis=1) - second.mean(axis=1)) / second.std(axis=1),
    )
    link = in_points(between, old.typical, new.typical)
    return np.stack([np.log(link.slope), link.intercept + centre * link.slope], axis=1)
