"""Leaving scores out by weights against leaving them out and fitting again."""

import dataclasses

import numpy as np
import pytest

import eci
from eci.queries.calibrate import MIN_EFFECTIVE, _leave_out, calibrate
from eci.queries.curves import choose_rows
from eci.queries.predict import predict

FIELDS = ("model_index", "benchmark_index", "score", "n_items")


def test_a_simulated_fit_is_calibrated():
    """Truth from the priors: 360 predictions, standard error of a share of one half 0.03."""
    priors = eci.Priors(noise_sd_scale=0.05, difficulty_mean_sd=0.5, difficulty_sd_scale=1.0)
    matrix = eci.simulate(30, 12, priors=priors, seed=11, likelihood="normal").matrix
    inside = dataclasses.replace(matrix, score=np.clip(matrix.score, 0, 1))  # as published scores are
    found = calibrate(
        eci.fit(inside, priors=priors, method=eci.Nuts(n_draws=500, max_extensions=0), likelihood="normal")
    )
    assert found.n_scores == found.n_pairs == 360
    assert found.in_50 == pytest.approx(0.5, abs=0.12)
    assert found.in_90 == pytest.approx(0.9, abs=0.06)
    assert found.error < found.error_of_mean


def leave_out(fit, at):
    """Quantiles of one score by weights, and how many effective draws they rest on."""
    quantiles, effective, _ = _leave_out(
        fit, choose_rows(fit), np.array([at]), np.array([0]), np.random.default_rng(0)
    )
    return quantiles[:, 0], effective[0]


@pytest.mark.parametrize("at", [20, 40])
def test_weights_do_what_a_refit_does(small_matrix, small_fit, at):
    m, j = small_matrix.model_index[at], small_matrix.benchmark_index[at]
    kept = np.arange(small_matrix.n_scores) != at
    without = {name: getattr(small_matrix, name)[kept] for name in FIELDS}
    refit = eci.fit(dataclasses.replace(small_matrix, **without), seed=9, likelihood="normal")
    (row,) = predict(refit, small_matrix.models[m], small_matrix.benchmarks[j]).record()
    exact = [row[name] for name in ("low_90", "low_50", "median", "high_50", "high_90")]
    quantiles, effective = leave_out(small_fit, at)
    np.testing.assert_allclose(quantiles, exact, atol=0.01)
    assert effective > 1000


def test_a_score_that_holds_its_benchmark_is_flagged(small_matrix):
    """The first score, 0.12 below what a refit without it expects and lowered by 0.08 more."""
    score = small_matrix.score.copy()
    score[0] -= 0.08
    matrix = dataclasses.replace(small_matrix, score=score)
    fit = eci.fit(matrix, method=eci.Nuts(max_extensions=0, max_halvings=0), seed=1, likelihood="normal")
    _, effective = leave_out(fit, 0)
    assert effective < MIN_EFFECTIVE


def test_rows_of_one_pair_are_left_out_together(small_matrix, small_fit):
    """Every score published twice: the second copy may not predict the first."""
    twice = np.repeat(np.arange(small_matrix.n_scores), 2)
    doubled = dataclasses.replace(
        small_matrix, **{name: getattr(small_matrix, name)[twice] for name in FIELDS}
    )
    found = calibrate(dataclasses.replace(small_fit, matrix=doubled))
    assert found.n_scores == 2 * found.n_pairs == 2 * small_matrix.n_scores
    once = calibrate(small_fit)
    assert found.error_of_mean == pytest.approx(once.error_of_mean, rel=1e-9)
    assert found.error > 0.9 * once.error
