"""Labs, forecasts, back-tests, power and time horizons: hand values, oracles and laws."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eci.errors import DataError
from eci.trend import IndexSeries, fit_trend
from eci.trend.backtest import backtest, crps
from eci.trend.envelope import fit_envelope, log_density
from eci.trend.forecast import forecast, reach
from eci.trend.groups import fit_groups
from eci.trend.horizon import map_to_horizon
from eci.trend.pooling import draw_groups
from eci.trend.power import RULES, Rate, announce, simulate_power
from eci.trend.robust import fit_robust

PUBLISHED = Path(__file__).parents[2] / "benchmarks_data/published"
ORIGIN = np.datetime64("2023-01-01")


def aeci(**rules):
    return IndexSeries.from_table(
        pd.read_csv(PUBLISHED / "aeci.csv"), vintage="2026-05-28", frontier=True, **rules
    )


def two_labs(n=10, slopes=(10.0, 14.0), levels=(100.0, 106.0), sd=0.5, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (
            f"{lab}{i}",
            lab,
            ORIGIN + np.timedelta64(90 * i + 7 * k, "D"),
            level + slope * (90 * i + 7 * k) / 365.25,
        )
        for k, (lab, slope, level) in enumerate(zip("xy", slopes, levels, strict=True))
        for i in range(n)
    ]
    frame = pd.DataFrame(rows, columns=["model", "lab", "release_date", "index"])
    return frame.assign(
        release_date=frame["release_date"].astype(str), index=frame["index"] + rng.normal(0, sd, 2 * n)
    )


# labs


def test_lines_by_lab_find_planted_slopes_and_levels():
    labs = fit_groups(IndexSeries.from_table(two_labs()))
    by_name = {trend.lab: trend for trend in labs.labs}
    assert by_name["x"].slope.low < 10 < by_name["x"].slope.high
    assert by_name["y"].slope.low < 14 < by_name["y"].slope.high
    assert by_name["y"].n == 10
    years = (labs.at - ORIGIN).astype(int) / 365.25
    assert by_name["x"].level.low < 100 + 10 * years < by_name["x"].level.high
    assert labs.labs[0].lab == "y"  # highest level first


def test_a_lab_with_one_model_is_drawn_to_the_common_slope():
    frame = pd.concat(
        [two_labs(slopes=(12.0, 12.0)), two_labs().iloc[[0]].assign(model="z0", lab="z", index=101.0)]
    )
    labs = fit_groups(IndexSeries.from_table(frame))
    alone = next(trend for trend in labs.labs if trend.lab == "z")
    assert abs(alone.slope.median - labs.common_slope.median) < 0.5
    assert alone.slope.sd > max(trend.slope.sd for trend in labs.labs if trend.lab != "z")


def test_pooled_lines_against_dense_gaussians():
    """Posterior mean of the labs' slopes by a sum over sds of dense normal conditionals."""
    from eci.trend.priors import least_squares

    series = IndexSeries.from_table(two_labs(n=5, sd=1.0).assign(sd=0.7), error_corr=0.0)
    origin = np.datetime64("2023-07-01")
    years = series.years(origin)
    draws = draw_groups(series, series.measure(), origin, 40_000, np.random.default_rng(1))

    line = least_squares(series.index[None], years)
    residual, pace = float(line.residual_sd[0]), float(line.slope[0])
    lab = np.array([known == "y" for known in series.labs], dtype=float)
    design = np.column_stack([np.ones(10), years, 1 - lab, lab, (1 - lab) * years, lab * years])
    log_joint, means = [], []
    for level_sd in 2 * residual * np.geomspace(0.03, 4, 12):
        for slope_sd in 0.5 * pace * np.geomspace(0.03, 4, 12):
            for tau in residual * np.geomspace(0.05, 4, 24):
                prior = np.diag([1e4, 1e4, level_sd**2, level_sd**2, slope_sd**2, slope_sd**2])
                total = np.diag(np.full(10, 0.49 + tau**2)) + design @ prior @ design.T
                weighted = np.linalg.solve(total, series.index - 120)
                log_prior = sum(
                    np.log(v) - 0.5 * (v / s) ** 2
                    for v, s in ((level_sd, 2 * residual), (slope_sd, 0.5 * pace), (tau, 2 * residual))
                )
                log_joint.append(
                    -0.5 * (series.index - 120) @ weighted - 0.5 * np.linalg.slogdet(total)[1] + log_prior
                )
                posterior = prior @ design.T @ weighted
                means.append([posterior[1] + posterior[4], posterior[1] + posterior[5]])
    weight = np.exp(np.array(log_joint) - max(log_joint))
    expected = weight @ np.array(means) / weight.sum()
    np.testing.assert_allclose(draws.slope.mean(axis=0), expected, atol=0.05)


