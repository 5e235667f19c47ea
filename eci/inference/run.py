"""Score matrix to Fit: find the mode, whiten, draw, put on the scale, check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax import Array

from eci.fitted import Check, Diagnostics, Fit, Parameters, make_scale
from eci.inference.alone import one_at_a_time
from eci.inference.arguments import (
    check_options,
    check_types,
    require_counts,
    require_least_squares,
    require_pieces,
    require_several,
)
from eci.inference.bootstrap import fit_bootstrap, fit_least_squares
from eci.inference.chains import PIECE, Progress
from eci.inference.checkpoint import Checkpoint, digest
from eci.inference.diagnose import (
    check_center,
    check_convergence,
    check_finite,
    check_importance,
    check_mode,
    check_scale,
    published_quantities,
)
from eci.inference.estimate import Estimate
from eci.inference.grid import fit_grid
from eci.inference.importance import weigh_abilities, weigh_draws
from eci.inference.method import Bootstrap, Laplace, LeastSquares, Method, Nuts, Quadrature
from eci.inference.problem import Problem, collect_parameters, constrain_draws, constrain_mode, prepare
from eci.inference.provenance import Clock, describe_device, describe_run, versions
from eci.inference.sample import sample
from eci.irt.measurement import Measurement
from eci.irt.observation import LIKELIHOODS, LikelihoodName
from eci.irt.priors import Priors
from eci.scale import choose_anchors
from eci.scores import ScoreMatrix
from eci.scores.connectivity import require_connected
from eci.scores.content import warn_if_equal

MIN_WEIGHED = 25  # draws; fewer have no tail to fit


@one_at_a_time
def fit(
    matrix: ScoreMatrix,
    *,
    likelihood: LikelihoodName | None = None,
    priors: Priors | None = None,
    method: Method | None = None,
    anchors: Mapping[str, float] | None = None,
    seed: int = 0,
    interval_prob: float = 0.9,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Estimate abilities, difficulties and discriminations of a score matrix.

    E[score] = lower + (upper - lower) * logistic(discrimination * (ability - difficulty))

    Parameters
    ----------
    matrix
        Coded scores, from `ScoreMatrix.from_table`.
    likelihood
        How scores scatter around the curve: `beta` (a precision per benchmark, pooled), which predicts scores
        left out best and is the default; `normal` (one sd); `student_t` (heavy tails); `logit_normal`; with
        items known, `binomial` and `beta_binomial`. The methods that know one likelihood only default to it.
    priors
        Prior scales; the default is `Priors()`.
    method
        `Nuts()` (the default), or one of the previews `Laplace()`, `Map()`, `LeastSquares()` and
        `Bootstrap()`. The last two are the estimator of Epoch's index and its intervals: their likelihood is
        `normal`, and they take no priors. `Quadrature()`, whose likelihood is `binomial`, takes item
        responses by the million.
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
    checkpoint
        Where the chains of `Nuts()` are kept while they run, so that a run that was cut off can go on, with
        other anchors or another interval_prob if need be. The other methods keep nothing and refuse it.

    Returns
    -------
    Fit
        `fit.diagnostics` says whether to trust it. Fits asked for in several threads are made one by one:
        each uses all cores.

    Raises
    ------
    DataError
        For arguments of another type, options outside their range, anchors that are not in the matrix, and a
        checkpoint of another run.
    IdentificationError
        For a disconnected matrix, a single model, and for anchors the scores cannot tell apart.

    Warns
    -----
    EciWarning
        If all scores are one value.

    References
    ----------
    Lord (1980), Applications of Item Response Theory to Practical Testing Problems. Ho et al. (2025), A
    Rosetta Stone for AI Benchmarks, arXiv:2512.00193.
    """
    method = Nuts() if method is None else method
    check_types(matrix, method, priors, anchors)
    likelihood = likelihood or method.default_likelihood
    check_options(likelihood, seed, interval_prob)
    require_connected(matrix.models, matrix.benchmarks, matrix.components)
    chosen = choose_anchors(anchors, matrix.models)
    require_several(matrix.models)
    warn_if_equal(matrix)
    clock = Clock()
    if checkpoint is not None:
        require_pieces(method)
        checkpoint.claim(_describe(matrix, likelihood, priors or Priors(), method, seed))
    if progress is not None:
        progress("finding the mode", 0, 0)
    if isinstance(method, LeastSquares | Bootstrap):
        require_least_squares(likelihood, priors, method)
        if isinstance(method, LeastSquares):
            estimate = fit_least_squares(matrix, method)
        else:
            estimate = fit_bootstrap(matrix, method, seed, progress)
        clock.lap("refit")
    elif isinstance(method, Quadrature):
        require_counts(likelihood)
        priors = priors or Priors()
        estimate = fit_grid(matrix, priors, method, seed, clock)
    else:
        priors = priors or Priors()
        with jax.enable_x64(True):
            problem = prepare(matrix, Measurement(LIKELIHOODS[likelihood], priors), method, clock)
            if checkpoint is not None:
                checkpoint.claim({"start": digest(problem.whitening)})
            key = jax.random.key(seed)
            estimate = _estimate(problem, matrix, method, chosen, key, clock, progress, checkpoint)
    ability = estimate.mode.ability[None] if estimate.draws is None else estimate.draws.ability
    scale = make_scale(ability, matrix.models, anchors)
    return Fit(
        matrix=matrix,
        likelihood=likelihood,
        priors={} if priors is None else priors.as_dict(),
        method=method.as_dict(),
        seed=seed,
        mode=estimate.mode,
        draws=estimate.draws,
        n_chains=estimate.n_chains,
        sample_stats=estimate.stats,
        scale=scale,
        diagnostics=Diagnostics(estimate.checks + check_scale(scale)),
        provenance=describe_run(clock),
        interval_prob=interval_prob,
    )


