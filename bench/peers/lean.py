"""This package: its own kernel, or NumPyro's on the same whitened coordinates."""

from __future__ import annotations

import numpy as np

import eci
from bench.peers import CHAINS, DRAWS, Problem, Sampled


def sample(problem: Problem) -> Sampled:
    """Draw by `eci.fit`, without extension, so that every run keeps as many draws as the others."""
    kernel = "numpyro" if problem.peer == "eci-numpyro" else "lean"
    method = eci.Nuts(n_chains=CHAINS, n_draws=DRAWS, kernel=kernel, max_extensions=0, max_halvings=0)
    fit = eci.fit(problem.matrix, likelihood=problem.likelihood, anchors=problem.anchors, method=method)
    seconds = fit.provenance.seconds
    draws = (fit.draws.ability, fit.draws.difficulty, np.log(fit.draws.discrimination))
    return Sampled(
        [x.reshape(CHAINS, DRAWS, -1) for x in draws],
        {"mode": seconds["mode"] + seconds.get("compile", 0.0), "sampling": seconds["sample"]},
        {
            "gradients": float(fit.sample_stats["n_gradients"].mean()),
            "divergences": int(fit.sample_stats["diverging"].sum()),
        },
    )
