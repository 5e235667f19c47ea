"""Likelihoods against SciPy's densities, and what happens to scores of exactly 0 and 1."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from eci import noise
from eci.irt.continuous import RepeatedNormal
from eci.irt.datum import Datum, RepeatedDatum, find_edges, group_scores, snap_to_edges
from eci.irt.observation import LIKELIHOODS
from eci.irt.special import digamma, log_gamma, log_gamma_ratio

SCORES = np.array([0.02, 0.3, 0.5, 0.97])
MEANS = np.array([0.05, 0.5, 0.48, 0.9])
LEVEL = {"normal": 0.1, "student_t": 0.07, "logit_normal": 0.4, "beta": 20.0, "binomial": 1.0}
LEVEL |= {"beta_binomial": 20.0}  # a noise parameter as published data have it


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def log_prob(name, score, mean, noise, n_items=np.nan):
    score, mean, noise, n_items = np.broadcast_arrays(np.asarray(score, float), mean, noise, n_items)
    datum = Datum(jnp.asarray(score), jnp.asarray(n_items), 0.0, 1.0)
    return np.asarray(jax.jit(LIKELIHOODS[name].log_prob)(datum, jnp.asarray(mean), jnp.asarray(noise)))


@pytest.mark.parametrize("sd", [0.01, 0.1, 1.0])
def test_normal(sd):
    expected = stats.norm.logpdf(SCORES, MEANS, sd)
    np.testing.assert_allclose(log_prob("normal", SCORES, MEANS, np.log(sd)), expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [0.01, 0.1, 1.0])
def test_student_t(scale):
    expected = stats.t.logpdf(SCORES, 4, MEANS, scale)
    np.testing.assert_allclose(log_prob("student_t", SCORES, MEANS, np.log(scale)), expected, rtol=1e-12)


@pytest.mark.parametrize("n_items", [30.0, 5000.0])
@pytest.mark.parametrize("sd", [0.05, 0.4, 2.0])
def test_logit_normal(sd, n_items):
    s = np.sqrt(sd**2 + 1 / (n_items * MEANS * (1 - MEANS) + 0.5))
    expected = stats.norm.logpdf(special.logit(SCORES), special.logit(MEANS), s) - np.log(
        SCORES * (1 - SCORES)
    )
    found = log_prob("logit_normal", SCORES, MEANS, np.log(sd), n_items)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("n_items", [30.0, 5000.0])
@pytest.mark.parametrize("precision", [0.5, 20.0, 3000.0])
def test_beta(precision, n_items):
    size = 1 / (1 / precision + 1 / n_items)
    expected = stats.beta.logpdf(SCORES, MEANS * size, (1 - MEANS) * size)
    found = log_prob("beta", SCORES, MEANS, np.log(precision), n_items)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_items", [7, 100])
def test_counts(n_items):
    hits = np.array([0, 1, 3, n_items])
    scores, log_n = hits / n_items, np.log(n_items)
    np.testing.assert_allclose(
        log_prob("binomial", scores, MEANS, 0.0, n_items) - log_n,
        stats.binom.logpmf(hits, n_items, MEANS),
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        log_prob("beta_binomial", scores, MEANS, np.log(20.0), n_items) - log_n,
        stats.betabinom.logpmf(hits, n_items, 20 * MEANS, 20 * (1 - MEANS)),
        rtol=1e-9,
    )


@pytest.mark.parametrize("log_precision", [22.0, 33.0, 40.0, 80.0, 600.0])
def test_counts_of_great_precision_are_binomial(log_precision):
    """The difference of log-gammas there was once off by 22 at 36 and by 2,400 at 40, and chains found it.

    Within three standard deviations; n / precision is 1.5e-5, and (z^2 - 1) / 2 of it what is left.
    """
    hits = np.array([440.0, 470.0, 480.5, 520.0])
    datum = Datum(jnp.asarray(hits / 1000), jnp.asarray(1000.0), 0.0, 1.0)
    binomial, scattered = (
        LIKELIHOODS[name].log_prob(datum, jnp.asarray(0.48), level)
        for name, level in (("binomial", ()), ("beta_binomial", jnp.asarray(log_precision)))
    )
    np.testing.assert_allclose(scattered, binomial, atol=1e-4)
    twin = noise.log_prob("beta_binomial", hits / 1000, 0.48, log_precision, 1000.0)
    np.testing.assert_allclose(twin, binomial, atol=1e-4)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("mean", [0.001, 0.05, 0.6, 0.999])
def test_the_density_of_all_scores_is_one(name, mean):
    """Of counts: the probabilities; of fractions: the integral, on both sides of each edge apart."""
    noise, n_items = np.log(LEVEL[name]), 40
    if LIKELIHOODS[name].needs_items:
        total = np.exp(log_prob(name, np.arange(n_items + 1) / n_items, mean, noise, n_items)).mean()
        assert total * (n_items + 1) / n_items == pytest.approx(1.0, abs=1e-9)
        return
    edge = 0.5 / n_items
    ends = (
        [mean + d for d in (-100, -10, -1, 0, 1, 10, 100)]
        if name in ("normal", "student_t")
        else [0, edge, 1 - edge, 1]
    )
    u, weight = np.polynomial.legendre.leggauss(200)
    total = 0.0
    for low, high in itertools.pairwise(ends):
        score = low + (high - low) * (0.5 + 0.5 * u)
        total += 0.5 * (high - low) * weight @ np.exp(log_prob(name, score, mean, noise, n_items))
    assert total == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("n_items", [10, 30, 1000])
@pytest.mark.parametrize(("mean", "precision"), [(0.001, 3.0), (0.02, 1e4), (0.3, 20.0), (0.99, 1e8)])
def test_an_edge_of_beta_is_the_probability_of_half_an_item(mean, precision, n_items):
    size = 1 / (1 / precision + 1 / n_items)
    law, width = stats.beta(mean * size, (1 - mean) * size), 0.5 / n_items
    found = log_prob("beta", [0.0, 0.3 * width, 1.0], mean, np.log(precision), n_items) + np.log(width)
    expected = [law.logcdf(width)] * 2 + [law.logsf(1 - width)]
    held = np.array(expected) > -500  # SciPy's probability is zero beyond
    assert held.any()
    np.testing.assert_allclose(found[held], np.array(expected)[held], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["beta", "logit_normal"])
def test_a_score_at_the_edge_is_no_more_than_certain(name):
    """It is one half item: at most certain, the more so the nearer the expected score, whatever the noise."""
    mean, noise = np.geomspace(1e-5, 0.5, 20)[:, None], np.log([1e-8, 1e-2, 1.0, 1e2, 1e8])
    for score, expected in ((0.0, mean), (1.0, 1 - mean)):
        log_mass = log_prob(name, score, expected, noise, 100.0) + np.log(0.5 / 100)
        assert (log_mass <= 0.0).all()
        assert (np.diff(log_mass, axis=0) <= 0.0).all()
    assert log_prob(name, 0.0, 1e-5, np.log(20.0), 100.0) + np.log(0.5 / 100) > -0.7


def test_scores_around_an_edge_know_their_side():
    edges = find_edges(jnp.array([0.0, 0.004, 0.006, 0.994, 1.0]), jnp.asarray(100.0))
    np.testing.assert_array_equal(edges.low, [True, True, False, False, False])
    np.testing.assert_array_equal(edges.high, [False, False, False, False, True])
    np.testing.assert_allclose(edges.inside, [0.005, 0.005, 0.006, 0.994, 0.995])
    drawn = snap_to_edges(jnp.array([0.0004, 0.003, 0.5, 0.9996]), jnp.asarray(np.nan))
    np.testing.assert_allclose(drawn, [0.0, 0.003, 0.5, 1.0])


def test_normal_takes_edges_as_they_are():
    np.testing.assert_allclose(
        log_prob("normal", [0.0, 1.0], 0.5, 0.0), stats.norm.logpdf([0.0, 1.0], 0.5, 1.0)
    )


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_gradients_are_numbers_at_the_edges_and_beyond_reason(name):
    """Scores of 0 and 1, expected scores of 0 and 1 to the last bit, noise from nothing to everything."""
    score, mean, noise = np.meshgrid([0.0, 0.5, 1.0], [0.0, 1e-12, 0.5, 1.0], [-12.0, 0.0, 12.0])
    likelihood = LIKELIHOODS[name]

    def total(mean, noise):
        return likelihood.log_prob(Datum(jnp.asarray(score), jnp.asarray(200.0), 0.0, 1.0), mean, noise).sum()

    value, gradient = jax.jit(jax.value_and_grad(total, (0, 1)))(jnp.asarray(mean), jnp.asarray(noise))
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradient)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_draws_have_the_moments_of_the_density(name):
    """Mean and sd of many draws; those of the density by summing it over a fine grid of scores."""
    n, n_items, mean, noise = 40_000, 200.0, 0.3, np.log(LEVEL[name])
    draw = jax.jit(LIKELIHOODS[name].simulate)
    draws = np.asarray(draw(jax.random.key(0), jnp.full(n, mean), jnp.full(n, noise), jnp.full(n, n_items)))
    grid = np.arange(201) / 200 if LIKELIHOODS[name].needs_items else np.linspace(-2, 2.5, 90_001)
    if name in ("beta", "logit_normal"):
        grid = grid[(grid >= 0) & (grid <= 1)]
    weight = np.exp(log_prob(name, grid, mean, noise, n_items))
    weight /= weight.sum()
    expected = weight @ grid
    sd = np.sqrt(weight @ (grid - expected) ** 2)
    assert draws.mean() == pytest.approx(expected, abs=4 * sd / np.sqrt(n))
    assert draws.std() == pytest.approx(sd, rel=0.03)


def test_repeated_rows_of_a_pair_are_jointly_normal():
    """Their mean and sum of squares say all: compound symmetry, against SciPy's multivariate density."""
    mean, sd, pair_sd = 0.4, 0.03, 0.08
    for rows in ([0.5], [0.35, 0.52], [0.3, 0.41, 0.38, 0.6]):
        y, n = np.array(rows), len(rows)
        covariance = sd**2 * np.eye(n) + pair_sd**2
        expected = stats.multivariate_normal.logpdf(y, np.full(n, mean), covariance)
        squares = ((y - y.mean()) ** 2).sum()
        datum = RepeatedDatum(y.mean(), np.nan, 0.0, 1.0, float(n), squares)
        found = RepeatedNormal().log_prob(datum, jnp.asarray(mean), tuple(jnp.log(jnp.array([sd, pair_sd]))))
        assert float(found) == pytest.approx(expected, rel=1e-10)


