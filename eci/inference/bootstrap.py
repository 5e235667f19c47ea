"""Least squares fitted once, or again for every resample of the scores. Free of jax."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError, IdentificationError
from eci.fitted import Check, Parameters
from eci.inference.estimate import Estimate
from eci.inference.least_squares import Point, Rows, Solution, first_guess, solve
from eci.inference.method import Bootstrap, LeastSquares
from eci.scale import require_spread
from eci.scores import ScoreMatrix
from eci.scores.connectivity import find_components
from eci.scores.names import did_you_mean

FloatArray = NDArray[np.float64]

DROPPED = 0.2  # of the benchmarks, in the form that leaves some out
MAX_REDRAWS = 50  # for each refit, on average
MIN_CONVERGED, MAX_REDRAWN = 0.99, 0.05


def fit_least_squares(matrix: ScoreMatrix, options: LeastSquares) -> Estimate:
    """Fit the scores as they are: a mode without draws."""
    rows = _code(matrix, options)
    whole = np.ones((1, matrix.n_scores))
    solution = solve(rows, whole, first_guess(rows))
    mode = _first(_standardise(matrix, solution, whole))
    return Estimate(mode, None, 0, {}, (_check_converged(solution, "optimum_reached"),))


def fit_bootstrap(
    matrix: ScoreMatrix,
    method: Bootstrap,
    seed: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> Estimate:
    """Fit the scores as they are, then every resample from there; one draw is one refit."""
    rows = _code(matrix, method.estimator)
    whole = np.ones((1, matrix.n_scores))
    center = solve(rows, whole, first_guess(rows))
    weights, lost = resample(matrix, method, np.random.default_rng(seed))

    def report(n_done: int) -> None:
        if progress is not None:
            progress("refitting", n_done, method.n_refits)

    solution = solve(rows, weights, center.point, progress=report)
    solution = solution._replace(point=_place_absent(matrix, rows, weights, solution.point))
    mode, draws = _first(_standardise(matrix, center, whole)), _standardise(matrix, solution, weights)
    checks = _check_converged(solution, "refits_converged"), _check_redrawn(lost, method.n_refits)
    return Estimate(mode, draws, 1, {"n_steps": solution.n_steps}, checks)


def resample(
    matrix: ScoreMatrix, method: Bootstrap, rng: np.random.Generator
) -> tuple[FloatArray, list[tuple[str, ...]]]:
    """How often each score counts in each refit.

    Parameters
    ----------
    matrix
        The scores.
    method
        Number of refits and kind of resample.
    rng
        Source of random numbers.

    Returns
    -------
    tuple
        Weights (refit, score), and, for every resample that was drawn again, the models that it had left
        without a scale in common with the others.

    Raises
    ------
    IdentificationError
        Where hardly any resample holds together.
    """
    draw = {"scores": _draw_scores, "benchmarks": _drop_benchmarks}[method.resample]
    weights, lost = draw(matrix, method.n_refits, rng), []
    open_ = np.arange(method.n_refits)
    while len(open_):
        cut_off = [_models_cut_off(matrix, weights[i]) for i in open_]
        lost += [models for models in cut_off if models]
        open_ = open_[[bool(models) for models in cut_off]]
        if len(lost) > MAX_REDRAWS * method.n_refits:
            model, n = Counter(name for models in lost for name in models).most_common(1)[0]
            raise IdentificationError(
                f"Resampling {method.resample} leaves models without a common scale: {model!r} in {n} of "
                f"{len(lost) + method.n_refits} resamples. Leave out models and benchmarks with few scores "
                "(--min-benchmarks, --min-models), or use the method nuts, which needs no resamples."
            )
        weights[open_] = draw(matrix, len(open_), rng)
    return weights, lost


def _draw_scores(matrix: ScoreMatrix, n_refits: int, rng: np.random.Generator) -> FloatArray:
    """Each model's scores with replacement, as many as it has."""
    weights = np.empty((n_refits, matrix.n_scores))
    for model in range(matrix.n_models):
        rows = np.flatnonzero(matrix.model_index == model)
        weights[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1.0 / len(rows)), size=n_refits)
    return weights


