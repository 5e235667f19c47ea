"""NUTS against the exact posterior of 2 models on 2 benchmarks, integrated by brute force.

The reference is written from the equations in the docstring of `eci.Priors`, with NumPy and SciPy alone. All
parameters are integrated, none is held:

- given the hyperparameters (mean m, sd s), difficulties are independent, and so are log slopes and log
  precisions. Their joint prior mass on a grid of cells, one cell for each benchmark, is therefore a sum over
  m and s of products of normal cell probabilities. Whole cells are needed: integrated over s, the prior
  density of a difference of two difficulties is infinite at zero;
- abilities (and the noise sd that all scores share) are on a grid of their own. Given them, the likelihood of
  a benchmark is a tensor over its own cells, and the sum over both benchmarks' cells is a chain of matrix
  products with the joint prior masses.

Scores are few, so every prior matters, and an error in any of them would show.
"""

from functools import cache
from unittest.mock import patch

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln, expit

import eci
from eci.inference.convergence import compute_mixing
from eci.scores import ScoreMatrix

# model, benchmark, repetition: three scores a pair keep the noise from zero, where no grid is fine enough
SCORES = np.array([[[0.18, 0.26, 0.31], [0.50, 0.62, 0.71]], [[0.45, 0.57, 0.60], [0.81, 0.90, 0.96]]])
N_ITEMS = 50  # the sampling error of which adds to the scatter under beta
PRIORS = eci.Priors(
    difficulty_mean_sd=0.7,
    difficulty_sd_scale=0.6,
    log_discrimination_mean=0.3,
    log_discrimination_mean_sd=0.4,
    log_discrimination_sd_scale=0.4,
    noise_sd_scale=0.3,
    log_precision_mean=2.0,
    log_precision_mean_sd=0.5,
    log_precision_sd_scale=0.5,
)
METHOD = eci.Nuts(n_draws=2000, max_extensions=0, target_accept=0.95)


class Axis:
    """Cells of equal width; `pair` holds the joint prior mass of the two benchmarks' values, (n, n)."""

    def __init__(self, low, high, n, mean=None, mean_sd=None, sd_scale=None):
        self.edges = np.linspace(low, high, n + 1)
        self.centres = (self.edges[1:] + self.edges[:-1]) / 2
        self.width = self.edges[1] - self.edges[0]
        if sd_scale is not None:
            self.pair = self._pair(mean, mean_sd, sd_scale)

    def _pair(self, mean, mean_sd, sd_scale):
        ms = np.arange(mean - 5 * mean_sd, mean + 5 * mean_sd, self.width / 4)
        probs = (np.arange(200) + 0.5) / 200
        mass = np.zeros((len(self.centres),) * 2)
        for s in stats.halfnorm.ppf(probs, scale=sd_scale):
            cells = np.diff(stats.norm.cdf(self.edges[:, None], ms, s), axis=0)
            mass += (cells * stats.norm.pdf(ms, mean, mean_sd)) @ cells.T * (ms[1] - ms[0]) / len(probs)
        assert mass.sum() == pytest.approx(1, abs=5e-3)  # what lies outside the grid
        return mass


ABILITY = Axis(-3.6, 3.6, 30)
NOISE = np.geomspace(0.02, 1.2, 24)


@cache
def axes():
    p = PRIORS
    return (
        Axis(-4.2, 4.2, 64, 0.0, p.difficulty_mean_sd, p.difficulty_sd_scale),
        Axis(
            -2.2,
            2.8,
            32,
            p.log_discrimination_mean,
            p.log_discrimination_mean_sd,
            p.log_discrimination_sd_scale,
        ),
        Axis(-1.4, 5.4, 26, p.log_precision_mean, p.log_precision_mean_sd, p.log_precision_sd_scale),
    )


def contract(pairs, likelihood):
    """Sum a benchmark's likelihood over its cells with the joint prior masses: the other's cells remain."""
    for axis, pair in enumerate(pairs, start=1):
        likelihood = np.moveaxis(np.tensordot(likelihood, pair, axes=(axis, 0)), -1, axis)
    return likelihood


def integrate(density, pairs):
    """Posterior mass by ability cells (2, .) and by benchmark cells (2, ...), for one value of the noise.

    `density(score)` has shape (ability, *cells).
    """
    n = len(ABILITY.centres)
    prior = stats.norm.pdf(ABILITY.centres) * ABILITY.width
    by_score = {
        (m, j): np.prod([density(y) for y in SCORES[m, j]], axis=0) for m in range(2) for j in range(2)
    }
    ability, benchmark = np.zeros((2, n)), np.zeros((2, *by_score[0, 0].shape[1:]))
    for i in range(n):  # ability of the first model; that of the second is the leading axis
        first, second = (by_score[0, j][i] * by_score[1, j] for j in range(2))
        weight = (prior[i] * prior).reshape(-1, *[1] * (first.ndim - 1))
        mass = weight * first * contract(pairs, second)
        of_second = weight * second * contract(pairs, first)
        by_model = mass.sum(axis=tuple(range(1, mass.ndim)))
        ability[0, i] += by_model.sum()
        ability[1] += by_model
        benchmark[0] += mass.sum(axis=0)
        benchmark[1] += of_second.sum(axis=0)
    return ability, benchmark


