"""Questions put to a trend: how far do priors decide it, and is a model on the line of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eci.trend.analysis import TrendDraws, join_draws
from eci.trend.basis import CHANGE_MODELS, DAYS_PER_MONTH, DAYS_PER_YEAR, Array, ChangeModel
from eci.trend.ensemble import Ensemble, Member, TrendOptions, fit_ensemble, share_draws
from eci.trend.measurement import Measurement
from eci.trend.quantity import Quantity, finite, summarise
from eci.trend.selection import find_model
from eci.trend.series import IndexSeries

PRIOR_SCALES = ("slope_change_sd", "jump_sd", "residual_sd")
MONTHS_PER_YEAR = DAYS_PER_YEAR / DAYS_PER_MONTH


@dataclass(frozen=True)
class SensitivityRow:
    """Probabilities under one prior scale multiplied by a factor."""

    prior: str
    factor: float
    change_models: dict[ChangeModel, float]
    p_any_change: float
    p_ratio_gt_2: float

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dict(self.__dict__)


def sensitivity(ensemble: Ensemble, options: TrendOptions, n_draws: int = 8000) -> tuple[SensitivityRow, ...]:
    """Halve and double each prior scale, and both change scales together; the first row is the default."""
    cases = [("default", 1.0)]
    cases += [
        (name, factor) for name in (*PRIOR_SCALES, "slope_change_sd and jump_sd") for factor in (0.5, 2.0)
    ]
    rows = []
    for name, factor in cases:
        priors = ensemble.priors
        for part in () if name == "default" else name.split(" and "):
            priors = priors.scaled(part, factor)
        # one seed for all rows, so that they differ by the prior and not by noise
        rng = np.random.default_rng([options.seed, 2])
        other = ensemble if name == "default" else ensemble.reweigh(priors, options)
        prob = other.probabilities
        doubled = 0.0
        for change in ("kink", "both"):
            p = float(prob[CHANGE_MODELS.index(change)])
            if p > 0:
                draws = other.draw(change, n_draws, rng)
                doubled += p * float(np.mean((draws.before > 0) & (draws.after > 2 * draws.before)))
        rows.append(
            SensitivityRow(
                name,
                factor,
                dict(zip(CHANGE_MODELS, prob.tolist(), strict=True)),
                1.0 - float(prob[0]),
                doubled,
            )
        )
    return tuple(rows)


@dataclass(frozen=True)
class OnTrend:
    """One model against the line expected from others.

    Parameters
    ----------
    name
        The model.
    slope
        Slope of that line at the model's release, points a year.
    above
        Index minus a prediction for a new model of that date, points: it holds the error of the line, the
        scatter of models about it, and the error of the index.
    months_ahead
        The same along the line: months until it reaches the index. No mean: the slope may come near zero.
    p_above
        P(above > 0).
    advances_frontier
        Probability that the true index exceeds that of every selected model released by then.
    expected
        The prediction itself, points.
    n_others
        Number of models the line rests on (for a frontier, the point frontier).
    least_squares
        Distance above the least-squares line of the others and its prediction standard error, points.
    p_flat
        Share of draws with a line that does not rise, for which months are plus or minus infinity.
    own_lab, all_labs
        The same against the line of the model's own lab, and of all labs; None where labs are unknown.
    """

    name: str
    slope: Quantity
    above: Quantity
    months_ahead: Quantity
    p_above: float
    advances_frontier: float | None
    expected: Quantity
    n_others: int
    least_squares: tuple[float, float] | None
    p_flat: float
    own_lab: OnTrend | None = None
    all_labs: OnTrend | None = None

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return self._comparison() | {
            "own_lab": None if self.own_lab is None else self.own_lab._comparison(),
            "all_labs": None if self.all_labs is None else self.all_labs._comparison(),
        }

    def _comparison(self) -> dict[str, Any]:
        above, se = self.least_squares or (None, None)
        return {
            "line": {"slope": self.slope.record()},
            "above": self.above.record(),
            "months_ahead": self.months_ahead.record(),
            "p_above": self.p_above,
            "advances_frontier": finite(self.advances_frontier),
            "expected": self.expected.record(),
            "n_others": self.n_others,
            "least_squares": {"above": finite(above), "prediction_se": finite(se)},
        }


def compare_with_others(
    series: IndexSeries, name: str, options: TrendOptions, interval_prob: float
) -> OnTrend:
    """Compare a model with the line of the selected models other than it.

    Parameters
    ----------
    series
        The selection; the model may lie outside it, among the models of `series.pool`.
    name
        The model.
    options
        Choices of the trend; the regression, and the frontier, are worked out again without the model.
    interval_prob
        Probability of the intervals.

    Notes
    -----
    With e the measurement errors, the true index of the model is x_m - e_m. Given the line and residual sd
    the others tell about e_m through the covariance: e_m | x, b, tau ~ Normal(S_mF W (x_F - X b),
    S_mm - S_mF W S_Fm), W = (S_FF + tau² I)^-1. The model's own distance from the line gets no prior.
    """
    joint, target = with_target(series, name)
    others = joint.without(name)
    ensemble = fit_ensemble(joint, options, target=target)
    rng = np.random.default_rng([options.seed, 3])
    counts = share_draws(ensemble.probabilities, options.n_draws)
    years = float(joint.years(ensemble.origin)[target])
    parts: list[tuple[TrendDraws, Array]] = []
    for change, count in zip(CHANGE_MODELS, counts, strict=True):
        if count:
            for member, k in ensemble.allocate(change, int(count), rng):
                parts.append(_draw_true_index(member, change, k, rng))
    draws = join_draws([draws for draws, _ in parts])
    true_index = np.concatenate([true for _, true in parts])
    order = rng.permutation(len(draws))
    draws, true_index = draws.rows(order), true_index[order]

    expected = draws.line(np.array([years]))[:, 0] + draws.residual_sd * rng.standard_normal(len(draws))
    return assemble_answer(
        joint,
        target,
        true_index=true_index,
        expected=expected,
        slope=draws.slope_at(years),
        n_others=int(others.point_frontier().size),
        least_squares=_least_squares_distance(ensemble, float(joint.index[target]), years),
        interval_prob=interval_prob,
        rng=rng,
    )


def assemble_answer(
    series: IndexSeries,
    target: int,
    *,
    true_index: Array,
    expected: Array,
    slope: Array,
    n_others: int,
    least_squares: tuple[float, float] | None,
    interval_prob: float,
    rng: np.random.Generator,
) -> OnTrend:
    """Turn draws of the true index, of its prediction and of the slope, in working units, into an answer."""
    per_unit, origin = series.units.draw(true_index.size, rng)
    above = (true_index - expected) * per_unit
    pace = slope * per_unit
    rising = pace > 0
    months = np.where(rising, above / np.where(rising, pace, 1.0) * MONTHS_PER_YEAR, np.sign(above) * np.inf)
    return OnTrend(
        name=series.models[target],
        slope=summarise(pace, interval_prob),
        above=summarise(above, interval_prob),
        months_ahead=summarise(months, interval_prob, moments=False),
        p_above=float(np.mean(above > 0)),
        advances_frontier=_advances(series, target, rng),
        expected=summarise(origin + per_unit * expected, interval_prob),
        n_others=n_others,
        least_squares=least_squares,
        p_flat=float(np.mean(~rising)),
    )


def with_target(series: IndexSeries, name: str) -> tuple[IndexSeries, int]:
    """Return the selection with the model in it, and its position."""
    if name in series.models:
        return series, series.models.index(name)
    pool = series.pool or series
    row = find_model(pool.models, name)
    wanted = set(series.models)
    rows = [i for i, model in enumerate(pool.models) if model in wanted or i == row]
    joint = replace(
        pool.take(np.array(rows)), frontier=series.frontier, context=_add(series.context, pool, name)
    )
    return joint, rows.index(row)


def _draw_true_index(
    member: Member, change: ChangeModel, n_draws: int, rng: np.random.Generator
) -> tuple[TrendDraws, Array]:
    """Draw the line of the others and the true index of the target, which is last in the measurement."""
    draws, node, coefficients = member.analysis.draw_grid(change, n_draws, rng)
    measurement, rows = member.measurement, member.analysis.layout.rows
    fitted = np.einsum("dkp,dp->dk", member.analysis.layout.design[node], coefficients)
    true = draw_true_value(measurement, rows, fitted, draws.residual_sd, rng)
    return draws, true - measurement.shared[-1] * draws.shared


def _add(context: IndexSeries | None, pool: IndexSeries, name: str) -> IndexSeries | None:
    """Return the context of a frontier with one more model in it, as the joint series has."""
    if context is None or name in context.models:
        return context
    wanted = {*context.models, name}
    return pool.take(np.array([i for i, model in enumerate(pool.models) if model in wanted]))


def draw_true_value(
    measurement: Measurement,
    rows: NDArray[np.int64],
    fitted: Array,
    residual_sd: Array,
    rng: np.random.Generator,
) -> Array:
    """Draw the true value of the last model of a measurement, given a regression on the others.

    Parameters
    ----------
    measurement
        Values and covariance, the target last.
    rows
        Models in the regression.
    fitted, residual_sd
        Line at those models (draw, row) and residual sd (draw,).
    rng
        Generator.
    """
    x, covariance = measurement.values, measurement.covariance
    crossed = covariance[-1, rows]
    error, spread = np.zeros(residual_sd.size), np.full(residual_sd.size, covariance[-1, -1])
    if np.any(crossed):
        # with the rows of a shared break model repeated this covariance is singular, but S + tau² I is not
        eigenvalues, basis = np.linalg.eigh(covariance[np.ix_(rows, rows)])
        rotated = basis.T @ crossed
        gain = rotated / (np.maximum(eigenvalues, 0.0) + residual_sd[:, None] ** 2)
        error = np.sum(gain * ((x[rows] - fitted) @ basis), axis=1)
        spread = np.maximum(spread - gain @ rotated, 0.0)
    return np.asarray(x[-1] - error - np.sqrt(spread) * rng.standard_normal(residual_sd.size))


def _advances(series: IndexSeries, target: int, rng: np.random.Generator) -> float | None:
    """Return P(the target exceeds every other model released by its date)."""
    earlier = np.flatnonzero(series.release_date <= series.release_date[target])
    earlier = earlier[earlier != target]
    if not earlier.size:
        return None
    values = series.draw_values(4000, rng)
    return float(np.mean(values[:, target] > values[:, earlier].max(axis=1)))


def _least_squares_distance(ensemble: Ensemble, index: float, years: float) -> tuple[float, float]:
    line, se = ensemble.line.predict(years)
    return index - float(line[0]), float(se[0])
