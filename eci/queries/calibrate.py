"""How well a fit predicts the scores it was made from, each left out: without refitting."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eci.queries.curves import Curves, FloatArray, IndexArray, choose_rows

if TYPE_CHECKING:
    from eci.fitted import Fit

MAX_DRAWS = 1000
MIN_EFFECTIVE = 50
_CHUNK = 500  # pairs computed at a time
_PROBS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Calibration:
    """Predictions of scores that were left out one pair at a time.

    Parameters
    ----------
    n_scores, n_pairs
        How many were predicted.
    in_50, in_90
        Share of scores inside the 50 and 90 % predictive intervals.
    width_90
        Median width of the latter, fraction.
    error
        Mean absolute error of the predictive median, fraction.
    error_of_mean
        The same of the mean of the other models on the benchmark.
    n_unsure
        Pairs that leave fewer than 50 effective draws when left out: they look better predicted than they
        are.
    """

    n_scores: int
    n_pairs: int
    in_50: float
    in_90: float
    width_90: float
    error: float
    error_of_mean: float
    n_unsure: int

    def record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def calibrate(fit: Fit, *, max_draws: int = MAX_DRAWS, seed: int = 0) -> Calibration:
    """Predict every score of a fit from all others, by importance weights on its draws.

    p(draw | all but this pair) is proportional to p(draw | all) / p(scores of this pair | draw)

    Parameters
    ----------
    fit
        A fit with draws.
    max_draws
        Draws to use at most.
    seed
        Seed of the noise.

    Raises
    ------
    DataError
        For a fit without draws.

    Notes
    -----
    Weights are truncated at the square root of the number of draws times their mean (Ionides 2008). Where
    few draws are left, because the pair contradicts the rest or holds its benchmark, the prediction stays too
    near to the score; such pairs are counted. `python -m bench.held_out` takes a tenth of the pairs out and
    fits again: slower, and without such approximations.

    References
    ----------
    Gelfand, Dey and Chang (1992), Model determination using predictive distributions with implementation via
    sampling-based methods, in Bayesian Statistics 4. Ionides (2008), Truncated importance sampling,
    doi:10.1198/106186008X320456.
    """
    matrix, rows, rng = fit.matrix, choose_rows(fit, max_draws), np.random.default_rng(seed)
    pair = matrix.model_index * matrix.n_benchmarks + matrix.benchmark_index
    names, of_row = np.unique(pair, return_inverse=True)
    found = []
    for first in range(0, len(names), _CHUNK):
        chosen = np.flatnonzero((of_row >= first) & (of_row < first + _CHUNK))
        found.append(_leave_out(fit, rows, chosen, of_row[chosen] - first, rng))
    low_90, low_50, median, high_50, high_90 = np.concatenate([part[0] for part in found], axis=1)
    effective = np.concatenate([part[1] for part in found])
    order = np.concatenate([part[2] for part in found])
    score = matrix.score[order]
    return Calibration(
        n_scores=len(score),
        n_pairs=len(names),
        in_50=float(np.mean((low_50 <= score) & (score <= high_50))),
        in_90=float(np.mean((low_90 <= score) & (score <= high_90))),
        width_90=float(np.median(high_90 - low_90)),
        error=float(np.abs(median - score).mean()),
        error_of_mean=float(np.nanmean(np.abs(_mean_of_others(fit, names, of_row) - matrix.score))),
        n_unsure=int(np.sum(effective < MIN_EFFECTIVE)),
    )


def _leave_out(
    fit: Fit, rows: IndexArray, chosen: IndexArray, of_row: IndexArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, IndexArray]:
    """Quantiles (5, score) of the scores of some pairs, the effective draws of each pair, and the scores."""
    matrix = fit.matrix
    curves = Curves.of_fit(fit, matrix.benchmark_index[chosen], rows, matrix.n_items[chosen])
    ability = fit.ability_draws[np.ix_(rows, matrix.model_index[chosen])]
    log_prob = curves.log_prob(matrix.score[chosen], ability)
    log_weights = np.zeros((int(of_row.max()) + 1, len(rows)))
    np.add.at(log_weights, of_row, -log_prob.T)
    log_weights = log_weights.T
    weights = np.exp(log_weights - log_weights.max(axis=0))
    weights /= weights.mean(axis=0)
    effective = len(rows) ** 2 / np.sum(weights**2, axis=0)
    weights = np.minimum(weights, np.sqrt(len(rows)))
    weights /= weights.sum(axis=0)
    drawn = np.clip(curves.sample(rng, ability), 0.0, 1.0)
    quantiles = _weighted_quantiles(drawn, weights[:, of_row])
    return quantiles, effective, chosen


def _weighted_quantiles(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Quantiles of the columns, (5, column): the first value at which the weights reach the probability."""
    order = np.argsort(values, axis=0)
    values = np.take_along_axis(values, order, axis=0)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=0), axis=0)
    at = np.array([np.argmax(reached >= prob * reached[-1], axis=0) for prob in _PROBS])
    return np.take_along_axis(values, at, axis=0)


def _mean_of_others(fit: Fit, names: IndexArray, of_row: NDArray[np.intp]) -> FloatArray:
    """For every score the mean score of its benchmark without its pair, nan where there is no other."""
    matrix = fit.matrix
    j = matrix.benchmark_index
    total, count = np.bincount(j, matrix.score), np.bincount(j)
    own, times = np.bincount(of_row, matrix.score), np.bincount(of_row)
    others = count[j] - times[of_row]
    return np.where(others > 0, (total[j] - own[of_row]) / np.maximum(others, 1), np.nan)
