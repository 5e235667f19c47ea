"""Link two fits by their common benchmarks, models or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError, IdentificationError
from eci.fitted import Fit
from eci.linking.common import Constants, ItemMethod
from eci.linking.jackknife import jackknife_curves, jackknife_points
from eci.linking.line import fit_line
from eci.linking.points import FEW, Array, Points, check_points, warn_of_few
from eci.linking.propagate import pair_draws
from eci.linking.result import Common, CommonUnits, Link
from eci.linking.robust import robust_weights
from eci.linking.spelling import tell_lookalikes
from eci.linking.standardised import PEOPLE, Standardised, in_points
from eci.trend.labels import listed

Errors = Literal["auto", "independent", "joint"]

SHARED_CELLS = 0.5


class Overlap(NamedTuple):
    """Common models and benchmarks and their positions in either fit."""

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    old_models: NDArray[np.int64]
    new_models: NDArray[np.int64]
    old_benchmarks: NDArray[np.int64]
    new_benchmarks: NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        """Models first."""
        return self.models + self.benchmarks


def link_fits(
    old: Fit,
    new: Fit,
    *,
    method: ItemMethod | Literal["regression"],
    common: Common,
    models: Sequence[str] | None,
    errors: Errors,
    robust: bool,
    interval_prob: float,
    seed: int,
) -> Link:
    """Link two fits; `eci.link` documents the arguments."""
    overlap = _overlap(old, new, common, models)
    what = {"models": "models", "benchmarks": "benchmarks", "both": "models and benchmarks"}[common]
    if not overlap.names:
        raise IdentificationError(
            f"The two fits share no {what}: {old.matrix.n_models} and {new.matrix.n_models} models, "
            f"{old.matrix.n_benchmarks} and {new.matrix.n_benchmarks} benchmarks. Names must agree exactly. "
            f"{_lookalikes(old, new, common)}".rstrip()
        )
    first, second = Standardised(old), Standardised(new)
    points = _points(first, second, overlap, full=method == "regression")
    check_points(points, what, overlap.names)
    rng = np.random.default_rng([seed, 21])
    weights = robust_weights(points.standardised()[0]) if robust else np.ones(points.x.size)
    shared = shared_cells(old, new)
    joint = errors == "joint" or (errors == "auto" and shared >= SHARED_CELLS)
    n_draws = old.ability_draws.shape[0]
    apart = _lookalikes(old, new, common)
    notes = [f"{apart} They are not linked."] if apart else []
    if joint:
        notes.append(
            f"{shared:.0%} of the scores of the smaller fit are in both, so the errors of the two are not "
            f"independent: the {what} were resampled in both fits at once (delete-one jackknife, t with "
            f"{points.x.size - 2} degrees of freedom)."
        )
    if method != "regression":
        constants, residual_sd = _by_curves(first, second, overlap, points, method, weights, joint, rng)
    elif joint:
        constants, residual_sd = jackknife_points(points, weights=weights, n_draws=n_draws, rng=rng)
    else:
        line = fit_line(points, n_draws=n_draws, rng=rng, robust=robust)
        constants, residual_sd = Constants(line.slope, line.intercept), line.residual_sd
    units = _units(old, new, overlap, weights)
    if units.down_weighted:
        notes.append(
            f"Down-weighted, their relation differs from the others': {listed(units.down_weighted)}."
        )
    if points.x.size < FEW:
        notes.append(warn_of_few(points.x.size, what))
    return Link(
        method=method,
        common=common,
        scales=(old.scale.label, new.scale.label),
        slope=constants.slope,
        intercept=constants.intercept,
        residual_sd=residual_sd,
        units=units,
        source=None if joint or method == "regression" else old.digest,
        interval_prob=interval_prob,
        warnings=tuple(notes),
    )


def _lookalikes(old: Fit, new: Fit, common: Common) -> str:
    models = tell_lookalikes(old.matrix.models, new.matrix.models) if common != "benchmarks" else ""
    tests = tell_lookalikes(old.matrix.benchmarks, new.matrix.benchmarks) if common != "models" else ""
    return " ".join(part for part in (models, tests) if part)


def shared_cells(old: Fit, new: Fit) -> float:
    """Share of the scores of the smaller fit that the other holds with the same value."""

    def cells(fit: Fit) -> set[tuple[str, str, float]]:
        matrix = fit.matrix
        names = [matrix.models[i] for i in matrix.model_index]
        tests = [matrix.benchmarks[j] for j in matrix.benchmark_index]
        return set(zip(names, tests, matrix.score.round(6).tolist(), strict=True))

    first, second = cells(old), cells(new)
    return len(first & second) / min(len(first), len(second))


def _overlap(old: Fit, new: Fit, common: Common, models: Sequence[str] | None) -> Overlap:
    def shared(first: Sequence[str], second: Sequence[str], wanted: bool) -> tuple[str, ...]:
        return tuple(sorted(set(first) & set(second))) if wanted else ()

    names = shared(old.matrix.models, new.matrix.models, common != "benchmarks")
    tests = shared(old.matrix.benchmarks, new.matrix.benchmarks, common != "models")
    if models is not None:
        if common == "benchmarks":
            raise DataError(
                "models were chosen, but the link is by benchmarks. Give common='models' or 'both'."
            )
        for name in models:
            if name not in names:
                raise DataError(f"No model {name!r} among the {len(names)} common models: {listed(names)}.")
        names = tuple(name for name in names if name in set(models))

    def places(all_names: Sequence[str], kept: Sequence[str]) -> NDArray[np.int64]:
        where = {name: i for i, name in enumerate(all_names)}
        return np.array([where[name] for name in kept], dtype=np.int64)

    return Overlap(
        names,
        tests,
        places(old.matrix.models, names),
        places(new.matrix.models, names),
        places(old.matrix.benchmarks, tests),
        places(new.matrix.benchmarks, tests),
    )


def _points(old: Standardised, new: Standardised, overlap: Overlap, *, full: bool) -> Points:
    x, x_cov = old.measure(overlap.old_models, overlap.old_benchmarks)
    y, y_cov = new.measure(overlap.new_models, overlap.new_benchmarks)
    if not full:
        x_cov, y_cov = np.diag(np.diagonal(x_cov)), np.diag(np.diagonal(y_cov))
    return Points(x, y, x_cov, y_cov, np.zeros_like(x_cov))


def _by_curves(
    old: Standardised,
    new: Standardised,
    overlap: Overlap,
    points: Points,
    method: ItemMethod,
    weights: Array,
    joint: bool,
    rng: np.random.Generator,
) -> tuple[Constants, Array]:
    """Link the standardised curves, and take the link to points: draw by draw where the fits are paired."""
    first, second = old.curves(overlap.old_benchmarks), new.curves(overlap.new_benchmarks)
    abilities = PEOPLE, PEOPLE
    if joint:
        constants, residual_sd = jackknife_curves(
            first, second, method=method, abilities=abilities, weights=weights, rng=rng
        )
        return in_points(constants, old.typical, new.typical), residual_sd * new.typical[1]
    paired = rng.permutation(np.resize(np.arange(new.slope.size), old.slope.size))
    constants, residual_sd = pair_draws(
        first,
        second.rows(paired),
        points.in_units(old.typical, new.typical),
        method=method,
        abilities=abilities,
        weights=weights,
        rng=rng,
    )
    units = (old.origin, old.slope), (new.origin[paired], new.slope[paired])
    return in_points(constants, *units), residual_sd * new.typical[1]


def _units(old: Fit, new: Fit, overlap: Overlap, weights: Array) -> CommonUnits:
    def published(fit: Fit, models: NDArray[np.int64], benchmarks: NDArray[np.int64]) -> Array:
        return np.concatenate([fit.index_draws[:, models], fit.difficulty_draws[:, benchmarks]], axis=1)

    x = published(old, overlap.old_models, overlap.old_benchmarks)
    y = published(new, overlap.new_models, overlap.new_benchmarks)
    none = np.full(len(overlap.benchmarks), np.datetime64("NaT", "D"))
    dates = np.concatenate([old.matrix.release_date[overlap.old_models], none])
    return CommonUnits(
        overlap.names,
        x.mean(axis=0),
        y.mean(axis=0),
        x.std(axis=0, ddof=1),
        y.std(axis=0, ddof=1),
        weights,
        dates,
    )
