"""Pareto k of Laplace: small where the posterior is near normal, large where it is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

import eci
from eci.inference.chains import log_density_gradient
from eci.inference.importance import weigh_abilities, weigh_draws
from eci.inference.problem import prepare
from eci.inference.provenance import Clock
from eci.irt.measurement import Measurement
from eci.irt.observation import LIKELIHOODS
from eci.irt.priors import Priors
from eci.psis import smooth_weights

TIGHT = Priors(
    difficulty_mean_sd=0.1,
    difficulty_sd_scale=0.5,
    log_discrimination_mean=0.7,
    log_discrimination_mean_sd=0.1,
    log_discrimination_sd_scale=0.3,
    noise_sd_scale=0.05,
)


@pytest.fixture(scope="module")
def problem(small_matrix):
    with jax.enable_x64(True):
        return prepare(small_matrix, Measurement(LIKELIHOODS["normal"], Priors()), eci.Laplace(), Clock())


def test_ratios_are_those_of_the_densities(problem):
    """Against the potential that the sampler uses."""
    with jax.enable_x64(True):
        z = jax.random.normal(jax.random.key(1), (5, problem.n_coordinates))
        found = weigh_draws(problem, z)
        potential = [
            log_density_gradient(problem.measurement, problem.whitening, problem.scores, row)[0] for row in z
        ]
    expected = -np.array(potential) + 0.5 * np.sum(np.asarray(z) ** 2, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_benchmarks_are_integrated_out(problem):
    """One draw of the abilities, its benchmarks by brute force: 4,000 draws together instead of 8 each."""
    with jax.enable_x64(True):
        z = jnp.tile(jax.random.normal(jax.random.key(2), (1, problem.n_coordinates)), (60, 1))
        found = weigh_abilities(problem, z, jax.random.key(3))
        n_benchmark = problem.whitening.center.benchmark.size
        many = jnp.tile(z[:1], (4000, 1))
        fresh = jax.random.normal(jax.random.key(4), (4000, n_benchmark))
        joint = weigh_draws(problem, many.at[:, -n_benchmark:].set(fresh))
    together = logsumexp(joint) - np.log(4000)
    assert np.log(np.mean(np.exp(found - together))) == pytest.approx(0.0, abs=0.25)


def test_much_data_is_trusted_and_little_is_not(small_matrix):
    much = eci.simulate(40, 16, priors=TIGHT, seed=3, likelihood="normal").matrix
    fits = {
        "much": eci.fit(much, priors=TIGHT, method=eci.Laplace(n_draws=1000), likelihood="normal"),
        "little": eci.fit(small_matrix, method=eci.Laplace(n_draws=1000), likelihood="normal"),
    }
    k = {
        name: {check.name: check for check in fit.diagnostics.checks if check.name.startswith("pareto")}
        for name, fit in fits.items()
    }
    assert all(check.ok for check in k["much"].values())
    assert not k["little"]["pareto_k"].ok
    assert k["little"]["pareto_k"].value > k["much"]["pareto_k"].value
    assert "--method nuts" in k["little"]["pareto_k"].advice


def test_the_checks_can_be_left_out(small_matrix):
    fit = eci.fit(small_matrix, method=eci.Laplace(n_draws=100, n_weighed=0), likelihood="normal")
    assert not any(check.name.startswith("pareto") for check in fit.diagnostics.checks)


def test_draws_from_the_target_itself_have_equal_weights():
    _, k = smooth_weights(np.zeros((1000, 1)))
    assert k[0] == -np.inf
