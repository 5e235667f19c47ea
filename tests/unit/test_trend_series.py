"""Index series: published tables, draws, selection, frontier, and the division of the ability prior."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from eci.errors import DataError, IdentificationError
from eci.trend import IndexSeries, fit_trend
from eci.trend.selection import frontier_members

DATES = np.array(
    ["2024-01-01", "2024-06-01", "2025-01-01", "2025-06-01", "2026-01-01"], dtype="datetime64[D]"
)


def table(**columns):
    frame = pd.DataFrame(
        {
            "model": list("ABCDE"),
            "release_date": [str(date) for date in DATES],
            "index": [100.0, 108.0, 107.0, 115.0, 125.0],
        }
    )
    return frame.assign(**columns)


def stand_in_fit(n_draws=400, seed=0, *, method="nuts", failed=()):
    """A fit as `from_fit` sees it, with the free location and scale of raw abilities."""
    rng = np.random.default_rng(seed)
    truth = np.linspace(-1.5, 1.5, 5)
    ability = (truth + rng.normal(0, 0.2, (n_draws, 5))) * rng.uniform(0.5, 2.0, (n_draws, 1)) + rng.normal(
        0, 1, (n_draws, 1)
    )
    slope = 20.0 / (ability[:, 4] - ability[:, 0])
    points = 130.0 + slope[:, None] * (ability - ability[:, [0]])
    matrix = SimpleNamespace(
        models=tuple("ABCDE"),
        release_date=DATES,
        lab=("x", "x", "y", "y", ""),
        open_weights=(True, False, None, False, True),
        reasoning=(False, False, True, True, None),
    )
    return SimpleNamespace(
        matrix=matrix,
        ability_draws=ability,
        index_draws=points,
        index=points.mean(axis=0) + (method == "bootstrap"),
        method={"name": method},
        is_preview=method != "nuts",
        diagnostics=SimpleNamespace(failed=failed, checks=("rhat", *failed)),
        scale=SimpleNamespace(label="points (A = 130, E = 150)"),
        digest="d1",
    )


# tables


def test_interval_becomes_an_sd_split_into_own_and_shared_error():
    low = np.array([98.0, 106.0, 105.0, 112.0, 122.0])
    high = np.array([103.0, 110.0, 110.0, 118.0, 129.0])
    series = IndexSeries.from_table(table(low=low, high=high, interval_prob=0.9), error_corr=0.75)
    sd = (high - low) / (2 * 1.6448536269514722)
    np.testing.assert_allclose(series.index_sd, sd)
    np.testing.assert_allclose(series.covariance, np.diag(0.25 * sd**2))
    np.testing.assert_allclose(series.shared**2, 0.75 * sd**2)
    assert series.error_corr == 0.75


def test_values_alone_have_no_error():
    series = IndexSeries.from_table(table())
    assert not series.has_errors and series.error_corr is None
    assert not series.covariance.any()


def test_sd_column_wins_and_a_missing_interval_takes_the_median_with_a_note():
    series = IndexSeries.from_table(table(sd=[1.0, 2.0, 3.0, np.nan, 2.0]))
    np.testing.assert_allclose(series.index_sd, [1, 2, 3, 2, 2])
    assert "D" in series.notes[0] and "median" in series.notes[0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"index": [1, 2, "n/a", 3, 4]}, "not a number for 'C'"),
        ({"low": 101.0, "high": 130.0, "interval_prob": 0.9}, "interval of 'A' does not hold its value"),
        ({"low": 90.0, "high": [130.0] * 4 + [np.nan], "interval_prob": 0.9}, "interval of 'E'"),
        ({"low": 90.0, "high": 130.0}, "no `interval_prob`"),
        ({"low": 90.0, "high": 130.0, "sd": [1.0, 1.0, np.nan, 1.0, 1.0]}, "'C' has none"),
        ({"low": 90.0, "high": 130.0, "interval_prob": 95}, "interval_prob of 'A' is 95"),
        ({"sd": -1.0}, "must not be negative"),
        ({"release_date": "soon"}, "release_date of 'A' is not a date"),
        ({"vintage": ["1", "1", "1", "2", "2"]}, "mixes 2 vintages"),
        ({"vintage": ["1", "1", "1", "1", None]}, "no vintage and others do"),
        ({"model": ["A", None, "C", "D", "E"]}, "Row 3"),
    ],
)
def test_faulty_tables_are_refused(columns, message):
    with pytest.raises(DataError, match=message):
        IndexSeries.from_table(table(**columns))


def test_missing_column_is_named():
    with pytest.raises(DataError, match="no column 'release_date'"):
        IndexSeries.from_table(table().drop(columns="release_date"))


def test_mixed_vintages_list_what_there_is_and_a_prefix_chooses():
    frame = table(vintage=["2025 May", "2025 May", "2025 May", "2026 June", "2026 June"])
    with pytest.raises(DataError, match="2025 May; 2026 June"):
        IndexSeries.from_table(frame)
    with pytest.raises(DataError, match="matches 2 vintages"):
        IndexSeries.from_table(frame, vintage="202")
    chosen = IndexSeries.from_table(frame, vintage="2025")
    assert chosen.models == ("A", "B", "C") and chosen.vintage == "2025 May"


def test_undated_models_are_dropped_by_name():
    series = IndexSeries.from_table(table(release_date=["2024-01-01", None, "2025-01-01", "", "2026-01-01"]))
    assert series.models == ("A", "C", "E")
    assert series.dropped == (("B", "no release date"), ("D", "no release date"))
    assert "B, D" in series.notes[0]


def test_variants_of_one_model_reduce_by_the_named_rule():
    frame = table(model_in_scores=["A", "B", "B", None, "E"])
    best = IndexSeries.from_table(frame)
    assert best.models == ("A", "B", "D", "E") and best.index[1] == 108.0
    assert best.dropped == (("C", "variant of B, rule 'best'"),)
    with pytest.raises(DataError, match="several rows: B"):
        IndexSeries.from_table(frame, variants="refuse")


def test_labels_are_looked_up_in_the_bundled_list_when_the_table_has_no_column():
    frame = table(model=["GPT-4", "Claude 3 Opus", "C", "D", "E"])
    series = IndexSeries.from_table(frame)
    assert series.labs[:3] == ("OpenAI", "Anthropic", None)
    assert "2 of 5" in series.labels_from
    own = IndexSeries.from_table(frame.assign(lab="mine"))
    assert set(own.labs) == {"mine"}


def test_mean_and_covariance_are_checked():
    def build(covariance):
        return IndexSeries.from_moments(np.arange(5.0), covariance, models="ABCDE", release_date=DATES)

    assert len(build(np.ones((5, 5)))) == 5  # singular is legal
    with pytest.raises(DataError, match="smallest eigenvalue"):
        build(np.eye(5) - 0.5)
    with pytest.raises(DataError, match="not symmetric"):
        build(np.triu(np.ones((5, 5))))
    with pytest.raises(DataError, match="Shapes differ"):
        build(np.eye(4))
    with pytest.raises(DataError, match="'B' is not finite"):
        build(np.diag([1, np.nan, 1, 1, 1.0]))


# draws


def test_fit_draws_are_standardised_and_points_come_back_exactly():
    fit = stand_in_fit()
    series = IndexSeries.from_fit(fit)
    np.testing.assert_allclose(series.draws.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(series.draws.std(axis=1), 1)
    points = series.units.origin[:, None] + series.units.slope[:, None] * series.draws
    np.testing.assert_allclose(points, fit.index_draws, rtol=1e-10)
    np.testing.assert_allclose(series.index, fit.index_draws.mean(axis=0))
    assert series.ability_prior and series.labs == ("x", "x", "y", "y", None)


def test_a_reversed_draw_keeps_its_sign_in_the_units_only():
    fit = stand_in_fit()
    fit.index_draws = fit.index_draws.copy()
    fit.index_draws[0] = 200.0 - fit.index_draws[0]
    series = IndexSeries.from_fit(fit)
    assert series.units.slope[0] < 0 < series.units.slope[1]
    np.testing.assert_allclose(series.draws, IndexSeries.from_fit(stand_in_fit()).draws)


def test_standardised_values_do_not_depend_on_the_published_scale():
    draws = stand_in_fit().index_draws
    one = IndexSeries.from_draws(draws, models="ABCDE", release_date=DATES)
    other = IndexSeries.from_draws(3.0 * draws - 50.0, models="ABCDE", release_date=DATES)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-12)
    np.testing.assert_allclose(other.units.slope, 3.0 * one.units.slope)


def test_prior_division_recovers_the_likelihood():
    """Multiply a Gaussian likelihood by a standard normal prior, and `measure` must take it off again."""
    rng = np.random.default_rng(4)
    root = rng.normal(size=(5, 5))
    likelihood_covariance = 0.05 * (root @ root.T + np.eye(5))
    likelihood_mean = rng.normal(size=5)
    precision = np.linalg.inv(likelihood_covariance)
    posterior = np.linalg.inv(precision + np.eye(5))
    series = IndexSeries.from_moments(
        posterior @ precision @ likelihood_mean, posterior, models="ABCDE", release_date=DATES
    )
    object.__setattr__(series, "ability_prior", True)
    measured = series.measure()
    np.testing.assert_allclose(measured.values, likelihood_mean, rtol=1e-9)
    np.testing.assert_allclose(measured.covariance, likelihood_covariance, rtol=1e-8)
    assert measured.n_capped == 0


def test_refits_carry_no_prior_and_the_fit_of_all_scores_is_their_value():
    """The mean of refits is off by the bias of the estimator twice, the fit of all scores once."""
    fit, posterior = stand_in_fit(method="bootstrap"), IndexSeries.from_fit(stand_in_fit())
    series = IndexSeries.from_fit(fit)
    values, covariance, *_ = vars(series.measure()).values()
    units = series.units
    np.testing.assert_allclose(units.origin.mean() + units.slope.mean() * values, fit.index)
    np.testing.assert_allclose(series.index, fit.index)
    np.testing.assert_allclose(series.draws.mean(axis=0), values, atol=1e-12)
    np.testing.assert_allclose(np.cov(series.draws, rowvar=False), posterior.covariance, atol=1e-14)
    # nothing is divided out, and the two directions that standardising emptied hold the average error again
    x = (values - values.mean()) / values.std()
    average = np.trace(posterior.covariance) / 5
    back = average * (np.ones((5, 5)) + np.outer(x, x)) / 5
    np.testing.assert_allclose(covariance, posterior.covariance + back)


def slopes_of_refits(method, rng, n_models=24, n_series=60):
    """Slopes of indices along a line of 10 points a year, errors a third of the spread."""
    years = np.linspace(0, 4, n_models)
    truth = (years - 2.0) / 1.2
    labels = dict.fromkeys(("lab", "open_weights", "reasoning"), (None,) * n_models)
    fit = stand_in_fit(method=method)
    fit.matrix = SimpleNamespace(
        models=tuple(f"m{i}" for i in range(n_models)),
        release_date=np.datetime64("2022-01-01") + (365.25 * years).astype(int),
        **labels,
    )
    for _ in range(n_series):
        estimate = truth + rng.normal(0, 0.35, n_models)
        fit.ability_draws = estimate + rng.normal(0, 0.35, (300, n_models))
        fit.index_draws, fit.index = 130.0 + 12.0 * fit.ability_draws, 130.0 + 12.0 * estimate
        yield fit_trend(IndexSeries.from_fit(fit), change="none", n_draws=500).slope_before


def test_a_trend_of_refits_has_the_right_slope_and_dividing_a_prior_out_would_not():
    rng = np.random.default_rng(11)
    low, mean, high = np.array([[q.low, q.mean, q.high] for q in slopes_of_refits("bootstrap", rng)]).T
    error = mean.std(ddof=1) / np.sqrt(60)
    assert abs(mean.mean() - 10.0) < 3 * error
    assert np.mean((low < 10.0) & (high > 10.0)) >= 0.8
    divided = np.mean([q.mean for q in slopes_of_refits("nuts", rng)])
    assert divided > 10.0 + 5 * error


def test_a_preview_and_failed_checks_are_said():
    preview = IndexSeries.from_fit(stand_in_fit(method="laplace"))
    assert preview.ability_prior and "preview by the method laplace" in preview.notes[0]
    failed = IndexSeries.from_fit(stand_in_fit(failed=(SimpleNamespace(name="rhat_index"),)))
    assert "failed 1 of its 2 checks (rhat_index)" in failed.notes[0]
    assert not IndexSeries.from_fit(stand_in_fit()).notes


def test_directions_that_hold_only_the_prior_are_capped_and_counted():
    series = IndexSeries.from_moments(
        np.full(5, 0.1), np.diag([0.01, 0.99, 0.5, 0.96, 0.2]), models="ABCDE", release_date=DATES
    )
    object.__setattr__(series, "ability_prior", True)
    measured = series.measure()
    assert measured.n_capped == 2
    np.testing.assert_allclose(np.diag(measured.covariance), [0.01 / 0.99, 19.0, 1.0, 19.0, 0.25])


def test_draws_without_spread_or_with_a_wrong_shape_are_refused():
    with pytest.raises(IdentificationError, match="standardise"):
        IndexSeries.from_draws(np.ones((10, 5)), models="ABCDE", release_date=DATES)
    with pytest.raises(DataError, match=r"expected shape \(draw, 5\)"):
        IndexSeries.from_draws(np.ones((10, 4)), models="ABCDE", release_date=DATES)
    with pytest.raises(DataError, match="release_date has 4 entries"):
        IndexSeries.from_draws(np.ones((10, 5)), models="ABCDE", release_date=DATES[:4])
    with pytest.raises(DataError, match="appear twice: A"):
        IndexSeries.from_draws(np.ones((10, 5)), models="AACDE", release_date=DATES)


# selection


def test_selection_rules_combine_and_are_recorded():
    series = IndexSeries.from_fit(stand_in_fit())
    chosen = series.select(labs=["x", "y"], since="2024-02-01", through="D")
    assert chosen.models == ("B", "C", "D")
    assert chosen.selection == {"labs": ["x", "y"], "since": "2024-02-01", "through": "D"}
    assert chosen.pool.models == tuple("ABCDE")
    assert series.select(reasoning="yes").models == ("C", "D")
    assert series.select(weights="open").models == ("A", "E")
    np.testing.assert_allclose(chosen.covariance, series.covariance[1:4, 1:4])


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"labs": ["z"]}, "No lab 'z'"),
        ({"models": ["Q"]}, "No model 'Q'"),
        ({"through": "Q"}, "No model 'Q'"),
        ({"since": "2030-01-01"}, "leaves no model"),
        ({"since": "yesterday"}, "not a date"),
        ({"reasoning": "maybe"}, "not an option"),
    ],
)
def test_impossible_selections_are_refused(rules, message):
    with pytest.raises(DataError, match=message):
        IndexSeries.from_fit(stand_in_fit()).select(**rules)


def test_frontier_counts_equal_dates_as_one_step():
    dates = np.array(
        ["2024-01-01", "2024-01-01", "2024-02-01", "2024-02-01", "2024-03-01"], dtype="datetime64[D]"
    )
    values = np.array([[1.0, 2.0, 3.0, 4.0, 3.5], [2.0, 1.0, 1.5, 1.6, 5.0], [1, 1, 1, 1, 1]])
    expected = [[0, 1, 0, 1, 0], [1, 0, 0, 0, 1], [1, 0, 0, 0, 0]]
    np.testing.assert_array_equal(frontier_members(dates, values), np.array(expected, dtype=bool))


def test_a_window_does_not_reset_the_running_maximum():
    """C (107) is below B (108), so it is no frontier model of a window that starts after B."""
    whole = IndexSeries.from_table(table(), frontier=True, since="2024-12-01")
    assert [whole.models[i] for i in whole.point_frontier()] == ["D", "E"]
    assert [whole.without("D").models[i] for i in whole.without("D").point_frontier()] == ["E"]
    blurred = IndexSeries.from_table(table(sd=0.1), error_corr=0.0, frontier=True, since="2024-12-01")
    masks, _ = blurred.memberships(50, np.random.default_rng(0))
    np.testing.assert_array_equal(masks, [[False, True, True]])


def test_frontier_of_a_lab_looks_at_that_lab_only():
    series = IndexSeries.from_table(table(lab=["x", "x", "y", "y", "y"]), frontier=True, since="2024-12-01")
    own = series.of_lab("y")
    assert [own.models[i] for i in own.point_frontier()] == ["C", "D", "E"]


def test_frontier_without_errors_has_one_membership():
    series = IndexSeries.from_table(table(), frontier=True)
    masks, weights = series.memberships(200, np.random.default_rng(0))
    np.testing.assert_array_equal(masks, [[True, True, False, True, True]])
    np.testing.assert_array_equal(weights, [1.0])


def test_frontier_membership_follows_the_errors():
    """C beats B with probability Phi(-1 / sqrt(2 (1 - rho)) / sd): errors in common do not blur the order."""
    from scipy.stats import norm

    for error_corr in (0.0, 0.9):
        series = IndexSeries.from_table(table(sd=1.0), error_corr=error_corr, frontier=True)
        masks, weights = series.memberships(20_000, np.random.default_rng(1))
        expected = norm.cdf(-1.0 / np.sqrt(2 * (1 - error_corr)))
        assert weights @ masks[:, 2] == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 20_000))


def test_record_is_json():
    from eci.trend import fit_trend

    series = IndexSeries.from_fit(stand_in_fit())
    record = fit_trend(series, n_draws=500).record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("model", "A\u202eB", r"Row 3 .*column model.*U\+202E"),
        ("lab", "\x1b[31mred", r"Row 3 .*column lab.*U\+001B"),
        ("model", "  ", "Row 3 .*blank model name"),
        ("release_date", 2024, "is not a date"),
        ("release_date", "2024-05", "is not a date"),
    ],
)
def test_cells_that_steer_a_terminal_or_are_no_days(column, cell, said):
    table = pd.DataFrame(
        {
            "model": ["A", "B", "C"],
            "release_date": ["2024-01-01", "2024-02-01", "2024-03-01"],
            "index": [1.0, 2.0, 3.0],
            "lab": ["x", "y", "z"],
        }
    ).astype({"release_date": object})
    table.loc[1, column] = cell
    with pytest.raises(DataError, match=said):
        IndexSeries.from_table(table)


def test_an_interval_of_unstated_probability_is_not_needed_beside_sd():
    """As in abilities.csv of a saved fit."""
    sds = [1.0, 2.0, 1.5, 3.0, 0.0]
    with_both = IndexSeries.from_table(table(low=90.0, high=130.0, sd=sds))
    np.testing.assert_array_equal(with_both.index_sd, IndexSeries.from_table(table(sd=sds)).index_sd)


def test_an_index_without_dates_is_told_as_that():
    with pytest.raises(DataError, match="holds no model with a release date"):
        IndexSeries.from_table(table(release_date=""))
