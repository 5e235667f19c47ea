"""Link two fits by their common benchmarks, models or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError, IdentificationError
from eci.fitted import Fit
from eci.linking.common import Abilities, Array, Constants, Curves, ItemMethod, link_curves
from eci.linking.line import Points, check_points, fit_line, moment_line, robust_weights
from eci.linking.result import Common, CommonUnits, Link
from eci.trend.series import IndexSeries, listed

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
            f"{old.matrix.n_benchmarks} and {new.matrix.n_benchmarks} benchmarks. Names must agree exactly."
        )
    points = _points(old, new, overlap, full=method == "regression")
    check_points(points, what)
    rng = np.random.default_rng([seed, 21])
    weights = robust_weights(points.standardised()[0]) if robust else np.ones(points.x.size)
    shared = shared_cells(old, new)
    joint = errors == "joint" or (errors == "auto" and shared >= SHARED_CELLS)
    notes: list[str] = []
    if joint:
        constants, residual_sd = _jackknife(old, new, overlap, points, method, weights, rng)
        notes.append(
            f"{shared:.0%} of the scores of the smaller fit are in both, so the errors of the two are not "
            f"independent: the {what} were resampled in both fits at once (delete-one jackknife, t with "
            f"{points.x.size - 2} degrees of freedom)."
        )
    elif method == "regression":
        line = fit_line(points, n_draws=old.ability_draws.shape[0], rng=rng, robust=robust)
        constants, residual_sd = Constants(line.slope, line.intercept), line.residual_sd
    else:
        n_draws = old.ability_draws.shape[0]
        paired = rng.permutation(np.resize(np.arange(new.ability_draws.shape[0]), n_draws))
        constants, residual_sd = pair_draws(
            _curves(old, overlap.old_benchmarks, np.arange(n_draws)),
            _curves(new, overlap.new_benchmarks, paired),
            points,
            method=method,
            abilities=_abilities(old, new),
            weights=weights,
            rng=rng,
        )
    units = _units(old, new, overlap, weights)
    if units.down_weighted:
        notes.append(
            f"Down-weighted, their relation differs from the others': {listed(units.down_weighted)}."
        )
    if points.x.size < 5:
        notes.append(f"Only {points.x.size} common {what}: with fewer than 5 the priors decide the width.")
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


def _points(old: Fit, new: Fit, overlap: Overlap, *, full: bool) -> Points:
    x, x_cov = _measured(old, overlap.old_models, overlap.old_benchmarks)
    y, y_cov = _measured(new, overlap.new_models, overlap.new_benchmarks)
    if not full:
        x_cov, y_cov = np.diag(np.diagonal(x_cov)), np.diag(np.diagonal(y_cov))
    return Points(x, y, x_cov, y_cov, np.zeros_like(x_cov))


def _measured(fit: Fit, models: NDArray[np.int64], benchmarks: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return values and joint covariance of some abilities and difficulties, in points of the typical draw.

    Standardised inside each draw over all models of the fit: the free location and scale of the fit are
    common to all, and belong to its scale and not to the errors.
    """
    ability = fit.ability_draws
    difficulty = fit.scale.points(ability)  # refuses a fit without draws before anything is computed
    centre, spread = ability.mean(axis=1, keepdims=True), ability.std(axis=1, keepdims=True)
    slope = float(np.mean(difficulty.std(axis=1)))
    origin = float(np.mean(difficulty.mean(axis=1)))
    if fit.draws is None:  # ability_draws has refused it
        raise RuntimeError("a fit without draws")
    stacked = np.concatenate([ability[:, models], fit.draws.difficulty[:, benchmarks]], axis=1)
    working = (stacked - centre) / spread
    values, cov = working.mean(axis=0), np.atleast_2d(np.cov(working, rowvar=False))
    if not benchmarks.size:
        values, cov = _without_prior(fit, models, values, cov)
    return origin + slope * values, slope**2 * cov


def _without_prior(fit: Fit, models: NDArray[np.int64], values: Array, cov: Array) -> tuple[Array, Array]:
    """Divide the standard normal prior of ability out of values and covariance, as a trend does."""
    n = models.size
    nothing = (None,) * n
    series = IndexSeries(
        models=tuple(fit.matrix.models[i] for i in models),
        release_date=fit.matrix.release_date[models],
        index=values,
        index_sd=np.sqrt(np.diagonal(cov)),
        labs=nothing,
        open_weights=nothing,
        reasoning=nothing,
        values=values,
        covariance=cov,
        shared=np.zeros(n),
        ability_prior=True,
    )
    measured = series.measure()
    return measured.values, measured.covariance


def _curves(fit: Fit, benchmarks: NDArray[np.int64], rows: NDArray[np.int64]) -> Curves:
    return Curves(
        fit.discrimination_draws[np.ix_(rows, benchmarks)],
        fit.difficulty_draws[np.ix_(rows, benchmarks)],
        fit.matrix.lower[benchmarks],
        fit.matrix.upper[benchmarks],
    )


