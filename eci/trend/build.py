"""The builders of an index series: from a fit, from joint draws, from moments, from a published table.

Each is a class method of `IndexSeries`, written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from eci.errors import DataError
from eci.trend.basis import Array
from eci.trend.labels import Described, listed
from eci.trend.measurement import Units, require_moments, standardise_draws
from eci.trend.selection import SelectionRules, drop_undated
from eci.trend.table import Variants, read_index_table

if TYPE_CHECKING:
    import pandas as pd

    from eci.fitted import Fit
    from eci.trend.series import IndexSeries

Undated = Literal["drop", "keep"]


def from_fit(
    cls: type[IndexSeries], fit: Fit, *, undated: Undated = "drop", **selection: Unpack[SelectionRules]
) -> IndexSeries:
    """Take the index of a finished fit, standardised inside each draw over all models of the fit.

    Parameters
    ----------
    fit
        An `eci.Fit`; its draws of the index, release dates and labs are used.
    undated
        Whether models without a release date are dropped, by name, or kept: a trend cannot use them, a link
        can.
    **selection
        See `Selection`: frontier, labs, models, since, until, through, reasoning, weights.

    Raises
    ------
    DataError
        Where the fit has no draws (methods map and least_squares).

    Notes
    -----
    With z = (ability - mean) / sd over the models of the fit, in each draw, z carries what the data say about
    differences between models, and the free location and scale stay in the map to points. The standard normal
    prior of ability is divided out later, for the models selected (see `measure`). Draws of the method
    bootstrap have no such prior: they are taken as the errors of the fit of all scores, which is the value.
    """
    matrix = fit.matrix
    described = Described.of(
        matrix.models, matrix.release_date, matrix.lab, matrix.open_weights, matrix.reasoning
    )
    working, _ = standardise_draws(np.asarray(fit.ability_draws, dtype=np.float64))
    points = np.asarray(fit.index_draws, dtype=np.float64)
    # working has mean 0 and sd 1 in each draw, so these are the coefficients of points on working; the slope
    # is negative in the odd draw that reverses the anchors, which the units keep and the standardised values
    # ignore
    units = Units(np.mean(points * working, axis=1), points.mean(axis=1))
    series = _from_working(
        cls, working, units, described, scale=fit.scale.label, vintage=f"fit of scores {str(fit.digest)[:12]}"
    )
    series = replace(series, notes=_doubts(fit))
    if fit.method["name"] == "bootstrap":
        series = _from_refits(series, fit)
    else:
        series = replace(series, ability_prior=True)
    return (drop_undated(series) if undated == "drop" else series).select(**selection)


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
    draws = None if series.draws is None else series.draws + (values - series.draws.mean(axis=0))
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


def from_draws(
    cls: type[IndexSeries],
    draws: Array,
    *,
    models: Sequence[str],
    release_date: ArrayLike,
    labs: Sequence[str | None] | None = None,
    open_weights: Sequence[bool | None] | None = None,
    reasoning: Sequence[bool | None] | None = None,
    standardise: bool = True,
    scale: str = "points",
    vintage: str | None = None,
) -> IndexSeries:
    """Take joint draws in points, such as a bootstrap, standardised inside each draw over all models.

    Select from the result with `select`.

    Parameters
    ----------
    draws
        Index in points, shape (draw, model).
    models, release_date
        Names and dates, shape (model,); a missing date drops the model by name.
    labs, open_weights, reasoning
        What is known of each model.
    standardise
        False keeps the covariance as it stands. Only right when the draws carry no free location or scale:
        one shared Gaussian direction parallel to the data is otherwise shrunk to buy a small residual sd.
    scale, vintage
        Labels for the result.
    """
    described = Described.of(models, release_date, labs, open_weights, reasoning)
    points = _require_draws(draws, described.models)
    working, units = standardise_draws(points) if standardise else (points, Units())
    return drop_undated(_from_working(cls, working, units, described, scale=scale, vintage=vintage))


def _require_draws(draws: ArrayLike, names: Sequence[str]) -> Array:
    """Refuse draws that are not a finite column for each model."""
    points = np.asarray(draws, dtype=np.float64)
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
    return points


def _from_working(
    cls: type[IndexSeries],
    working: Array,
    units: Units,
    described: Described,
    *,
    scale: str,
    vintage: str | None,
) -> IndexSeries:
    """Take joint draws in working units with their map to points."""
    points = units.origin[:, None] + units.slope[:, None] * working
    standardised = units.slope.size > 1
    return cls(
        **vars(described),
        index=points.mean(axis=0),
        index_sd=points.std(axis=0, ddof=1),
        values=working.mean(axis=0),
        covariance=np.atleast_2d(np.cov(working, rowvar=False)),
        shared=np.zeros(len(described.models)),
        draws=working,
        units=units,
        scale=scale,
        vintage=vintage,
        reference=f"mean 0, sd 1 over {working.shape[1]} models in each draw" if standardised else None,
    )


def from_moments(
    cls: type[IndexSeries],
    mean: Array,
    covariance: Array,
    *,
    models: Sequence[str],
    release_date: ArrayLike,
    labs: Sequence[str | None] | None = None,
    shared_sd: Array | None = None,
    scale: str = "points",
    vintage: str | None = None,
) -> IndexSeries:
    """Take index values in points with the covariance of their errors.

    Select from the result with `select`.

    Parameters
    ----------
    mean, covariance
        Shapes (model,) and (model, model), points and points squared. The covariance must not hold the free
        location and scale of the index: put an error common to all models in `shared_sd`.
    models, release_date, labs
        Names, dates and labs.
    shared_sd
        Loadings (model,) of one error common to all models, points.
    scale, vintage
        Labels for the result.

    Raises
    ------
    DataError
        Where shapes differ, a value is not finite, or the covariance is not symmetric positive semi-definite.
    """
    described = Described.of(models, release_date, labs, None, None)
    values = np.asarray(mean, dtype=np.float64)
    matrix = np.asarray(covariance, dtype=np.float64)
    loadings = np.zeros(len(models)) if shared_sd is None else np.asarray(shared_sd, dtype=np.float64)
    require_moments(described.models, values, matrix, loadings)
    series = cls(
        **vars(described),
        index=values,
        index_sd=np.sqrt(np.diagonal(matrix) + loadings**2),
        values=values,
        covariance=matrix,
        shared=loadings,
        scale=scale,
        vintage=vintage,
    )
    return drop_undated(series)


def from_table(
    cls: type[IndexSeries],
    frame: pd.DataFrame,
    *,
    vintage: str | None = None,
    error_corr: float = 0.95,
    variants: Variants = "best",
    undated: Undated = "drop",
    scale: str = "points",
    **selection: Unpack[SelectionRules],
) -> IndexSeries:
    """Take a published table of index values.

    Parameters
    ----------
    frame
        Columns `model`, `release_date`, `index`; optional `low`, `high` with `interval_prob`, or `sd`;
        optional `lab`, `open_weights`, `reasoning`, `vintage`, `model_in_scores` (our name for the model). Of
        the labels lab, open_weights and reasoning, those without a column are looked up by name in the
        bundled models.csv.
    vintage
        Which vintage, by prefix; needed where the table holds several.
    error_corr
        Correlation of the errors of two models, in [0, 1). The shared part shifts all the models together; it
        is kept out of the regression and added to the coefficients afterwards, through the same projection.
        0.95 is what the local and global intervals of the Claude Opus 5.5 card imply.
    variants
        What to do with several rows of one model: keep the `best`, the `first`, or `refuse`.
    undated
        As in `from_fit`; where they are kept, the column `release_date` may be absent.
    scale
        Label of the scale for the result.
    **selection
        See `Selection`.

    Raises
    ------
    DataError
        Where a column is missing, vintages are mixed, a value is not a number, or an interval does not hold
        its value.
    """
    if not 0.0 <= error_corr < 1.0:
        raise DataError(f"error_corr = {error_corr} lies outside [0, 1). Give the correlation of two errors.")
    table = read_index_table(frame, vintage=vintage, variants=variants, needs_dates=undated == "drop")
    series = cls(
        **vars(table.described),
        index=table.index,
        index_sd=table.sd,
        labels_from=table.labels_from,
        values=table.index,
        covariance=np.diag((1.0 - error_corr) * table.sd**2),
        shared=np.sqrt(error_corr) * table.sd,
        scale=scale,
        vintage=table.vintage,
        error_corr=error_corr if table.has_errors else None,
        dropped=table.dropped,
        notes=table.notes,
    )
    return (drop_undated(series) if undated == "drop" else series).select(**selection)
