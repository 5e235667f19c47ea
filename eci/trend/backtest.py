"""Back-test: how well forecasts of an index would have done.

The back-test refits on what was released by an origin and predicts the first model released a horizon later;
the score is interval coverage and the continuous ranked probability score (CRPS), E|X - y| - E|X - X'| / 2
(Gneiting and Raftery 2007, https://doi.org/10.1198/016214506000001437).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError, EciError
from eci.trend.basis import DAYS_PER_MONTH, Array, years_since
from eci.trend.estimate import fit_trend
from eci.trend.power import Rate
from eci.trend.priors import LeastSquares
from eci.trend.quantity import finite

if TYPE_CHECKING:
    from eci.trend.result import Trend
    from eci.trend.series import IndexSeries

PROBS = (0.5, 0.8, 0.9)
LEAST_MODELS = 5


@dataclass(frozen=True)
class Trial:
    """One forecast of the back-test: origin, horizon, the model predicted, and how the prediction did."""

    origin: str
    months: float
    model: str
    released: str
    index: float
    median: float
    inside: dict[float, bool]
    crps: float
    crps_line: float


@dataclass(frozen=True)
class BacktestRow:
    """How forecasts at one horizon did.

    Parameters
    ----------
    months
        Horizon.
    n, n_independent
        Forecasts, and the most of them whose windows from origin to release do not overlap.
    coverage
        Share of forecasts inside the central interval of each probability, with its binomial interval on the
        independent ones.
    crps, crps_line
        Mean CRPS of the averaged posterior and of the plain least-squares line with its t prediction, points.
    bias
        Mean of index minus median, points.
    """

    months: float
    n: int
    n_independent: int
    coverage: dict[float, Rate]
    crps: float
    crps_line: float
    bias: float

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        plain = asdict(self)
        plain["coverage"] = {str(prob): asdict(rate) for prob, rate in self.coverage.items()}
        return plain | {name: finite(plain[name]) for name in ("crps", "crps_line", "bias")}


@dataclass(frozen=True)
class Refit:
    """The index refitted at an origin: what it rests on, and the names of its checks that failed."""

    origin: str
    n_models: int
    n_benchmarks: int
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backtest:
    """An expanding-window back-test.

    Parameters
    ----------
    kind
        Whose index was used.
    rows
        How forecasts did, by horizon.
    trials
        Every forecast.
    skipped
        Origins from which no forecast could be made, each with the reason.
    refits
        The refits of a walk-forward.
    """

    kind: str
    rows: tuple[BacktestRow, ...]
    trials: tuple[Trial, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    refits: tuple[Refit, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        trials = [asdict(t) | {"inside": {str(p): v for p, v in t.inside.items()}} for t in self.trials]
        return {
            "kind": self.kind,
            "rows": [row.record() for row in self.rows],
            "trials": trials,
            "skipped": dict(self.skipped),
            "refits": [asdict(refit) for refit in self.refits],
        }


def backtest(
    series: IndexSeries,
    *,
    months: Sequence[float] = (3, 6, 12),
    since: str | None = None,
    series_at: Callable[[np.datetime64], IndexSeries] | None = None,
    n_memberships: int = 50,
    n_draws: int = 4000,
    seed: int = 0,
) -> Backtest:
    """Forecast from every release on, with what was released by then.

    Parameters
    ----------
    series
        The series; its published values are the truth predicted, each at its own release date.
    months
        Horizons: the model predicted is the first one of the (point frontier of the) series released at
        least so long after the origin.
    since
        First origin, ISO date.
    series_at
        The index as it stood at an origin, carried to the scale of `series`, as `walk_forward` gives it. By
        default today's index cut off at the origin, which leaks the future into the past: later scores have
        already moved the earlier values.
    n_memberships, n_draws, seed
        As in `fit_trend`.

    Raises
    ------
    DataError
        Where no origin has five models before it and one after.
    """
    point = _frontier_by_date(series)
    trials, skipped = [], []
    for origin in find_origins(series, since):
        targets = [(m, _first_after(point, origin, m)) for m in months]
        if all(row is None for _, row in targets):
            continue
        try:
            known = _cut(series, origin) if series_at is None else series_at(origin)
            if known.point_frontier().size < LEAST_MODELS:
                continue
            trend = fit_trend(known, n_memberships=n_memberships, n_draws=n_draws, seed=seed)
        except EciError as error:
            skipped.append((str(origin), str(error)))
            continue
        trials += [_try(trend, point, row, m, origin, seed) for m, row in targets if row is not None]
    if not trials:
        raise DataError(
            f"No back-test is possible: none of the {len(point)} models has {LEAST_MODELS} released before "
            f"it and one at least {min(months):g} months later. Loosen the selection."
        )
    rows = tuple(
        _summarise([t for t in trials if t.months == m], float(m)) for m in months if _any(trials, m)
    )
    kind = "today's index cut at each origin" if series_at is None else "index refitted at each origin"
    return Backtest(kind, rows, tuple(trials), tuple(skipped))


def find_origins(series: IndexSeries, since: str | None = None) -> NDArray[np.datetime64]:
    """Return the days from which a back-test forecasts: those of the (point frontier of the) series."""
    days = np.unique(_frontier_by_date(series).release_date)
    return days if since is None else days[days >= np.datetime64(since, "D")]


def _frontier_by_date(series: IndexSeries) -> IndexSeries:
    point = series.take(series.point_frontier())
    return point.take(np.argsort(point.release_date, kind="stable"))


def _cut(series: IndexSeries, origin: np.datetime64) -> IndexSeries:
    return series.take(np.flatnonzero(series.release_date <= origin))


def _any(trials: Sequence[Trial], months: float) -> bool:
    return any(t.months == months for t in trials)


def _first_after(point: IndexSeries, origin: np.datetime64, months: float) -> int | None:
    earliest = origin + np.timedelta64(round(months * DAYS_PER_MONTH), "D")
    later = np.flatnonzero(point.release_date >= earliest)
    return int(later[0]) if later.size else None


def _try(
    trend: Trend, point: IndexSeries, row: int, months: float, origin: np.datetime64, seed: int
) -> Trial:
    years = years_since(point.release_date[row], trend.origin)
    draws = trend.averaged
    rng = np.random.default_rng([seed, 10, row])
    predicted = draws.line(np.array([years]))[:, 0] + draws.residual_sd * rng.standard_normal(len(draws))
    # the published value carries the model's own error as well
    predicted = predicted + _own_error(point, row) * rng.standard_normal(len(draws))
    value = float(point.index[row])
    inside = {}
    for prob in PROBS:
        low, high = np.quantile(predicted, [0.5 - prob / 2, 0.5 + prob / 2])
        inside[prob] = bool(low <= value <= high)
    return Trial(
        origin=str(origin),
        months=float(months),
        model=point.models[row],
        released=str(point.release_date[row]),
        index=value,
        median=float(np.median(predicted)),
        inside=inside,
        crps=crps(predicted, value),
        crps_line=crps(_line_draws(trend.least_squares, years, len(draws), rng), value),
    )


def _own_error(series: IndexSeries, row: int) -> float:
    """Return the sd in points of the part of a model's error that others do not share."""
    return float(series.units.typical_slope * np.sqrt(series.covariance[row, row]))


