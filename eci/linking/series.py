"""Link two published indices by the models they share: a line with errors on both axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eci.errors import DataError, IdentificationError
from eci.linking.line import LineDraws, fit_line
from eci.linking.points import FEW, Array, Points, check_points, warn_of_few
from eci.linking.result import CommonUnits, Link
from eci.linking.spelling import tell_lookalikes
from eci.scores.names import did_you_mean
from eci.trend.labels import listed
from eci.trend.quantity import summarise
from eci.trend.series import IndexSeries

if TYPE_CHECKING:
    import pandas as pd

ERROR_CORRS = (0.0, 0.4, 0.8)
WITHIN_CORR = 0.95
_SAME_UNITS = 2.0  # a point of one that is worth more than two of the other is another unit


def read_index(
    frame: pd.DataFrame, *, vintage: str | None = None, error_corr: float = WITHIN_CORR, scale: str = "points"
) -> IndexSeries:
    """Read a published table for a link: as `IndexSeries.from_table`, but models without a date stay.

    Parameters
    ----------
    frame
        Columns as `IndexSeries.from_table` has them; `release_date` may be absent or blank.
    vintage
        Which vintage, by prefix; needed where the table holds several.
    error_corr
        Correlation of the errors of two models of this index.
    scale
        Label of the scale.

    Raises
    ------
    DataError
        As `IndexSeries.from_table`.
    """
    return IndexSeries.from_table(frame, vintage=vintage, error_corr=error_corr, undated="keep", scale=scale)


def link_series(
    old: IndexSeries,
    new: IndexSeries,
    *,
    models: Sequence[str] | None = None,
    error_corr: float = 0.0,
    old_sd: float | None = None,
    new_sd: float | None = None,
    robust: bool = False,
    interval_prob: float = 0.9,
    n_draws: int = 4000,
    seed: int = 0,
) -> Link:
    """Link two series; `eci.link` documents the arguments.

    The error that all models of an index share belongs to its scale: both its points and those of a model
    carried across hold it. Only the errors that differ between models enter the regression.
    """
    if not 0.0 <= error_corr < 1.0:
        raise DataError(
            f"error_corr = {error_corr} lies outside [0, 1). Give the correlation of the errors of one model "
            "in the two indices."
        )
    names, dropped = _shared_names(old, new, models)
    left, right = _rows(old, names), _rows(new, names)
    notes = [f"{apart} They are not linked."] if (apart := tell_lookalikes(old.models, new.models)) else []
    x, x_cov, x_sd = _measured(left, old_sd, "old", notes)
    y, y_cov, y_sd = _measured(right, new_sd, "new", notes)
    matched: Array = _root(x_cov) @ _root(y_cov)
    points = Points(x, y, x_cov, y_cov, np.zeros((len(names),) * 2))
    check_points(points, "models", names)

    def fitted(corr: float) -> LineDraws:
        rng = np.random.default_rng([seed, 11])
        return fit_line(replace(points, cross_cov=corr * matched), n_draws=n_draws, rng=rng, robust=robust)

    draws = fitted(error_corr)
    if len(names) < FEW:
        notes.append(warn_of_few(len(names), "models"))
    difference_var = np.diagonal(x_cov + y_cov - 2 * error_corr * matched)
    dates = np.where(np.isnat(left.release_date), right.release_date, left.release_date)
    units = CommonUnits(names, x, y, x_sd, y_sd, draws.weights, dates)
    if units.down_weighted:
        notes.append(
            f"Down-weighted, their relation differs from the others': {listed(units.down_weighted)}."
        )
    typical = float(np.median(draws.slope))
    same_units = 1 / _SAME_UNITS <= typical <= _SAME_UNITS
    if not same_units:
        notes.append(
            f"The slope is {typical:.3g}: the two indices are not in the same units (a fraction or percent "
            "beside points?), so that the identity is no reading of this link."
        )
    return Link(
        method="regression",
        common="models",
        scales=(_label(old), _label(new)),
        slope=draws.slope,
        intercept=draws.intercept,
        residual_sd=draws.residual_sd,
        units=units,
        identity_residual_sd=_identity_scatter(
            y - x, difference_var, n_draws, np.random.default_rng([seed, 12])
        )
        if same_units
        else None,
        error_corr=error_corr,
        sensitivity=tuple(_sensitivity_row(corr, fitted(corr), interval_prob) for corr in ERROR_CORRS),
        dropped=tuple(dropped),
        interval_prob=interval_prob,
        warnings=tuple(notes),
    )


def _shared_names(
    old: IndexSeries, new: IndexSeries, models: Sequence[str] | None
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    shared = [name for name in old.models if name in set(new.models)]
    if not shared:
        example = old.models[0]
        hint = tell_lookalikes(old.models, new.models) or did_you_mean(example, new.models)
        raise IdentificationError(
            f"The two indices share no model: {len(old)} and {len(new)} models, and none of the names is in "
            f"both (the first index begins with {example!r}). {hint + ' ' if hint else ''}Put the names of "
            "one into a column `model_in_scores` of the other."
        )
    if models is None:
        return tuple(shared), []
    for name in models:
        if name not in shared:
            where = "both indices" if name not in (*old.models, *new.models) else "one of the indices"
            raise DataError(
                f"No model {name!r} among the {len(shared)} common models: it is missing from {where}. "
                f"{did_you_mean(name, shared) or f'Common: {listed(shared)}.'}"
            )
    kept = tuple(name for name in shared if name in set(models))
    return kept, [(name, "not chosen") for name in shared if name not in kept]


def _rows(series: IndexSeries, names: Sequence[str]) -> IndexSeries:
    place = {name: i for i, name in enumerate(series.models)}
    return series.take(np.array([place[name] for name in names], dtype=np.int64))


def _measured(
    series: IndexSeries, assumed: float | None, side: str, notes: list[str]
) -> tuple[Array, Array, Array]:
    """Return values, the covariance of what models do not share of their errors, and whole sds, in points."""
    n = len(series)
    if series.has_errors:
        if assumed is not None:
            raise DataError(
                f"{side}_sd = {assumed:g} was given, but the {side} index states its errors. Leave it out."
            )
        slope, origin = series.units.typical_slope, float(np.median(series.units.origin))
        own = series.measure()
        x = np.asarray(own.values)
        return origin + slope * x, slope**2 * own.covariance, series.index_sd
    if assumed is None:
        notes.append(
            f"The {side} index states no intervals: its values count as exact, and all scatter goes to the "
            f"residual. Give {side}_sd (--sd-{'a' if side == 'old' else 'b'}) to assume an error."
        )
        return series.index, np.zeros((n, n)), np.zeros(n)
    if not (np.isfinite(assumed) and assumed >= 0):
        raise DataError(f"{side}_sd = {assumed} is no standard deviation. Give points, from 0.")
    notes.append(
        f"The {side} index states no intervals: an sd of {assumed:g} points is assumed for each model, "
        f"{WITHIN_CORR:.0%} of its variance common to all."
    )
    own_var = (1.0 - WITHIN_CORR) * float(assumed) ** 2
    return series.index, own_var * np.eye(n), np.full(n, float(assumed))


def _root(covariance: Array) -> Array:
    """Symmetric root: the product of two of them is a legal covariance of two sets of errors."""
    eigenvalues, basis = np.linalg.eigh(covariance)
    scale: Array = np.sqrt(np.maximum(eigenvalues, 0.0))
    return np.asarray(basis @ np.diag(scale) @ basis.T)


def _identity_scatter(difference: Array, variance: Array, n_draws: int, rng: np.random.Generator) -> Array:
    """Draw the sd τ of differences ~ Normal(0, variance + τ²), p(τ) ∝ 1/(s + τ), s half the typical error."""
    spread = float(np.sqrt(np.mean(difference**2)))
    if spread == 0.0:
        return np.zeros(n_draws)
    log_tau = np.linspace(np.log(1e-3 * spread), np.log(10 * spread), 400)
    tau = np.exp(log_tau)
    floor = max(0.5 * float(np.sqrt(variance.mean())), 1e-3 * spread)
    total = variance + tau[:, None] ** 2
    log_post = -0.5 * np.sum(np.log(total) + difference**2 / total, axis=1) + log_tau - np.log(floor + tau)
    mass = np.exp(log_post - log_post.max())
    cell = rng.choice(tau.size, size=n_draws, p=mass / mass.sum())
    return np.asarray(np.exp(log_tau[cell] + (log_tau[1] - log_tau[0]) * rng.uniform(-0.5, 0.5, n_draws)))


def _sensitivity_row(corr: float, draws: LineDraws, interval_prob: float) -> dict[str, Any]:
    return {
        "error_corr": corr,
        "slope": summarise(draws.slope, interval_prob).record(),
        "intercept": summarise(draws.intercept, interval_prob).record(),
        "residual_sd": summarise(draws.residual_sd, interval_prob).record(),
    }


def _label(series: IndexSeries) -> str:
    return f"{series.scale}, {series.vintage}" if series.vintage else series.scale
