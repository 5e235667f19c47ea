"""False alarms and power of announcement rules on series like the user's own.

Two rules: "the pace changed" announces when P(ratio > 1) > 0.95, "at least doubled" when P(ratio > 2) > 0.95,
both averaged over the change models. The simulated series have the user's release dates, measurement errors,
slope and residual sd; every one is analysed afresh, its default priors from its own least-squares line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError
from eci.trend.analysis import Layout, analyse
from eci.trend.basis import CHANGE_MODELS, DAYS_PER_MONTH, DAYS_PER_YEAR, Array
from eci.trend.priors import TrendPriors, least_squares

if TYPE_CHECKING:
    from eci.trend.result import Trend

RULES = {"pace changed": 1.0, "at least doubled": 2.0}
THRESHOLD = 0.95
FIRST_LOOK = 6
BATCH = 50


@dataclass(frozen=True)
class Rate:
    """A share of simulated series with its 95 % interval (Clopper and Pearson 1934)."""

    share: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, hits: NDArray[np.bool_]) -> Rate:
        """Count hits."""
        from scipy.special import betaincinv

        n, k = hits.size, int(hits.sum())
        low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, 0.025))
        high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 0.975))
        return cls(k / n, low, high, n)


@dataclass(frozen=True)
class FalseAlarm:
    """False alarms of a rule: at one look, and when one looks after every release."""

    rule: str
    truth: str
    one_look: Rate
    every_release: Rate


@dataclass(frozen=True)
class PowerPoint:
    """Chance that a rule announces a planted ratio some months after the pace changed."""

    rule: str
    ratio: float
    months: float
    n_after: int
    announced: Rate


@dataclass(frozen=True)
class Power:
    """False alarms and power on series like the user's own.

    Parameters
    ----------
    false_alarms, power
        One row for each rule and truth, and for each rule, planted ratio and time.
    slope, residual_sd, jump
        Truths of the simulation in points: slope a year before the change, residual sd, planted jump.
    months_between
        Months between the releases simulated after the change: the median gap of the series.
    first_look
        Number of models at the first look of "after every release".
    """

    false_alarms: tuple[FalseAlarm, ...]
    power: tuple[PowerPoint, ...]
    slope: float
    residual_sd: float
    jump: float
    months_between: float
    first_look: int

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def announce(
    x: Array, years: Array, covariance: Array, *, seed: int, n_draws: int = 400
) -> NDArray[np.bool_]:
    """Apply both rules to a batch of series with common dates and errors.

    Parameters
    ----------
    x
        Values, shape (series, model).
    years
        Release dates in years, shape (model,).
    covariance
        Shape (model, model).
    seed, n_draws
        Seed, and posterior draws per series and change model.

    Returns
    -------
    NDArray[np.bool_]
        Shape (series, rule), in the order of `RULES`.
    """
    layout = Layout.plain(years)
    rng = np.random.default_rng(seed)
    announced = np.zeros((x.shape[0], len(RULES)), dtype=bool)
    for start in range(0, x.shape[0], BATCH):
        batch = x[start : start + BATCH]
        line = least_squares(batch, years)
        priors = TrendPriors().resolve(line)
        analysis = analyse(
            batch, covariance, layout, priors, residual_sd=float(np.median(line.residual_sd)), check=False
        )
        prob = analysis.probabilities
        for k in range(batch.shape[0]):
            chance = np.zeros(len(RULES))
            for change in ("kink", "both"):
                p = prob[k, CHANGE_MODELS.index(change)]
                if p > 1e-6:
                    draws = analysis.draw(change, n_draws, rng, k)
                    rising = draws.before > 0
                    chance += [p * np.mean(rising & (draws.after > r * draws.before)) for r in RULES.values()]
            announced[start + k] = chance > THRESHOLD
    return announced


def simulate_power(
    trend: Trend,
    *,
    n_series: int = 200,
    jump: float = 5.0,
    ratios: Sequence[float] = (1.5, 2.0, 3.0, 4.0),
    months: Sequence[float] = (3, 6, 12, 18, 24),
    seed: int = 0,
) -> Power:
    """Simulate false alarms and power on series like the one analysed.

    Parameters
    ----------
    trend
        A trend; its dates, errors, slope and residual sd (those without a change) are the truth simulated.
    n_series
        Series for every truth.
    jump
        Planted jump, points, for the false alarms under a pure jump.
    ratios, months
        Planted ratios of slopes, and months after the change at which one looks.
    seed
        Seed.

    Raises
    ------
    DataError
        Where the trend has fewer than six models.
    """
    series = trend.series.take(trend.series.point_frontier())
    if len(series) < FIRST_LOOK:
        raise DataError(
            f"Power needs at least {FIRST_LOOK} models, found {len(series)}: {', '.join(series.models)}. "
            "Loosen the selection."
        )
    order = np.argsort(series.release_date, kind="stable")
    series = series.take(order)
    unit = series.units.typical_slope
    plain = trend.given("none") or trend.averaged
    slope, residual_sd = float(np.median(plain.before)), float(np.median(plain.residual_sd))
    years = series.years(trend.origin)
    covariance = unit**2 * series.measure().covariance
    rng = np.random.default_rng([seed, 6])
    noise = _noise(n_series, covariance, residual_sd, rng)

    truths = {"no change": slope * years + noise}
    # breaks where a change could have been: from the second release to the last
    at = rng.uniform(years[1], years[-1], n_series)
    truths[f"a jump of {jump:g} points"] = slope * years + jump * (years >= at[:, None]) + noise
    alarms = [
        alarm for name, x in truths.items() for alarm in _false_alarms(name, x, years, covariance, seed)
    ]
    gap = float(np.median(np.diff(np.unique(years))))
    points = [
        point
        for ratio in ratios
        for point in _power_curve(ratio, years, covariance, (slope, residual_sd, gap), months, n_series, seed)
    ]
    return Power(
        tuple(alarms),
        tuple(points),
        slope,
        residual_sd,
        jump,
        gap * DAYS_PER_YEAR / DAYS_PER_MONTH,
        FIRST_LOOK,
    )


def _noise(n_series: int, covariance: Array, residual_sd: float, rng: np.random.Generator) -> Array:
    eigenvalues, basis = np.linalg.eigh(covariance)
    root = basis * np.sqrt(np.maximum(eigenvalues, 0.0))
    n = covariance.shape[0]
    return np.asarray(rng.normal(0, residual_sd, (n_series, n)) + rng.standard_normal((n_series, n)) @ root.T)


def _false_alarms(truth: str, x: Array, years: Array, covariance: Array, seed: int) -> list[FalseAlarm]:
    looks = [
        announce(x[:, :n], years[:n], covariance[:n, :n], seed=seed)
        for n in range(FIRST_LOOK, years.size + 1)
        if np.unique(years[:n]).size >= 3
    ]
    ever = np.any(looks, axis=0)
    return [
        FalseAlarm(rule, truth, Rate.of(looks[-1][:, k]), Rate.of(ever[:, k])) for k, rule in enumerate(RULES)
    ]


def _power_curve(
    ratio: float,
    years: Array,
    covariance: Array,
    truth: tuple[float, float, float],
    months: Sequence[float],
    n_series: int,
    seed: int,
) -> list[PowerPoint]:
    """Let releases go on at the median gap after a change at the last one."""
    slope, residual_sd, gap = truth
    last = years[-1]
    n_future = int(np.floor(max(months) * DAYS_PER_MONTH / DAYS_PER_YEAR / gap + 1e-9))
    whole = np.append(years, last + gap * np.arange(1, n_future + 1))
    widened = np.diag(np.full(whole.size, float(np.median(np.diagonal(covariance)))))
    widened[: years.size, : years.size] = covariance
    rng = np.random.default_rng([seed, 7, int(1000 * ratio)])
    x = slope * whole + slope * (ratio - 1) * np.maximum(whole - last, 0.0)
    x = x + _noise(n_series, widened, residual_sd, rng)
    points = []
    for month in months:
        n = int(np.sum(whole <= last + month * DAYS_PER_MONTH / DAYS_PER_YEAR + 1e-9))
        hits = announce(x[:, :n], whole[:n], widened[:n, :n], seed=seed)
        points += [
            PowerPoint(rule, ratio, float(month), n - years.size, Rate.of(hits[:, k]))
            for k, rule in enumerate(RULES)
        ]
    return points
