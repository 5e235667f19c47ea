"""The held-out machinery and its least-squares baseline."""

import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import approx_fprime

import eci
from eci.queries.criticism import criticise

ROOT = Path(__file__).parents[2]
EVIDENCE = sorted((ROOT / "docs/evidence").glob("held_out*.json"))
SCORES = ROOT.parent / "shared/data/epoch_2025_11/scores.csv"


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        return import_module("bench.held_out")


@pytest.fixture(scope="module")
def simulated():
    priors = eci.Priors(noise_sd_scale=0.02, difficulty_sd_scale=0.5, log_discrimination_sd_scale=0.3)
    return eci.simulate(20, 12, priors=priors, fill=0.6, seed=4, likelihood="normal")


def test_a_tenth_of_the_pairs_is_taken_out_whole(bench, simulated):
    matrix = simulated.matrix
    doubled = np.repeat(np.arange(matrix.n_scores), 2)  # every pair published twice
    twice = bench.take(matrix, doubled)
    kept, out, _ = bench.hold_out(twice, 0.1, np.random.default_rng(0))
    assert (kept ^ out).all()
    pairs = [
        set(zip(twice.model_index[rows], twice.benchmark_index[rows], strict=True)) for rows in (kept, out)
    ]
    assert not pairs[0] & pairs[1]
    assert len(pairs[1]) == round(0.1 * matrix.n_scores)
    train = bench.take(twice, kept)
    assert train.n_benchmarks_per_model.min() >= 1 and train.n_models_per_benchmark.min() >= 1
    assert train.components.max() == 0


def test_a_pair_that_holds_its_model_is_put_back(bench, simulated):
    matrix = simulated.matrix
    rows = np.ones(matrix.n_scores, dtype=bool)
    rows[np.flatnonzero(matrix.model_index == 3)[1:]] = False  # one score left of this model
    thin = bench.take(matrix, rows)
    for seed in range(20):
        kept, _, _ = bench.hold_out(thin, 0.5, np.random.default_rng(seed))
        assert 3 in thin.model_index[kept]


def test_the_jacobian_of_the_baseline_is_its_derivative(bench, simulated):
    problem = import_module("bench.least_squares").Problem(simulated.matrix)
    x = problem.start(1) + np.random.default_rng(2).normal(0, 0.3, problem.n_parameters)
    numeric = approx_fprime(x, problem.residuals, 1e-7)
    np.testing.assert_allclose(problem.jacobian(x), numeric, atol=2e-6)


def test_the_baseline_finds_scores_of_its_own_curve(bench, simulated):
    matrix = simulated.matrix
    expected = bench.predict_least_squares(
        matrix, bench.fit_least_squares(matrix), matrix.model_index, matrix.benchmark_index
    )
    truth = simulated.truth
    m, j = matrix.model_index, matrix.benchmark_index
    curve = 1 / (1 + np.exp(-truth.discrimination[j] * (truth.ability[m] - truth.difficulty[j])))
    assert np.sqrt(np.mean((expected - np.clip(curve, 0.001, 0.999)) ** 2)) < 0.03


@pytest.fixture(scope="module")
def repeat(bench, simulated):
    return bench.run_repeat(simulated.matrix, ["normal"], 0, method=eci.Laplace(n_draws=1000, n_weighed=0))


def test_a_repeat_predicts_better_than_the_mean_of_the_benchmark(repeat):
    found = repeat["normal"]
    assert found["mae"] < 0.5 * repeat["baselines"]["benchmark mean"]
    assert 0.6 < found["in_90"] <= 1 and found["in_50"] < found["in_90"]
    assert found["crps"] < found["mae"]


def test_what_a_repeat_holds_is_not_computed_again(bench, simulated, repeat):
    assert bench.run_repeat(simulated.matrix, ["normal"], 0, known=repeat) is repeat


@pytest.fixture(scope="module")
def record(repeat):
    """Two splits of `normal`, and of an invented likelihood whose log score is 0.1 and 0.3 lower."""

    def below(gap):
        lower = {"log_score": repeat["normal"]["log_score"] - gap, "log_score_error": 0.0}
        return {**repeat["normal"], **lower}

    normal = {**repeat["normal"], "log_score_error": 0.0}
    return {
        "data": "bundled", "with_items": False, "models": 20, "benchmarks": 12, "scores": 150, "share": 0.1,
        "method": {"name": "laplace", "n_draws": 1000},
        "runs": {"normal": {}, "other": {}},
        "repeats": [{**repeat, "normal": normal, "other": below(gap)} for gap in (0.1, 0.3)],
    }  # fmt: skip