def test_lines_by_lab_need_two_labs():
    with pytest.raises(DataError, match="at least two labs, found 1"):
        fit_groups(IndexSeries.from_table(two_labs().query("lab == 'x'")))


def test_two_readings_of_one_model():
    """Far above its own lab and on the line of all: the two columns must disagree."""
    frame = two_labs(slopes=(12.0, 12.0), levels=(100.0, 110.0))
    last = pd.DataFrame(
        {"model": ["x-new"], "lab": ["x"], "release_date": ["2025-08-01"], "index": [110 + 12 * 2.58]}
    )
    series = IndexSeries.from_table(pd.concat([frame, last], ignore_index=True), frontier=True)
    answer = fit_trend(series, change="none").on_trend("x-new")
    assert answer.own_lab.above.low > 5
    assert abs(answer.all_labs.above.median) < 2
    only_own = fit_trend(series.select(labs=["x"]), change="none").on_trend("x-new")
    assert only_own.all_labs.above.median == pytest.approx(answer.all_labs.above.median, abs=0.1)
    assert set(answer.record()["own_lab"]) == set(answer.record()) - {"own_lab", "all_labs"}


# forecasts


def test_forecast_of_one_line_is_the_line_continued():
    trend = fit_trend(aeci(through="Claude Opus 4.6"), change="none")
    answer = forecast(trend, "2027-01-01")
    line = trend.least_squares
    years = (np.datetime64("2027-01-01") - trend.origin).astype(int) / 365.25
    assert answer.line.mean == pytest.approx(float(line.predict(years)[0][0]), abs=0.1)
    assert answer.index.sd > answer.line.sd
    level = reach(trend, answer.line.median)
    assert abs((level.date.median - np.datetime64("2027-01-01")).astype(int)) <= 5
    assert level.p_never == 0
    with pytest.raises(DataError, match="not a date"):
        forecast(trend, "soon")


def test_a_falling_line_never_reaches_a_higher_level():
    frame = two_labs(n=12, slopes=(-5.0, -5.0))
    answer = reach(fit_trend(IndexSeries.from_table(frame), change="none"), 200.0)
    assert answer.date is None and answer.p_never > 0.95


def test_crps_of_a_normal_has_its_closed_form():
    draws = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000, 3.0, 2.0)
    for value in (3.0, 5.5):
        z = (value - 3.0) / 2.0
        expected = 2.0 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
        assert crps(draws, value) == pytest.approx(expected, abs=1e-3)


def test_backtest_sees_only_what_was_released():
    """Changing what comes after the last target changes no trial before it."""
    frame = two_labs(n=9, slopes=(12.0, 12.0), levels=(100.0, 100.0))
    frame["lab"] = "x"
    base = backtest(IndexSeries.from_table(frame), months=(3,), n_draws=500)
    later = frame.copy()
    later.loc[later["release_date"] > "2024-12-01", "index"] += 50
    changed = backtest(IndexSeries.from_table(later), months=(3,), n_draws=500)
    early = [t for t in base.trials if t.released <= "2024-12-01"]
    assert early and early == [t for t in changed.trials if t.released <= "2024-12-01"]
    assert all(t.origin < t.released for t in base.trials)


