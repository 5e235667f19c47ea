"""Simulated parameters follow the priors, and simulated matrices are what was asked for."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy import stats

import eci
from eci.irt.measurement import Measurement
from eci.irt.observation import LIKELIHOODS
from eci.irt.simulate import simulate_parameters

PRIORS = eci.Priors(
    difficulty_mean_sd=0.7, log_discrimination_mean=0.2, noise_sd_scale=0.1, log_precision_mean=2.5
)
N = 4000


@pytest.fixture(scope="module", params=["normal", "student_t", "logit_normal", "beta", "binomial"])
def drawn(request):
    """One model and two benchmarks, drawn N times."""
    measurement = Measurement(LIKELIHOODS[request.param], PRIORS)
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(5), N)
        named = jax.jit(jax.vmap(lambda key: simulate_parameters(measurement, key, 1, 2)))(keys)
    return {name: np.asarray(value) for name, value in named.items()}


def follows(values, distribution):
    return stats.kstest(values.ravel(), distribution.cdf).pvalue > 1e-4


def test_hyperparameters_and_abilities_follow_their_priors(drawn):
    p = PRIORS
    expected = {
        "ability": stats.norm(),
        "difficulty_mean": stats.norm(0, p.difficulty_mean_sd),
        "difficulty_sd": stats.halfnorm(scale=p.difficulty_sd_scale),
        "log_discrimination_mean": stats.norm(p.log_discrimination_mean, p.log_discrimination_mean_sd),
        "log_discrimination_sd": stats.halfnorm(scale=p.log_discrimination_sd_scale),
        "noise_sd": stats.halfnorm(scale=p.noise_sd_scale),
        "noise_scale": stats.halfnorm(scale=p.noise_sd_scale),
        "logit_sd": stats.halfnorm(scale=p.logit_sd_scale),
        "log_precision_mean": stats.norm(p.log_precision_mean, p.log_precision_mean_sd),
        "log_precision_sd": stats.halfnorm(scale=p.log_precision_sd_scale),
    }
    for name, distribution in expected.items():
        assert name not in drawn or follows(drawn[name], distribution), name
    assert not follows(drawn["difficulty_mean"], stats.norm(0, 1.3 * p.difficulty_mean_sd))


def test_benchmarks_follow_their_common_distribution(drawn):
    standard = [
        (drawn["difficulty"] - drawn["difficulty_mean"][:, None]) / drawn["difficulty_sd"][:, None],
        (np.log(drawn["discrimination"]) - drawn["log_discrimination_mean"][:, None])
        / drawn["log_discrimination_sd"][:, None],
    ]
    if "precision" in drawn:
        away = np.log(drawn["precision"]) - drawn["log_precision_mean"][:, None]
        standard.append(away / drawn["log_precision_sd"][:, None])
    for values in standard:
        assert follows(values, stats.norm())
        assert abs(np.corrcoef(values.T)[0, 1]) < 4 / np.sqrt(N)


def test_scores_scatter_around_their_curves():
    matrix, truth = eci.simulate(60, 40, priors=PRIORS, seed=2, likelihood="normal")
    z = truth.discrimination * (truth.ability[:, None] - truth.difficulty)
    mean = 1 / (1 + np.exp(-z))
    residual = matrix.score - mean[matrix.model_index, matrix.benchmark_index]
    assert follows(residual, stats.norm(0, truth.shared["noise_sd"]))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_what_was_simulated_is_recovered(likelihood):
    """At the mode: abilities, slopes, and the noise to within a third."""
    known = replace(PRIORS, difficulty_sd_scale=0.7, log_discrimination_mean_sd=0.2, noise_sd_scale=0.05)
    matrix, truth = eci.simulate(40, 12, likelihood=likelihood, priors=known, n_items=300, seed=6)
    found = eci.fit(matrix, likelihood=likelihood, priors=known, method=eci.Map()).mode
    assert np.corrcoef(found.ability, truth.ability)[0, 1] > 0.97
    assert np.corrcoef(np.log(found.discrimination), np.log(truth.discrimination))[0, 1] > 0.8
    for name in {"noise_sd", "noise_scale", "logit_sd"} & set(truth.shared):
        assert float(found.shared[name]) == pytest.approx(float(truth.shared[name]), rel=0.33)
    if "precision" in truth.shared:
        away = np.log(found.shared["precision"]) - np.log(truth.shared["precision"])
        assert abs(away.mean()) < 0.33


def test_the_seed_decides_the_matrix():
    one, again, other = (eci.simulate(5, 4, seed=seed, likelihood="normal").matrix for seed in (1, 1, 2))
    assert one.digest == again.digest != other.digest


@pytest.mark.parametrize(
    ("n_models", "n_benchmarks", "fill"), [(1, 1, 1.0), (1, 7, 0.01), (12, 5, 0.01), (5, 12, 0.5)]
)
def test_the_matrix_is_connected_whatever_the_fill(n_models, n_benchmarks, fill):
    matrix = eci.simulate(n_models, n_benchmarks, fill=fill, lower=0.25, seed=3, likelihood="normal").matrix
    assert (matrix.n_models, matrix.n_benchmarks) == (n_models, n_benchmarks)
    assert matrix.components.max() == 0
    assert (matrix.lower == 0.25).all()


@pytest.mark.parametrize(
    ("counts", "options"),
    [
        ((0, 4), {}),
        ((4, 0), {}),
        ((4, 4), {"fill": 0.0}),
        ((4, 4), {"fill": 1.5}),
        ((4, 4), {"lower": 1.0}),
        ((4, 4), {"likelihood": "cauchy"}),
        ((4, 4), {"likelihood": "binomial"}),
        ((4, 4), {"n_items": 0}),
    ],
)
def test_impossible_options_are_refused(counts, options):
    with pytest.raises(eci.DataError):
        eci.simulate(*counts, **options)


def test_more_than_a_thousand_models_keep_their_order():
    simulation = eci.simulate(1200, 4, seed=1, likelihood="normal")
    assert list(simulation.matrix.models) == sorted(simulation.matrix.models)
    assert len(simulation.matrix.models) == 1200
