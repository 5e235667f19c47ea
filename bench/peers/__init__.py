"""Other samplers of the posterior of `eci.fit`, each written as its own users would write it.

One file a peer, with one function `sample(problem) -> Sampled`. Settings are the peer's defaults unless a
comment says otherwise, with `CHAINS` chains of `DRAWS` kept draws. `seconds` has a name for every stage that
the peer lets us time apart; "sampling" is warm-up and kept draws together, without compilation.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

CHAINS, DRAWS = 4, 1000
LIKELIHOODS = ("normal", "beta")
PEERS = {
    "eci": "bench.peers.lean",
    "eci-numpyro": "bench.peers.lean",
    "numpyro": "bench.peers.numpyro_user",
    "pymc": "bench.peers.pymc_user",
    "nutpie": "bench.peers.pymc_user",
    "blackjax": "bench.peers.blackjax_user",
    "stan": "bench.peers.stan_user",
}
PACKAGES = {
    "eci": ("jax", "numpy"),
    "eci-numpyro": ("jax", "numpyro"),
    "numpyro": ("numpyro", "jax"),
    "pymc": ("pymc", "pytensor"),
    "nutpie": ("nutpie", "pymc", "numba"),
    "blackjax": ("blackjax", "numpyro", "jax"),
    "stan": ("pystan", "httpstan"),
}


class Problem(NamedTuple):
    """What every peer samples: scores, likelihood, and points of two models."""

    peer: str
    matrix: Any
    likelihood: str
    anchors: dict[str, float] | None


class Sampled(NamedTuple):
    """Draws (chain, draw, n) of ability, difficulty and log discrimination; seconds by stage; other facts."""

    draws: list[Any]
    seconds: dict[str, float]
    facts: dict[str, Any]


def sample(problem: Problem) -> Sampled:
    """Run one peer in this process."""
    return import_module(PEERS[problem.peer]).sample(problem)
