"""Refits of resampled scores: what is resampled, what is refused, what a fit of them holds."""

import numpy as np
import pytest

import eci
from eci.inference.bootstrap import DROPPED, fit_bootstrap, resample
from eci.inference.least_squares import Rows, first_guess, solve
from eci.scores import ScoreMatrix

ANCHORS = {"model 03": 130.0, "model 13": 150.0}


@pytest.fixture(scope="module", params=["scores", "benchmarks"])
def fit(request, small_matrix):
    method = eci.Bootstrap(n_refits=40, resample=request.param)
    return eci.fit(small_matrix, method=method, anchors=ANCHORS, seed=4)


def lone_benchmark():
    """Two groups of four models that only benchmark b0 connects."""
    cells = [(m, j) for m in range(8) for j in ((0, 1, 2) if m < 4 else (0, 3, 4))]
    m, j = np.array(cells).T
    score = np.random.default_rng(2).uniform(0.2, 0.8, len(m))
    return ScoreMatrix.from_arrays([f"m{i}" for i in range(8)], [f"b{i}" for i in range(5)], m, j, score)


def test_scores_are_drawn_within_each_model(small_matrix):
    method = eci.Bootstrap(n_refits=300)
    weights, lost = resample(small_matrix, method, np.random.default_rng(0))
    assert lost == []
    per_model = [weights[:, small_matrix.model_index == m].sum(axis=1) for m in range(16)]
    assert (np.array(per_model) == small_matrix.n_benchmarks_per_model[:, None]).all()
    assert weights.mean() == pytest.approx(1.0)
    assert weights.var(axis=0).mean() == pytest.approx(5 / 6, abs=0.03)  # multinomial, 6 scores a model


def test_a_fifth_of_the_benchmarks_is_left_out(small_matrix):
    method = eci.Bootstrap(n_refits=300, resample="benchmarks")
    weights, _ = resample(small_matrix, method, np.random.default_rng(0))
    kept = np.zeros((300, 8))
    for j in range(8):
        of_j = weights[:, small_matrix.benchmark_index == j]
        assert (of_j == of_j[:, :1]).all()
        kept[:, j] = of_j[:, 0]
    assert (kept.sum(axis=1) == 8 - round(DROPPED * 8)).all()
    assert np.abs(kept.mean(axis=0) - 0.75).max() < 0.1


def test_resamples_that_fall_apart_are_drawn_again():
    """Without b0, the two groups have nothing in common."""
    matrix = lone_benchmark()
    method = eci.Bootstrap(n_refits=50, resample="benchmarks")
    weights, lost = resample(matrix, method, np.random.default_rng(0))
    assert lost
    assert all(len(models) == 4 for models in lost)
    assert (weights[:, matrix.benchmark_index == 0] == 1).all()
    fit = eci.fit(matrix, method=method)
    check = next(check for check in fit.diagnostics.checks if check.name == "resamples_redrawn")
    assert check.worst in matrix.models
    assert 0.05 < check.value < 0.35  # b0 is left out of one in five
    assert not check.ok


def test_scores_that_hardly_ever_hang_together_are_refused():
    """Models with one score each on a chain of benchmarks."""
    m = np.repeat(np.arange(60), 2)
    j = np.ravel([[i, i + 1] for i in range(60)])
    score = np.tile([0.4, 0.6], 60)
    matrix = ScoreMatrix.from_arrays(
        [f"m{i:02d}" for i in range(60)], [f"b{i:02d}" for i in range(61)], m, j, score
    )
    with pytest.raises(eci.IdentificationError, match="leaves models without a common scale: 'm"):
        eci.fit(matrix, method=eci.Bootstrap(n_refits=10))


def test_the_anchors_are_pinned_in_every_refit(fit, small_matrix):
    for name, points in ANCHORS.items():
        assert (fit.index_draws[:, small_matrix.models.index(name)] == points).all()
    assert fit.diagnostics.ok
    assert fit.is_preview
    assert fit.draws.ability.shape == (40, 16)
    np.testing.assert_allclose(fit.draws.ability.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(fit.draws.ability.std(axis=1), 1)


def test_a_refit_is_the_fit_of_its_resample(small_matrix):
    method = eci.Bootstrap(n_refits=10)
    weights, _ = resample(small_matrix, method, np.random.default_rng(9))
    draws = fit_bootstrap(small_matrix, method, seed=9).draws
    rows = Rows.of(small_matrix, method.estimator)
    alone = solve(rows, weights[:1], first_guess(rows)).point.ability[0]
    np.testing.assert_allclose(draws.ability[0], (alone - alone.mean()) / alone.std(), atol=1e-4)


def test_a_benchmark_left_out_is_placed_by_its_own_scores(small_matrix):
    """Its curve in a refit without it differs from that of the whole fit, but not by much."""
    method = eci.Bootstrap(n_refits=30, resample="benchmarks")
    weights, _ = resample(small_matrix, method, np.random.default_rng(3))
    draws = fit_bootstrap(small_matrix, method, seed=3).draws
    whole = eci.fit(small_matrix, method=eci.LeastSquares()).mode
    for j in range(8):
        absent = weights[:, small_matrix.benchmark_index == j].sum(axis=1) == 0
        assert absent.any()
        assert (draws.difficulty[absent, j] != whole.difficulty[j]).all()
        assert np.abs(draws.difficulty[absent, j] - whole.difficulty[j]).max() < 0.5


def test_the_same_seed_gives_the_same_draws(fit, small_matrix):
    method = eci.Bootstrap(n_refits=40, resample=fit.method["resample"])
    again = eci.fit(small_matrix, method=method, anchors=ANCHORS, seed=4)
    np.testing.assert_array_equal(again.index_draws, fit.index_draws)
    other = eci.fit(small_matrix, method=method, anchors=ANCHORS, seed=5)
    assert (other.index_draws != fit.index_draws).any()


def test_a_saved_bootstrap_comes_back(fit, tmp_path):
    fit.save(tmp_path / "fit")
    again = eci.load_fit(tmp_path / "fit")
    np.testing.assert_array_equal(again.index_draws, fit.index_draws)
    assert again.method == fit.method
    assert again.is_preview
    assert fit.method["estimator"] == {"ridge": 0.1, "anchor_benchmark": None}


def test_impossible_options_are_refused():
    with pytest.raises(eci.DataError, match="n_refits must be a whole number from 10"):
        eci.Bootstrap(n_refits=1)
    with pytest.raises(eci.DataError, match="known resamples are"):
        eci.Bootstrap(resample="models")
