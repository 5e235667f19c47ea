"""Two kernels, two units, any number of threads: one posterior."""

import os

import jax
import numpy as np
import pytest

import eci
from eci.inference import whiten
from eci.inference.convergence import compute_mixing


@pytest.fixture
def lean(small_fit):
    return small_fit


def assert_same_posterior(one, other):
    """Means and second moments of every parameter agree within 4.5 joint Monte Carlo standard errors.

    The largest of some 150 differences exceeds that once in a thousand tests.
    """
    for name, first in quantities(one).items():
        second, centre = quantities(other)[name], first.mean(axis=0)
        for power in (1, 2):
            a, b = ((values - centre) ** power for values in (first, second))
            error = np.sqrt(squared_error(a, one.n_chains) + squared_error(b, other.n_chains))
            assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 4.5 * error).all(), (name, power)


def quantities(fit):
    draws = fit.draws
    logs = {name: np.log(value) for name, value in draws.shared.items() if name.endswith("_sd")}
    shared = np.column_stack(list({**draws.shared, **logs}.values()))
    return {
        "index": fit.index_draws,
        "ability": draws.ability,
        "difficulty": draws.difficulty,
        "log discrimination": np.log(draws.discrimination),
        "shared": shared,
    }


def squared_error(values, n_chains):
    return values.var(axis=0) / compute_mixing(values.reshape(n_chains, -1, values.shape[1])).ess_bulk


def test_the_small_problem_passes_its_checks(lean):
    assert lean.diagnostics.ok, lean.diagnostics.failed


def test_lean_and_numpyro_kernels_agree(lean, small_matrix):
    method = eci.Nuts(kernel="numpyro", n_draws=1000, max_extensions=0)
    other = eci.fit(small_matrix, method=method, seed=2, likelihood="normal")
    assert_same_posterior(lean, other)
    method = eci.Nuts(max_extensions=0, max_halvings=0)
    once = eci.fit(small_matrix, method=method, seed=1, likelihood="normal")
    assert 0.5 < other.sample_stats["n_gradients"].mean() / once.sample_stats["n_gradients"].mean() < 2


def test_both_ways_to_hold_the_unit_agree(lean, small_matrix, monkeypatch):
    """Abilities in the unit of their prior, or its mean and sd in the unit of the abilities."""
    held = []
    by_pattern = whiten.hold_pattern
    monkeypatch.setattr(whiten, "hold_pattern", lambda *args: held.append(args) or by_pattern(*args))
    fits = []
    for limit in (0.0, np.inf):
        monkeypatch.setattr(whiten, "MIN_PATTERN_MARGIN", limit)
        fits.append(eci.fit(small_matrix, seed=3, likelihood="normal"))
        assert len(held) == 1  # by the pattern at first, not again
    assert_same_posterior(*fits)


def test_the_number_of_threads_changes_nothing(lean, small_matrix, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    alone = eci.fit(small_matrix, seed=1, likelihood="normal")
    np.testing.assert_array_equal(alone.draws.ability, lean.draws.ability)
    np.testing.assert_array_equal(alone.draws.difficulty, lean.draws.difficulty)
    for name, value in alone.sample_stats.items():
        np.testing.assert_array_equal(value, lean.sample_stats[name])


def test_the_seed_decides_the_bits(lean, small_matrix):
    other = eci.fit(small_matrix, seed=2, likelihood="normal")
    assert (other.draws.ability[0] != lean.draws.ability[0]).all()
    assert_same_posterior(lean, other)


def test_chains_are_different(lean):
    by_chain = lean.draws.ability.reshape(lean.n_chains, -1, 16)
    assert len({chain[0].tobytes() for chain in by_chain}) == lean.n_chains


def test_chains_go_on_where_they_stood(small_matrix):
    """Few draws fail their checks and chains go on: the first are kept, the rest follow from the last."""
    draws = []
    for n in range(3):
        method = eci.Nuts(n_draws=60, max_extensions=n)
        fit = eci.fit(small_matrix, method=method, seed=1, likelihood="normal")
        draws.append(fit.draws.ability.reshape(4, -1, small_matrix.n_models))
    assert [x.shape[1] for x in draws] == [60, 120, 180]
    np.testing.assert_array_equal(draws[2][:, :120], draws[1])
    np.testing.assert_array_equal(draws[1][:, :60], draws[0])


def test_a_fit_leaves_double_precision_as_it_was(lean):
    assert lean.draws.ability.dtype == np.float64
    assert not jax.config.jax_enable_x64