def _line_draws(line: LeastSquares, years: float, n_draws: int, rng: np.random.Generator) -> Array:
    middle, se = line.predict(years)
    return np.asarray(float(middle[0]) + float(se[0]) * rng.standard_t(line.n_models - 2, n_draws))


def crps(draws: Array, value: float) -> float:
    """Continuous ranked probability score of draws at a value, in their unit: E|X - y| - E|X - X'| / 2."""
    ordered = np.sort(draws)
    n = ordered.size
    spread = 2.0 * np.sum((2 * np.arange(1, n + 1) - n - 1) * ordered) / n**2
    return float(np.mean(np.abs(ordered - value)) - spread / 2.0)


def _summarise(trials: Sequence[Trial], months: float) -> BacktestRow:
    chosen = _independent(trials)
    coverage = {}
    for prob in PROBS:
        rate = Rate.of(np.array([trials[k].inside[prob] for k in chosen]))
        coverage[prob] = replace(rate, share=float(np.mean([t.inside[prob] for t in trials])))
    return BacktestRow(
        months=months,
        n=len(trials),
        n_independent=len(chosen),
        coverage=coverage,
        crps=float(np.mean([t.crps for t in trials])),
        crps_line=float(np.mean([t.crps_line for t in trials])),
        bias=float(np.mean([t.index - t.median for t in trials])),
    )


def _independent(trials: Sequence[Trial]) -> list[int]:
    """Choose the most forecasts whose windows do not overlap: by earliest end."""
    order = sorted(range(len(trials)), key=lambda k: trials[k].released)
    chosen: list[int] = []
    for k in order:
        if not chosen or trials[k].origin >= trials[chosen[-1]].released:
            chosen.append(k)
    return chosen