def _estimate(
    problem: Problem,
    matrix: ScoreMatrix,
    method: Method,
    anchors: Mapping[str, float],
    key: Array,
    clock: Clock,
    progress: Progress | None,
    checkpoint: Checkpoint | None,
) -> Estimate:
    """Run the method on a prepared problem."""
    mode = constrain_mode(problem)
    if isinstance(method, Nuts):

        def check(draws: Parameters) -> tuple[Check, ...]:
            scale = make_scale(draws.ability, matrix.models, anchors, standard=not anchors)
            quantities = published_quantities(draws, scale, matrix.models, matrix.benchmarks)
            return check_convergence(quantities, method.n_chains)

        draws, stats, checks = sample(problem, method, check, key, clock, progress, checkpoint)
        return Estimate(
            mode, draws, method.n_chains, stats, checks + check_center(problem.mode.gradient_norm)
        )
    checks = check_mode(problem.mode.gradient_norm, problem.definite)
    if not isinstance(method, Laplace):
        return Estimate(mode, None, 0, {}, checks[:1])
    z = np.asarray(jax.random.normal(key, (method.n_draws, problem.n_coordinates)))
    draws = collect_parameters(constrain_draws(problem, z))
    clock.lap("draw")
    checks += check_finite(draws)
    weighed = z[: method.n_weighed]
    if len(weighed) >= MIN_WEIGHED:
        abilities = weigh_abilities(problem, weighed, jax.random.fold_in(key, 1))
        checks += check_importance(weigh_draws(problem, weighed), abilities)
        clock.lap("check")
    return Estimate(mode, draws, 1, {}, checks)


def _describe(
    matrix: ScoreMatrix, likelihood: str, priors: Priors, method: Method, seed: int
) -> dict[str, Any]:
    """Everything that decides the draws, short of the numbers the sampler starts from."""
    return {
        "data": matrix.digest,
        "likelihood": likelihood,
        "priors": priors.as_dict(),
        "method": method.as_dict(),
        "seed": seed,
        "piece": PIECE,
        "versions": versions(),
        "device": describe_device(),
    }
