"""Tables of residuals: which model does better or worse than its index says, by score and by domain."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eci.fitted import Fit
from eci.report.expected import keep_draws, predict_scores, scatter

BLOCK = 500  # scores at a time, so that (draw, score) arrays stay small


def residuals(fit: Fit) -> pd.DataFrame:
    """Every score beside what the fit expects of it, the most surprising first.

    Parameters
    ----------
    fit
        The fit.

    Returns
    -------
    DataFrame
        Columns score_index (position in `fit.matrix`), model, lab, benchmark, domain; score, expected
        (posterior mean), residual = score - expected and sd, fractions; z = residual / sd. `sd` holds the
        scatter of scores about the curve and the uncertainty of the curve.

    Notes
    -----
    The scores judged are those the fit has seen, so each has drawn its own expectation towards it: residuals
    are a little smaller than those of new scores.
    """
    fit, matrix = keep_draws(fit), fit.matrix
    expected, sd = np.empty(matrix.n_scores), np.empty(matrix.n_scores)
    for start in range(0, matrix.n_scores, BLOCK):
        rows = slice(start, start + BLOCK)
        j = matrix.benchmark_index[rows]
        mean = predict_scores(fit, matrix.model_index[rows], j)
        expected[rows] = mean.mean(axis=0)
        noise = scatter(fit, mean, j, matrix.n_items[rows]).mean(axis=0)
        sd[rows] = np.sqrt(noise + mean.var(axis=0))
    table = _label(fit)
    table["score"], table["expected"] = matrix.score, expected
    return _rank(table.assign(residual=matrix.score - expected, sd=sd))


def residuals_by_domain(fit: Fit) -> pd.DataFrame:
    """Mean residual of every model in every domain, the most surprising first.

    Parameters
    ----------
    fit
        The fit.

    Returns
    -------
    DataFrame
        Columns model, lab, domain, n_scores, residual (mean of score - expected over the scores of this model
        in this domain, fraction), sd of that mean, and z = residual / sd.

    Notes
    -----
    If one ability explained all scores, z would be close to standard normal. That many are far out means that
    scores of one domain move together, which an index of one dimension cannot show.
    """
    fit = keep_draws(fit)
    labels = _label(fit)
    rows = []
    for (model, domain), cell in labels.groupby(["model", "domain"], sort=True):
        i = cell.index.to_numpy(dtype=np.int64)
        residual, sd = _average(fit, i)
        rows.append((model, cell["lab"].iloc[0], domain, len(i), residual, sd))
    table = pd.DataFrame(rows, columns=["model", "lab", "domain", "n_scores", "residual", "sd"])
    return _rank(table)


def _average(fit: Fit, rows: NDArray[np.int64]) -> tuple[float, float]:
    """Mean residual of some scores, and its sd: scatter of each and the common uncertainty of the curves."""
    matrix, j = fit.matrix, fit.matrix.benchmark_index[rows]
    mean = predict_scores(fit, matrix.model_index[rows], j)
    noise = scatter(fit, mean, j, matrix.n_items[rows]).mean(axis=0)
    shared = mean.mean(axis=1)
    sd = np.sqrt(noise.sum() / len(rows) ** 2 + shared.var())
    return float(matrix.score[rows].mean() - shared.mean()), float(sd)


def _label(fit: Fit) -> pd.DataFrame:
    matrix = fit.matrix
    models, benchmarks = matrix.model_index, matrix.benchmark_index
    return pd.DataFrame(
        {
            "score_index": np.arange(matrix.n_scores),
            "model": np.array(matrix.models, dtype=object)[models],
            "lab": np.array(matrix.lab, dtype=object)[models],
            "benchmark": np.array(matrix.benchmarks, dtype=object)[benchmarks],
            "domain": np.array(matrix.domain, dtype=object)[benchmarks],
        }
    )


def _rank(table: pd.DataFrame) -> pd.DataFrame:
    table["z"] = table["residual"] / table["sd"]
    order = table["z"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)
