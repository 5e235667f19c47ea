"""How much of the scatter about the curve models of one lab have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eci.queries.curves import Curves, FloatArray, IndexArray, choose_rows

if TYPE_CHECKING:
    from eci.fitted import Fit

MIN_SCORES = 100  # pairs of scores; a correlation from fewer has a standard error above 0.1
LEAST_DAYS = 183
MOST_SHARED = 0.95
_N_DRAWS = 200


@dataclass(frozen=True)
class Kinship:
    """Scatter that models of one lab share on a benchmark: the same harness, training data, strengths.

    Parameters
    ----------
    lab
        The lab of all the models in question.
    share
        Share of the variance of scores about the curve that two of its models have in common, 0 to 0.95.
    n_pairs
        Pairs of scores of other models of the lab it was estimated from.
    days
        Releases of the two models of a pair are at most so far apart.
    """

    lab: str
    share: float
    n_pairs: int
    days: int


def find_kinship(fit: Fit, columns: IndexArray) -> Kinship | None:
    """Estimate what models of one lab share from the other models of that lab.

    share = sum r_m r_n / sum (r_m² + r_n²) / 2 over pairs of models m, n and the benchmarks both have sat

    with r the residual of a score from its posterior mean, in sds of the fit's noise.

    Parameters
    ----------
    fit
        A fit with draws.
    columns
        Positions of the models in question, whose own scores are left out.

    Returns
    -------
    Kinship or None
        None where the models are not of one known lab, or too few scores of others tell (`MIN_SCORES`).

    Notes
    -----
    Pairs are those released no further apart than the models in question, or half a year. Residuals from a
    fitted curve vary a little less together than true ones, so the share is a little too low.
    """
    matrix = fit.matrix
    labs = {matrix.lab[m] for m in columns}
    if len(labs) != 1 or "" in labs:
        return None
    (lab,) = labs
    own = np.array([i for i, other in enumerate(matrix.lab) if other == lab and i not in set(columns)])
    days = _span(matrix.release_date[columns])
    if len(own) < 2:
        return None
    residual, sat = _residuals(fit, own)
    with np.errstate(invalid="ignore"):
        apart = np.abs(matrix.release_date[own][:, None] - matrix.release_date[own])
    near = np.triu(np.where(np.isnat(apart), False, apart <= np.timedelta64(days, "D")), 1)
    together = residual @ residual.T
    alone = (residual**2 @ sat.T + sat @ residual.T**2) / 2
    n_pairs = int((sat @ sat.T)[near].sum())
    if n_pairs < MIN_SCORES:
        return None
    share = float(np.clip(together[near].sum() / alone[near].sum(), 0.0, MOST_SHARED))
    return Kinship(lab, share, n_pairs, days)


def shrink_noise(likelihood: str, noise: FloatArray, share: float) -> FloatArray:
    """Noise without the shared part of its variance, as `eci.noise` takes it.

    What scores on one benchmark share moves them together and never changes their order, so that replicated
    orders need only the rest. `binomial` has nothing but the sampling of items, which nobody shares.
    """
    if likelihood == "binomial":
        return noise
    if likelihood in ("beta", "beta_binomial"):  # a variance is nearly proportional to 1 / precision
        return np.asarray(noise - np.log1p(-share))
    return np.asarray(noise + 0.5 * np.log1p(-share))


def _span(dates: np.ndarray[tuple[int], np.dtype[np.datetime64]]) -> int:
    known = dates[~np.isnat(dates)]
    span = 0 if len(known) < 2 else int((known.max() - known.min()).astype(int))
    return max(span, LEAST_DAYS)


def _residuals(fit: Fit, models: IndexArray) -> tuple[FloatArray, FloatArray]:
    """Mean residual of models on benchmarks in sds of the noise, 0 where not sat, and where sat (0 or 1)."""
    matrix = fit.matrix
    rows = np.flatnonzero(np.isin(matrix.model_index, models))
    m, j = np.searchsorted(models, matrix.model_index[rows]), matrix.benchmark_index[rows]
    chosen = choose_rows(fit, _N_DRAWS)
    curves = Curves.of_fit(fit, j, chosen, matrix.n_items[rows])
    ability = fit.ability_draws[np.ix_(chosen, matrix.model_index[rows])]
    sd = np.sqrt(curves.variance(ability).mean(axis=0))
    standard = (matrix.score[rows] - curves.expect(ability).mean(axis=0)) / sd
    total = np.zeros((len(models), matrix.n_benchmarks))
    count = np.zeros_like(total)
    np.add.at(total, (m, j), standard)
    np.add.at(count, (m, j), 1.0)
    return total / np.maximum(count, 1.0), np.minimum(count, 1.0)
