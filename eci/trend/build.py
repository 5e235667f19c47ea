"""Index series from joint draws and from moments: checks and standardisation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from eci.errors import DataError, IdentificationError
from eci.trend.basis import Array
from eci.trend.labels import Described, listed
from eci.trend.measurement import Units
from eci.trend.series import IndexSeries

if TYPE_CHECKING:
    from eci.fitted import Fit

NEGATIVE_EIGENVALUE = 1e-6


def series_from_draws(
    draws: ArrayLike, described: Described, standardise: bool, scale: str, vintage: str | None
) -> IndexSeries:
    """Standardise joint draws inside each draw; `IndexSeries.from_draws` documents the arguments."""
    points = np.asarray(draws, dtype=np.float64)
    names = described.models
    if points.ndim != 2 or points.shape[1] != len(names) or points.shape[0] < 2:
        raise DataError(
            f"Draws do not match the models: expected shape (draw, {len(names)}) with at least 2 draws, "
            f"found {points.shape}. Give one column per model."
        )
    bad = ~np.isfinite(points).all(axis=0)
    if bad.any():
        raise DataError(
            f"Draws of {names[int(np.argmax(bad))]!r} hold a value that is not finite. Drop the model or "
            "the draw."
        )
    if not standardise:
        return _from_working(points, Units(), described, scale, vintage)
    return _from_working(*_standardise(points), described, scale, vintage)


def series_from_fit(fit: Fit) -> IndexSeries:
    """Standardise the abilities of a fit inside each draw; `IndexSeries.from_fit` documents it."""
    matrix = fit.matrix
    described = Described.of(
        matrix.models, matrix.release_date, matrix.lab, matrix.open_weights, matrix.reasoning
    )
    working, _ = _standardise(np.asarray(fit.ability_draws, dtype=np.float64))
    points = np.asarray(fit.index_draws, dtype=np.float64)
    # working has mean 0 and sd 1 in each draw, so these are the coefficients of points on working; the slope
    # is negative in the odd draw that reverses the anchors, which the units keep and the standardised values
    # ignore
    units = Units(np.mean(points * working, axis=1), points.mean(axis=1))
    series = _from_working(
        working, units, described, fit.scale.label, f"fit of scores {str(fit.digest)[:12]}"
    )
    series = replace(series, notes=_doubts(fit))
    if fit.method["name"] != "bootstrap":
        return replace(series, ability_prior=True)
    return _from_refits(series, fit)


def _from_refits(series: IndexSeries, fit: Fit) -> IndexSeries:
    """Take refits for the errors of the fit of all scores; their own mean has the estimator's bias twice."""
    units = series.units
    values = (fit.index - units.origin.mean()) / units.slope.mean()
    line = (values - values.mean()) / values.std()
    # Standardising moves the errors along the values themselves into the units. In draws of a posterior that
    # is made up for by values drawn towards the mean. Values of refits are not, so that the regression would
    # trust this direction blindly and overstate slopes; it gets the average error of the others back.
    own = np.trace(series.covariance) / values.size
    restored = series.covariance + own / values.size * (1.0 + np.outer(line, line))
    draws = None if series.draws is None else series.draws + (values - series.values)
    return replace(series, index=fit.index, values=values, covariance=restored, draws=draws)


def _doubts(fit: Fit) -> tuple[str, ...]:
    """Say what stands against the errors of a fit."""
    doubts = []
    if fit.is_preview:
        doubts.append(
            f"The index is a preview by the method {fit.method['name']}: its errors are approximate. Fit "
            "with the method nuts before you quote an interval."
        )
    if fit.diagnostics.failed:
        names = listed([check.name for check in fit.diagnostics.failed])
        doubts.append(
            f"The fit failed {len(fit.diagnostics.failed)} of its {len(fit.diagnostics.checks)} checks "
            f"({names}): do not quote intervals that rest on it. `eci show --checks` says what to do."
        )
    return tuple(doubts)


