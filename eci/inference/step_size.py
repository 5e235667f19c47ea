"""Smaller steps where transitions diverge: chains go on from where they stand, without a new warm-up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eci.inference.chains import Chains
from eci.inference.diagnose import MAX_DIVERGENT
from eci.inference.method import Nuts


def is_step_too_large(chains: Chains, options: Nuts) -> bool:
    """Whether too many transitions diverge, and trajectories of twice the length are far from their limit."""
    deeper = float(chains.infos.tree_depth.mean()) + 1.0
    return bool(chains.infos.diverging.mean() > MAX_DIVERGENT and deeper < options.max_tree_depth - 2)


def halve_steps(chains: Chains) -> Chains:
    """Half the step size of every chain; compiled programs take it as they are."""
    states = tuple(
        state._replace(step=state.step._replace(log_step_mean=state.step.log_step_mean - np.log(2.0)))
        for state in chains.states
    )
    return chains._replace(states=states)


def step_sizes(chains: Chains) -> NDArray[np.float64]:
    """Step size of every chain, (chain,); nan where the kernel does not tell."""
    if not chains.states:
        return np.full(len(chains.z), np.nan)
    return np.exp([float(state.step.log_step_mean) for state in chains.states])