def test_backtest_of_a_steady_line_covers_and_counts_independent_windows():
    frame = two_labs(n=20, slopes=(12.0, 12.0), levels=(100.0, 100.0), sd=1.0, seed=4)
    tested = backtest(IndexSeries.from_table(frame), months=(3, 12), n_draws=1000)
    row = tested.rows[0]
    assert row.n_independent < row.n
    assert row.coverage[0.9].share > row.coverage[0.5].share
    assert 0.7 <= row.coverage[0.9].share <= 1.0
    assert tested.kind.startswith("today")


def test_walk_forward_uses_the_index_of_its_day():
    frame = two_labs(n=10, slopes=(12.0, 12.0), levels=(100.0, 100.0))
    series = IndexSeries.from_table(frame)
    asked = []

    def series_at(origin):
        asked.append(origin)
        return series.take(np.flatnonzero(series.release_date <= origin))

    walked = backtest(series, months=(3,), series_at=series_at, n_draws=500)
    assert asked and walked.kind == "index refitted at each origin"
    assert walked.trials == backtest(series, months=(3,), n_draws=500).trials


def test_backtest_needs_models():
    with pytest.raises(DataError, match="No back-test is possible"):
        backtest(IndexSeries.from_table(two_labs(n=2)))


# line minus one-sided gaps


def test_density_of_a_gap_and_a_scatter_is_their_convolution():
    """The closed form against numerical integration over the gap."""
    from scipy.integrate import quad

    gap, s, year, x = 3.0, 1.2, 0.5, 101.0

    def joint(u):
        return stats.expon.pdf(u, scale=gap) * stats.norm.pdf(x, 100 + 4 * year - u, s)

    expected = np.log(quad(joint, 0, 60)[0])
    parameters = np.array([[100.0, 4.0, np.log(gap), 0.5 * np.log(s**2 - 0.2)]])
    at = {
        k: log_density(parameters, np.array([k]), np.array([year]), np.array([0.2]), 1e9)[0]
        for k in (x, x + 1)
    }
    ratio = np.log(
        quad(lambda u: stats.expon.pdf(u, scale=gap) * stats.norm.pdf(x + 1, 102 - u, s), 0, 60)[0]
    )
    assert at[x + 1] - at[x] == pytest.approx(ratio - expected, abs=1e-9)


def test_one_sided_gaps_give_back_the_generating_line():
    rng = np.random.default_rng(8)
    days = np.sort(rng.integers(0, 1300, 150))
    index = 110 + 12 * days / 365.25 - rng.exponential(6.0, 150) + rng.normal(0, 1.0, 150)
    series = IndexSeries.from_moments(
        index,
        np.zeros((150, 150)),
        models=[f"m{i}" for i in range(150)],
        release_date=ORIGIN + days.astype("timedelta64[D]"),
    )
    envelope = fit_envelope(series)
    assert envelope.slope.low < 12 < envelope.slope.high
    assert envelope.gap.low < 6 < envelope.gap.high
    assert envelope.residual_sd.low < 1 < envelope.residual_sd.high
    assert envelope.effective_draws > 1000
    with pytest.raises(DataError, match="at least 10 models"):
        fit_envelope(series.take(np.arange(5)))


# Student-t residuals


def test_many_degrees_of_freedom_are_the_normal_answer():
    trend = fit_trend(aeci(until="2026-04-10"))
    robust = fit_robust(trend, degrees=1e4, n_draws=600)
    assert abs(robust.p_any_change - trend.p_any_change) < 4 * robust.mc_error + 0.01
    assert robust.slope_after.median == pytest.approx(trend.slope_after.median, abs=1.0)
    assert all(abs(weight - 1) < 0.05 for weight in robust.weights.values())


def test_an_odd_model_is_set_aside_and_no_longer_moves_the_slope():
    frame = two_labs(n=9, slopes=(12.0, 12.0), levels=(100.0, 100.0))
    frame.loc[16, "index"] += 15
    odd = frame.loc[16, "model"]
    for columns in ({}, {"sd": 0.3}):
        trend = fit_trend(IndexSeries.from_table(frame.assign(**columns), error_corr=0.0), change="none")
        robust = fit_robust(trend, degrees=3.0, n_draws=300)
        assert min(robust.weights, key=robust.weights.get) == odd
        assert robust.weights[odd] < 0.2
        assert robust.change_models["none"] == 1.0
    with pytest.raises(DataError, match="Give a positive number"):
        fit_robust(trend, degrees=0.0)
    fixed = fit_trend(IndexSeries.from_table(frame), change="kink", break_at="2024-01-01")
    with pytest.raises(DataError, match="free break"):
        fit_robust(fixed)


