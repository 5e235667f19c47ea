"""R-hat, effective sample sizes and BFMI are ArviZ's; a fit on another scale is checked there."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import eci
from eci.inference.convergence import BLOCK, compute_bfmi, compute_mixing
from eci.inference.diagnose import check_scale
from eci.scale import Scale

N_QUANTITIES = 6


def chains(n_chains, n_draws, correlation, seed=0):
    """AR(1) chains of several quantities, the later ones with chains that disagree in place or in spread."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n_chains, n_draws, N_QUANTITIES))
    draws = np.empty_like(noise)
    draws[:, 0] = noise[:, 0]
    for t in range(1, n_draws):
        draws[:, t] = correlation * draws[:, t - 1] + np.sqrt(1 - correlation**2) * noise[:, t]
    draws[0, :, 3] += 0.5
    draws[-1, :, 4] *= 3.0
    draws[..., 5] = np.round(draws[..., 5])  # ties
    return draws


def by_arviz(name, draws):
    """One number of ArviZ for a (chain, draw) array; 0.23 and 1.x spell some of them differently."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ announces its coming changes on import
        import arviz
        import xarray

    if name == "rhat":
        return float(arviz.rhat(draws))
    if name != "bfmi":
        # 1.x takes other tails by default; the method is told apart from its options by both.
        options = {"prob": (0.05, 0.95)} if name == "tail" and arviz.__version__ >= "1" else {}
        return float(arviz.ess(draws, method=name, **options))
    if arviz.__version__ < "1":
        return np.asarray(arviz.bfmi(draws))
    tree = xarray.DataTree.from_dict({"sample_stats": xarray.Dataset({"energy": (("chain", "draw"), draws)})})
    return np.asarray(arviz.bfmi(tree)["energy"])


@pytest.mark.parametrize("correlation", [-0.6, 0.0, 0.9])
@pytest.mark.parametrize("n_draws", [20, 101, 1000])
@pytest.mark.parametrize("n_chains", [2, 4])
def test_equals_arviz(n_chains, n_draws, correlation):
    draws = chains(n_chains, n_draws, correlation)
    for name, values in zip(("rhat", "bulk", "tail"), compute_mixing(draws), strict=True):
        expected = [by_arviz(name, draws[..., i]) for i in range(N_QUANTITIES)]
        np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_a_quantity_does_not_depend_on_its_neighbours():
    """Quantities are computed in blocks: the last of many is what it is alone."""
    draws = np.concatenate([chains(4, 100, 0.5, seed) for seed in range(8)], axis=-1)
    assert draws.shape[-1] > 2 * BLOCK
    alone = [np.concatenate(compute_mixing(draws[..., i : i + 1])) for i in range(draws.shape[-1])]
    np.testing.assert_allclose(np.stack(compute_mixing(draws), axis=1), alone, rtol=1e-12)


@pytest.mark.parametrize("n_draws", [20, 1000])
def test_bfmi_equals_arviz(n_draws):
    energy = chains(4, n_draws, 0.5)[..., 0]
    np.testing.assert_allclose(compute_bfmi(energy), by_arviz("bfmi", energy), rtol=1e-9)


def test_chains_that_disagree_are_seen():
    agree, *_, place, spread, _ = compute_mixing(chains(4, 1000, 0.0)).rhat
    assert agree < 1.005
    assert min(place, spread) > 1.02


def test_chains_that_never_move_have_no_rhat():
    """Stuck chains must not look converged: neither infinity nor nan is at most 1.01."""
    at_one_point = np.ones((4, 100, 1))
    at_four_points = at_one_point * np.arange(4.0)[:, None, None]
    assert np.isnan(compute_mixing(at_one_point).rhat).all()
    assert compute_mixing(at_four_points).rhat > 1e6  # their spread is rounding
    assert compute_mixing(at_four_points).ess_bulk < 5
    assert compute_mixing(at_one_point).ess_bulk == by_arviz("bulk", at_one_point[..., 0])


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_draws_that_are_not_numbers_have_no_convergence(lost):
    draws = chains(4, 100, 0.0)[..., :1]
    draws[1, 7] = lost
    for everywhere in (draws, np.full_like(draws, lost)):
        assert np.isnan(compute_mixing(everywhere)).all()


class TestScale:
    """What depends on the scale is checked on the scale."""

    @pytest.fixture
    def reversed_once(self, small_fit):
        """A fit of which one draw in 4,000 has two neighbours in the wrong order."""
        ability = small_fit.draws.ability.copy()
        low, high = (small_fit.matrix.models.index(name) for name in ("model 04", "model 11"))
        ability[0, [low, high]] = ability[0, [high, low]]
        return replace(small_fit, draws=small_fit.draws._replace(ability=ability))

    def test_a_draw_with_the_anchors_reversed_is_told(self, reversed_once):
        fit = reversed_once.rescale({"model 04": 130.0, "model 11": 150.0})
        (failed,) = fit.diagnostics.failed
        assert failed.name == "anchors_in_order"
        assert failed.value == pytest.approx(1 - 1 / 4000)
        assert failed.worst == "model 04 and model 11"
        assert all(np.isfinite(check.value) for check in fit.diagnostics.checks)

    def test_a_draw_that_is_no_number_is_not_called_reversed(self):
        """Draws of laplace can overflow, which is what `finite_draws` tells."""
        scale = Scale(np.array([20.0, np.nan]), np.array([100.0, np.nan]), "points", {"a": 130.0, "b": 150.0})
        assert check_scale(scale) == ()

    def test_it_is_forgotten_on_another_scale(self, reversed_once):
        there = reversed_once.rescale({"model 04": 130.0, "model 11": 150.0})
        back = there.rescale(standard=True)
        assert back.diagnostics == reversed_once.rescale(standard=True).diagnostics
        assert back.diagnostics.ok

    def test_the_checks_are_those_of_a_fit_with_these_anchors(self, small_matrix):
        anchors, options = {"model 01": 130.0, "model 14": 150.0}, {"likelihood": "normal", "seed": 1}
        method = eci.Nuts(n_draws=250, max_extensions=0)
        fits = [eci.fit(small_matrix, method=method, anchors=a, **options) for a in (None, anchors)]
        assert fits[0].rescale(anchors).diagnostics == fits[1].diagnostics
        assert fits[0].diagnostics != fits[1].diagnostics
