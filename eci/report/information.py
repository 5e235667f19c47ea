"""Tables of what benchmarks tell about models: information curves, and where the frontier stands on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from eci.fitted import Fit
from eci.report.expected import draw_frontier, keep_draws, respond, scatter, take_draws, to_logits

FloatArray = NDArray[np.float64]

N_POINTS = 100
MOST_DRAWS = 1000  # more move no curve by the width of its line


def information(fit: Fit, at: ArrayLike | None = None) -> pd.DataFrame:
    """Information curves: how much one score on a benchmark tells about an index, as a function of the index.

    I(index) = (d E[score] / d index)² / Var(score), averaged over at most 1,000 draws

    With d E[score] / d ability = discrimination (upper - lower) p (1 - p), p the logistic curve. For the
    normal likelihood this is the Fisher information; for others it is the information in the mean, a lower
    bound of it. The inverse of its square root is the standard error, in points, of an index that rests on
    one score.

    Parameters
    ----------
    fit
        The fit.
    at
        Index values in points, shape (n,); by default 100 that span all models and 5 points beyond.

    Returns
    -------
    DataFrame
        Columns benchmark, index (points), information (1 / points²); one row for each pair.

    References
    ----------
    Lord (1980), Applications of Item Response Theory to Practical Testing Problems, chapter 5.
    """
    points = _span(fit) if at is None else np.asarray(at, dtype=np.float64)
    few = keep_draws(fit, MOST_DRAWS)
    ability = to_logits(few, points)
    curves = [_inform(few, ability, j).mean(axis=0) for j in range(fit.matrix.n_benchmarks)]
    return pd.DataFrame(
        {
            "benchmark": np.repeat(np.array(fit.matrix.benchmarks, dtype=object), points.size),
            "index": np.tile(points, fit.matrix.n_benchmarks),
            "information": np.concatenate(curves),
        }
    )


def at_frontier(fit: Fit) -> pd.DataFrame:
    """Benchmarks where the frontier stands on them, the one that still separates top models best first.

    The frontier is the best model of each draw, whichever it is; benchmarks are taken as the fit knows them.

    Parameters
    ----------
    fit
        The fit.

    Returns
    -------
    DataFrame
        The columns of `benchmarks`; difficulty_median and discrimination_median, which a few wild draws do
        not move; p_harder = P(difficulty above the frontier); frontier_score, the
        score expected of the frontier (fraction); information at the frontier (1 / points²); and
        single_score_sd = information^(-1/2), the standard error in points of an index resting on one score.
    """
    fit = keep_draws(fit)
    frontier = draw_frontier(fit)
    ability = to_logits(fit, frontier[:, None])
    names = fit.matrix.benchmarks
    drawn = take_draws(fit)
    difficulty, slope = fit.scale.points(drawn.difficulty), fit.scale.per_point(drawn.discrimination)
    score = [respond(fit, ability, np.array([j])).mean() for j in range(len(names))]
    told = np.array([_inform(fit, ability, j).mean() for j in range(len(names))])
    with np.errstate(divide="ignore"):
        single = told**-0.5
    found = pd.DataFrame(
        {
            "benchmark": names,
            "difficulty_median": np.median(difficulty, axis=0),
            "discrimination_median": np.median(slope, axis=0),
            "p_harder": (difficulty > frontier[:, None]).mean(axis=0),
            "frontier_score": score,
            "information": told,
            "single_score_sd": single,
        }
    )
    table = fit.benchmarks().merge(found, on="benchmark", validate="one_to_one")
    return table.sort_values(["information", "benchmark"], ascending=[False, True], ignore_index=True)


def frontier(fit: Fit) -> pd.DataFrame:
    """Index of the frontier, the best model of each draw: one row with index, low, high, leader, p_leader.

    Parameters
    ----------
    fit
        The fit. `leader` is the model that is the best in most draws, `p_leader` the share of these.
    """
    fit = keep_draws(fit)
    best, tail = draw_frontier(fit), 0.5 - fit.interval_prob / 2
    index = fit.index[None] if fit.draws is None else fit.index_draws
    wins = np.bincount(index.argmax(axis=1), minlength=fit.matrix.n_models) / len(index)
    low, high = np.quantile(best, [tail, 1 - tail]) if fit.draws is not None else (np.nan, np.nan)
    leader = int(wins.argmax())
    known = float(wins[leader]) if fit.draws is not None else np.nan
    row = {"index": best.mean(), "low": low, "high": high, "leader": fit.matrix.models[leader]}
    return pd.DataFrame([{**row, "p_leader": known}])


def _span(fit: Fit) -> FloatArray:
    low, high = np.floor(fit.index.min() - 5), np.ceil(fit.index.max() + 5)
    return np.linspace(low, high, N_POINTS)


def _inform(fit: Fit, ability: FloatArray, benchmark: int) -> FloatArray:
    """Information of one benchmark at abilities (draw, n), per point squared."""
    matrix, j = fit.matrix, np.full(ability.shape[1], benchmark)
    mean = respond(fit, ability, j)
    lower, upper = matrix.lower[benchmark], matrix.upper[benchmark]
    per_logit = take_draws(fit).discrimination[:, [benchmark]]
    slope = per_logit * (mean - lower) * (upper - mean) / (upper - lower) / fit.scale.slope[:, None]
    n_items = matrix.n_items[matrix.benchmark_index == benchmark]
    known = n_items[~np.isnan(n_items)]
    with np.errstate(divide="ignore", invalid="ignore"):
        told = slope**2 / scatter(fit, mean, j, np.median(known) if known.size else np.nan)
    return np.asarray(np.where(slope == 0, 0.0, told))
