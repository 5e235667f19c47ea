"""NumPyro's no-U-turn kernel on the same whitened posterior: slower, kept to check the lean one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from eci.inference import nuts
from eci.inference.chains import FIRST_STEP_SIZE, Chains, Progress
from eci.inference.method import Nuts
from eci.inference.whiten import Whitening, unwhiten
from eci.irt.measurement import CodedScores, Measurement


def run_numpyro(
    measurement: Measurement,
    options: Nuts,
    whitening: Whitening,
    scores: CodedScores,
    *,
    key: Array,
    n_draws: int,
    progress: Progress | None = None,
) -> Chains:
    """Draw `n_draws` from every chain, one chain after the other; these chains do not go on."""
    from numpyro.infer import MCMC, NUTS

    n = int(sum(x.size for x in whitening.center) - 2)
    kernel = NUTS(
        potential_fn=lambda z: -measurement.log_density(unwhiten(whitening, z), scores),
        step_size=FIRST_STEP_SIZE,
        adapt_mass_matrix=False,
        target_accept_prob=options.target_accept,
        max_tree_depth=options.max_tree_depth,
    )
    mcmc = MCMC(
        kernel,
        num_warmup=options.n_warmup,
        num_samples=n_draws,
        num_chains=options.n_chains,
        chain_method="sequential",
        progress_bar=False,
    )
    key_start, key_run = jax.random.split(key)
    start = jax.random.normal(key_start, (options.n_chains, n))
    fields = ("potential_energy", "accept_prob", "num_steps", "diverging", "energy")
    mcmc.run(key_run, init_params=start if options.n_chains > 1 else start[0], extra_fields=fields)
    if progress is not None:
        progress("sampling", 1, 1)
    extra = mcmc.get_extra_fields(group_by_chain=True)
    potential, accept_prob, n_gradients, diverging, energy = (jnp.asarray(extra[name]) for name in fields)
    depth = jnp.ceil(jnp.log2(n_gradients + 1.0)).astype(int)
    infos = jax.tree.map(np.asarray, nuts.Info(potential, accept_prob, n_gradients, depth, diverging, energy))
    return Chains(np.asarray(jnp.asarray(mcmc.get_samples(group_by_chain=True))), infos, ())
