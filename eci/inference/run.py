"""Score matrix to Fit: find the mode, whiten, draw, put on the scale, check."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from eci.errors import DataError
from eci.fitted import Check, Diagnostics, Fit, Parameters, make_scale
from eci.inference.chains import Progress, compile_chain, join, run_chains
from eci.inference.diagnose import check_convergence, check_mode, check_sampler, published_quantities
from eci.inference.method import Laplace, Method, Nuts
from eci.inference.mode import Mode, crude_start, find_mode, recentre
from eci.inference.numpyro_nuts import run_numpyro
from eci.inference.provenance import Clock, describe_run
from eci.inference.whiten import Whitening, unwhiten, whiten
from eci.irt.measurement import CodedScores, Coordinates, Measurement, Position
from eci.irt.observation import LIKELIHOODS, Datum, LikelihoodName
from eci.irt.priors import Priors
from eci.scale import choose_anchors
from eci.scores import ScoreMatrix


def fit(
    matrix: ScoreMatrix,
    *,
    likelihood: LikelihoodName = "normal",
    priors: Priors | None = None,
    method: Method | None = None,
    anchors: Mapping[str, float] | None = None,
    seed: int = 0,
    interval_prob: float = 0.9,
    progress: Progress | None = None,
) -> Fit:
    """Estimate abilities, difficulties and discriminations of a score matrix.

    E[score] = lower + (upper - lower) * logistic(discrimination * (ability - difficulty))

    Parameters
    ----------
    matrix
        Coded scores.
    likelihood
        How scores scatter around the curve: `normal` (one sd) or `beta` (a precision per benchmark, pooled).
    priors
        Prior scales; the default is `Priors()`.
    method
        `Nuts()` (the default), or the previews `Laplace()` and `Map()`.
    anchors
        Points of exactly two models. By default Claude 3.5 Sonnet = 130 and GPT-5 = 150 where both are
        present, otherwise the standard scale: mean 100, sd 10 over the models, in every draw.
    seed
        Seed of all random numbers, from 0. The same seed gives the same result on the same machine and
        versions.
    interval_prob
        Probability of the equal-tailed intervals in the tables, between 0 and 1.
    progress
        Called with (stage, steps done, steps in all) from worker threads.

    Returns
    -------
    Fit
        `fit.diagnostics` says whether to trust it.

    Raises
    ------
    DataError
        For options outside their range and anchors that are not in the matrix.
    IdentificationError
        For a disconnected matrix, and for anchors the scores cannot tell apart.

    References
    ----------
    Lord (1980), Applications of Item Response Theory to Practical Testing Problems. Ho et al. (2025), A
    Rosetta Stone for AI Benchmarks, arXiv:2512.00193.
    """
    priors, method = priors or Priors(), method or Nuts()
    _check_options(likelihood, seed, interval_prob)
    chosen = choose_anchors(anchors, matrix.models)
    clock = Clock()
    with jax.enable_x64(True):
        problem = _prepare(matrix, Measurement(LIKELIHOODS[likelihood], priors), method, clock)
        estimate = _estimate(problem, method, chosen, jax.random.key(seed), clock, progress)
    ability = estimate.mode.ability[None] if estimate.draws is None else estimate.draws.ability
    return Fit(
        matrix=matrix,
        likelihood=likelihood,
        priors=priors.as_dict(),
        method=method.as_dict(),
        seed=seed,
        mode=estimate.mode,
        draws=estimate.draws,
        n_chains=estimate.n_chains,
        sample_stats=estimate.stats,
        scale=make_scale(ability, matrix.models, anchors),
        diagnostics=Diagnostics(estimate.checks),
        provenance=describe_run(clock),
        interval_prob=interval_prob,
    )


class _Problem(NamedTuple):
    """Everything a method starts from."""

    matrix: ScoreMatrix
    measurement: Measurement
    scores: CodedScores
    mode: Mode
    whitening: Whitening
    definite: bool


class _Estimate(NamedTuple):
    mode: Parameters
    draws: Parameters | None
    n_chains: int
    stats: Mapping[str, NDArray[Any]]
    checks: tuple[Check, ...]


def _prepare(matrix: ScoreMatrix, measurement: Measurement, method: Method, clock: Clock) -> _Problem:
    """Find the mode, choose coordinates and whiten there; the sampler compiles meanwhile."""
    scores = code_scores(matrix, measurement)
    reference, start = crude_start(measurement, scores, matrix.n_models, matrix.n_benchmarks)
    scores = scores._replace(coordinates=scores.coordinates._replace(reference=reference))
    with ThreadPoolExecutor(1) as background:
        if isinstance(method, Nuts) and method.kernel == "lean":
            compiling = background.submit(compile_chain, measurement, method, _blank(start, scores), scores)
        mode = find_mode(measurement, scores, start)
        center, coordinates = recentre(measurement, mode.position, scores)
        scores = scores._replace(coordinates=coordinates)
        whitening, definite = whiten(measurement, center, scores, exact=isinstance(method, Laplace))
        clock.lap("mode")
        if isinstance(method, Nuts) and method.kernel == "lean":
            compiling.result()
            clock.lap("compile")
    return _Problem(matrix, measurement, scores, mode, whitening, definite)


def _estimate(
    problem: _Problem,
    method: Method,
    anchors: Mapping[str, float],
    key: Array,
    clock: Clock,
    progress: Progress | None,
) -> _Estimate:
    """Run the method on a prepared problem."""
    center = jnp.zeros((1, _n_coordinates(problem.whitening)))
    mode = jax.tree.map(lambda x: x[0], _to_parameters(problem, center))
    if isinstance(method, Nuts):
        draws, stats, checks = _sample(problem, method, anchors, key, clock, progress)
        return _Estimate(mode, draws, method.n_chains, stats, checks)
    checks = check_mode(problem.mode.gradient_norm, problem.definite)
    if not isinstance(method, Laplace):
        return _Estimate(mode, None, 0, {}, checks[:1])
    z = jax.random.normal(key, (method.n_draws, center.shape[1]))
    draws = _to_parameters(problem, z)
    clock.lap("draw")
    return _Estimate(mode, draws, 1, {}, checks)


def _sample(
    problem: _Problem,
    method: Nuts,
    anchors: Mapping[str, float],
    key: Array,
    clock: Clock,
    progress: Progress | None,
) -> tuple[Parameters, Mapping[str, NDArray[Any]], tuple[Check, ...]]:
    """Draw until the convergence checks pass or the draws have been doubled as often as allowed."""
    kernel = run_numpyro if method.kernel == "numpyro" else run_chains
    run = partial(
        kernel, problem.measurement, method, problem.whitening, problem.scores, key=key, progress=progress
    )
    chains = run(n_draws=method.n_draws)
    matrix = problem.matrix
    for doubling in range(method.max_doublings + 1):
        clock.lap("sample")
        draws = _to_parameters(problem, jnp.asarray(chains.z.reshape(-1, chains.z.shape[-1])))
        scale = make_scale(draws.ability, matrix.models, anchors, standard=not anchors)
        quantities = published_quantities(draws, scale, matrix.models, matrix.benchmarks)
        checks = check_convergence(quantities, method.n_chains)
        clock.lap("check")
        if all(check.ok for check in checks) or doubling == method.max_doublings:
            break
        more = run(n_draws=chains.z.shape[1], before=chains)
        chains = join(chains, more)
    stats = {name: np.asarray(value).reshape(-1) for name, value in chains.infos._asdict().items()}
    return draws, stats, checks + check_sampler(stats, method.n_chains, method)


@partial(jax.jit, static_argnums=0)
def _constrain(
    measurement: Measurement, whitening: Whitening, scores: CodedScores, z: Array
) -> dict[str, Array]:
    return jax.vmap(lambda z: measurement.constrain(unwhiten(whitening, scores, z), scores))(z)


def _to_parameters(problem: _Problem, z: Array) -> Parameters:
    """Whitened coordinates (draw, n) to parameters, in pieces that fit in memory and share one program."""
    piece, pieces = 500, []
    for first in range(0, len(z), piece):
        rows = z[first : first + piece]
        padded = jnp.concatenate([rows, jnp.zeros((piece - len(rows), z.shape[1]))])
        named = _constrain(problem.measurement, problem.whitening, problem.scores, padded)
        pieces.append({name: np.asarray(value)[: len(rows)] for name, value in named.items()})
    return collect_parameters({name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]})


def collect_parameters(named: Mapping[str, ArrayLike]) -> Parameters:
    """Parameters from arrays by name, as `Measurement.constrain` gives them."""
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in named.items()}
    ability, difficulty, discrimination = (arrays.pop(n) for n in ("ability", "difficulty", "discrimination"))
    return Parameters(ability, difficulty, discrimination, shared=arrays)


def code_scores(matrix: ScoreMatrix, measurement: Measurement) -> CodedScores:
    """Arrays of a score matrix as the measurement program takes them, in fully centred coordinates."""
    j = matrix.benchmark_index
    datum = Datum(*(jnp.asarray(x) for x in (matrix.score, matrix.n_items, matrix.lower[j], matrix.upper[j])))
    at = Coordinates(jnp.zeros(matrix.n_benchmarks), jnp.ones((matrix.n_benchmarks, measurement.n_benchmark)))
    return CodedScores(jnp.asarray(matrix.model_index, jnp.int32), jnp.asarray(j, jnp.int32), datum, at)


def _n_coordinates(whitening: Whitening) -> int:
    return int(sum(x.size for x in whitening.center)) - 2


def _blank(start: Position, scores: CodedScores) -> Whitening:
    """A whitening map of the right shapes and no meaning, to compile for."""
    n_benchmarks, k = start.benchmark.shape
    n_w, n_scores = start.ability.size + start.shared.size, scores.model_index.size
    return Whitening(
        start,
        jnp.eye(n_w)[:, :-2],
        jnp.zeros((n_benchmarks, k, k)),
        jnp.zeros((n_scores, k)),
        jnp.zeros((n_benchmarks, k, start.shared.size)),
    )


def _check_options(likelihood: str, seed: int, interval_prob: float) -> None:
    if likelihood not in get_args(LikelihoodName):
        raise DataError(f"likelihood is {likelihood!r}. Known: {', '.join(get_args(LikelihoodName))}.")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise DataError(f"seed is {seed!r}. It must be a whole number from 0.")
    if not 0.0 < interval_prob < 1.0:
        raise DataError(f"interval_prob is {interval_prob!r}. It must lie between 0 and 1, such as 0.9.")