def _standardise(values: Array) -> tuple[Array, Units]:
    """Return draws with mean 0 and sd 1 over the models of each draw, and the map back."""
    origin, slope = values.mean(axis=1), values.std(axis=1)
    n = values.shape[1]
    if n < 3 or np.any(slope <= 0):
        raise IdentificationError(
            f"Cannot standardise the draws: {n} models, smallest spread {slope.min():.3g}. At least 3 "
            "models with different values are needed."
        )
    return (values - origin[:, None]) / slope[:, None], Units(slope, origin)


def _from_working(
    working: Array, units: Units, described: Described, scale: str, vintage: str | None
) -> IndexSeries:
    points = units.origin[:, None] + units.slope[:, None] * working
    standardised = units.slope.size > 1
    return IndexSeries(
        models=described.models,
        release_date=described.release_date,
        index=points.mean(axis=0),
        index_sd=points.std(axis=0, ddof=1),
        labs=described.labs,
        open_weights=described.open_weights,
        reasoning=described.reasoning,
        values=working.mean(axis=0),
        covariance=np.atleast_2d(np.cov(working, rowvar=False)),
        shared=np.zeros(len(described.models)),
        draws=working,
        units=units,
        scale=scale,
        vintage=vintage,
        reference=f"mean 0, sd 1 over {working.shape[1]} models in each draw" if standardised else None,
    )


def series_from_moments(
    mean: ArrayLike,
    covariance: ArrayLike,
    *,
    shared_sd: ArrayLike | None,
    described: Described,
    scale: str,
    vintage: str | None,
) -> IndexSeries:
    """Check values and covariance in points; `IndexSeries.from_moments` documents the arguments."""
    n = len(described.models)
    values = np.asarray(mean, dtype=np.float64)
    matrix = np.asarray(covariance, dtype=np.float64)
    loadings = np.zeros(n) if shared_sd is None else np.asarray(shared_sd, dtype=np.float64)
    _check_moments(described.models, values, matrix, loadings)
    return IndexSeries(
        models=described.models,
        release_date=described.release_date,
        index=values,
        index_sd=np.sqrt(np.diagonal(matrix) + loadings**2),
        labs=described.labs,
        open_weights=described.open_weights,
        reasoning=described.reasoning,
        values=values,
        covariance=matrix,
        shared=loadings,
        scale=scale,
        vintage=vintage,
    )


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


def _check_moments(names: tuple[str, ...], mean: Array, covariance: Array, shared: Array) -> None:
    n = len(names)
    if mean.shape != (n,) or covariance.shape != (n, n) or shared.shape != (n,):
        raise DataError(
            f"Shapes differ: {n} models, mean {mean.shape}, covariance {covariance.shape}, shared "
            f"{shared.shape}. Give (model,), (model, model) and (model,)."
        )
    finite = np.isfinite(mean) & np.isfinite(covariance).all(axis=1) & np.isfinite(shared)
    if not finite.all():
        raise DataError(
            f"A value or covariance of {names[int(np.argmin(finite))]!r} is not finite. Drop the model."
        )
    skew = np.abs(covariance - covariance.T)
    if skew.max() > 1e-8 * max(float(np.abs(covariance).max()), 1e-12):
        i, j = np.unravel_index(int(np.argmax(skew)), skew.shape)
        raise DataError(
            f"The covariance is not symmetric: {covariance[i, j]:.6g} and {covariance[j, i]:.6g} for "
            f"{names[i]!r} and {names[j]!r}. Pass (C + C') / 2 if the difference is rounding."
        )
    eigenvalues = np.linalg.eigvalsh(covariance)
    if eigenvalues[0] < -NEGATIVE_EIGENVALUE * max(float(eigenvalues[-1]), 1e-12):
        raise DataError(
            f"The covariance of {n} models is not positive semi-definite: its smallest eigenvalue is "
            f"{eigenvalues[0]:.3g}, its largest {eigenvalues[-1]:.3g}. Rebuild it from joint draws rather "
            "than from pairwise figures."
        )