# power


def test_binomial_interval_is_clopper_and_pearson():
    for k, n in ((0, 20), (3, 40), (20, 20)):
        hits = np.arange(n) < k
        expected = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
        rate = Rate.of(hits)
        assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_announcements_agree_with_fit_trend():
    years = np.arange(16) * 0.25
    rng = np.random.default_rng(2)
    bent = 10 * years + 25 * np.maximum(years - 2.2, 0)
    x = np.stack([10 * years, bent]) + rng.normal(0, 0.7, (2, 16))
    hits = announce(x, years, np.zeros((16, 16)), seed=0)
    assert hits.tolist() == [[False, False], [True, True]]
    dates = ORIGIN + (years * 365.25).round().astype("timedelta64[D]")
    for values, hit in zip(x, hits, strict=True):
        series = IndexSeries.from_moments(
            values, np.zeros((16, 16)), models=[f"m{i}" for i in range(16)], release_date=dates
        )
        ratio = fit_trend(series).ratio
        assert [ratio.p_gt_1 > 0.95, ratio.p_gt_2 > 0.95] == hit.tolist()


def test_power_grows_with_the_planted_ratio_and_with_time():
    power = simulate_power(fit_trend(aeci()), n_series=30, ratios=(1.5, 4.0), months=(6, 18))
    assert {alarm.rule for alarm in power.false_alarms} == set(RULES)
    assert all(alarm.one_look.share <= alarm.every_release.share for alarm in power.false_alarms)
    share = {(p.rule, p.ratio, p.months): p.announced.share for p in power.power}
    assert share["pace changed", 4.0, 18.0] > 0.9 > share["pace changed", 1.5, 6.0]
    assert power.record()["power"][0]["announced"]["n"] == 30


def test_power_needs_six_models():
    with pytest.raises(DataError, match="at least 6 models, found 4"):
        simulate_power(fit_trend(aeci(through="Claude 3.7 Sonnet"), change="none"))


# time horizons (FACTS section 4: horizon = 2.9e-10 · 1.2053^AECI minutes, R² 0.993, seven models)


def test_least_squares_map_to_the_fifty_percent_horizon():
    half, eighty = map_to_horizon(aeci(), ["Claude Mythos Preview"])
    multiplier, factor, r_squared = half.least_squares
    assert multiplier == pytest.approx(2.9e-10, abs=0.05e-10)
    assert factor == pytest.approx(1.2053, abs=5e-5)
    assert r_squared == pytest.approx(0.993, abs=5e-4)
    assert half.factor_per_point.mean == pytest.approx(1.2053, abs=0.005)
    minutes = half.minutes["Claude Mythos Preview"]
    assert minutes.low < 2.9356e-10 * 1.20534**158.3 < minutes.high
    assert eighty.minutes["Claude Mythos Preview"].median < minutes.median


def test_horizon_errors_and_index_errors_widen_the_answer():
    frame = pd.read_csv(PUBLISHED / "aeci.csv").query("vintage.str.startswith('2026-05')")
    widths = {}
    for name, sd, log_sd in (("neither", 0.0, 0.0), ("horizon", 0.0, 0.5), ("index", 2.0, 0.0)):
        series = IndexSeries.from_table(frame.assign(sd=sd), error_corr=0.0)
        minutes = map_to_horizon(series, ["Claude Opus 4.8"], log_sd=log_sd)[0].minutes["Claude Opus 4.8"]
        widths[name] = np.log(minutes.high / minutes.low)
    assert widths["horizon"] > 1.2 * widths["neither"]
    assert widths["index"] > 1.2 * widths["neither"]


def test_a_map_needs_measured_models():
    with pytest.raises(DataError, match="at least 3 models with both"):
        map_to_horizon(IndexSeries.from_table(two_labs()))
