"""The lean no-U-turn kernel: its trees against a recursive one, its draws against known distributions."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from eci.inference import nuts
from eci.inference.convergence import compute_mixing

N_DRAWS, N_CHAINS = 4000, 4


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


COVARIANCE = np.array([[1.0, 0.9, 0.0], [0.9, 1.5, -0.3], [0.0, -0.3, 0.5]])
PRECISION = np.linalg.inv(COVARIANCE)
MEAN = np.array([1.0, -2.0, 0.5])


def correlated(z):
    """Normal with COVARIANCE and MEAN."""
    away = z - MEAN
    return 0.5 * away @ PRECISION @ away, PRECISION @ away


SHAPE = 2.0


def skewed(z):
    """Two independent log-gamma variables: exp(z) ~ Gamma(SHAPE), long to the left."""
    return jnp.sum(jnp.exp(z) - SHAPE * z), jnp.exp(z) - SHAPE


@partial(jax.jit, static_argnums=(0, 5))
def run(potential, state, n_steps, adapt, target_accept, buffer):
    return nuts.run_chain(
        potential, state, n_steps, adapt=adapt, buffer=buffer, target_accept=target_accept, max_depth=8
    )


def sample(potential, n, seed=0):
    """Chains after warm-up, (chain, draw, n), and the facts of their draws."""
    pieces = []
    for chain in range(N_CHAINS):
        key = jax.random.fold_in(jax.random.key(seed), chain)
        state = nuts.start_chain(key, jnp.zeros(n), 0.3)
        state, *_ = run(potential, state, jnp.asarray(500), jnp.asarray(True), 0.8, N_DRAWS)
        _, draws, infos = run(potential, state, jnp.asarray(N_DRAWS), jnp.asarray(False), 0.8, N_DRAWS)
        pieces.append((np.asarray(draws), infos))
    draws, infos = zip(*pieces, strict=True)
    return np.stack(draws), jax.tree.map(lambda *xs: np.stack(xs), *infos)


def assert_expectation(values, expected):
    """The mean of (chain, draw) values is the expected one within four Monte Carlo standard errors."""
    error = values.std() / np.sqrt(compute_mixing(values[..., None]).ess_bulk[0])
    assert abs(values.mean() - expected) < 4 * error, (values.mean(), expected, error)


@pytest.fixture(scope="module")
def normal_draws():
    with jax.enable_x64(True):
        return sample(correlated, 3)


def test_a_correlated_normal(normal_draws):
    draws, infos = normal_draws
    away = draws - MEAN
    for i in range(3):
        assert_expectation(draws[..., i], MEAN[i])
        for j in range(i + 1):
            assert_expectation(away[..., i] * away[..., j], COVARIANCE[i, j])
        for p in (0.01, 0.05, 0.5, 0.95, 0.99):
            limit = stats.norm.ppf(p, MEAN[i], np.sqrt(COVARIANCE[i, i]))
            assert_expectation((draws[..., i] <= limit).astype(float), p)
    assert not infos.diverging.any()


@pytest.fixture(scope="module")
def skewed_draws():
    with jax.enable_x64(True):
        return sample(skewed, 2, seed=1)


def test_a_skewed_density(skewed_draws):
    draws, infos = skewed_draws
    target = stats.loggamma(SHAPE)
    for i in range(2):
        assert_expectation(draws[..., i], target.mean())
        assert_expectation((draws[..., i] - target.mean()) ** 2, target.var())
        for p in (0.01, 0.05, 0.5, 0.95, 0.99):
            assert_expectation((draws[..., i] <= target.ppf(p)).astype(float), p)
    assert not infos.diverging.any()


def test_the_step_size_reaches_its_target(skewed_draws):
    """Not on the normal density: there acceptance stays above 0.9 until steps are unstable."""
    _, infos = skewed_draws
    assert infos.accept_prob.mean() == pytest.approx(0.8, abs=0.08)


def test_reported_potential_is_that_of_the_draw(normal_draws):
    draws, infos = normal_draws
    expected = [correlated(z)[0] for z in draws[0, :50]]
    np.testing.assert_allclose(infos.potential[0, :50], expected, rtol=1e-10)


def test_steps_far_too_large_are_reported_as_divergent():
    z = jnp.full(2, 3.0)
    state = nuts.start_chain(jax.random.key(0), z, 80.0)._replace(point=nuts.Point(z, *skewed(z)))
    _, draws, infos = run(skewed, state, jnp.asarray(20), jnp.asarray(False), 0.8, 20)
    assert infos.diverging.all()
    assert (np.asarray(draws) == 3.0).all()


def test_the_first_transition_leaves_the_start_that_was_not_evaluated():
    for seed in range(20):
        start = nuts.start_chain(jax.random.key(seed), jnp.full(3, 2.0), 0.3)
        _, draws, infos = run(correlated, start, jnp.asarray(1), jnp.asarray(True), 0.8, 1)
        assert (np.asarray(draws[0]) != 2.0).all()
        assert float(infos.potential[0]) == pytest.approx(float(correlated(draws[0])[0]))
        assert not infos.diverging.any()


def test_pieces_join_to_one_run():
    """State carries all that the next transition needs: two runs of 10 are one run of 20."""
    start = nuts.start_chain(jax.random.key(3), jnp.zeros(2), 0.4)
    adapt = jnp.asarray(True)
    whole, draws, _ = run(skewed, start, jnp.asarray(20), adapt, 0.8, 20)
    half, first, _ = run(skewed, start, jnp.asarray(10), adapt, 0.8, 20)
    end, second, _ = run(skewed, half, jnp.asarray(10), adapt, 0.8, 20)
    np.testing.assert_array_equal(draws, np.concatenate([first[:10], second[:10]]))
    np.testing.assert_array_equal(first[10:], 0)
    np.testing.assert_array_equal(end.step.log_step_mean, whole.step.log_step_mean)


class Tree:
    """The trajectory of one transition grown by recursion, as in Hoffman and Gelman (2014), algorithm 3.

    A subtree of depth d is two of depth d - 1, one after the other; it stops where either turns, or where
    the whole turns from its first to its last leaf (Betancourt 2017, A.4.2: rho is the sum of momenta, here
    with half weight on the ends).
    """

    def __init__(self, potential, z, r, step):
        self.potential, self.step = potential, step
        value, gradient = potential(z)
        self.energy = value + 0.5 * r @ r
        self.left = self.right = (z, r, gradient)
        self.momenta, self.n_leaves, self.accept_sum, self.depth = [r], 0, 0.0, 0

    def step_on(self, leaf, direction):
        """Kick b, drift 1/2, kick 1 - 2 b, drift 1/2, kick b: a step of two gradients."""
        (z, r, gradient), h = leaf, direction * self.step
        r = r - nuts.STEP * h * gradient
        z = z + h / 2 * r
        _, gradient = self.potential(z)
        r = r - (1 - 2 * nuts.STEP) * h * gradient
        z = z + h / 2 * r
        value, gradient = self.potential(z)
        r = r - nuts.STEP * h * gradient
        error = value + 0.5 * r @ r - self.energy
        self.n_leaves += 1
        self.accept_sum += min(1.0, np.exp(-error))
        return z, r, gradient

    def build(self, leaf, direction, depth):
        """Momenta of the subtree in the order they were visited, its last leaf, and whether it goes on."""
        if depth == 0:
            leaf = self.step_on(leaf, direction)
            return [leaf[1]], leaf, True
        first, leaf, goes_on = self.build(leaf, direction, depth - 1)
        if not goes_on:
            return first, leaf, False
        second, leaf, goes_on = self.build(leaf, direction, depth - 1)
        momenta = first + second
        return momenta, leaf, goes_on and not turns(momenta)

    def grow(self, directions):
        for direction in directions:
            edge = self.right if direction > 0 else self.left
            momenta, last, goes_on = self.build(edge, direction, self.depth)
            self.depth += 1
            if not goes_on:
                return self
            if direction > 0:
                self.right, self.momenta = last, self.momenta + momenta
            else:
                self.left, self.momenta = last, momenta[::-1] + self.momenta
            if turns(self.momenta):
                return self
        return self


def turns(momenta):
    rho = np.sum(momenta, axis=0) - 0.5 * (momenta[0] + momenta[-1])
    return momenta[0] @ rho <= 0 or momenta[-1] @ rho <= 0


def momentum_and_directions(key, n, max_depth):
    """The random numbers of a transition that shape its trajectory, in the order the kernel takes them."""
    key_r, key_u = jax.random.split(key)
    side = jax.random.uniform(key_u, (max_depth, 3), float)[:, 0]
    return np.asarray(jax.random.normal(key_r, (n,), float)), np.where(side < 0.5, 1, -1)


@pytest.mark.parametrize(("potential", "n"), [(correlated, 3), (skewed, 2)])
def test_trees_are_those_of_the_recursive_algorithm(potential, n):
    """Same leaves, depth and acceptance for many starts and steps: every turn is seen, none invented."""
    max_depth, rng = 7, np.random.default_rng(2)
    transition = jax.jit(partial(nuts.transition, potential, max_depth=max_depth))
    depths = set()
    for i in range(150):
        key, z = jax.random.key(i), rng.normal(size=n)
        step = np.exp(rng.uniform(np.log(0.02), np.log(1.0)))
        value, gradient = potential(z)
        _, info = transition(nuts.Point(z, value, gradient), key, step_size=jnp.asarray(step))
        r, directions = momentum_and_directions(key, n, max_depth)
        tree = Tree(lambda z: [np.asarray(x) for x in potential(z)], z, r, step).grow(directions)
        assert (int(info.n_gradients), int(info.tree_depth)) == (2 * tree.n_leaves, tree.depth)
        assert float(info.accept_prob) == pytest.approx(tree.accept_sum / tree.n_leaves, abs=1e-9)
        depths.add(tree.depth)
    assert {2, 3, 4, 5, 6} <= depths
