"""Laws of the trend over random series: units, order, time origin, and the sum of probabilities."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from eci.errors import ConvergenceError
from eci.trend import IndexSeries, fit_trend
from eci.trend.basis import CHANGE_MODELS
from eci.trend.selection import frontier_members


@st.composite
def tables(draw):
    n = draw(st.integers(5, 14))
    # A fortnight apart or more: designs of closer ones are so ill-conditioned that rounding shows.
    days = 15 * np.array(draw(st.lists(st.integers(0, 100), min_size=n, max_size=n, unique=True)))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    slope, sd = draw(st.floats(-20, 40)), draw(st.floats(0.1, 8))
    frame = pd.DataFrame(
        {
            "model": [f"m{i}" for i in range(n)],
            "release_date": (np.datetime64("2022-01-01") + days.astype("timedelta64[D]")).astype(str),
            "index": 100 + slope * days / 365.25 + rng.normal(0, sd, n),
        }
    )
    return frame.assign(sd=draw(st.floats(0.05, 3))) if draw(st.booleans()) else frame


def fit(frame):
    """Fit a trend, unless the values are next to an exact line, which is refused."""
    try:
        return fit_trend(IndexSeries.from_table(frame), n_draws=400)
    except ConvergenceError:
        reject()


@settings(max_examples=25, deadline=None)
@given(tables(), st.floats(0.1, 20), st.floats(-300, 300))
def test_probabilities_do_not_depend_on_the_unit_or_the_zero_of_the_index(frame, scale, shift):
    columns = {"index": scale * frame["index"] + shift}
    if "sd" in frame:
        columns["sd"] = scale * frame["sd"]
    base, other = fit(frame), fit(frame.assign(**columns))
    for change in CHANGE_MODELS:
        assert other.change_models[change] == pytest.approx(base.change_models[change], abs=1e-6)
    assert other.slope_before.median == pytest.approx(
        scale * base.slope_before.median, rel=1e-4, abs=1e-4 * scale
    )


@settings(max_examples=25, deadline=None)
@given(tables(), st.randoms(use_true_random=False), st.integers(-3000, 3000))
def test_order_of_rows_and_origin_of_time_do_not_matter(frame, random, days):
    order = list(range(len(frame)))
    random.shuffle(order)
    moved = (pd.to_datetime(frame["release_date"]) + pd.Timedelta(days=days)).dt.strftime("%Y-%m-%d")
    other = fit(frame.assign(release_date=moved).iloc[order])
    base = fit(frame)
    for change in CHANGE_MODELS:
        assert other.change_models[change] == pytest.approx(base.change_models[change], abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(tables())
def test_probabilities_sum_to_one_and_the_ratio_is_one_without_a_change_of_slope(frame):
    trend = fit(frame)
    assert sum(trend.change_models.values()) == pytest.approx(1)
    assert all(0 <= p <= 1 for p in trend.change_models.values())
    for change in ("none", "jump"):
        if change in trend.draws:
            np.testing.assert_array_equal(trend.draws[change].before, trend.draws[change].after)
    rows = {row.prior for row in trend.sensitivity}
    assert "default" in rows


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.floats(-5, 5)), min_size=1, max_size=12))
def test_frontier_is_the_running_maximum(points):
    """Against its definition, model by model."""
    dates = np.datetime64("2024-01-01") + np.array([d for d, _ in points]).astype("timedelta64[D]")
    values = np.array([v for _, v in points])
    member = frontier_members(dates, values[None])[0]
    for i, on in enumerate(member):
        before = values[dates < dates[i]]
        same = values[dates == dates[i]]
        best = values[i] == same.max() and (before.size == 0 or values[i] > before.max())
        if on:
            assert best
        elif best:
            assert np.sum(same == values[i]) > 1  # a tie on one day: one of them stands for it
