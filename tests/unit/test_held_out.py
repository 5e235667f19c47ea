"""The held-out machinery and its least-squares baseline."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import approx_fprime

import eci

ROOT = Path(__file__).parents[2]
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


def test_a_repeat_predicts_better_than_the_mean_of_the_benchmark(bench, simulated):
    repeat = bench.run_repeat(simulated.matrix, ["normal"], 0, method="laplace")
    found = repeat["normal"]
    assert found["mae"] < 0.5 * repeat["baselines"]["benchmark mean"]
    assert 0.6 < found["in_90"] <= 1 and found["in_50"] < found["in_90"]
    assert found["crps"] < found["mae"]
    text = bench.tabulate([repeat, repeat], ["normal"])
    assert f"{found['mae']:.4f} ± 0.0000" in text
    assert len(text.splitlines()) == 4


def test_three_splits_of_the_evidence_are_predicted_there_again(bench):
    """Baselines to their digits; `normal`, on the first split, up to Monte Carlo error."""
    if not SCORES.is_file():
        pytest.skip(f"{SCORES} is not here, and may not be committed")
    evidence = json.loads((ROOT / "docs/evidence/held_out.json").read_text(encoding="utf-8"))
    matrix, anchors = bench.load(SCORES, with_items=False)
    assert (matrix.n_models, matrix.n_scores) == (evidence["models"], evidence["scores"])
    for seed, stored in enumerate(evidence["repeats"][:3]):
        found = bench.run_repeat(matrix, ["normal"] if seed == 0 else [], seed, anchors=anchors)
        assert found["n"] == stored["n"] and found["put_back"] == stored["put_back"]
        assert found["baselines"] == pytest.approx(stored["baselines"], rel=1e-3)
        if seed == 0:
            assert found["normal"]["mae"] == pytest.approx(stored["normal"]["mae"], abs=0.002)
            assert found["normal"]["in_90"] == pytest.approx(stored["normal"]["in_90"], abs=0.04)
