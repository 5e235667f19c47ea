"""The Monte Carlo error of a trend's evidence is what other draws of the same posterior show."""

import numpy as np
import pytest

from eci.trend import IndexSeries, fit_trend

N_MODELS, N_DRAWS, N_REPEATS = 10, 2400, 20
DATES = np.datetime64("2022-01-01") + (np.arange(N_MODELS) * 110).astype("timedelta64[D]")


def drawn(seed, n_draws=N_DRAWS):
    """A posterior in which the errors of neighbours move together, and some draws of it."""
    rng = np.random.default_rng(seed)
    years = np.arange(N_MODELS) * 110 / 365.25
    center = 100 + 10 * years + 12 * np.maximum(years - 2.2, 0)
    covariance = 9.0 * np.exp(-np.abs(years[:, None] - years) / 0.5)
    draws = rng.multivariate_normal(center, covariance, n_draws)
    models = [f"model {i}" for i in range(N_MODELS)]
    return IndexSeries.from_draws(draws, models=models, release_date=DATES)


def log_odds(trend):
    return np.log(trend.p_any_change / (1 - trend.p_any_change))


@pytest.mark.parametrize("frontier", [False, True])
def test_the_error_is_the_spread_over_other_draws(frontier):
    """Of 20 repeats the sd has a relative error of 16 %."""
    trends = [
        fit_trend(drawn(k).select(frontier=frontier), n_memberships=16, n_draws=100, seed=k)
        for k in range(N_REPEATS)
    ]
    spread = np.std([log_odds(trend) for trend in trends], ddof=1)
    told = np.sqrt(np.mean([trend.evidence_error**2 for trend in trends]))
    print(told, spread)
    assert spread > 0.01
    assert 0.7 < told / spread < 1.4


def test_more_draws_have_a_smaller_error():
    few, many = (fit_trend(drawn(0, n)).evidence_error for n in (400, 40_000))
    assert many < few / 4


def test_a_certain_frontier_of_certain_values_has_none():
    series = IndexSeries.from_moments(
        np.arange(8.0) ** 1.1,
        np.eye(8),
        models=[f"model {i}" for i in range(8)],
        release_date=DATES[:8],
    )
    assert fit_trend(series).evidence_error is None


def test_a_trend_without_alternatives_weighs_no_evidence():
    assert fit_trend(drawn(0), change="kink").evidence_error is None
