"""Fit again the trend that a saved trend.json records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eci.errors import DataError, require_file

if TYPE_CHECKING:
    from eci.fitted import Fit
    from eci.trend import Trend, TrendPriors

SAME = 1e-6  # relative difference in the medians of one trend computed twice


def fit_frontier(fit: Fit) -> Trend:
    """Fit the trend of the frontier of all models, which is what a report shows unless told otherwise."""
    from eci.trend import IndexSeries, fit_trend

    return fit_trend(IndexSeries.from_fit(fit, frontier=True), interval_prob=fit.interval_prob)


def repeat_trend(fit: Fit, path: str | Path) -> tuple[Trend, list[str]]:
    """Fit again, on the same fit, the trend that `eci trend` wrote to a JSON file.

    The file has numbers but no draws, which a band needs; it also has every choice and the seed, so the
    trend can be computed again and comes out the same.

    Parameters
    ----------
    fit
        The fit the trend was made of.
    path
        A trend.json.

    Returns
    -------
    tuple
        The trend, and the names of the models the file compares with it.

    Raises
    ------
    DataError
        Where the file is no trend, is one of another index, or another version gives other numbers.
    """
    from eci.trend import IndexSeries, fit_trend

    record = _read(Path(path))
    try:
        series = IndexSeries.from_fit(fit, **record["selection"])
        if record["vintage"] != series.vintage or record["scale"] != series.scale:
            raise DataError(
                f"{path} is a trend of {record['vintage']} in {record['scale']}, but the fit is "
                f"{series.vintage} in {series.scale}. Give the trend of this fit (eci trend DIR --json)."
            )
        choices = record["choices"]
        trend = fit_trend(
            series,
            change=choices["change"],
            break_at=choices["break_model"] or choices["break_at"],
            segments=choices["segments"],
            priors=_priors(record["priors"]),
            interval_prob=record["interval_prob"],
            min_segment=choices["min_segment"],
            n_memberships=choices["n_memberships"] or 200,
            n_draws=choices["n_draws"],
            seed=choices["seed"],
        )
        found, written = trend.residual_sd.median, record["residual_sd"]["median"]
        names = list(record["on_trend"])
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path} lacks {error} or holds something else there. Write it again with `eci trend DIR --out`."
        ) from error
    if abs(found - written) > SAME * abs(written):
        raise DataError(
            f"{path} cannot be repeated: its residual sd is {written:.6g} points, and the same choices now "
            f"give {found:.6g}. Another version wrote it, or another fit; write it again with `eci trend`."
        )
    return trend, names


def _priors(record: dict[str, Any]) -> TrendPriors:
    from eci.trend import TrendPriors
    from eci.trend.basis import CHANGE_MODELS

    slope, prob = record["slope"], [record["change_prob"][change] for change in CHANGE_MODELS]
    return TrendPriors(
        slope_change_sd=record["slope_change_sd"],
        jump_sd=record["jump_sd"],
        residual_sd=record["residual_sd"],
        slope=None if slope is None else (slope["mean"], slope["sd"]),
        change_prob=(prob[0], prob[1], prob[2], prob[3]),
    )


def _read(path: Path) -> dict[str, Any]:
    from eci.trend.result import SCHEMA

    advice = "Name the trend.json that `eci trend DIR --out FOLDER` writes."
    require_file(path, "The trend", advice)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as a trend: {error}. Write one with `eci trend`.") from error
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema != SCHEMA:
        raise DataError(
            f"{path} has the schema {schema!r}, not {SCHEMA!r}: it is no trend of this version. Write one "
            "with `eci trend DIR --out FOLDER`."
        )
    return dict(record)
