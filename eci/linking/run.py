"""link(): choose the way two indices can be linked, and link them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from eci.errors import DataError
from eci.fitted import Fit
from eci.linking.fits import Errors, link_fits
from eci.linking.result import Common, Link
from eci.linking.series import link_series
from eci.trend.series import IndexSeries

Method = Literal["auto", "regression", "mean-mean", "mean-sigma", "haebara", "stocking-lord", "concurrent"]
METHODS: tuple[Method, ...] = (
    "auto",
    "regression",
    "mean-mean",
    "mean-sigma",
    "haebara",
    "stocking-lord",
    "concurrent",
)


def link(
    old: Fit | IndexSeries,
    new: Fit | IndexSeries,
    *,
    method: Method = "auto",
    common: Common | None = None,
    models: Sequence[str] | None = None,
    robust: bool = False,
    errors: Errors = "auto",
    error_corr: float = 0.0,
    old_sd: float | None = None,
    new_sd: float | None = None,
    interval_prob: float = 0.9,
    seed: int = 0,
) -> Link:
    """Put two indices on one scale: new = intercept + slope * old, with its uncertainty.

    Parameters
    ----------
    old, new
        Two fits, two series, or one of each. The link carries `old` to the scale of `new`.
    method
        `regression` draws a line through the common units with errors on both axes; the only one for
        series. By common benchmarks: `mean-mean`, `mean-sigma`, `haebara`, `stocking-lord` (see
        `eci.linking.common.link_curves`). `concurrent` fits the scores of both fits together: the
        yardstick, at the price of a fit. `auto` is `haebara` for common benchmarks and `regression`
        otherwise.
    common
        What to link by: `models`, `benchmarks` or `both`. By default benchmarks where two fits share at
        least three, else models.
    models
        Link by these common models only.
    robust
        Give common units whose relation differs from that of the others less weight, and name them
        (Student-t residuals, 4 degrees of freedom).
    errors
        For two fits: `independent` pairs their posterior draws; `joint` resamples the common units in both
        at once, for fits that saw the same scores; `auto` takes `joint` where at least half of the scores
        of the smaller fit are in the other with the same value.
    error_corr
        For series: correlation, in [0, 1), of the errors of one model in the two indices.
    old_sd, new_sd
        For series without intervals: an sd in points to assume for every model.
    interval_prob
        Probability of the intervals.
    seed
        Seed of the draws.

    Returns
    -------
    Link
        Slope, intercept and residual scatter as draws; `Link.transform` carries an index across.

    Raises
    ------
    IdentificationError
        Fewer than three common units, common units all at one level, indices that run in opposite
        directions.
    DataError
        An option that does not apply, an unknown model, a fit without draws.

    References
    ----------
    Kolen and Brennan (2014), Test Equating, Scaling, and Linking, 3rd ed., doi:10.1007/978-1-4939-0317-7.
    """
    _check_options(method, common, errors, interval_prob)
    if isinstance(old, Fit) and isinstance(new, Fit):
        _refuse(error_corr != 0.0, "error_corr", "two fits, whose errors come as draws")
        _refuse(old_sd is not None or new_sd is not None, "old_sd or new_sd", "two fits")
        by = common or _default_common(old, new)
        if method == "concurrent":
            from eci.linking.concurrent import link_concurrent

            _refuse(robust, "robust", "concurrent calibration, which has one curve for both")
            elsewhere = common not in (None, "benchmarks")
            _refuse(elsewhere, f"common={common!r}", "concurrent calibration, which is by benchmarks")
            _refuse(models is not None, "models", "concurrent calibration, which is by benchmarks")
            _refuse(errors == "joint", "errors='joint'", "concurrent calibration, which is one fit")
            return link_concurrent(old, new, interval_prob=interval_prob, seed=seed)
        chosen = method if method != "auto" else ("haebara" if by == "benchmarks" else "regression")
        if chosen != "regression" and by != "benchmarks":
            raise DataError(
                f"method = {chosen!r} compares the curves of common benchmarks, but common = {by!r}. Give "
                "common='benchmarks', or method='regression'."
            )
        return link_fits(
            old,
            new,
            method=chosen,
            common=by,
            models=models,
            errors=errors,
            robust=robust,
            interval_prob=interval_prob,
            seed=seed,
        )
    if method not in ("auto", "regression"):
        raise DataError(f"method = {method!r} needs two fits; a series has no benchmarks. Give 'regression'.")
    if common not in (None, "models"):
        raise DataError(f"common = {common!r} needs two fits; a series has models only. Leave it out.")
    _refuse(errors == "joint", "errors='joint'", "series, which hold no scores: give error_corr")
    return link_series(
        _as_series(old),
        _as_series(new),
        models=models,
        error_corr=error_corr,
        old_sd=old_sd,
        new_sd=new_sd,
        robust=robust,
        interval_prob=interval_prob,
        seed=seed,
    )


def leave_one_out(
    old: Fit | IndexSeries, new: Fit | IndexSeries, *, models: Sequence[str], **options: Any
) -> Mapping[str, Link]:
    """Link again without each of the common models in turn.

    Parameters
    ----------
    old, new
        As in `link`.
    models
        The common models.
    **options
        Options of `link`.
    """
    return {
        name: link(old, new, models=[other for other in models if other != name], **options)
        for name in models
    }


def _as_series(index: Fit | IndexSeries) -> IndexSeries:
    return IndexSeries.from_fit(index, undated="keep") if isinstance(index, Fit) else index


def _default_common(old: Fit, new: Fit) -> Common:
    shared = set(old.matrix.benchmarks) & set(new.matrix.benchmarks)
    return "benchmarks" if len(shared) >= 3 else "models"


def _check_options(method: str, common: str | None, errors: str, interval_prob: float) -> None:
    choices: tuple[tuple[str, object, tuple[object, ...]], ...] = (
        ("method", method, METHODS),
        ("common", common, (None, "models", "benchmarks", "both")),
        ("errors", errors, ("auto", "independent", "joint")),
    )
    for name, value, known in choices:
        if value not in known:
            raise DataError(f"{name} = {value!r} is not an option. Give one of {', '.join(map(str, known))}.")
    if not 0.0 < interval_prob < 1.0:
        raise DataError(
            f"interval_prob = {interval_prob} lies outside (0, 1). Give a probability such as 0.9."
        )


def _refuse(given: bool, option: str, where: str) -> None:
    if given:
        raise DataError(f"{option} does not apply to {where}. Leave it out.")
