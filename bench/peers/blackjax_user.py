"""BlackJAX: window adaptation of a diagonal metric, then NUTS, on the density of the NumPyro program."""

from __future__ import annotations

import time

from bench.peers import CHAINS, DRAWS, Problem, Sampled
from bench.peers.numpyro_user import write_model


def sample(problem: Problem) -> Sampled:
    """Chains vectorised, as BlackJAX's pages on several chains have it; 1,000 steps of adaptation."""
    import blackjax
    import jax
    import numpy as np
    from numpyro.infer.util import initialize_model

    jax.config.update("jax_enable_x64", True)
    key_start, key_warm, key_run = jax.random.split(jax.random.key(0), 3)
    start, potential, *_ = initialize_model(
        jax.random.split(key_start, CHAINS), write_model(problem.matrix, problem.likelihood)
    )

    def log_density(position):
        return -potential(position)

    adaptation = blackjax.window_adaptation(blackjax.nuts, log_density)

    def warm_up(key, position):
        (state, parameters), _ = adaptation.run(key, position, num_steps=1000)
        return state, parameters

    def draw(key, state, parameters):
        kernel = blackjax.nuts(log_density, **parameters)

        def step(state, key):
            state, info = kernel.step(key, state)
            return state, (state.position, info.num_integration_steps, info.is_divergent)

        return jax.lax.scan(step, state, jax.random.split(key, DRAWS))[1]

    @jax.jit
    def run(key_warm, key_run, position):
        state, parameters = jax.vmap(warm_up)(jax.random.split(key_warm, CHAINS), position)
        return jax.vmap(draw)(jax.random.split(key_run, CHAINS), state, parameters)

    laps = [time.perf_counter()]
    lowered = run.lower(key_warm, key_run, start.z)
    laps.append(time.perf_counter())
    compiled = lowered.compile()
    laps.append(time.perf_counter())
    position, steps, divergent = jax.block_until_ready(compiled(key_warm, key_run, start.z))
    laps.append(time.perf_counter())
    trace, compile_, sampling = np.diff(laps)
    return Sampled(
        [np.asarray(position[name]) for name in ("ability", "difficulty", "log_discrimination")],
        {"trace": trace, "compile": compile_, "sampling": sampling},
        {"gradients": float(np.mean(steps)), "divergences": int(np.sum(divergent))},
    )
