"""Simulated score matrices with known truth."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from eci.errors import DataError
from eci.fitted import Parameters
from eci.inference.problem import collect_parameters
from eci.irt.measurement import Measurement
from eci.irt.observation import LIKELIHOODS, LikelihoodName
from eci.irt.priors import Priors
from eci.irt.simulate import simulate_parameters, simulate_scores
from eci.scores import ScoreMatrix


class Simulation(NamedTuple):
    """A score matrix and the parameters (in logits) it was drawn from."""

    matrix: ScoreMatrix
    truth: Parameters


def simulate(
    n_models: int,
    n_benchmarks: int,
    *,
    likelihood: LikelihoodName = "beta",
    priors: Priors | None = None,
    lower: float = 0.0,
    fill: float = 1.0,
    n_items: int | None = None,
    seed: int = 0,
) -> Simulation:
    """Draw abilities, benchmarks, noise and scores from the priors of the measurement program.

    Parameters
    ----------
    n_models, n_benchmarks
        How many, from 1.
    likelihood
        How scores scatter around the curve. `normal` scores may fall outside [0, 1], as that density says.
    priors
        Prior scales; the default is `Priors()`.
    lower
        Chance level of every benchmark, fraction.
    fill
        Probability that a model sat a benchmark, in (0, 1]; the matrix is connected whatever it is,
        because model m always sits benchmarks m and m + 1 (modulo their number).
    n_items
        Items behind every score, from 1; None for unknown. `binomial` and `beta_binomial` need it.
    seed
        Seed of all random numbers, from 0.

    Returns
    -------
    Simulation
        Models are named m000, m001, ... and benchmarks b000, b001, ...

    Raises
    ------
    DataError
        For options outside their range.
    """
    if min(n_models, n_benchmarks) < 1 or not 0.0 < fill <= 1.0 or not 0.0 <= lower < 1.0:
        raise DataError(
            f"simulate({n_models}, {n_benchmarks}, lower={lower}, fill={fill}): counts run from 1, "
            "lower from 0 to below 1, fill from above 0 to 1."
        )
    if likelihood not in LIKELIHOODS:
        raise DataError(f"likelihood is {likelihood!r}. Known: {', '.join(LIKELIHOODS)}.")
    if n_items is None and LIKELIHOODS[likelihood].needs_items:
        raise DataError(f"simulate(likelihood={likelihood!r}) draws counts. Give n_items, such as 200.")
    if n_items is not None and n_items < 1:
        raise DataError(f"simulate(n_items={n_items}): a score rests on at least one item.")
    rng = np.random.default_rng(seed)
    sat = rng.random((n_models, n_benchmarks)) < fill
    m = np.arange(max(n_models, n_benchmarks))
    sat[m % n_models, m % n_benchmarks] = True
    sat[m % n_models, (m + 1) % n_benchmarks] = True
    model_index, benchmark_index = np.nonzero(sat)
    measurement = Measurement(LIKELIHOODS[likelihood], priors or Priors())
    with jax.enable_x64(True):
        key_parameters, key_scores = jax.random.split(jax.random.key(seed))
        named = simulate_parameters(measurement, key_parameters, n_models, n_benchmarks)
        full, items = jnp.ones(len(model_index)), jnp.nan if n_items is None else float(n_items)
        score = simulate_scores(
            measurement,
            key_scores,
            named,
            jnp.asarray(model_index),
            jnp.asarray(benchmark_index),
            lower=lower * full,
            upper=full,
            n_items=items * full,
        )
    matrix = ScoreMatrix.from_arrays(
        _label("m", n_models),
        _label("b", n_benchmarks),
        model_index,
        benchmark_index,
        np.asarray(score),
        n_items=np.full(len(model_index), items),
        lower=np.full(n_benchmarks, lower),
    )
    return Simulation(matrix, collect_parameters(named))


def _label(letter: str, n: int) -> list[str]:
    """Names that sort as they are numbered."""
    digits = max(3, len(str(n - 1)))
    return [f"{letter}{i:0{digits}d}" for i in range(n)]
