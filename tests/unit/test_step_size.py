"""Steps are halved while transitions diverge, and not where that cannot help."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import eci
from eci.inference import chains as chains_module
from eci.inference import nuts
from eci.inference.chains import Chains
from eci.inference.diagnose import check_center
from eci.inference.step_size import halve_steps, is_step_too_large, step_sizes


def some_chains(divergent=0.02, depth=4, step=0.4):
    diverging = np.zeros((2, 100))
    diverging[0, : round(200 * divergent)] = 1
    infos = SimpleNamespace(diverging=diverging, tree_depth=np.full((2, 100), depth))
    states = tuple(nuts.start_chain(jnp.zeros(2), jnp.zeros(3), step) for _ in range(2))
    return Chains(np.zeros((2, 100, 3)), infos, states)


@pytest.mark.parametrize(
    ("divergent", "depth", "expected"), [(0.02, 4, True), (0.0, 4, False), (0.02, 7, False)]
)
def test_when_a_step_is_too_large(divergent, depth, expected):
    assert is_step_too_large(some_chains(divergent, depth), eci.Nuts()) is expected


def test_steps_are_halved_where_the_chains_stand():
    before = some_chains(step=0.4)
    after = halve_steps(before)
    np.testing.assert_allclose(step_sizes(before), 0.4)
    np.testing.assert_allclose(step_sizes(after), 0.2)
    for a, b in zip(after.states, before.states, strict=True):
        assert a._replace(step=b.step) == b
    assert np.isnan(step_sizes(before._replace(states=()))).all()


def test_a_fit_with_divergences_takes_smaller_steps(monkeypatch, small_matrix):
    """A first run with a step that is far too large diverges; with halving, the fit ends without."""
    run_chain = nuts.run_chain

    def hasty(potential, state, n_steps, **options):
        state, draws, infos = run_chain(potential, state, n_steps, **options)
        step = state.step._replace(
            log_step_mean=jnp.where(options["adapt"], jnp.log(1.6), state.step.log_step_mean)
        )
        return state._replace(step=step), draws, infos

    monkeypatch.setattr(nuts, "run_chain", hasty)
    chains_module._run_piece.clear_cache()
    fits = [
        eci.fit(
            small_matrix, method=eci.Nuts(n_draws=250, max_extensions=0, max_halvings=n), likelihood="normal"
        )
        for n in (0, 3)
    ]
    chains_module._run_piece.clear_cache()
    steps, divergent = zip(
        *((fit.sample_stats["step_size"][0], fit.sample_stats["diverging"].mean()) for fit in fits),
        strict=True,
    )
    assert steps[0] == pytest.approx(1.6)
    assert divergent[0] > 0.001
    assert steps[1] < steps[0]
    assert divergent[1] < divergent[0]
    assert len(fits[1].draws.ability) == len(fits[0].draws.ability)


def test_divergences_that_come_late_are_heeded_too(monkeypatch, small_matrix):
    """Chains that diverge only once they go on start again, and go on from there."""
    monkeypatch.setattr("eci.inference.sample.is_step_too_large", lambda chains, _: chains.z.shape[1] == 120)
    late, never = (
        eci.fit(
            small_matrix,
            method=eci.Nuts(n_draws=60, max_extensions=1, max_halvings=n),
            seed=1,
            likelihood="normal",
        )
        for n in (1, 0)
    )
    np.testing.assert_allclose(late.sample_stats["step_size"], never.sample_stats["step_size"] / 2)
    assert len(late.draws.ability) == len(never.draws.ability) == 4 * 120
    assert not np.isin(late.draws.ability[:, 0], never.draws.ability[:, 0]).any()


def test_a_mode_that_does_not_exist_is_told():
    (found,), (lost,) = check_center(0.2), check_center(np.inf)
    assert found.ok
    assert not lost.ok
    assert "no mode" in lost.advice
