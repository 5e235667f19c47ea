"""Coordinates change, the posterior does not: Jacobians taken here against those the program claims."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from eci.inference.problem import code_scores
from eci.inference.whiten import hold_pattern
from eci.irt.measurement import Coordinates, Curve, Measurement, Position
from eci.irt.observation import LIKELIHOODS
from eci.irt.priors import Priors
from eci.scores import ScoreMatrix

N_MODELS, N_BENCHMARKS = 4, 2
POSITIONS = range(6)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module", params=["normal", "beta", "binomial"])  # one of each kind of noise
def program(request):
    """A measurement, and the coded scores of 4 models on 2 benchmarks."""
    with jax.enable_x64(True):
        measurement = Measurement(LIKELIHOODS[request.param], Priors())
        m, j = np.nonzero(np.ones((N_MODELS, N_BENCHMARKS)))
        score = np.random.default_rng(0).uniform(0.1, 0.9, len(m))
        names = [f"m{i}" for i in range(N_MODELS)], [f"b{i}" for i in range(N_BENCHMARKS)]
        matrix = ScoreMatrix.from_arrays(*names, m, j, score, n_items=np.full(len(m), 120))
        return measurement, code_scores(matrix, measurement)


def coordinates(measurement, seed, centring=None):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(size=(N_BENCHMARKS, measurement.n_benchmark))
    weights = weights if centring is None else np.full_like(weights, centring)
    return Coordinates(jnp.array([0.2, -0.4]), jnp.asarray(weights))


def position(measurement, seed):
    rng = np.random.default_rng(seed)
    shapes = (N_MODELS,), (N_BENCHMARKS, measurement.n_benchmark), (len(measurement.shared_names),)
    return Position(*(jnp.asarray(0.7 * rng.normal(size=shape)) for shape in shapes))


def decode(measurement, benchmark, shared, at):
    """All curves."""
    return jax.vmap(measurement.decode, (0, None, 0))(benchmark, shared, at)


def encode(measurement, curves, shared, at):
    return jax.vmap(measurement.encode, (0, None, 0))(curves, shared, at)


@partial(jax.jit, static_argnums=0)
def log_density(measurement, position, scores):
    return measurement.log_density(position, scores)


def log_volume(jacobian):
    return np.linalg.slogdet(np.asarray(jacobian))[1]


@pytest.mark.parametrize("centring", [0.0, 1.0, None], ids=["prior", "data", "between"])
def test_decode_and_encode_are_inverse(program, centring):
    measurement, _ = program
    at, here = coordinates(measurement, 1, centring), position(measurement, 2)
    curves = decode(measurement, here.benchmark, here.shared, at)
    again = encode(measurement, curves, here.shared, at)
    np.testing.assert_allclose(again, here.benchmark, rtol=1e-12, atol=1e-12)


def test_fully_centred_coordinates_are_the_curve_itself(program):
    measurement, _ = program
    here = position(measurement, 2)
    curves = decode(measurement, here.benchmark, here.shared, coordinates(measurement, 1, centring=1.0))
    columns = np.column_stack([curves.intercept, jax.vmap(measurement.logs)(curves)])
    np.testing.assert_array_equal(columns, here.benchmark)


def test_fully_non_centred_coordinates_are_standardised_by_the_common_prior(program):
    measurement, _ = program
    here, at = position(measurement, 2), coordinates(measurement, 1, centring=0.0)
    curves, shared = decode(measurement, here.benchmark, here.shared, at), here.shared
    difficulty = at.reference - curves.intercept / np.exp(curves.log_slope)
    np.testing.assert_allclose((shared[0] - difficulty) / np.exp(shared[1]), here.benchmark[:, 0], rtol=1e-12)
    np.testing.assert_allclose(
        (curves.log_slope - shared[2]) / np.exp(shared[3]), here.benchmark[:, 1], rtol=1e-12
    )


def test_centring_does_not_change_the_density_of_the_curves(program):
    """The density in any weights is that in weights 1 times the Jacobian between them."""
    measurement, scores = program
    between, centred = coordinates(measurement, 5), coordinates(measurement, 5, centring=1.0)

    @jax.jit
    def recentre(benchmark, shared):
        return encode(measurement, decode(measurement, benchmark, shared, between), shared, centred)

    volume = jax.jit(jax.jacfwd(recentre))
    for seed in POSITIONS:
        here = position(measurement, seed)
        there = here._replace(benchmark=recentre(here.benchmark, here.shared))
        jacobian = volume(here.benchmark, here.shared).reshape(here.benchmark.size, -1)
        density = log_density(measurement, here, scores._replace(coordinates=between))
        expected = log_density(measurement, there, scores._replace(coordinates=centred)) + log_volume(
            jacobian
        )
        assert float(density) == pytest.approx(float(expected), abs=1e-9)


def test_the_unit_does_not_change_the_density(program):
    """Abilities N(0, 1) and free, or two linear functions of them held and mean and sd free: one posterior.

    The map between the two is written here from its meaning: in the new unit an ability is mean + sd *
    ability, with mean and sd such that the sum and the pattern stay what they are at the centre.
    """
    measurement, scores = program
    at = coordinates(measurement, 7)
    scores = scores._replace(coordinates=at)
    centre = jnp.array([-1.1, -0.2, 0.4, 1.3])
    complement = hold_pattern(centre, 0)
    n_shared = len(measurement.shared_names)

    def change_unit(ability, benchmark, hyper):
        pattern = jnp.stack([jnp.ones(N_MODELS), centre])
        mean, sd = jnp.linalg.solve(
            pattern @ jnp.stack([jnp.ones(N_MODELS), ability], axis=1), pattern @ centre
        )
        log_sd = jnp.log(sd)
        standard = jnp.concatenate([hyper, jnp.zeros(2)])
        moves = {0: mean + sd * hyper[0], 1: hyper[1] + log_sd, 2: hyper[2] - log_sd, n_shared - 2: mean}
        moves[n_shared - 1] = log_sd
        shared = standard.at[jnp.array(list(moves))].set(jnp.stack(list(moves.values())))
        old = decode(measurement, benchmark, standard, at)
        difficulty = mean + sd * (at.reference - old.intercept * jnp.exp(-old.log_slope))
        log_slope = old.log_slope - log_sd
        new = Curve(jnp.exp(log_slope) * (at.reference - difficulty), log_slope, old.noise)
        return Position(mean + sd * ability, encode(measurement, new, shared, at), shared)

    here = position(measurement, 0)
    _, restore = ravel_pytree((here.ability, here.benchmark, here.shared[:-2]))

    @jax.jit
    def to_free(flat):
        """The free coordinates of the new unit; what is held has no place among them."""
        moved = change_unit(*restore(flat))
        return jnp.concatenate(
            [complement.T @ (moved.ability - centre), moved.benchmark.ravel(), moved.shared]
        )

    jacobian, constants = jax.jit(jax.jacfwd(to_free)), []
    for seed in POSITIONS:
        here = position(measurement, seed)
        tilted = here.ability + centre  # correlates with the pattern: the other half of space is cut off
        here = here._replace(ability=tilted, shared=here.shared.at[-2:].set(0.0))
        there = change_unit(here.ability, here.benchmark, here.shared[:-2])
        np.testing.assert_allclose(there.ability @ centre, centre @ centre, rtol=1e-12)
        flat = ravel_pytree((here.ability, here.benchmark, here.shared[:-2]))[0]
        old, new = (float(log_density(measurement, place, scores)) for place in (here, there))
        constants.append(old - new - log_volume(jacobian(flat)))
    np.testing.assert_allclose(constants, constants[0], atol=1e-8)
    assert np.ptp([float(log_density(measurement, position(measurement, s), scores)) for s in POSITIONS]) > 1


def test_parameters_are_the_same_in_every_unit(program):
    """`constrain` reports abilities that are N(0, 1), whatever unit the coordinates are in."""
    measurement, scores = program
    at = coordinates(measurement, 7, centring=1.0)
    scores = scores._replace(coordinates=at)
    here = position(measurement, 3)
    mean, log_sd = here.shared[-2:]
    named = measurement.constrain(here, scores)
    np.testing.assert_allclose(named["ability"], (here.ability - mean) / np.exp(log_sd), rtol=1e-12)
    moved = here.shared.at[jnp.array([0, -2])].add(0.8)
    shifted = Position(
        here.ability + 0.8, here.benchmark.at[:, 0].add(-0.8 * jnp.exp(here.benchmark[:, 1])), moved
    )
    for name, value in measurement.constrain(shifted, scores).items():
        np.testing.assert_allclose(value, named[name], rtol=1e-9, atol=1e-9, err_msg=name)
