"""What `fit_trend` answers: published figures reproduced, laws it must obey, and questions it must refuse."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eci.errors import DataError
from eci.trend import IndexSeries, TrendPriors, fit_trend
from eci.trend.basis import CHANGE_MODELS

AECI = Path(__file__).parents[2] / "benchmarks_data/published/aeci.csv"
CARD = "2026-05-28"
MYTHOS = "Claude Mythos Preview"
QUANTITY = {"mean", "sd", "low", "median", "high"}


def aeci(**rules):
    return IndexSeries.from_table(pd.read_csv(AECI), vintage=CARD, frontier=True, **rules)


@pytest.fixture(scope="module")
def line():
    return fit_trend(aeci(through="Claude Opus 4.6"), change="none")


@pytest.fixture(scope="module")
def mythos(line):
    return line.on_trend(MYTHOS)


def steady(n=12, slope=10.0, sd=1.0, seed=0, **columns):
    rng = np.random.default_rng(seed)
    dates = np.datetime64("2022-01-01") + (np.arange(n) * 100).astype("timedelta64[D]")
    index = 100 + slope * np.arange(n) * 100 / 365.25 + rng.normal(0, sd, n)
    frame = pd.DataFrame(
        {"model": [f"m{i:02d}" for i in range(n)], "release_date": dates.astype(str), "index": index}
    )
    return frame.assign(**columns)


# published figures (FACTS section 2: ordinary least squares on the Opus 4.8 vintage)


def test_least_squares_of_the_opus_4_8_vintage(line, mythos):
    assert line.n == 8
    assert line.least_squares.slope[0] == pytest.approx(13.39, abs=0.01)
    assert line.least_squares.slope_se[0] == pytest.approx(0.48, abs=0.01)
    assert line.least_squares.residual_sd[0] == pytest.approx(0.89, abs=0.01)
    above, se = mythos.least_squares
    assert above == pytest.approx(4.61, abs=0.01)
    assert se == pytest.approx(1.07, abs=0.01)


def test_posterior_of_the_opus_4_8_vintage(line, mythos):
    assert line.slope_before.mean == pytest.approx(13.4, abs=0.05)
    assert 0.55 < line.slope_before.sd < 0.65
    assert mythos.above.mean == pytest.approx(4.6, abs=0.05)
    assert 1.2 < mythos.above.sd < 1.45
    assert mythos.months_ahead.median == pytest.approx(4.1, abs=0.1)
    assert 1.8 < mythos.months_ahead.low < 2.6 and 5.8 < mythos.months_ahead.high < 6.6
    assert mythos.months_ahead.mean is None
    assert mythos.advances_frontier == 1.0


def test_a_model_is_compared_with_the_others_only():
    """Mythos inside the selection and outside it is compared with the same line."""
    inside = fit_trend(aeci(until="2026-04-10"), change="none").on_trend(MYTHOS)
    outside = fit_trend(aeci(through="Claude Opus 4.6"), change="none").on_trend(MYTHOS)
    assert inside.n_others == outside.n_others == 8
    assert inside.least_squares == pytest.approx(outside.least_squares)
    assert inside.above.mean == pytest.approx(outside.above.mean, abs=0.05)


@pytest.mark.parametrize(("name", "n"), [("Claude Opus 4.6", (7, 2)), ("Claude Sonnet 4.5", (5, 4))])
def test_break_at_a_named_model_counts_it_after(name, n):
    trend = fit_trend(aeci(until="2026-04-10"), change="kink", break_at=name)
    assert (trend.n_before, trend.n_after) == n


@pytest.mark.parametrize("name", ["Claude Opus 4.6", "Claude Opus 4.5", "Claude Sonnet 4.5"])
def test_wide_priors_give_the_system_card_ratio_of_separate_lines(name):
    """Separate segments with vague priors are two least-squares lines that share the break model."""
    series = aeci(until="2026-04-10")
    series = series.take(series.point_frontier())
    cut = series.models.index(name)
    years = series.years(np.datetime64("2025-01-01"))
    before = np.polyfit(years[: cut + 1], series.index[: cut + 1], 1)[0]
    after = np.polyfit(years[cut:], series.index[cut:], 1)[0]
    vague = TrendPriors(slope_change_sd=1e4, jump_sd=1e4)
    trend = fit_trend(series, change="both", break_at=name, segments="separate", priors=vague)
    assert trend.slope_before.median == pytest.approx(before, abs=0.15)
    assert trend.slope_after.median == pytest.approx(after, rel=0.02)


# contract


def test_record_has_the_keys_of_the_contract(line):
    trend = fit_trend(aeci(until="2026-04-10"))
    record = trend.record([trend.on_trend(MYTHOS)])
    expected = (
        "schema vintage scale interval_prob selection n n_segments slope slope_change ratio "
        "ratio_given_change jump break_date residual_sd change_models log_bayes_factors priors sensitivity "
        "warnings on_trend"
    )
    assert set(expected.split()) <= set(record)
    assert set(record["slope"]["before"]) == QUANTITY
    assert set(record["ratio"]) == QUANTITY | {"p_gt_1", "p_gt_2", "p_before_le_0"}
    assert record["ratio"]["mean"] is None and record["ratio"]["sd"] is None
    assert set(record["break_date"]) == QUANTITY and record["break_date"]["median"][:3] == "202"
    assert set(record["change_models"]) == set(CHANGE_MODELS)
    assert sum(record["change_models"].values()) == pytest.approx(1)
    answer = record["on_trend"][MYTHOS]
    assert {"line", "above", "months_ahead", "p_above", "advances_frontier"} <= set(answer)
    assert set(answer["line"]["slope"]) == QUANTITY
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    without = line.record()
    assert without["slope"]["after"] is None and without["ratio"] is None and without["jump"] is None


def test_change_none_has_one_slope_and_no_break(line):
    assert line.slope_after is None and line.break_date is None and line.ratio is None
    assert line.change_models == {"none": 1.0, "kink": 0.0, "jump": 0.0, "both": 0.0}
    assert line.slope_before == line.slope_without_change


def test_averaged_ratio_counts_none_and_jump_as_one():
    trend = fit_trend(aeci(until="2026-04-10"))
    same = trend.change_models["none"] + trend.change_models["jump"]
    assert trend.ratio.p_gt_1 <= 1 - same + 1e-9
    draws = trend.averaged
    assert np.mean(draws.after == draws.before) == pytest.approx(same, abs=1e-3)
    assert trend.ratio_given_change.p_gt_1 * (1 - same) == pytest.approx(trend.ratio.p_gt_1, abs=0.01)


# laws


def test_points_scale_and_shift_move_only_points():
    frame = steady(sd=2.0)
    frame.loc[8:, "index"] += 8
    base = fit_trend(IndexSeries.from_table(frame))
    moved = fit_trend(IndexSeries.from_table(frame.assign(index=5 * frame["index"] - 40)))
    for change in CHANGE_MODELS:
        assert moved.change_models[change] == pytest.approx(base.change_models[change], abs=1e-8)
    assert moved.slope_after.mean == pytest.approx(5 * base.slope_after.mean, rel=1e-6)
    assert moved.ratio.p_gt_2 == base.ratio.p_gt_2
    assert moved.break_date == base.break_date


def test_order_of_rows_does_not_matter():
    frame = steady(sd=2.0)
    base = fit_trend(IndexSeries.from_table(frame))
    shuffled = fit_trend(IndexSeries.from_table(frame.sample(frac=1, random_state=1)))
    for change in CHANGE_MODELS:
        assert shuffled.change_models[change] == pytest.approx(base.change_models[change], abs=1e-8)


def test_later_dates_move_the_break_date_by_as_much():
    frame = steady(sd=2.0)
    later = frame.assign(
        release_date=(pd.to_datetime(frame["release_date"]) + pd.Timedelta(days=50)).astype(str)
    )
    base, moved = (fit_trend(IndexSeries.from_table(f)) for f in (frame, later))
    assert moved.break_date.median - base.break_date.median == np.timedelta64(50, "D")


def test_a_shared_error_moves_the_level_and_not_the_slope():
    """Equal sds make the common error a shift: slopes keep their width, levels do not."""
    frame = steady()
    own = fit_trend(IndexSeries.from_table(frame.assign(sd=0.5), error_corr=0.0), change="none")
    both = fit_trend(
        IndexSeries.from_table(frame.assign(sd=0.5 / np.sqrt(1 - 0.96)), error_corr=0.96), change="none"
    )
    assert both.slope_before.sd == pytest.approx(own.slope_before.sd, rel=0.03)
    extra = 0.96 * 0.25 / 0.04
    dates = [frame["release_date"].iloc[5]]
    assert both.line(dates).var() == pytest.approx(own.line(dates).var() + extra, rel=0.05)


def test_a_shared_error_that_grows_with_time_widens_the_slope():
    """Loadings proportional to time are a slope error: var(slope) grows by the square of the loading."""
    frame = steady()
    years = (pd.to_datetime(frame["release_date"]) - pd.Timestamp("2022-01-01")).dt.days / 365.25
    args = {
        "models": tuple(frame["model"]),
        "release_date": frame["release_date"].to_numpy(dtype="datetime64[D]"),
    }
    own = IndexSeries.from_moments(frame["index"].to_numpy(), 0.1 * np.eye(12), **args)
    drift = IndexSeries.from_moments(
        frame["index"].to_numpy(), 0.1 * np.eye(12), shared_sd=2.0 * years.to_numpy(), **args
    )
    narrow, wide = (fit_trend(s, change="none").slope_before for s in (own, drift))
    assert wide.sd**2 == pytest.approx(narrow.sd**2 + 4.0, rel=0.05)


def test_distance_uses_the_covariance_of_the_errors():
    """A target whose error copies that of the others is as far above as if neither had an error."""
    frame = steady(sd=0.5)
    n = len(frame)
    dates = np.append(frame["release_date"].to_numpy(dtype="datetime64[D]"), np.datetime64("2025-06-01"))
    values = np.append(frame["index"].to_numpy(), 145.0)
    names = (*frame["model"], "target")
    shift = 9.0 * np.ones((n + 1, n + 1))
    independent = np.diag(np.full(n + 1, 9.0))
    answers = {}
    for label, covariance in {"shift": shift, "independent": independent, "none": 0 * shift}.items():
        series = IndexSeries.from_moments(values, covariance, models=names, release_date=dates)
        answers[label] = fit_trend(series, change="none").on_trend("target").above
    assert answers["shift"].sd == pytest.approx(answers["none"].sd, rel=0.05)
    assert answers["independent"].sd > 3.0


def test_frontier_without_errors_is_the_plain_regression():
    frame = steady(sd=3.0, n=15)
    frontier = IndexSeries.from_table(frame, frontier=True)
    named = IndexSeries.from_table(frame).take(frontier.point_frontier())
    one, other = fit_trend(frontier), fit_trend(named)
    assert one.change_models == pytest.approx(other.change_models, abs=1e-6)
    assert one.ratio.median == pytest.approx(other.ratio.median, abs=1e-3)
    assert set(one.membership) == set(named.models)


def test_frontier_membership_is_reported_and_averaged():
    frame = steady(sd=1.0, n=14, sd_=2.0).rename(columns={"sd_": "sd"})
    trend = fit_trend(IndexSeries.from_table(frame, frontier=True, error_corr=0.2))
    chances = np.array(list(trend.membership.values()))
    assert np.all((chances > 0) & (chances <= 1)) and np.any(chances < 0.95)
    assert sum(trend.change_models.values()) == pytest.approx(1)


# identification and caveats


def test_one_model_after_every_supported_break_is_not_identified():
    frame = steady(sd=0.2, n=9)
    frame.loc[8, "index"] += 12
    trend = fit_trend(IndexSeries.from_table(frame))
    assert trend.p_any_change > 0.95 and not trend.identified
    record = trend.record()
    assert record["which_change"] == "not identified"
    assert record["change_models"]["kink"] is None and record["ratio"] is None and record["jump"] is None
    assert record["slope"]["after"] is None
    assert record["slope"]["conditional_on"] == "none"
    assert any("not identified" in said for said in trend.warnings)


def test_two_models_after_are_a_line_through_two_points():
    trend = fit_trend(aeci(until="2026-04-10"), change="kink", break_at="Claude Opus 4.6")
    assert any("line through two points" in said for said in trend.warnings)
    assert any("fewer than 4" in said for said in trend.warnings)


def test_change_models_without_an_admissible_break_are_named():
    trend = fit_trend(IndexSeries.from_table(steady(n=4)))
    assert trend.change_models["kink"] == 0.0
    assert any("Not considered: kink and both" in said for said in trend.warnings)


def test_planted_changes_are_found():
    frame = steady(n=24, sd=0.5)
    flat = fit_trend(IndexSeries.from_table(frame))
    assert flat.log_bayes_factors["kink"] < 0 and flat.log_bayes_factors["both"] < 0
    assert flat.ratio.p_gt_1 < 0.95 and flat.ratio.p_gt_2 < 0.01
    jumped = frame.assign(index=frame["index"] + 8 * (np.arange(24) >= 12))
    trend = fit_trend(IndexSeries.from_table(jumped))
    assert trend.change_models["jump"] > 0.5 and abs(trend.jump.mean - 8) < 1.5
    bent = frame.assign(index=frame["index"] + 20 * np.maximum(np.arange(24) - 12, 0) * 100 / 365.25)
    trend = fit_trend(IndexSeries.from_table(bent))
    assert trend.change_models["kink"] + trend.change_models["both"] > 0.95
    assert trend.ratio.p_gt_2 > 0.95 and abs(trend.ratio.median - 3) < 0.3
    assert trend.break_date.low <= np.datetime64("2025-04-15") <= trend.break_date.high


def test_sensitivity_halves_and_doubles_every_prior():
    rows = fit_trend(aeci(until="2026-04-10")).sensitivity
    assert (rows[0].prior, rows[0].factor) == ("default", 1.0)
    assert {(r.prior, r.factor) for r in rows[1:]} == {
        (name, factor)
        for name in ("slope_change_sd", "jump_sd", "residual_sd", "slope_change_sd and jump_sd")
        for factor in (0.5, 2.0)
    }
    wide = fit_trend(
        aeci(until="2026-04-10"),
        priors=TrendPriors(slope_change_sd=2 * 14.379377074177485),
    )
    doubled = next(r for r in rows if (r.prior, r.factor) == ("slope_change_sd", 2.0))
    assert doubled.change_models["kink"] == pytest.approx(wide.change_models["kink"], abs=1e-9)


def test_priors_given_are_priors_used():
    certain = TrendPriors(change_prob=(0.0, 0.0, 1.0, 0.0))
    trend = fit_trend(IndexSeries.from_table(steady()), priors=certain)
    assert trend.change_models["jump"] == 1.0
    assert trend.priors["change_prob"]["jump"] == 1.0
    assert trend.priors["slope_change_sd"] == pytest.approx(abs(trend.least_squares.slope[0]))
    assert trend.priors["jump_sd"] == pytest.approx(0.4 * abs(trend.least_squares.slope[0]))


def test_same_seed_same_answer():
    series = IndexSeries.from_table(steady(sd=2.0, n=10).assign(sd=1.0), frontier=True)
    assert fit_trend(series, seed=3).record() == fit_trend(series, seed=3).record()


# refusals


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (1, {}, "at least 3 models, found 1"),
        (2, {}, "at least 3 models, found 2"),
        (8, {"change": "bend"}, "not an option"),
        (8, {"break_at": "2019-01-01"}, "no model on one side"),
        (8, {"break_at": "2031-01-01"}, "no model on one side"),
        (8, {"break_at": "m00"}, "no model on one side"),
        (8, {"break_at": "m07", "change": "kink"}, "No model follows the break"),
        (8, {"break_at": "m99"}, "No model 'm99'"),
        (8, {"break_at": "m05", "change": "none"}, "has no break"),
        (8, {"break_at": "2023-01-01", "segments": "separate"}, "separate segments"),
        (8, {"interval_prob": 90}, "interval_prob"),
        (8, {"n_draws": 5}, "n_draws"),
        (4, {"change": "kink"}, "No break date leaves enough models"),
    ],
)
def test_impossible_questions_are_refused(rows, options, message):
    with pytest.raises(DataError, match=message):
        fit_trend(IndexSeries.from_table(steady(n=rows)), **options)


def test_equal_dates_and_exact_lines_are_refused():
    frame = steady(n=6)
    with pytest.raises(DataError, match="different release dates, found 1"):
        fit_trend(IndexSeries.from_table(frame.assign(release_date="2024-01-01")))
    with pytest.raises(DataError, match="exactly on a line"):
        fit_trend(IndexSeries.from_table(steady(n=6, sd=0.0)))


def test_wrong_priors_are_refused():
    with pytest.raises(DataError, match="jump_sd = -1"):
        TrendPriors(jump_sd=-1)
    with pytest.raises(DataError, match="sum to one"):
        TrendPriors(change_prob=(0.5, 0.5, 0.5, 0.5))
