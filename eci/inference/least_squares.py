"""Bounded, penalised least squares for the response curve, for many weightings of the same scores at once.

Minimised over abilities C, difficulties D and slopes a within bounds, for each vector of weights w:

    1/2 sum_i w_i (logistic(a_j (C_m - D_j)) - x_i)^2 + 1/2 ridge / n_parameters (|C|^2 + |D|^2 + |a|^2)

A resample of the scores is a vector of weights, so all refits of a bootstrap have one shape and are solved
side by side. Steps are Gauss-Newton far from the optimum and Newton close to it, where Gauss-Newton is slow;
parameters that the gradient presses against a bound are held there. Free of jax.

References
----------
Ho et al. (2025), A Rosetta Stone for AI Benchmarks, arXiv:2512.00193 (the estimator).
Bertsekas (1982), Projected Newton methods for optimization problems with simple constraints,
doi:10.1137/0320018. More (1978), The Levenberg-Marquardt algorithm, doi:10.1007/BFb0067700.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from eci.inference.arrow_solve import Side, step_down
from eci.inference.method import LeastSquares
from eci.scores import ScoreMatrix

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]

LOCATION_BOUND, SLOPE_BOUNDS, CLIP = 10.0, (0.1, 10.0), 0.001  # Epoch's
BOUNDS = ((-LOCATION_BOUND, LOCATION_BOUND), (-LOCATION_BOUND, LOCATION_BOUND), SLOPE_BOUNDS)

MAX_STEPS = 200
TOLERANCE = 1e-4  # standard errors: the last step is shorter in every direction
NEWTON_FROM = 0.3  # standard errors a parameter still to go, on average
CHUNK_BYTES = 2**22  # of one dense array of models by benchmarks by refits


class Rows(NamedTuple):
    """Scores ready to fit, sorted by model and then benchmark.

    model_index, benchmark_index, fraction (score,), 0 at chance level and 1 at the ceiling, clipped;
    order (score,): positions in the matrix; by_benchmark (score,): permutation to benchmark order; starts:
    first row of each model, pair and (in benchmark order) benchmark; ridge: penalty over the number of
    parameters; slope_is_free (benchmark,).
    """

    model_index: IndexArray
    benchmark_index: IndexArray
    fraction: FloatArray
    order: IndexArray
    by_benchmark: IndexArray
    model_starts: IndexArray
    pair_starts: IndexArray
    benchmark_starts: IndexArray
    ridge: float
    slope_is_free: BoolArray

    @classmethod
    def of(cls, matrix: ScoreMatrix, options: LeastSquares) -> Self:
        """Sort the rows of a matrix, every model and benchmark of which has a score."""
        order = np.lexsort((matrix.benchmark_index, matrix.model_index))
        m, j = matrix.model_index[order], matrix.benchmark_index[order]
        fraction = (matrix.score[order] - matrix.lower[j]) / (matrix.upper[j] - matrix.lower[j])
        by_benchmark = np.argsort(j, kind="stable")
        slope_is_free = np.array([name != options.anchor_benchmark for name in matrix.benchmarks])
        return cls(
            m,
            j,
            np.clip(fraction, CLIP, 1.0 - CLIP),
            order,
            by_benchmark,
            _starts(m),
            _starts(m * matrix.n_benchmarks + j),
            _starts(j[by_benchmark]),
            options.ridge / (matrix.n_models + matrix.n_benchmarks + int(slope_is_free.sum())),
            slope_is_free,
        )

    def sum_models(self, rows: FloatArray) -> FloatArray:
        """Sum (refit, score) over the scores of each model."""
        return np.add.reduceat(rows, self.model_starts, axis=1)

    def sum_benchmarks(self, rows: FloatArray) -> FloatArray:
        """Sum (refit, score) over the scores of each benchmark."""
        return np.add.reduceat(rows[:, self.by_benchmark], self.benchmark_starts, axis=1)


class Point(NamedTuple):
    """Parameters in the estimator's unit: ability (refit, model); difficulty and slope (refit, benchmark)."""

    ability: FloatArray
    difficulty: FloatArray
    slope: FloatArray