def normal_reference():
    difficulty, log_slope, _ = axes()
    z = np.exp(log_slope.centres) * (ABILITY.centres[:, None, None] - difficulty.centres[:, None])
    pairs, ability, benchmark, noise = (difficulty.pair, log_slope.pair), 0.0, 0.0, []
    for sd in NOISE:
        weight = stats.halfnorm.pdf(sd, scale=PRIORS.noise_sd_scale) * sd  # the grid is in log sd
        by_ability, by_benchmark = integrate(lambda y, sd=sd: stats.norm.pdf(y, expit(z), sd), pairs)
        ability, benchmark = ability + weight * by_ability, benchmark + weight * by_benchmark
        noise.append(weight * by_ability[0].sum())
    return ability, benchmark, np.array(noise)


def beta_reference():
    difficulty, log_slope, log_precision = axes()
    z = np.exp(log_slope.centres) * (ABILITY.centres[:, None, None] - difficulty.centres[:, None])
    mean, precision = expit(z)[..., None], 1 / (np.exp(-log_precision.centres) + 1 / N_ITEMS)
    a, b = mean * precision, (1 - mean) * precision
    constant = betaln(a, b)
    pairs = difficulty.pair, log_slope.pair, log_precision.pair
    return integrate(lambda y: np.exp((a - 1) * np.log(y) + (b - 1) * np.log1p(-y) - constant), pairs)


@cache
def fitted(likelihood):
    m, j, _ = np.nonzero(SCORES)
    n_items = np.full(len(m), N_ITEMS)
    matrix = ScoreMatrix.from_arrays(["m0", "m1"], ["b0", "b1"], m, j, SCORES.ravel(), n_items=n_items)
    # Rows are independent here, as in the reference: no effect of the pair.
    with patch("eci.inference.problem.suit", lambda measurement, matrix: measurement):
        return eci.fit(matrix, likelihood=likelihood, priors=PRIORS, method=METHOD, seed=4).draws


def assert_same(draws, edges, mass, name):
    """Mean, variance and five quantiles of draws against masses of cells, within four standard errors."""
    mass, centres = mass / mass.sum(), (edges[1:] + edges[:-1]) / 2
    by_chain = draws.reshape(METHOD.n_chains, -1)

    def compare(values, expected, what):
        error = values.std() / np.sqrt(compute_mixing(values[..., None]).ess_bulk[0])
        assert abs(values.mean() - expected) < 4 * error, (name, what, values.mean(), expected, error)

    mean = mass @ centres
    compare(by_chain, mean, "mean")
    compare((by_chain - mean) ** 2, mass @ (centres - mean) ** 2, "variance")
    below = np.concatenate([[0.0], np.cumsum(mass)])
    for p in (0.05, 0.25, 0.5, 0.75, 0.95):
        at = int(np.abs(below - p).argmin())
        compare((by_chain <= edges[at]).astype(float), below[at], f"quantile {p}")


def assert_posterior(draws, ability, benchmark):
    difficulty, log_slope, _ = axes()
    for i in range(2):
        assert_same(draws.ability[:, i], ABILITY.edges, ability[i], f"ability {i}")
        rest = tuple(range(3, benchmark.ndim))
        by_two = benchmark.sum(axis=rest)[i]
        assert_same(draws.difficulty[:, i], difficulty.edges, by_two.sum(axis=1), f"difficulty {i}")
        log_draws = np.log(draws.discrimination[:, i])
        assert_same(log_draws, log_slope.edges, by_two.sum(axis=0), f"log discrimination {i}")


def test_normal():
    ability, benchmark, noise = normal_reference()
    draws = fitted("normal")
    assert_posterior(draws, ability, benchmark)
    log_noise = np.log(NOISE)
    step = (log_noise[1] - log_noise[0]) / 2
    edges = np.append(log_noise - step, log_noise[-1] + step)
    assert_same(np.log(draws.shared["noise_sd"]), edges, noise, "log noise sd")


def test_beta():
    ability, benchmark = beta_reference()
    draws = fitted("beta")
    assert_posterior(draws, ability, benchmark)
    for i in range(2):
        mass = benchmark[i].sum(axis=(0, 1))
        assert_same(np.log(draws.shared["precision"][:, i]), axes()[2].edges, mass, f"log precision {i}")
