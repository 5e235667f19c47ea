"""Expected scores and their scatter from the draws of a fit, for residuals and information curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eci.fitted import Fit, Parameters
from eci.noise import select_noise, variance
from eci.queries.curves import FloatArray, expected_score


def take_draws(fit: Fit) -> Parameters:
    """Parameters with a leading axis of draws; for the method map the mode stands as the only draw."""
    if fit.draws is not None:
        return fit.draws
    mode = fit.mode
    shared = {name: np.asarray(value)[None] for name, value in mode.shared.items()}
    return Parameters(mode.ability[None], mode.difficulty[None], mode.discrimination[None], shared)


def keep_draws(fit: Fit, most: int | None = None) -> Fit:
    """The same fit with its finite draws alone, at most so many, evenly chosen.

    Draws of the method laplace can overflow, which a check of the fit tells; no average survives one.

    Raises
    ------
    DataError
        Where no draw is finite.
    """
    if fit.draws is None:
        return fit
    whole = fit.draws.finite_rows()
    n = whole.size if most is None else min(most, whole.size)
    if n == len(fit.draws.ability):
        return fit
    rows = whole[np.linspace(0, whole.size - 1, n).round().astype(int)]
    shared = {name: value[rows] for name, value in fit.draws.shared.items()}
    parts = (fit.draws.ability[rows], fit.draws.difficulty[rows], fit.draws.discrimination[rows])
    scale = replace(fit.scale, slope=fit.scale.slope[rows], origin=fit.scale.origin[rows])
    return replace(fit, draws=Parameters(*parts, shared), scale=scale, n_chains=1, sample_stats={})


def predict_scores(fit: Fit, model_index: ArrayLike, benchmark_index: ArrayLike) -> FloatArray:
    """Expected scores in every draw.

    E[score] = lower + (upper - lower) * logistic(discrimination * (ability - difficulty))

    Parameters
    ----------
    fit
        The fit.
    model_index, benchmark_index
        Positions in `fit.matrix`, shape (score,).

    Returns
    -------
    FloatArray
        Fractions, shape (draw, score).
    """
    ability = take_draws(fit).ability[:, np.asarray(model_index)]
    return respond(fit, ability, np.asarray(benchmark_index))


def respond(fit: Fit, ability: FloatArray, benchmark_index: NDArray[np.int64]) -> FloatArray:
    """Expected scores of abilities in logits, shape (draw, score), on the benchmark of each column."""
    draws, matrix, j = take_draws(fit), fit.matrix, benchmark_index
    return expected_score(
        ability, draws.difficulty[:, j], draws.discrimination[:, j], matrix.lower[j], matrix.upper[j]
    )


def scatter(
    fit: Fit, mean: FloatArray, benchmark_index: NDArray[np.int64], n_items: ArrayLike = np.nan
) -> FloatArray:
    """Variance of scores about their expected values, shape (draw, score) as `mean`."""
    noise = select_noise(fit.likelihood, take_draws(fit).shared, benchmark_index)
    return variance(fit.likelihood, mean, noise, n_items)


def to_logits(fit: Fit, points: FloatArray) -> FloatArray:
    """Abilities in logits, shape (draw, n), of index points of shape (n,) or (draw, n)."""
    return np.asarray((points - fit.scale.origin[:, None]) / fit.scale.slope[:, None])


def draw_frontier(fit: Fit) -> FloatArray:
    """Index of the best model in every draw, shape (draw,); one value for the method map."""
    index = fit.index[None] if fit.draws is None else fit.index_draws
    return np.asarray(index.max(axis=1))