def _typical(curves: Curves) -> Curves:
    """One draw at the centre of the posterior: mean difficulties, geometric mean discriminations."""
    return Curves(
        np.exp(np.log(curves.discrimination).mean(axis=0, keepdims=True)),
        curves.difficulty.mean(axis=0, keepdims=True),
        curves.lower,
        curves.upper,
    )


def _abilities(old: Fit, new: Fit) -> tuple[Abilities, Abilities]:
    """Normal distributions with the mean and sd of the models of each fit."""
    return (
        Abilities.normal(float(old.index.mean()), float(old.index.std())),
        Abilities.normal(float(new.index.mean()), float(new.index.std())),
    )


def pair_draws(
    old: Curves,
    new: Curves,
    points: Points,
    *,
    method: ItemMethod,
    abilities: tuple[Abilities, Abilities],
    weights: Array,
    rng: np.random.Generator,
) -> tuple[Constants, Array]:
    """Link draw by draw two independent sets of curves, the benchmarks of the new one drifted.

    The drift of a benchmark between the fits, beyond posterior error, is drawn with the sd that a line
    through the difficulties leaves: without it a hundred benchmarks would look like certainty.

    Parameters
    ----------
    old, new
        Draws that go together, as many on either side.
    points
        Difficulties with their errors.
    method, abilities, weights
        As in `link_curves`.
    rng
        Generator.
    """
    drift_sd = fit_line(points, n_draws=old.difficulty.shape[0], rng=rng).residual_sd
    if np.any(weights < 1.0):
        # a drift that the weights answer for is not drawn again for the others
        drift_sd = drift_sd * np.sqrt(_weighted_share(points, weights))
    drift = drift_sd[:, None] * rng.standard_normal(new.difficulty.shape)
    drifted = replace(new, difficulty=new.difficulty + drift)
    constants = link_curves(old, drifted, method=method, abilities=abilities, weights=weights)
    return constants, drift_sd


def _weighted_share(points: Points, weights: Array) -> float:
    """Weighted over plain mean of squared residuals about the robust line."""
    slope, intercept = moment_line(points, weights)
    squared = (points.y - intercept - slope * points.x) ** 2
    total = float(squared.mean())
    return float(np.average(squared, weights=weights)) / total if total > 0 else 1.0


def _jackknife(
    old: Fit,
    new: Fit,
    overlap: Overlap,
    points: Points,
    method: ItemMethod | Literal["regression"],
    weights: Array,
    rng: np.random.Generator,
) -> tuple[Constants, Array]:
    """Leave out each common unit in both fits at once; draw from the t distribution its spread implies.

    What the two fits share, down to the errors of the scores, is in the pairs themselves, so that a fit
    linked to itself is the identity without error.
    """
    n = points.x.size
    estimate: Callable[[Array], tuple[float, float]]
    if method == "regression":
        free = Points(points.x, points.y, *(np.zeros((n, n)),) * 3)

        def estimate(w: Array) -> tuple[float, float]:
            return moment_line(free, w)
    else:
        every = [np.arange(fit.ability_draws.shape[0]) for fit in (old, new)]
        first = _typical(_curves(old, overlap.old_benchmarks, every[0]))
        second = _typical(_curves(new, overlap.new_benchmarks, every[1]))
        abilities = _abilities(old, new)

        def estimate(w: Array) -> tuple[float, float]:
            found = link_curves(first, second, method=method, abilities=abilities, weights=w)
            return float(found.slope[0]), float(found.intercept[0])

    slope, intercept = estimate(weights)
    centre = float(np.average(points.x, weights=weights))

    def located(constants: tuple[float, float]) -> Array:
        return np.array([np.log(constants[0]), constants[1] + constants[0] * centre])

    left_out = np.array([located(estimate(np.where(np.arange(n) == j, 0.0, weights))) for j in range(n)])
    apart = left_out - left_out.mean(axis=0)
    values, vectors = np.linalg.eigh((n - 1) / n * apart.T @ apart)
    n_draws = old.ability_draws.shape[0]
    degrees = n - 2
    chi = np.sqrt(rng.chisquare(degrees, n_draws) / degrees)
    normal = rng.standard_normal((n_draws, 2)) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    drawn = located((slope, intercept)) + normal / chi[:, None]
    slopes = np.exp(drawn[:, 0])
    residual = points.y - intercept - slope * points.x
    if method != "regression":
        residual = second.difficulty[0] - intercept - slope * first.difficulty[0]
    residual_sd = np.sqrt(np.average(residual**2, weights=weights) * n / degrees) / chi
    return Constants(slopes, drawn[:, 1] - slopes * centre), residual_sd


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