X = np.concatenate([np.geomspace(1e-8, 1.0, 40), np.geomspace(1.0, 1e10, 40)])


def test_log_gamma_and_digamma_are_scipys():
    np.testing.assert_allclose(log_gamma(X), special.gammaln(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(digamma(X), special.digamma(X), rtol=1e-11, atol=1e-11)


def test_derivatives_of_log_gamma():
    np.testing.assert_allclose(
        jax.vmap(jax.grad(log_gamma))(jnp.asarray(X)), special.digamma(X), rtol=1e-11, atol=1e-11
    )
    second = jax.vmap(jax.grad(jax.grad(log_gamma)))(jnp.asarray(X))
    np.testing.assert_allclose(second, special.polygamma(1, X), rtol=1e-9)


def test_a_ratio_of_gammas_with_a_factor_and_its_derivatives():
    x = jnp.asarray([3.7, 0.2, 41.0, 0.6])

    def ratio(x):
        return log_gamma_ratio((x[0],), (x[1], x[2]), x[3])

    a, b, c, times = np.asarray(x)
    expected = special.gammaln(a) - special.gammaln(b) - special.gammaln(c) + np.log(times)
    assert float(ratio(x)) == pytest.approx(expected, rel=1e-12)
    slopes = [special.digamma(a), -special.digamma(b), -special.digamma(c), 1 / times]
    np.testing.assert_allclose(jax.grad(ratio)(x), slopes, rtol=1e-11)


@pytest.mark.parametrize("n_edges", [0, 3, 25])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_total_is_the_sum_of_the_rows(name, n_edges):
    """In value and slope, with edges at both ends and several numbers of items in one benchmark."""
    rng = np.random.default_rng(n_edges)
    benchmark, n_items = rng.integers(4, size=40), rng.choice([30.0, 500.0], 40)
    score = np.round(rng.uniform(0.1, 0.9, 40) * n_items) / n_items
    score[:n_edges] = rng.integers(2, size=n_edges)
    if not LIKELIHOODS[name].needs_items:
        n_items[::3] = np.nan
    datum = Datum(*map(jnp.asarray, (score, n_items, np.zeros(40), np.ones(40))))
    groups = group_scores(benchmark, datum)
    assert len(groups.at_edge) == 5 * -(-n_edges // 5)
    mean = jnp.asarray(rng.uniform(0.02, 0.98, 40))
    noise = () if name == "binomial" else jnp.log(LEVEL[name] * jnp.asarray(rng.uniform(0.5, 2, 4)))

    def rows(mean, noise):
        by_score = jax.tree.map(lambda x: x[benchmark], noise)
        return LIKELIHOODS[name].log_prob(datum, mean, by_score).sum()

    def total(mean, noise):
        return LIKELIHOODS[name].total(datum, mean, noise, groups)

    for expected, found in zip(
        *(jax.tree.leaves(jax.value_and_grad(f, (0, 1))(mean, noise)) for f in (rows, total)), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
