"""What a point means: the index mapped to METR's time horizon, with the uncertainty of both.

    ln(horizon_i) = a + b · index_i + r_i + h_i,   r_i ~ Normal(0, tau²),   h_i ~ Normal(0, log_sd²)

r is the scatter of models about the line, estimated; h is the error of a measured horizon, assumed. The
index has errors too: the regression is repeated over joint draws of the index, and the answers are pooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eci.errors import DataError
from eci.trend.analysis import Layout, analyse
from eci.trend.basis import Array
from eci.trend.priors import TrendPriors, least_squares
from eci.trend.quantity import Quantity, summarise
from eci.trend.selection import find_model

if TYPE_CHECKING:
    import pandas as pd

    from eci.trend.series import IndexSeries

LOG_SD = 0.3
N_INDEX_DRAWS = 100
N_PER_DRAW = 40
COLUMNS = {"p50": "horizon_50_minutes", "p80": "horizon_80_minutes"}


@dataclass(frozen=True)
class Horizon:
    """Map from index to one time horizon.

    Parameters
    ----------
    kind
        "p50" or "p80": the task length METR finds done with that probability.
    factor_per_point
        By what factor the horizon grows with one point.
    points_per_doubling
        Points in which it doubles.
    scatter
        Sd of ln(horizon) of models about the line.
    log_sd
        Assumed error of ln(horizon) of each calibration model.
    least_squares
        Multiplier and factor of the least-squares line, horizon = multiplier · factor^index, and its R².
    calibration
        Models it rests on.
    minutes
        Horizon of the models asked for, minutes: the true horizon of a model with this index.
    """

    kind: str
    factor_per_point: Quantity
    points_per_doubling: Quantity
    scatter: Quantity
    log_sd: float
    least_squares: tuple[float, float, float]
    calibration: tuple[str, ...]
    minutes: dict[str, Quantity]

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        multiplier, factor, r_squared = self.least_squares
        return {
            "factor_per_point": self.factor_per_point.record(),
            "points_per_doubling": self.points_per_doubling.record(),
            "scatter": self.scatter.record(),
            "log_sd": self.log_sd,
            "least_squares": {"multiplier": multiplier, "factor": factor, "r_squared": r_squared},
            "calibration": list(self.calibration),
            "minutes": {name: quantity.record() for name, quantity in self.minutes.items()},
        }


def map_to_horizon(
    series: IndexSeries,
    names: Sequence[str] = (),
    *,
    horizons: pd.DataFrame | None = None,
    log_sd: float = LOG_SD,
    interval_prob: float = 0.9,
    seed: int = 0,
) -> tuple[Horizon, ...]:
    """Map an index to METR's 50 % and 80 % time horizons.

    Parameters
    ----------
    series
        The index. Models with a measured horizon are found by name, in the series before any selection.
    names
        Models whose horizon is asked for.
    horizons
        Columns model, horizon_50_minutes, horizon_80_minutes; by default the bundled table of seven Claude
        models.
    log_sd
        Error of ln(horizon) of each measured horizon, one sd. The bundled horizons come without errors.
    interval_prob
        Probability of the intervals.
    seed
        Seed.

    Returns
    -------
    tuple of Horizon
        The 50 % and the 80 % horizon.

    Raises
    ------
    DataError
        Where fewer than three models have both an index and a horizon.
    """
    pool = series.pool or series
    table = _bundled() if horizons is None else horizons
    known = table[table["model"].isin(pool.models)]
    if len(known) < 3:
        raise DataError(
            "A map to time horizons needs at least 3 models with both an index and a horizon, found "
            f"{len(known)} among {len(pool)}: {', '.join(known['model']) or 'none'}. Use an index that "
            "holds them, such as published/aeci.csv, or give horizons of your own."
        )
    if log_sd < 0:
        raise DataError(f"log_sd = {log_sd} is negative. Give the sd of ln(horizon), for instance 0.3.")
    rows = [find_model(pool.models, str(model)) for model in known["model"]]
    targets = [find_model(pool.models, name) for name in names]
    rng = np.random.default_rng([seed, 12])
    points = _draw_points(pool, rng)
    return tuple(
        _map(
            np.log(known[column].to_numpy(dtype=np.float64)),
            points,
            pool,
            kind=kind,
            rows=rows,
            targets=targets,
            log_sd=log_sd,
            interval_prob=interval_prob,
            rng=rng,
        )
        for kind, column in COLUMNS.items()
    )


def _map(
    y: Array,
    points: Array,
    pool: IndexSeries,
    *,
    kind: str,
    rows: Sequence[int],
    targets: Sequence[int],
    log_sd: float,
    interval_prob: float,
    rng: np.random.Generator,
) -> Horizon:
    centre = float(pool.index[list(rows)].mean())
    slopes, scatters, minutes = [], [], []
    for draw in points:
        x = draw[list(rows)] - centre
        line = least_squares(y[None], x)
        analysis = analyse(
            y[None],
            log_sd**2 * np.eye(y.size),
            Layout.plain(x),
            TrendPriors().resolve(line),
            changes=["none"],
            residual_sd=float(line.residual_sd[0]),
        )
        fit = analysis.draw("none", N_PER_DRAW, rng)
        slopes.append(fit.before)
        scatters.append(fit.residual_sd)
        noise = fit.residual_sd[:, None] * rng.standard_normal((N_PER_DRAW, len(targets)))
        minutes.append(np.exp(fit.line(draw[list(targets)] - centre) + noise))
    slope, scatter, predicted = np.concatenate(slopes), np.concatenate(scatters), np.concatenate(minutes)
    with np.errstate(divide="ignore"):
        doubling = np.where(slope > 0, np.log(2.0) / np.where(slope > 0, slope, 1.0), np.inf)
    return Horizon(
        kind=kind,
        factor_per_point=summarise(np.exp(slope), interval_prob),
        points_per_doubling=summarise(doubling, interval_prob, moments=False),
        scatter=summarise(scatter, interval_prob),
        log_sd=log_sd,
        least_squares=_least_squares(pool.index[list(rows)], y),
        calibration=tuple(pool.models[i] for i in rows),
        minutes={
            pool.models[i]: summarise(predicted[:, k], interval_prob, moments=False)
            for k, i in enumerate(targets)
        },
    )


def _least_squares(index: Array, y: Array) -> tuple[float, float, float]:
    """Return multiplier, factor and R² of horizon = multiplier · factor^index on the published values."""
    line = least_squares(y[None], index)
    slope = float(line.slope[0])
    explained = 1.0 - float(line.residual_sd[0]) ** 2 * (y.size - 2) / float(np.sum((y - y.mean()) ** 2))
    return float(np.exp(line.level[0] - slope * line.centre)), float(np.exp(slope)), explained


def _draw_points(series: IndexSeries, rng: np.random.Generator) -> Array:
    """Draw the index of all models in points, shape (draw, model): all errors, shared ones included."""
    if series.draws is not None:
        rows = np.linspace(0, series.draws.shape[0] - 1, N_INDEX_DRAWS).round().astype(int)
        slope, origin = (
            np.broadcast_to(part, len(series.draws))[rows, None]
            for part in (series.units.slope, series.units.origin)
        )
        return np.asarray(origin + slope * series.draws[rows])
    values = np.broadcast_to(series.draw_values(N_INDEX_DRAWS, rng), (N_INDEX_DRAWS, len(series)))
    return np.asarray(values + rng.standard_normal((N_INDEX_DRAWS, 1)) * series.shared)


def _bundled() -> pd.DataFrame:
    import pandas as pd

    from eci.scores.load import bundled_data

    return pd.read_csv(bundled_data() / "published" / "metr_horizons.csv")
