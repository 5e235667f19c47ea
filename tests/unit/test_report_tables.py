"""The numbers behind the pictures: expected scores, residuals, information, the frontier, a trend's line."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm

import eci
from eci.errors import DataError
from eci.noise import NOISE, variance
from eci.report import tables
from eci.report.expected import keep_draws, predict_scores


@pytest.fixture(scope="module")
def trend(invented_fit):
    return eci.fit_trend(eci.IndexSeries.from_fit(invented_fit), n_draws=1000)


def as_map(fit):
    return replace(
        fit, draws=None, n_chains=1, method={"name": "map"}, sample_stats={}, scale=thin_scale(fit)
    )


def thin_scale(fit):
    return replace(fit.scale, slope=fit.scale.slope[:1], origin=fit.scale.origin[:1])


def test_expected_scores_are_the_curve_in_every_draw(invented_fit):
    matrix = replace(invented_fit.matrix, lower=np.full(8, 0.25), upper=np.full(8, 0.9))
    fit = replace(invented_fit, matrix=matrix)
    draws = fit.draws
    by_hand = 0.25 + 0.65 * expit(draws.discrimination[:, 2] * (draws.ability[:, 3] - draws.difficulty[:, 2]))
    np.testing.assert_allclose(predict_scores(fit, [3], [2])[:, 0], by_hand, rtol=1e-14)


def test_fewer_draws_are_taken_evenly_with_their_scales(invented_fit):
    few = keep_draws(invented_fit, 4)
    np.testing.assert_array_equal(few.draws.ability, invented_fit.draws.ability[[0, 20, 39, 59]])
    np.testing.assert_array_equal(few.index_draws, invented_fit.index_draws[[0, 20, 39, 59]])
    assert keep_draws(invented_fit, 60) is invented_fit is keep_draws(invented_fit)


def test_a_draw_that_overflowed_is_left_out(invented_fit):
    broken = invented_fit.draws.difficulty.copy()
    broken[7, 2] = np.inf
    fit = replace(invented_fit, draws=invented_fit.draws._replace(difficulty=broken))
    assert len(keep_draws(fit).draws.ability) == 59
    for table in (tables.residuals(fit), tables.residuals_by_domain(fit), tables.information(fit)):
        assert np.isfinite(table.select_dtypes("number")).all(axis=None)
    nothing = fit.draws._replace(ability=np.full_like(fit.draws.ability, np.nan))
    with pytest.raises(DataError, match="No draw of this fit is finite"):
        tables.frontier(replace(fit, draws=nothing))


@pytest.mark.parametrize("likelihood", sorted(NOISE))
def test_every_likelihood_has_residuals_and_information(invented_fit, likelihood):
    fit = invented_fit
    shared = dict.fromkeys(["noise_sd", "noise_scale", "logit_sd", "difficulty_mean"], np.full(60, 0.05))
    shared["precision"] = np.full((60, 8), 20.0)
    assert {name for name in NOISE.values() if name} <= set(shared)
    matrix = replace(fit.matrix, n_items=np.full(fit.matrix.n_scores, 100.0))
    fit = replace(fit, likelihood=likelihood, matrix=matrix, draws=fit.draws._replace(shared=shared))
    assert tables.residuals(fit)["sd"].gt(0).all()
    assert tables.at_frontier(fit)["information"].ge(0).all()


def test_residuals_are_score_minus_expectation_over_all_that_is_unsure(invented_fit):
    fit, matrix = invented_fit, invented_fit.matrix
    table = tables.residuals(fit).sort_values("score_index", ignore_index=True)
    mean = predict_scores(fit, matrix.model_index, matrix.benchmark_index)
    np.testing.assert_allclose(table["expected"], mean.mean(axis=0))
    np.testing.assert_allclose(table["residual"], matrix.score - mean.mean(axis=0))
    noise = np.mean(fit.draws.shared["noise_sd"] ** 2)
    np.testing.assert_allclose(table["sd"], np.sqrt(noise + mean.var(axis=0)))
    np.testing.assert_allclose(table["z"], table["residual"] / table["sd"])
    ranked = tables.residuals(fit)["z"].abs()
    assert ranked.is_monotonic_decreasing


def test_residuals_by_domain_are_means_with_the_curves_own_doubt_shared(invented_fit):
    fit, matrix = invented_fit, invented_fit.matrix
    by_domain = tables.residuals_by_domain(fit).set_index(["model", "domain"])
    scores = tables.residuals(fit)
    cell = scores[(scores["model"] == "model 05") & (scores["domain"] == "math")]
    row = by_domain.loc[("model 05", "math")]
    assert row["n_scores"] == len(cell)
    assert row["residual"] == pytest.approx(cell["residual"].mean())
    rows = cell["score_index"].to_numpy()
    mean = predict_scores(fit, matrix.model_index[rows], matrix.benchmark_index[rows]).mean(axis=1)
    noise = np.mean(fit.draws.shared["noise_sd"] ** 2) / len(rows)
    assert row["sd"] == pytest.approx(np.sqrt(noise + mean.var()))
    assert by_domain["n_scores"].sum() == matrix.n_scores


def test_residuals_of_simulated_scores_are_standard_normal(invented_fit):
    """Where the model holds, z is what chance alone gives; the heading of the figure counts on it."""
    rng = np.random.default_rng(5)
    draws = invented_fit.draws
    sharp = draws._replace(
        ability=np.repeat(draws.ability[:1], 60, axis=0),
        difficulty=np.repeat(draws.difficulty[:1], 60, axis=0),
        discrimination=np.repeat(draws.discrimination[:1], 60, axis=0),
        shared={"noise_sd": np.full(60, 0.04)},
    )
    found = []
    for _ in range(20):
        fit = replace(invented_fit, draws=sharp)
        mean = predict_scores(fit, fit.matrix.model_index, fit.matrix.benchmark_index)[0]
        matrix = replace(fit.matrix, score=mean + rng.normal(0, 0.04, mean.size))
        found.append(tables.residuals_by_domain(replace(fit, matrix=matrix))["z"])
    z = np.concatenate(found)
    assert z.mean() == pytest.approx(0, abs=4 / np.sqrt(z.size))
    assert z.std() == pytest.approx(1, abs=4 / np.sqrt(2 * z.size))


def test_information_is_the_squared_slope_in_points_over_the_variance(invented_fit):
    """Against a finite difference of the expected score along the index."""
    fit, step, at = invented_fit, 1e-5, 141.0
    found = tables.information(fit, [at]).set_index("benchmark")["information"]
    draws, scale = fit.draws, fit.scale
    for j, name in enumerate(fit.matrix.benchmarks):

        def expected(points, j=j):
            ability = (points - scale.origin) / scale.slope
            return expit(draws.discrimination[:, j] * (ability - draws.difficulty[:, j]))

        slope = (expected(at + step) - expected(at - step)) / (2 * step)
        by_hand = np.mean(slope**2 / fit.draws.shared["noise_sd"] ** 2)
        assert found[name] == pytest.approx(by_hand, rel=1e-5)


def test_a_chance_level_shrinks_information_by_the_square_of_the_span(invented_fit):
    fit = invented_fit
    floored = replace(fit, matrix=replace(fit.matrix, lower=np.full(8, 0.25)))
    at = [float(fit.index.min()), float(fit.index.max())]
    ratio = (
        tables.information(floored, at)["information"] / tables.information(fit, at)["information"]
    ).to_numpy()
    np.testing.assert_allclose(ratio, 0.75**2, rtol=1e-9)


def test_information_of_beta_scores_uses_their_variance(invented_fit):
    fit = invented_fit
    precision = np.full((60, 8), 30.0)
    beta = replace(fit, likelihood="beta", draws=fit.draws._replace(shared={"precision": precision}))
    found = tables.information(beta, [140.0])["information"].to_numpy()
    ability = (140.0 - fit.scale.origin) / fit.scale.slope
    p = expit(fit.draws.discrimination * (ability[:, None] - fit.draws.difficulty))
    slope = fit.draws.discrimination * p * (1 - p) / fit.scale.slope[:, None]
    scatter = variance("beta", p, np.log(precision))
    np.testing.assert_allclose(found, np.mean(slope**2 / scatter, axis=0), rtol=1e-6)


def test_the_frontier_is_the_best_model_of_each_draw(invented_fit):
    fit = invented_fit
    best = fit.index_draws.max(axis=1)
    row = tables.frontier(fit).iloc[0]
    assert row["index"] == pytest.approx(best.mean())
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(best, [0.05, 0.95])))
    wins = pd.Series(np.array(fit.matrix.models)[fit.index_draws.argmax(axis=1)]).value_counts(normalize=True)
    assert row["leader"] == wins.index[0] and row["p_leader"] == pytest.approx(wins.iloc[0])
    standing = tables.at_frontier(fit).set_index("benchmark")
    harder = (fit.difficulty_draws > best[:, None]).mean(axis=0)
    np.testing.assert_allclose(standing.loc[list(fit.matrix.benchmarks), "p_harder"], harder)
    assert tables.at_frontier(fit)["information"].is_monotonic_decreasing
    np.testing.assert_allclose(standing["single_score_sd"], standing["information"] ** -0.5)


def test_a_point_estimate_has_tables_too_with_blanks_for_what_it_does_not_know(invented_fit):
    fit = as_map(invented_fit)
    assert tables.frontier(fit)[["low", "high", "p_leader"]].isna().all(axis=None)
    assert tables.residuals(fit)["sd"].to_numpy() == pytest.approx(fit.mode.shared["noise_sd"])
    assert tables.at_frontier(fit)["information"].ge(0).all()
    assert len(tables.information(fit)) == 100 * fit.matrix.n_benchmarks


def test_coverage_counts_pairs_scores_and_dates(invented_fit, small_table):
    table = tables.coverage(invented_fit).set_index("domain")
    math = small_table[small_table["domain"] == "math"]
    assert table.loc["math", "n_scores"] == len(math)
    assert table.loc["math", "share"] == pytest.approx(len(math) / (4 * math["model"].nunique()))
    assert table.loc["all domains", "n_scores"] == len(small_table) and table.index[-1] == "all domains"
    assert table.loc["all domains", "first_date"] == "2024-01-15"


def test_models_of_a_trend_carry_normal_intervals_and_their_place(trend):
    table = tables.trend_models(trend).set_index("model")
    series = trend.series
    row, at = table.loc["model 07"], series.models.index("model 07")
    assert row["index"] == series.index[at]
    assert row["high"] - row["index"] == pytest.approx(norm.ppf(0.95) * series.index_sd[at])
    assert table["on_line"].all() and (table["p_frontier"] == 1).all()
    assert tables.trend_models(trend)["release_date"].is_monotonic_increasing


def test_only_some_models_carry_a_frontier(invented_fit):
    frontier = eci.fit_trend(eci.IndexSeries.from_fit(invented_fit, frontier=True), n_draws=500)
    table = tables.trend_models(frontier)
    assert 3 <= table["on_line"].sum() < len(table)
    assert dict(zip(table["model"], table["p_frontier"], strict=True)).items() >= frontier.membership.items()


def test_the_line_is_the_trends_own(trend):
    line = tables.trend_line(trend)
    draws = trend.line(line["date"].to_numpy().astype("datetime64[D]")[[0, 100]])
    np.testing.assert_allclose(line["median"][[0, 100]], np.median(draws, axis=0))
    assert (line["low"] <= line["median"]).all() and (line["median"] <= line["high"]).all()


def test_months_of_the_break_hold_all_draws(trend):
    months = tables.break_dates(trend)
    assert months["probability"].sum() == pytest.approx(1)
    steps = np.diff(months["month"].to_numpy().astype("datetime64[M]").astype(int))
    assert (steps == 1).all()  # months without a draw are there, at 0
    straight = eci.fit_trend(trend.series, change="none", n_draws=500)
    assert tables.break_dates(straight).empty


def test_change_models_that_are_not_identified_are_blank(trend):
    assert tables.changes(trend)["posterior"].sum() == pytest.approx(1)
    unknown = replace(trend, identified=False)
    table = tables.changes(unknown).set_index("change")
    assert table.loc["none", "posterior"] == trend.change_models["none"]
    assert table.loc[["kink", "jump", "both"], ["posterior", "log_bayes_factor"]].isna().all(axis=None)