def _drop_benchmarks(matrix: ScoreMatrix, n_refits: int, rng: np.random.Generator) -> FloatArray:
    """All scores of a random four fifths of the benchmarks."""
    n_dropped = max(1, round(DROPPED * matrix.n_benchmarks))
    order = rng.permuted(np.tile(np.arange(matrix.n_benchmarks), (n_refits, 1)), axis=1)
    kept = np.ones((n_refits, matrix.n_benchmarks))
    np.put_along_axis(kept, order[:, :n_dropped], 0.0, axis=1)
    return kept[:, matrix.benchmark_index]


def _models_cut_off(matrix: ScoreMatrix, weights: FloatArray) -> tuple[str, ...]:
    """Models outside the largest group that the scores with weight connect."""
    kept = weights > 0
    groups = find_components(
        matrix.model_index[kept], matrix.benchmark_index[kept], matrix.n_models, matrix.n_benchmarks
    )
    return tuple(matrix.models[i] for i in np.flatnonzero(groups[: matrix.n_models]))


def _place_absent(matrix: ScoreMatrix, rows: Rows, weights: FloatArray, point: Point) -> Point:
    """Give benchmarks without scores in a refit the curve that fits their own scores at its abilities."""
    present = np.zeros((len(weights), matrix.n_benchmarks))
    np.add.at(present.T, matrix.benchmark_index, weights.T)
    lacking = np.flatnonzero((present == 0).any(axis=1))
    if not len(lacking):
        return point
    start = Point(*(x[lacking] for x in point))
    whole = np.ones((len(lacking), matrix.n_scores))
    placed = solve(rows, whole, start, hold_abilities=True).point
    for old, new in ((point.difficulty, placed.difficulty), (point.slope, placed.slope)):
        old[lacking] = np.where(present[lacking] > 0, old[lacking], new)
    return point


def _standardise(matrix: ScoreMatrix, solution: Solution, weights: FloatArray) -> Parameters:
    """Parameters in the unit in which abilities have mean 0 and sd 1 over the models: same points."""
    point = solution.point
    require_spread(point.ability)
    mean, sd = point.ability.mean(axis=1, keepdims=True), point.ability.std(axis=1, keepdims=True)
    # Residuals are fractions of the way from chance to ceiling; the noise of a score is that much smaller.
    reach = float(np.mean((matrix.upper - matrix.lower)[matrix.benchmark_index]))
    noise_sd = reach * np.sqrt(solution.squares / weights.sum(axis=1))
    return Parameters(
        (point.ability - mean) / sd, (point.difficulty - mean) / sd, point.slope * sd, {"noise_sd": noise_sd}
    )


def _first(draws: Parameters) -> Parameters:
    shared = {name: values[0] for name, values in draws.shared.items()}
    return Parameters(draws.ability[0], draws.difficulty[0], draws.discrimination[0], shared)


def _code(matrix: ScoreMatrix, options: LeastSquares) -> Rows:
    anchor = options.anchor_benchmark
    if anchor is not None and anchor not in matrix.benchmarks:
        hint = did_you_mean(anchor, matrix.benchmarks) or "`eci check` names those that a rule dropped."
        raise DataError(
            f"The anchor benchmark {anchor!r} is not among the {matrix.n_benchmarks} benchmarks. {hint}"
        )
    return Rows.of(matrix, options)


def _check_converged(solution: Solution, name: str) -> Check:
    share = float(solution.converged.mean())
    limit = MIN_CONVERGED if len(solution.converged) > 1 else 1.0
    return Check(
        name, share, limit, share >= limit, "",
        "Least squares did not reach an optimum: scores on one side only leave it flat. Raise --ridge, or "
        "use --method nuts.",
    )  # fmt: skip


def _check_redrawn(lost: list[tuple[str, ...]], n_refits: int) -> Check:
    share = len(lost) / (len(lost) + n_refits)
    named = Counter(name for models in lost for name in models).most_common(1)
    return Check(
        "resamples_redrawn", share, MAX_REDRAWN, share <= MAX_REDRAWN, named[0][0] if named else "",
        "Resamples that cut this model off from the others were drawn again, so its interval is too narrow. "
        "Use --method nuts.",
    )  # fmt: skip
