"""Which of three models lies between: closed forms, shared scatter, tables of metrics, refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eci import noise
from eci.errors import DataError
from eci.fitted import Parameters
from eci.queries.between import count_between, share_middle
from eci.queries.kinship import find_kinship, shrink_noise
from eci.queries.metrics import count_metrics
from eci.scale import Scale
from eci.scores import ScoreMatrix

LOW, MID, HIGH = "m0", "m1", "m2"
THREE = [LOW, MID, HIGH]


def known_fit(fit, ability, difficulty, *, slope=1.0, sd=0.05, score=None, lab="L", runs=1, shared=None):
    """A fit that knows every parameter: models m0, m1, ... all sat benchmarks b0, b1, ..."""
    n, k, n_draws = len(ability), len(difficulty), 50
    i, j = (np.repeat(axis.ravel(), runs) for axis in np.meshgrid(np.arange(n), np.arange(k), indexing="ij"))
    mean = 1 / (1 + np.exp(-slope * (np.asarray(ability)[i] - np.asarray(difficulty)[j])))
    matrix = ScoreMatrix.from_arrays(
        [f"m{a}" if n < 11 else f"m{a:02d}" for a in range(n)],
        [f"b{b}" if k < 11 else f"b{b:02d}" for b in range(k)],
        i,
        j,
        mean if score is None else np.asarray(score)[i, j],
        lab=[lab] * n if isinstance(lab, str) else lab,
        domain=[("math", "code", "code")[b % 3] for b in range(k)],
        release_date=np.datetime64("2025-01-01") + (30 * np.arange(n)).astype("timedelta64[D]"),
    )
    full = np.ones((n_draws, 1))
    draws = Parameters(
        full * np.asarray(ability, dtype=float),
        full * np.asarray(difficulty, dtype=float),
        full * np.full(k, slope),
        shared={"noise_sd": np.full(n_draws, sd)} if shared is None else shared,
    )
    scale = Scale(np.full(n_draws, 10.0), np.full(n_draws, 100.0), "points", {})
    return replace(fit, matrix=matrix, draws=draws, scale=scale, likelihood="normal")


def between_normals(means, sd):
    """P(the second of three independent normals lies between the others), from the bivariate normal."""
    a, b, c = means
    covariance = sd**2 * np.array([[2.0, 1.0], [1.0, 2.0]])
    highest = stats.multivariate_normal.cdf([b - a, b - c], cov=covariance)
    lowest = stats.multivariate_normal.cdf([a - b, c - b], cov=covariance)
    return 1 - highest - lowest


def test_who_is_in_the_middle():
    scores = np.array([[1, 2, 3], [2, 1, 3], [3, 1, 2], [1, 1, 2], [2, 2, 2], [2, 1, 1.0]])
    third = 1 / 3
    expected = [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0.5, 0.5, 0], [third] * 3, [0, 0.5, 0.5]]
    np.testing.assert_allclose(share_middle(scores), expected)
    np.testing.assert_allclose(share_middle(-scores), expected)  # whether high or low is better


def test_a_broken_tie_is_fair_on_average():
    """A tie counts what random breaking gives on average."""
    rng = np.random.default_rng(3)
    for scores in ([1, 1, 2], [2, 1, 1], [1, 1, 1.0]):
        broken = np.array(scores) + 1e-6 * rng.standard_normal((20_000, 3))
        np.testing.assert_allclose(
            share_middle(broken).mean(axis=0), share_middle(np.array(scores)), atol=0.015
        )


def test_probability_of_one_benchmark_is_that_of_three_normals(invented_fit):
    ability, difficulty = [-0.3, 0.1, 0.4], [0.0, 0.5, -0.4]
    found = count_between(known_fit(invented_fit, ability, difficulty, sd=0.08), THREE)
    assert found.models == (HIGH, MID, LOW) and found.middle == MID
    mean = 1 / (1 + np.exp(-(np.array(ability)[:, None] - np.array(difficulty))))
    expected = [between_normals(mean[:, b], 0.08) for b in range(3)]
    np.testing.assert_allclose(found.benchmarks["p_between"], expected, atol=0.015)
    assert found.count.independent.expected == pytest.approx(sum(expected), abs=0.03)
    assert found.kinship is None and found.count.shared is None


def test_the_null_of_a_count_is_that_of_independent_benchmarks(invented_fit):
    """With everything known the count is a sum of independent trials."""
    fit = known_fit(invented_fit, [-0.3, 0.1, 0.4], np.zeros(8), sd=0.08)
    count = count_between(fit, THREE).count
    p = between_normals(1 / (1 + np.exp([0.3, -0.1, -0.4])), 0.08)
    assert (count.n, count.between) == (8, 8)  # its scores lie on the curve
    assert count.independent.p_at_least == pytest.approx(p**8, abs=0.005)
    assert (count.independent.low, count.independent.high) == tuple(stats.binom.ppf([0.05, 0.95], 8, p))


def test_sure_order_and_pure_noise_are_the_ends(invented_fit):
    sure = count_between(known_fit(invented_fit, [-1, 0, 1], np.zeros(4), sd=1e-6), THREE)
    assert sure.count.independent.expected == 4 and sure.count.independent.p_at_least == 1.0
    blind = count_between(known_fit(invented_fit, [-1e-9, 0, 1e-9], np.zeros(4)), THREE)
    for count in blind.counts:
        assert count.independent.expected == pytest.approx(4 / 3, abs=0.05)


@pytest.mark.parametrize("likelihood", sorted(noise.NOISE))
def test_every_likelihood_can_be_replicated(invented_fit, likelihood):
    """With hardly any noise the order is that of ability, on a shared benchmark and on a metric."""
    full = np.ones(50)
    shared = {
        "normal": {"noise_sd": 1e-6 * full},
        "student_t": {"noise_scale": 1e-6 * full},
        "logit_normal": {"logit_sd": 1e-6 * full},
        "beta": {"precision": 1e9 * np.ones((50, 4))},
        "binomial": {"difficulty_mean": full},
        "beta_binomial": {"precision": 1e9 * np.ones((50, 4))},
    }[likelihood]
    fit = known_fit(invented_fit, [-1, 0, 1], np.zeros(4), shared=shared)
    matrix = replace(fit.matrix, n_items=np.full(fit.matrix.n_scores, 1e6))
    fit = replace(fit, matrix=matrix, likelihood=likelihood)
    assert count_between(fit, THREE).count.independent.expected == 4
    assert count_metrics(fit, THREE, card(**VALUES)).count.independent.expected == 3


def test_domains_partition_the_benchmarks(invented_fit):
    found = count_between(known_fit(invented_fit, [-0.3, 0.1, 0.4], np.zeros(7)), THREE)
    assert list(found.by_domain) == ["code", "math"]  # 4 and 3 of them
    assert sum(c.n for c in found.by_domain.values()) == found.count.n
    assert sum(c.between for c in found.by_domain.values()) == found.count.between
    assert sum(c.between for c in found.counts) == found.count.n
    assert sum(c.independent.expected for c in found.counts) == pytest.approx(found.count.n)


def test_seeds_repeat_and_differ(invented_fit):
    fit = known_fit(invented_fit, [-0.3, 0.1, 0.4], np.zeros(5), sd=0.1)
    assert count_between(fit, THREE, seed=4).record() == count_between(fit, THREE, seed=4).record()
    assert count_between(fit, THREE, seed=4).record() != count_between(fit, THREE, seed=5).record()


def test_the_mean_of_runs_scatters_less_but_for_what_the_pair_has(invented_fit):
    ability, n_runs, sd = [-0.3, 0.1, 0.4], 16, 0.2
    mean = 1 / (1 + np.exp(-np.array(ability)))
    runs = count_between(known_fit(invented_fit, ability, [0.0], sd=sd, runs=n_runs), THREE)
    expected = between_normals(mean, sd / 4)
    assert runs.benchmarks["p_between"].item() == pytest.approx(expected, abs=0.015)
    shared = {"noise_sd": np.full(50, sd), "pair_sd": np.full(50, 0.1)}
    pairs = count_between(known_fit(invented_fit, ability, [0.0], runs=n_runs, shared=shared), THREE)
    expected = between_normals(mean, np.hypot(sd / 4, 0.1))
    assert pairs.benchmarks["p_between"].item() == pytest.approx(expected, abs=0.015)


# what models of one lab share


def kin(invented_fit, share, lab="L", seed=0):
    rng = np.random.default_rng(seed)
    ability, difficulty, sd = np.linspace(-1, 1, 14), np.linspace(-1, 1, 40), 0.04
    common = np.sqrt(share) * rng.standard_normal(40) + np.sqrt(1 - share) * rng.standard_normal((14, 40))
    score = 1 / (1 + np.exp(-(ability[:, None] - difficulty))) + sd * common
    return known_fit(invented_fit, ability, difficulty, sd=sd, score=score, lab=lab)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_a_planted_share_is_found(invented_fit, share):
    found = [find_kinship(kin(invented_fit, share, seed=seed), np.array([0, 5, 9])) for seed in range(8)]
    assert np.mean([kinship.share for kinship in found]) == pytest.approx(share, abs=0.08)
    assert found[0].lab == "L" and found[0].days == 270
    # 11 others, 30 days apart, within 270: all but the pairs 300 days and more apart
    assert found[0].n_pairs % 40 == 0 and found[0].n_pairs <= 55 * 40


def test_the_scores_in_question_tell_nothing_of_the_share(invented_fit):
    fit = kin(invented_fit, 0.5)
    own = np.array([0, 5, 9])
    moved = np.where(np.isin(fit.matrix.model_index, own), 0.5, fit.matrix.score)
    other = replace(fit, matrix=replace(fit.matrix, score=moved))
    assert find_kinship(other, own) == find_kinship(fit, own)


def test_no_share_without_one_lab_or_enough_scores(invented_fit):
    own = np.array([0, 5, 9])
    assert find_kinship(kin(invented_fit, 0.5, lab=["L", "M"] * 7), own) is None
    assert find_kinship(kin(invented_fit, 0.5, lab=""), own) is None
    few = known_fit(invented_fit, np.linspace(-1, 1, 5), np.zeros(9))
    assert find_kinship(few, np.array([0, 1, 2])) is None


def test_shared_scatter_never_changes_the_order(invented_fit):
    fit = kin(invented_fit, 0.6)
    names = [fit.matrix.models[i] for i in (0, 5, 9)]
    found = count_between(fit, names)
    sd = 0.04 * np.sqrt(1 - found.kinship.share)
    ability = fit.draws.ability[0, [0, 5, 9]]
    mean = 1 / (1 + np.exp(-(ability[:, None] - fit.draws.difficulty[0])))
    expected = sum(between_normals(mean[:, b], sd) for b in range(40))
    assert found.count.shared.expected == pytest.approx(expected, abs=0.2)
    assert found.count.shared.expected > found.count.independent.expected


@pytest.mark.parametrize("likelihood", ["normal", "student_t", "logit_normal", "beta", "beta_binomial"])
def test_what_is_left_of_the_variance(likelihood):
    level = np.log(200.0) if "beta" in likelihood else np.log(0.05)
    whole = noise.variance(likelihood, 0.4, level, 1e6)
    left = noise.variance(likelihood, 0.4, shrink_noise(likelihood, np.array(level), 0.4), 1e6)
    assert left / whole == pytest.approx(0.6, rel=0.01)
    assert shrink_noise("binomial", np.array(0.0), 0.4) == 0.0


# a table of metrics


def card(**columns):
    return pd.DataFrame({"metric": [f"b{k}" for k in range(3)], **columns})


VALUES = {LOW: [1.0, 2.0, 3.0], MID: [2.0, 1.0, 5.0], HIGH: [3.0, 4.0, 4.0]}


def test_metrics_of_the_fit_are_replicated_on_their_curves(invented_fit):
    ability = [-0.3, 0.1, 0.4]
    fit = known_fit(invented_fit, ability, [0.0, 0.5, -0.4, 9.0], sd=0.08)
    found = count_metrics(fit, THREE, card(**VALUES))
    mean = 1 / (1 + np.exp(-(np.array(ability)[:, None] - np.array([0.0, 0.5, -0.4]))))
    assert found.count.independent.expected == pytest.approx(
        sum(between_normals(mean[:, b], 0.08) for b in range(3)), abs=0.03
    )
    assert (found.count.between, found.count.n) == (1, 3)
    assert found.unknown == () and found.known == {f"b{k}": f"b{k}" for k in range(3)}


def test_other_metrics_are_different_benchmarks_drawn_at_random(invented_fit):
    """Two benchmarks tell nothing (1/3 each), two tell the order for sure: two metrics expect 2 · 2/3."""
    fit = known_fit(invented_fit, [-1, 0, 1], [0.0, 0.0, 400.0, 400.0], sd=1e-9)
    found = count_metrics(fit, THREE, card(**VALUES).assign(metric=["x", "y", "b0"]).iloc[:2])
    assert found.unknown == ("x", "y") and found.n_drawn_from == 4
    assert found.count.independent.expected == pytest.approx(2 * (1 + 1 / 3) / 2, abs=0.03)
    every = count_metrics(fit, THREE, card(**VALUES).assign(metric=["x", "y", "b0"]))
    assert every.n_drawn_from == 3  # b0 stands for itself


def test_between_whether_high_or_low_is_better(invented_fit):
    fit = known_fit(invented_fit, [-0.3, 0.1, 0.4], np.zeros(5))
    upside_down = {name: [-v for v in values] for name, values in VALUES.items()}
    one, other = (count_metrics(fit, THREE, card(**values)) for values in (VALUES, upside_down))
    assert one.count == other.count


def test_equal_orders_are_a_binomial(invented_fit):
    fit = known_fit(invented_fit, [-0.3, 0.1, 0.4], np.zeros(5))
    for values, n in ((VALUES, 1), ({LOW: [1.0] * 3, MID: [2.0] * 3, HIGH: [3.0] * 3}, 3)):
        found = count_metrics(fit, THREE, card(**values))
        assert found.p_equal_orders == pytest.approx(stats.binom.sf(n - 1, 3, 1 / 3))
    never = {LOW: [1.0] * 3, MID: [4.0] * 3, HIGH: [3.0] * 3}
    assert count_metrics(fit, THREE, card(**never)).p_equal_orders == 1.0


def test_metrics_without_a_value_are_named(invented_fit):
    fit = known_fit(invented_fit, [-0.3, 0.1, 0.4], np.zeros(5))
    found = count_metrics(fit, THREE, card(**VALUES | {MID: [2.0, np.nan, 5.0]}))
    assert found.dropped == ("b1",) and found.count.n == 2


@pytest.mark.parametrize(
    ("table", "same", "message"),
    [
        (card(**VALUES).drop(columns="metric"), {}, "no column 'metric'"),
        (card(**VALUES).rename(columns={MID: "m1 "}), {}, "no column 'm1'. Did you mean 'm1 '"),
        (card(**VALUES | {MID: ["2", "two", "5"]}), {}, "'b1' of 'm1' is 'two', which is no number"),
        (card(**VALUES).assign(metric="b0"), {}, "'b0' is in the table twice"),
        (card(**VALUES | {MID: [np.nan] * 3}), {}, "No metric of the table has a value for each"),
        (card(**VALUES), {"b9": "b0"}, "no metric is called 'b9'"),
        (card(**VALUES), {"b0": "c"}, "no benchmark is called 'c'"),
        (card(**VALUES), {"b0": "b1"}, "b0 and b1 are both said to be the benchmark 'b1'"),
        (card(**VALUES).assign(metric=["x", "y", "z"]).iloc[[0, 1, 2]], {}, "only 2 benchmarks"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(invented_fit, table, same, message):
    n = 2 if "only 2" in message else 5
    fit = known_fit(invented_fit, [-0.3, 0.1, 0.4], np.zeros(n))
    with pytest.raises(DataError, match=message):
        count_metrics(fit, THREE, table, same=same)


def test_three_different_models_with_a_benchmark_in_common(invented_fit):
    fit = known_fit(invented_fit, [-0.3, 0.1, 0.4, 0.5], np.zeros(4))
    with pytest.raises(DataError, match="takes three models; 4 given"):
        count_between(fit, [*THREE, "m3"])
    with pytest.raises(DataError, match="'m0' is named twice"):
        count_between(fit, [LOW, LOW, MID])
    with pytest.raises(DataError, match="'m8' is not among the 4"):
        count_between(fit, [LOW, "m8", MID])
    with pytest.raises(DataError, match="Fit again"):
        count_between(replace(fit, draws=None), THREE)
    matrix = fit.matrix
    apart = matrix.model_index % 2 == matrix.benchmark_index % 2
    kept = {
        name: getattr(matrix, name)[apart] for name in ("model_index", "benchmark_index", "score", "n_items")
    }
    with pytest.raises(DataError, match="share no benchmark of this fit"):
        count_between(replace(fit, matrix=replace(matrix, **kept)), THREE)
