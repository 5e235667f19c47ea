"""Draw until the checks pass: smaller steps while many transitions diverge, more draws while one fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from jax import Array
from numpy.typing import NDArray

from eci.fitted import Check, Parameters
from eci.inference.chains import Progress, join, run_chains
from eci.inference.checkpoint import Checkpoint
from eci.inference.diagnose import check_sampler
from eci.inference.method import Nuts
from eci.inference.numpyro_nuts import run_numpyro
from eci.inference.problem import Problem, collect_parameters, constrain_draws
from eci.inference.provenance import Clock
from eci.inference.step_size import halve_steps, is_step_too_large, step_sizes

Checks = tuple[Check, ...]


def sample(
    problem: Problem,
    method: Nuts,
    check: Callable[[Parameters], Checks],
    key: Array,
    clock: Clock,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Parameters, Mapping[str, NDArray[Any]], Checks]:
    """Draw from a prepared problem, to be called in double precision.

    Parameters
    ----------
    problem, method, key
        The whitened posterior, the options of the sampler, and where its random numbers come from.
    check
        Checks of what is asked of the draws. While one fails the chains go on, if their kernel can: but not
        where a value is no number, which more draws do not mend.
    clock, progress, checkpoint
        As in `eci.inference.run`.

    Returns
    -------
    Draws, one chain after the other; facts of every draw, (draw,); all checks.
    """
    kernel = run_numpyro if method.kernel == "numpyro" else partial(run_chains, checkpoint=checkpoint)
    run = partial(
        kernel, problem.measurement, method, problem.whitening, problem.scores, key=key, progress=progress
    )
    chains, n_halvings, n_extensions = run(n_draws=method.n_draws), 0, 0
    while True:
        clock.lap("sample")
        if chains.states and n_halvings < method.max_halvings and is_step_too_large(chains, method):
            chains = run(n_draws=method.n_draws, before=halve_steps(chains))
            n_halvings, n_extensions = n_halvings + 1, 0
            continue
        z = chains.z.reshape(-1, problem.n_coordinates)
        draws = collect_parameters(constrain_draws(problem, z))
        checks = check(draws)
        clock.lap("check")
        is_hopeless = not chains.states or any(np.isnan(item.value) for item in checks)
        if all(item.ok for item in checks) or is_hopeless or n_extensions == method.max_extensions:
            break
        chains, n_extensions = join(chains, run(n_draws=method.n_draws, before=chains)), n_extensions + 1
    stats = {name: np.asarray(value).reshape(-1) for name, value in chains.infos._asdict().items()}
    stats["step_size"] = np.repeat(step_sizes(chains), chains.z.shape[1])
    return draws, stats, checks + check_sampler(stats, method.n_chains, method)