def test_the_tables_have_every_likelihood_and_baseline(bench, record):
    text = bench.report(record)
    assert f"{record['repeats'][0]['normal']['mae']:.4f} ± 0.0000" in text
    assert [line.split("  ")[0] for line in text.splitlines()[4:8]] == [
        "normal", "other", "benchmark mean", "least squares",
    ]  # fmt: skip


def test_likelihoods_are_compared_in_pairs(bench, record):
    """Gaps 0.1 and 0.3: mean 0.2, standard error 0.1, and sqrt(0.02 (1/2 + 1/9)) for other scores."""
    title, row = bench.report(record).splitlines()[-2:]
    assert title.startswith("below normal")
    assert re.split(r"  +", row)[:5] == ["other", "2", "0.200 ± 0.100", "± 0.111", "2"]


def test_a_file_of_other_data_is_not_continued(bench, record, tmp_path):
    path = tmp_path / "kept.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    facts = {"data": "bundled", "scores": 150}
    assert bench.open_record(path, facts) == record
    with pytest.raises(SystemExit, match="scores differ"):
        bench.open_record(path, {**facts, "scores": 151})


@pytest.mark.parametrize("path", EVIDENCE, ids=lambda path: path.stem)
def test_three_splits_of_the_evidence_are_predicted_there_again(bench, path):
    """The benchmark's mean to its digits; for Epoch's data least squares and `normal` too, on one split."""
    evidence = json.loads(path.read_text(encoding="utf-8"))
    epoch = evidence["data"] != "bundled"
    if epoch and not SCORES.is_file():
        pytest.skip(f"{SCORES} is not here, and may not be committed")
    matrix, anchors = bench.load(SCORES if epoch else None, with_items=evidence["with_items"])
    assert (matrix.n_models, matrix.n_scores) == (evidence["models"], evidence["scores"])
    for seed, stored in enumerate(evidence["repeats"][:3]):
        kept, out, n_put_back = bench.hold_out(matrix, evidence["share"], np.random.default_rng([seed, 1]))
        train, test = bench.take(matrix, kept), bench.take(matrix, out)
        assert (test.n_scores, n_put_back) == (stored["n"], stored["put_back"])
        whole = epoch and seed == 0
        errors = bench.baselines(train, test, seed) if whole else bench.mean_baseline(train, test)
        for name, error in errors.items():
            assert error == pytest.approx(stored["baselines"][name], rel=1e-3)
        if whole:
            found = bench.run_repeat(matrix, ["normal"], seed, anchors=anchors, known={"baselines": errors})
            for key, away in (("mae", 0.002), ("in_90", 0.04), ("log_score", 0.01)):
                assert found["normal"][key] == pytest.approx(stored["normal"][key], abs=away)


def test_leaving_one_out_by_weights_is_what_the_checks_of_a_fit_do(bench, small_fit):
    loo = import_module("bench.loo")
    density, k, fitted = loo.leave_one_out(small_fit)
    checked = criticise(small_fit, max_draws=loo.MAX_DRAWS)
    assert density.sum() == pytest.approx(checked.elpd, rel=1e-9)
    assert (fitted - density).sum() == pytest.approx(checked.p_loo, rel=1e-9)
    worse = density - 0.2, k, fitted
    numbers = loo.compare({"normal": (density, k, fitted), "other": worse})
    assert numbers["other"]["below_best"] == pytest.approx([0.2, 0.0])
    assert numbers["normal"]["below_best"] == [0.0, 0.0]


@pytest.mark.parametrize("data", ["bundled", "epoch"])
def test_both_ways_of_leaving_out_put_the_likelihoods_in_the_same_order(data):
    held_out, loo = (
        json.loads((ROOT / f"docs/evidence/{kind}_{data}.json").read_text(encoding="utf-8"))
        for kind in ("held_out", "loo")
    )
    splits = [repeat for repeat in held_out["repeats"] if all(name in repeat for name in held_out["runs"])]
    by_splits = {name: np.mean([repeat[name]["log_score"] for repeat in splits]) for name in loo["numbers"]}
    by_weights = {name: found["log_density"] for name, found in loo["numbers"].items()}
    assert sorted(by_splits, key=by_splits.get) == sorted(by_weights, key=by_weights.get)