class Solution(NamedTuple):
    """Optima, their weighted residual sums of squares (refit,), whether reached, and the steps taken."""

    point: Point
    squares: FloatArray
    converged: BoolArray
    n_steps: IndexArray


def first_guess(rows: Rows) -> Point:
    """Equal abilities, difficulties from the mean scores, slopes 1; one refit."""
    mean = rows.sum_benchmarks(rows.fraction[None]) / rows.sum_benchmarks(np.ones((1, len(rows.fraction))))
    return Point(np.zeros((1, len(rows.model_starts))), np.log1p(-mean) - np.log(mean), np.ones_like(mean))


def solve(
    rows: Rows,
    weights: FloatArray,
    start: Point,
    *,
    hold_abilities: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Solution:
    """Minimise for every row of `weights` (refit, score), which is in the order of the matrix.

    `start` holds one point for each refit, or one for all. With `hold_abilities` only benchmarks move.
    `progress` is called with the number of refits done.
    """
    n_refits, n_cells = len(weights), start.ability.shape[1] * start.difficulty.shape[1]
    size = max(1, CHUNK_BYTES // (8 * n_cells))
    begin = [np.broadcast_to(x, (n_refits, x.shape[1])) for x in start]

    def solve_chunk(first: int) -> Solution:
        chunk = slice(first, first + size)
        point = Point(*(x[chunk].copy() for x in begin))
        return _descend(rows, weights[chunk][:, rows.order], point, hold_abilities)

    pieces = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # the arithmetic runs outside Python's lock
        for piece in pool.map(solve_chunk, range(0, n_refits, size)):
            pieces.append(piece)
            if progress is not None:
                progress(min(size * len(pieces), n_refits))
    points, *facts = zip(*pieces, strict=True)
    return Solution(
        Point(*(np.concatenate(x) for x in zip(*points, strict=True))), *(np.concatenate(x) for x in facts)
    )


def _descend(rows: Rows, weights: FloatArray, point: Point, hold_abilities: bool) -> Solution:
    """Damped steps until each refit has converged; `point` is updated in place."""
    value, squares = _objective(rows, weights, point)
    n_parameters, n_scores = sum(x.shape[1] for x in point), weights.sum(axis=1)
    damping, newton = np.full(len(weights), 0.01), np.zeros(len(weights), dtype=bool)
    converged, n_steps = np.zeros(len(weights), dtype=bool), np.zeros(len(weights), dtype=np.intp)
    live = np.arange(len(weights))
    while len(live):
        here, w, mu = Point(*(x[live] for x in point)), weights[live], damping[live]
        move, to_gain, definite = _step(rows, w, here, mu, newton[live], hold_abilities)
        there = Point(*(np.clip(x + d, *ends) for x, d, ends in zip(here, move, BOUNDS, strict=True)))
        new_value, new_squares = _objective(rows, w, there)
        better = definite & (new_value <= value[live])
        gain = np.where(better, value[live] - new_value, 0.0) / np.where(to_gain > 0, to_gain, np.inf)

        # In units of the residual variance, twice the value to gain is a squared number of standard errors.
        to_go = 2.0 * to_gain / np.maximum(squares[live] / n_scores[live], CLIP**2)
        converged[live] = definite & (mu <= 0.01) & (to_go <= TOLERANCE**2)
        newton[live] = better & (gain > 0.25) & (to_go < NEWTON_FROM**2 * n_parameters)
        calmer = np.where(gain > 0.75, 0.2, np.where(gain > 0.25, 1.0, 2.0)) * mu
        damping[live] = np.where(better, calmer, 5.0 * np.maximum(mu, 1e-3))
        n_steps[live] += 1

        moved = live[better]
        value[moved], squares[moved] = new_value[better], new_squares[better]
        for x, new in zip(point, there, strict=True):
            x[moved] = new[better]
        live = live[~converged[live] & (n_steps[live] < MAX_STEPS)]
    return Solution(point, squares, converged, n_steps)


def _objective(rows: Rows, weights: FloatArray, point: Point) -> tuple[FloatArray, FloatArray]:
    """Value minimised and weighted residual sum of squares, both (refit,)."""
    residual = _expect(rows, point) - rows.fraction
    squares = np.einsum("rs,rs,rs->r", weights, residual, residual)
    return 0.5 * (squares + rows.ridge * sum(np.einsum("rn,rn->r", x, x) for x in point)), squares


def _expect(rows: Rows, point: Point) -> FloatArray:
    m, j = rows.model_index, rows.benchmark_index
    return np.asarray(expit(point.slope[:, j] * (point.ability[:, m] - point.difficulty[:, j])))


def _step(
    rows: Rows, weights: FloatArray, point: Point, mu: FloatArray, newton: BoolArray, hold_abilities: bool
) -> tuple[Point, FloatArray, BoolArray]:
    """Damped step of every refit, what it should gain, and whether the curvature was positive definite."""
    m, j = rows.model_index, rows.benchmark_index
    expected = _expect(rows, point)
    slope, distance = point.slope[:, j], point.ability[:, m] - point.difficulty[:, j]
    rise = expected * (1.0 - expected)
    pull = weights * rise * (expected - rows.fraction)  # derivative of the value in z = slope * distance
    gauss = weights * rise * rise
    twist = newton[:, None] * pull  # times the mixed derivative of z; Gauss-Newton leaves it out
    bend = gauss + twist * (1.0 - 2.0 * expected)  # second derivative of the value in z

    gradient = Point(
        rows.sum_models(pull * slope) + rows.ridge * point.ability,
        rows.ridge * point.difficulty - rows.sum_benchmarks(pull * slope),
        rows.sum_benchmarks(pull * distance) + rows.ridge * point.slope,
    )
    free = [_is_free(*at) for at in zip(point, gradient, BOUNDS, strict=True)]
    free[2] &= rows.slope_is_free
    if hold_abilities:
        free[0] = np.zeros_like(free[0])

    def diagonals(h: FloatArray) -> tuple[FloatArray, ...]:
        own, of_slope = h * slope * slope, h * distance * distance
        sums = rows.sum_models(own), rows.sum_benchmarks(own), rows.sum_benchmarks(of_slope)
        return tuple(x + rows.ridge for x in sums)

    scale = diagonals(gauss)
    curvature = diagonals(bend) if newton.any() else scale
    diagonal = [np.where(f, h + mu[:, None] * q, 1.0) for f, h, q in zip(free, curvature, scale, strict=True)]
    mixed = bend * slope * distance + twist  # second derivative in slope and ability
    between = np.where(free[1] & free[2], -rows.sum_benchmarks(mixed), 0.0)
    held = [np.where(f, g, 0.0) for f, g in zip(free, gradient, strict=True)]

    cross = None
    if not hold_abilities:
        cells = m[rows.pair_starts], j[rows.pair_starts]
        cross = np.zeros((2, len(weights), len(rows.model_starts), len(rows.benchmark_starts)))
        for k, of_row in enumerate((-bend * slope * slope, mixed)):
            of_pair = np.add.reduceat(of_row, rows.pair_starts, axis=1)
            cross[k][:, *cells] = of_pair * (free[0][:, cells[0]] & free[1 + k][:, cells[1]])

    models = Side(held[0][None], diagonal[0][None, None])
    blocks = np.stack([np.stack([diagonal[1], between]), np.stack([between, diagonal[2]])])
    to_models, to_benchmarks, definite = step_down(models, Side(np.stack(held[1:]), blocks), cross)
    move = Point(to_models[0], to_benchmarks[0], to_benchmarks[1])
    to_gain = -0.5 * sum(np.einsum("rn,rn->r", g, d) for g, d in zip(held, move, strict=True))
    return move, np.asarray(to_gain), definite


def _is_free(x: FloatArray, gradient: FloatArray, bounds: tuple[float, float]) -> BoolArray:
    """Whether a parameter is not at a bound that the gradient presses it against."""
    low, high = bounds
    return ~(((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0)))


def _starts(labels: IndexArray) -> IndexArray:
    """First position of each run of equal labels."""
    return np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
