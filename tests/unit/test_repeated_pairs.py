"""Several rows of one pair: coded as one, refused where the likelihood cannot tell, recovered."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eci
from eci.inference.problem import code_scores, suit
from eci.irt.continuous import RepeatedNormal
from eci.irt.measurement import Measurement, Position
from eci.irt.observation import LIKELIHOODS
from eci.irt.priors import Priors
from eci.noise import select_noise
from eci.scores import ScoreMatrix

NORMAL = Measurement(LIKELIHOODS["normal"], Priors())


def repeat(matrix, n, sd, rng):
    """Every pair n times, the rows of a pair scattered by `sd` around its value."""
    rows = np.repeat(np.arange(matrix.n_scores), n)
    score = matrix.score[rows] + sd * rng.normal(size=len(rows))
    pairs = matrix.model_index[rows], matrix.benchmark_index[rows]
    return ScoreMatrix.from_arrays(matrix.models, matrix.benchmarks, *pairs, score)


def test_without_repeats_nothing_changes(small_matrix):
    assert suit(NORMAL, small_matrix) is NORMAL
    assert code_scores(small_matrix, NORMAL).datum.score.shape == (small_matrix.n_scores,)


@pytest.mark.parametrize("likelihood", ["beta", "student_t", "logit_normal"])
def test_a_likelihood_without_an_effect_of_the_pair_refuses_repeats(small_matrix, likelihood):
    twice = repeat(small_matrix, 2, 0.01, np.random.default_rng(0))
    with pytest.raises(eci.DataError, match=f"192 scores of 96 pairs .* {likelihood} .* pair: normal"):
        eci.fit(twice, likelihood=likelihood, method=eci.Map())


def test_missing_items_are_counted(small_matrix):
    with pytest.raises(eci.DataError, match=r"96 of 96 scores, on 8 of 8 benchmarks \(bench 0, bench 1, "):
        eci.fit(small_matrix, likelihood="binomial", method=eci.Map())


def test_the_density_of_repeated_rows_is_that_of_one_large_normal(small_matrix):
    """The log density, as a function of the noise alone, against a dense covariance over all rows."""
    rng = np.random.default_rng(1)
    rows = rng.permutation(np.r_[np.arange(96), np.arange(40), np.arange(10)])
    pairs = small_matrix.model_index[rows], small_matrix.benchmark_index[rows]
    score = small_matrix.score[rows] + 0.02 * rng.normal(size=len(rows))
    matrix = ScoreMatrix.from_arrays(small_matrix.models, small_matrix.benchmarks, *pairs, score)
    measurement = suit(NORMAL, matrix)
    assert isinstance(measurement.likelihood, RepeatedNormal)
    same = (pairs[0][:, None] == pairs[0]) & (pairs[1][:, None] == pairs[1])
    found, expected = [], []
    with jax.enable_x64(True):
        scores = code_scores(matrix, measurement)
        position = Position(jnp.zeros(16), jnp.zeros((8, 2)), jnp.zeros(8))
        for sd, pair_sd in ((0.1, 0.05), (0.03, 0.2), (0.2, 0.01)):
            shared = position.shared.at[4:6].set(jnp.log(jnp.array([sd, pair_sd])))
            rows_log_prob = measurement.row_log_probs(position._replace(shared=shared), scores)
            assert rows_log_prob.shape == (96,)
            found.append(float(rows_log_prob.sum()))
            covariance = sd**2 * np.eye(len(rows)) + pair_sd**2 * same
            quadratic = (score - 0.5) @ np.linalg.solve(covariance, score - 0.5)
            log_det = np.linalg.slogdet(2 * np.pi * covariance).logabsdet
            expected.append(-0.5 * (quadratic + log_det))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_both_sds_are_recovered():
    """30 models on 12 benchmarks, three rows each: scatter within pairs 0.02, between them 0.06."""
    rng = np.random.default_rng(2)
    narrow = Priors(difficulty_mean_sd=0.5, difficulty_sd_scale=0.7, log_discrimination_mean_sd=0.3)
    whole, truth = eci.simulate(30, 12, priors=narrow, seed=4, likelihood="normal")
    m, j = whole.model_index, whole.benchmark_index
    mean = 1 / (1 + np.exp(-truth.discrimination[j] * (truth.ability[m] - truth.difficulty[j])))
    around = mean + 0.06 * rng.normal(size=len(m))
    matrix = ScoreMatrix.from_arrays(whole.models, whole.benchmarks, m, j, around)
    fit = eci.fit(repeat(matrix, 3, 0.02, rng), method=eci.Laplace(n_weighed=0), likelihood="normal")
    assert fit.draws.shared["noise_sd"].mean() == pytest.approx(0.02, rel=0.1)
    assert fit.draws.shared["pair_sd"].mean() == pytest.approx(0.06, rel=0.15)
    assert np.corrcoef(fit.index, truth.ability)[0, 1] > 0.98
    of_one = np.exp(select_noise("normal", fit.draws.shared, [0]))
    assert of_one.mean() == pytest.approx(np.hypot(0.02, 0.06), rel=0.15)
