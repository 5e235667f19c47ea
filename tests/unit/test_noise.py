"""The NumPy twin of the likelihoods: equal to the density that the sampler sees, and to its own draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eci
from eci import noise
from eci.irt.observation import LIKELIHOODS, Datum

SCORE = np.array([0.0, 0.001, 0.02, 0.3, 0.5, 0.97, 0.9999, 1.0])
N_ITEMS = np.array([50.0, np.nan, 400.0, np.nan, 10.0, 1000.0, 30.0, np.nan])


def items(likelihood):
    """Numbers of items, filled in where the likelihood needs them."""
    return np.nan_to_num(N_ITEMS, nan=250.0) if LIKELIHOODS[likelihood].needs_items else N_ITEMS


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("level", [-4.0, -1.0, 0.0, 3.0, 8.0])
def test_the_density_is_the_samplers(likelihood, level):
    mean = np.linspace(0.01, 0.98, 7)[:, None]
    with jax.enable_x64(True):
        datum = Datum(jnp.asarray(SCORE), jnp.asarray(items(likelihood)), 0.0, 1.0)
        expected = np.asarray(LIKELIHOODS[likelihood].log_prob(datum, jnp.asarray(mean), jnp.asarray(level)))
    found = noise.log_prob(likelihood, SCORE, mean, level, items(likelihood))
    # The sampler's series of an edge's probability is cut short; that of SciPy is not.
    at_edge = (likelihood == "beta") & ((SCORE < 0.01) | (SCORE > 0.99))
    assert (np.abs(found - expected) <= 1e-9 * (1 + np.abs(expected)) + 1e-5 * at_edge).all()


def test_every_likelihood_has_its_twin():
    assert list(noise.NOISE) == list(LIKELIHOODS)


def test_noise_is_selected_by_name():
    j = np.array([0, 2, 2, 1])
    shared = {"noise_sd": np.array([0.1, 0.2]), "precision": np.arange(1.0, 7.0).reshape(2, 3)}
    np.testing.assert_allclose(np.exp(noise.select_noise("normal", shared, j)), [[0.1] * 4, [0.2] * 4])
    np.testing.assert_allclose(np.exp(noise.select_noise("beta", shared, j)), [[1, 3, 3, 2], [4, 6, 6, 5]])
    mode = {name: value[0] for name, value in shared.items()}
    assert noise.select_noise("normal", mode, j).shape == (4,)
    np.testing.assert_allclose(np.exp(noise.select_noise("beta", mode, j)), [1, 3, 3, 2])


def test_what_is_not_there_is_named():
    with pytest.raises(eci.DataError, match="beta needs precision"):
        noise.select_noise("beta", {"noise_sd": np.array(0.1)}, [0])
    with pytest.raises(eci.DataError, match="Known: normal"):
        noise.variance("cauchy", 0.5, 0.0)
