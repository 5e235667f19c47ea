"""The arrow-shaped curvature, its factor and the whitening map, against dense matrices."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from eci.inference import whiten as whitening_module
from eci.inference.method import Laplace
from eci.inference.mode import benchmark_spread
from eci.inference.problem import code_scores, prepare
from eci.inference.provenance import Clock
from eci.inference.whiten import (
    ability_curvature,
    arrow,
    hold_pattern,
    hold_prior,
    pattern_margin,
    prior_curvature,
    row_curvature,
    solve_arrow,
    unwhiten,
    whiten,
    whitening_at,
)
from eci.irt.measurement import Coordinates, Measurement, Position
from eci.irt.observation import LIKELIHOODS
from eci.irt.priors import Priors
from eci.scores import ScoreMatrix

N_MODELS, N_BENCHMARKS = 5, 3


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


factor_arrow = jax.jit(arrow, static_argnums=0, static_argnames="exact")
hyperprior_hessian = jax.jit(lambda m, shared: jax.hessian(m.shared_log_prior)(shared), static_argnums=0)


@partial(jax.jit, static_argnums=(0, 3))
def pieces(measurement, center, scores, exact):
    return (
        row_curvature(measurement, center, scores, exact),
        prior_curvature(measurement, center, scores, exact),
        ability_curvature(measurement, center, scores, exact),
    )


class Tiny:
    """A random position, its curvature assembled as one dense matrix over (benchmark, ability, shared)."""

    def __init__(self, likelihood):
        rng = np.random.default_rng(3)
        self.measurement = Measurement(LIKELIHOODS[likelihood], Priors())
        m, j = np.nonzero(np.arange(N_MODELS)[:, None] != [0, 2, 2])
        names = [f"m{i}" for i in range(N_MODELS)], [f"b{i}" for i in range(N_BENCHMARKS)]
        given = {"lower": [0.0, 0.05, 0.05], "n_items": np.full(len(m), 120)}
        matrix = ScoreMatrix.from_arrays(*names, m, j, rng.uniform(0.1, 0.9, len(m)), **given)
        self.k, n_shared = self.measurement.n_benchmark, len(self.measurement.shared_names)
        at = Coordinates(jnp.array([0.1, -0.3, 0.4]), jnp.asarray(rng.uniform(size=(N_BENCHMARKS, self.k))))
        self.scores = code_scores(matrix, self.measurement)._replace(coordinates=at)
        shapes = (N_MODELS,), (N_BENCHMARKS, self.k), (n_shared,)
        self.center = Position(*(jnp.asarray(0.5 * rng.normal(size=shape)) for shape in shapes))
        self.n_benchmark = N_BENCHMARKS * self.k

    def stack(self, position):
        return np.concatenate([position.benchmark.ravel(), position.ability, position.shared])

    def assemble(self, exact):
        """Add every row's and every prior's curvature at its place, by hand."""
        place = np.arange(self.n_benchmark).reshape(N_BENCHMARKS, self.k)
        ability = self.n_benchmark + np.arange(N_MODELS)
        shared = self.n_benchmark + N_MODELS + np.arange(self.center.shared.size)
        whole = np.zeros((shared[-1] + 1,) * 2)
        for name, curvature in zip(("rows", "benchmarks", "abilities"), self.pieces(exact), strict=True):
            for i, block in enumerate(np.asarray(curvature)):
                if name == "rows":
                    m, j = int(self.scores.model_index[i]), int(self.scores.benchmark_index[i])
                    at = [ability[m], *place[j], *shared]
                else:
                    at = [*(place[i] if name == "benchmarks" else [ability[i]]), *shared]
                whole[np.ix_(at, at)] += block
        whole[np.ix_(shared, shared)] -= hyperprior_hessian(self.measurement, self.center.shared)
        return whole

    def pieces(self, exact):
        return pieces(self.measurement, self.center, self.scores, exact)


@pytest.fixture(scope="module", params=["normal", "beta", "binomial"])  # one of each kind of noise
def tiny(request):
    with jax.enable_x64(True):
        return Tiny(request.param)


class Held:
    """The Gauss-Newton precision of a tiny problem with its unit held one way: factored, and dense."""

    def __init__(self, tiny, basis):
        self.tiny, self.center = tiny, tiny.center
        self.factor = factor_arrow(tiny.measurement, tiny.center, tiny.scores, basis, exact=False)
        self.basis = np.asarray(jax.scipy.linalg.block_diag(jnp.eye(tiny.n_benchmark), basis))
        self.precision = self.basis.T @ tiny.assemble(exact=False) @ self.basis
        self.whitening = whitening_at(tiny.center, self.factor)
        self.n = len(self.precision)

    def move(self, z):
        return unwhiten(self.whitening, jnp.asarray(z))


@pytest.fixture(scope="module", params=["prior", "pattern"])
def held(request, tiny):
    with jax.enable_x64(True):
        n_shared = tiny.center.shared.size
        by_prior, by_pattern = hold_prior(N_MODELS, n_shared), hold_pattern(tiny.center.ability, n_shared)
        return Held(tiny, by_prior if request.param == "prior" else by_pattern)


def test_the_pieces_add_up_to_the_hessian_of_the_log_density(tiny):
    flat, restore = ravel_pytree((tiny.center.benchmark, tiny.center.ability, tiny.center.shared))

    @jax.jit
    def hessian(v, scores):
        def potential(v):
            benchmark, ability, shared = restore(v)
            return -tiny.measurement.log_density(Position(ability, benchmark, shared), scores)

        return jax.hessian(potential)(v)

    dense = np.asarray(hessian(flat, tiny.scores))
    np.testing.assert_allclose(tiny.assemble(exact=True), dense, atol=1e-10 * np.abs(dense).max())


def test_gauss_newton_is_positive_definite_once_the_unit_is_held(tiny, held):
    """Before, it is flat where all abilities and difficulties shift together."""
    newton = tiny.assemble(exact=False)
    assert np.linalg.eigvalsh(newton)[0] == pytest.approx(0, abs=1e-12)
    assert np.linalg.eigvalsh(newton)[1] > 0.01
    assert np.linalg.eigvalsh(held.precision)[0] > 0.01
    assert np.abs(newton - tiny.assemble(exact=True)).max() > 0.1


def test_gauss_newton_is_exact_where_scores_lie_on_their_curves():
    """Least squares only: there the residual vanishes, and what multiplies it."""
    tiny = Tiny("normal")
    measurement, center, scores = tiny.measurement, tiny.center, tiny.scores
    curves, j, datum = measurement.curves(center, scores), scores.benchmark_index, scores.datum
    away = center.ability[scores.model_index] - scores.coordinates.reference[j]
    z = jnp.exp(curves.log_slope[j]) * away + curves.intercept[j]
    on_curve = datum.lower + (datum.upper - datum.lower) * jax.nn.sigmoid(z)
    tiny.scores = scores._replace(datum=datum._replace(score=on_curve))
    exact, newton = tiny.pieces(True)[0], tiny.pieces(False)[0]
    np.testing.assert_allclose(exact, newton, atol=1e-9 * np.abs(exact).max())


def test_the_factor_is_the_cholesky_factor_of_the_dense_matrix(held):
    dense, n = np.linalg.cholesky(held.precision), held.tiny.n_benchmark
    blocks = jax.scipy.linalg.block_diag(*held.factor.benchmark_chol)
    np.testing.assert_allclose(blocks, dense[:n, :n], atol=1e-10 * np.abs(dense).max())
    np.testing.assert_allclose(held.factor.w_chol, dense[n:, n:], atol=1e-10 * np.abs(dense).max())


def test_the_factor_solves_as_the_dense_matrix_does(held):
    rng = np.random.default_rng(0)
    rhs = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), held.center)
    expected = held.basis @ np.linalg.solve(held.precision, held.basis.T @ held.tiny.stack(rhs))
    solved = solve_arrow(held.factor, rhs)
    np.testing.assert_allclose(held.tiny.stack(solved), expected, rtol=1e-8, atol=1e-10)


def test_the_whitening_map_is_affine_and_turns_the_precision_into_the_identity(held):
    origin = held.tiny.stack(held.move(np.zeros(held.n)))
    np.testing.assert_array_equal(origin, held.tiny.stack(held.center))
    jacobian = np.stack([held.tiny.stack(held.move(z)) - origin for z in np.eye(held.n)], axis=1)
    z = np.random.default_rng(1).normal(size=held.n)
    np.testing.assert_allclose(held.tiny.stack(held.move(z)), origin + jacobian @ z, atol=1e-12)
    free = held.basis.T @ jacobian
    np.testing.assert_allclose(held.basis @ free, jacobian, atol=1e-12)  # held directions stay
    np.testing.assert_allclose(free.T @ held.precision @ free, np.eye(held.n), atol=1e-10)


def test_what_holds_the_unit_does_not_move(tiny):
    n_shared, ability = tiny.center.shared.size, tiny.center.ability
    rng = np.random.default_rng(2)
    by_prior = hold_prior(N_MODELS, n_shared)
    np.testing.assert_array_equal((by_prior @ rng.normal(size=by_prior.shape[1]))[-2:], 0)
    by_pattern = hold_pattern(ability, n_shared)
    moved = (by_pattern @ rng.normal(size=by_pattern.shape[1]))[:N_MODELS]
    assert float(moved.sum()) == pytest.approx(0, abs=1e-12)
    assert float(moved @ ability) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(by_pattern.T @ by_pattern, np.eye(by_pattern.shape[1]), atol=1e-12)


def test_the_pattern_margin_is_that_of_the_dense_covariance(tiny):
    held = Held(tiny, hold_prior(N_MODELS, tiny.center.shared.size))
    covariance = held.basis @ np.linalg.inv(held.precision) @ held.basis.T
    own = slice(tiny.n_benchmark, tiny.n_benchmark + N_MODELS)
    pattern = np.asarray(tiny.center.ability - tiny.center.ability.mean())
    length = np.linalg.norm(pattern)
    sd = np.sqrt(pattern @ covariance[own, own] @ pattern) / length
    assert float(pattern_margin(held.whitening)) == pytest.approx(length / sd, rel=1e-9)


def test_the_spread_of_benchmarks_is_that_of_the_dense_covariance(tiny):
    """Taken where coordinates are intercept, log slope and log precision: fully centred."""
    at = tiny.scores.coordinates
    centred = Tiny(tiny.measurement.likelihood.name)
    centred.scores = tiny.scores._replace(coordinates=at._replace(centring=jnp.ones_like(at.centring)))
    held, k = Held(centred, hold_prior(N_MODELS, tiny.center.shared.size)), tiny.k
    covariance = np.linalg.inv(held.precision)
    spread = benchmark_spread(held.factor, held.center)
    for j, (intercept, log_slope, *_) in enumerate(np.asarray(held.center.benchmark)):
        own = covariance[j * k : (j + 1) * k, j * k : (j + 1) * k]
        to_difficulty = np.array([-1, intercept, *[0] * (k - 2)]) / np.exp(log_slope)
        expected = [to_difficulty @ own @ to_difficulty, *np.diag(own)[1:]]
        np.testing.assert_allclose(spread[j], expected, rtol=1e-8)


@pytest.fixture(scope="module")
def problem(small_matrix):
    """The small problem at its mode."""
    with jax.enable_x64(True):
        return prepare(small_matrix, Measurement(LIKELIHOODS["normal"], Priors()), Laplace(), Clock())


@pytest.mark.parametrize("limit", [0.0, np.inf])
def test_the_unit_is_held_by_the_pattern_where_that_is_well_determined(problem, monkeypatch, limit):
    monkeypatch.setattr(whitening_module, "MIN_PATTERN_MARGIN", limit)
    center = problem.whitening.center
    whitening, definite = whiten(problem.measurement, center, problem.scores, exact=True)
    assert definite
    abilities, unit = whitening.w_factor[: center.ability.size], whitening.w_factor[-2:]
    if limit == 0.0:
        np.testing.assert_allclose(abilities.sum(axis=0), 0, atol=1e-12)
        assert np.abs(unit).max() > 1e-3
    else:
        assert np.abs(abilities.sum(axis=0)).max() > 1e-3
        np.testing.assert_array_equal(unit, 0)


def test_a_curvature_that_is_not_a_maximum_is_reported_and_replaced(problem):
    center = problem.whitening.center
    astray = center._replace(ability=-center.ability)
    whitening, definite = whiten(problem.measurement, astray, problem.scores, exact=True)
    assert not definite
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(whitening))


def test_equal_abilities_have_no_pattern_margin(tiny):
    held = Held(tiny, hold_prior(N_MODELS, tiny.center.shared.size)).whitening
    equal = held._replace(center=held.center._replace(ability=jnp.full(N_MODELS, 0.5)))
    assert pattern_margin(equal) == 0.0
