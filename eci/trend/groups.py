"""Labs' own trends with partial pooling: a line for every lab, drawn towards the common line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eci.errors import DataError
from eci.trend.compare import OnTrend, assemble_answer, compare_with_others, draw_true_value, with_target
from eci.trend.ensemble import TrendOptions, check_enough
from eci.trend.measurement import Measurement
from eci.trend.pooling import draw_groups
from eci.trend.quantity import Quantity, summarise
from eci.trend.selection import find_model
from eci.trend.series import IndexSeries


@dataclass(frozen=True)
class LabTrend:
    """The line of one lab: number of models, slope (points a year), level (points) at the latest release."""

    lab: str
    n: int
    slope: Quantity
    level: Quantity

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"n": self.n, "slope": self.slope.record(), "level": self.level.record()}


@dataclass(frozen=True)
class LabTrends:
    """Lines of all labs, the common slope, and how much labs differ.

    Parameters
    ----------
    labs
        One line per lab, the highest level first.
    common_slope, slope_spread, level_spread
        Points a year and points: the common slope and the sds of the labs' slopes and levels about it.
    at
        Date of the levels.
    n_unlabelled
        Models left out because their lab is unknown.
    """

    labs: tuple[LabTrend, ...]
    common_slope: Quantity
    slope_spread: Quantity
    level_spread: Quantity
    at: np.datetime64
    n_unlabelled: int

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "at": str(self.at),
            "common_slope": self.common_slope.record(),
            "slope_spread": self.slope_spread.record(),
            "level_spread": self.level_spread.record(),
            "n_unlabelled": self.n_unlabelled,
            "labs": {trend.lab: trend.record() for trend in self.labs},
        }


def fit_groups(
    series: IndexSeries, *, interval_prob: float = 0.9, n_draws: int = 4000, seed: int = 0
) -> LabTrends:
    """Fit a line to every lab, partially pooled.

    Parameters
    ----------
    series
        Models with their labs. A frontier means each lab's own frontier, of the published values.
    interval_prob
        Probability of the intervals.
    n_draws, seed
        Posterior draws and their seed.

    Raises
    ------
    DataError
        Where fewer than two labs are known.
    """
    chosen, n_unlabelled = _lab_members(series)
    origin = _mean_date(chosen)
    rng = np.random.default_rng([seed, 4])
    draws = draw_groups(chosen, chosen.measure(), origin, n_draws, rng)
    per_unit, zero = series.units.draw(n_draws, rng)
    last = chosen.release_date.max()
    years = float((last - origin).astype(np.int64)) / 365.25
    level = zero[:, None] + per_unit[:, None] * (draws.level + draws.slope * years)
    slope = per_unit[:, None] * draws.slope
    trends = [
        LabTrend(
            lab,
            chosen.labs.count(lab),
            summarise(slope[:, k], interval_prob),
            summarise(level[:, k], interval_prob),
        )
        for k, lab in enumerate(draws.labs)
    ]
    return LabTrends(
        labs=tuple(sorted(trends, key=lambda trend: -trend.level.median)),
        common_slope=summarise(per_unit * draws.common_slope, interval_prob),
        slope_spread=summarise(per_unit * draws.slope_spread, interval_prob),
        level_spread=summarise(per_unit * draws.level_spread, interval_prob),
        at=last,
        n_unlabelled=n_unlabelled,
    )


def compare_with_labs(
    series: IndexSeries, answer: OnTrend, options: TrendOptions, interval_prob: float
) -> tuple[OnTrend | None, OnTrend | None]:
    """Compare a model with the line of its own lab, partially pooled, and with the line of all labs.

    The selection is widened to all labs and all models; its other rules hold. Either answer is None where
    the labs are unknown or too few models are left.

    Parameters
    ----------
    series
        The selection.
    answer
        The comparison with the selection itself, which is the answer for all labs where it holds them all.
    options, interval_prob
        As in the trend.
    """
    pool = series.pool or series
    name = answer.name
    lab = pool.labs[find_model(pool.models, name)]
    if lab is None or len({known for known in pool.labs if known}) < 2:
        return None, None
    narrow = ("labs", "models")
    rules = {rule: value for rule, value in series.selection.items() if rule not in narrow}
    everyone = pool.select(**rules)
    own = _compare_with_own_lab(everyone, name, options, interval_prob)
    if len(rules) == len(series.selection):
        return own, answer
    try:
        return own, compare_with_others(everyone, name, options, interval_prob)
    except DataError:
        return own, None


def _compare_with_own_lab(
    everyone: IndexSeries, name: str, options: TrendOptions, interval_prob: float
) -> OnTrend | None:
    joint, target = with_target(everyone, name)
    others, _ = _lab_members(joint.without(name))
    lab = joint.labs[target]
    if lab not in others.labs or len(set(others.labs)) < 2:
        return None
    rows = np.array([joint.models.index(model) for model in others.models], dtype=np.int64)
    measurement = joint.measure(np.append(rows, target))
    rng = np.random.default_rng([options.seed, 5])
    origin = _mean_date(others)
    inner = Measurement(
        measurement.values[:-1],
        measurement.covariance[:-1, :-1],
        measurement.shared[:-1],
        measurement.n_capped,
    )
    draws = draw_groups(others, inner, origin, options.n_draws // 4, rng)
    years, t = others.years(origin), float(joint.years(origin)[target])
    of_model = np.array([draws.labs.index(str(known)) for known in others.labs])
    fitted = draws.fitted_level[:, of_model] + draws.fitted_slope[:, of_model] * years
    true = draw_true_value(measurement, np.arange(rows.size), fitted, draws.residual_sd, rng)
    own = draws.labs.index(str(lab))
    noise = draws.residual_sd * rng.standard_normal(true.size)
    return assemble_answer(
        joint,
        target,
        true_index=true - measurement.shared[-1] * draws.shared,
        expected=draws.level[:, own] + draws.slope[:, own] * t + noise,
        slope=draws.slope[:, own],
        n_others=others.labs.count(lab),
        least_squares=None,
        interval_prob=interval_prob,
        rng=rng,
    )


def _lab_members(series: IndexSeries) -> tuple[IndexSeries, int]:
    """Return the models whose lab is known, each lab's own point frontier where a frontier is asked."""
    known = np.array([lab is not None for lab in series.labs], dtype=bool)
    kept: list[int] = []
    for lab in sorted({lab for lab in series.labs if lab is not None}):
        rows = np.flatnonzero(np.array([other == lab for other in series.labs]))
        kept += [int(rows[k]) for k in series.of_lab(lab).point_frontier()]
    chosen = replace(series.take(np.array(sorted(kept), dtype=np.int64)), frontier=False)
    if len(set(chosen.labs)) < 2:
        raise DataError(
            f"Lines by lab need at least two labs, found {len(set(chosen.labs))} among {len(series)} "
            "models. Add a column `lab` to the table, or widen the selection."
        )
    check_enough(chosen)
    return chosen, int(np.sum(~known))


def _mean_date(series: IndexSeries) -> np.datetime64:
    return np.datetime64(
        int(np.rint(series.release_date.astype("datetime64[D]").astype(np.int64).mean())), "D"
    )
