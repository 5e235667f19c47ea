"""Compare models of a fit by their joint draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eci.errors import DataError
from eci.queries.curves import FloatArray, choose_rows, find_names

if TYPE_CHECKING:
    from eci.fitted import Fit

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Models side by side, from the highest index to the lowest.

    Two models are told apart where the central interval of their difference leaves out 0.

    Parameters
    ----------
    interval_prob
        Probability of all intervals.
    n_models
        Models of the fit, among which ranks are counted.
    models
        One row a model: model, index, sd, low, high (points); rank (median), rank_low, rank_high; p_best,
        the probability of being the highest of those compared; letters: models that share one cannot be told
        apart, models that share none can.
    pairs
        One row a pair, the higher index first: model, other, p_above; difference, sd, low, high (points);
        apart.
    p_above
        P(index of the row's model > index of the column's), shape (model, model), in the order of `models`.
    """

    interval_prob: float
    n_models: int
    models: pd.DataFrame
    pairs: pd.DataFrame
    p_above: FloatArray

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "interval_prob": self.interval_prob,
            "n_models": self.n_models,
            "models": self.models.to_dict(orient="records"),
            "pairs": self.pairs.to_dict(orient="records"),
        }


def compare(fit: Fit, models: Sequence[str], *, interval_prob: float | None = None) -> Comparison:
    """Compare models by the joint draws of their index.

    Errors of models that sat the same benchmarks move together, so that a difference is often known better
    than either index; intervals that overlap say nothing about it.

    Parameters
    ----------
    fit
        A fit with draws.
    models
        Two models or more.
    interval_prob
        Probability of the intervals, and so of the rule that tells models apart; the default is the fit's.

    Raises
    ------
    DataError
        For a fit without draws, an unknown or repeated name, or fewer than two.

    References
    ----------
    Piepho (2004), An algorithm for a letter-based representation of all-pairwise comparisons,
    doi:10.1198/1061860043515.
    """
    prob = fit.interval_prob if interval_prob is None else interval_prob
    if not 0.0 < prob < 1.0:
        raise DataError(f"interval_prob is {prob!r}. It must lie between 0 and 1, such as 0.9.")
    columns = find_different(fit, models)
    if len(columns) < 2:
        raise DataError(f"A comparison needs at least two models; {len(columns)} given: {list(models)}.")
    every = fit.index_draws[choose_rows(fit, fit.index_draws.shape[0])]
    names = np.array(fit.matrix.models)[columns]
    order = np.lexsort((names, -every[:, columns].mean(axis=0)))
    columns, names = columns[order], names[order]
    draws = every[:, columns]
    above = np.mean(draws[:, :, None] > draws[:, None, :], axis=0)
    pairs = _compare_pairs(draws, names.tolist(), above, prob)
    apart = np.zeros(above.shape, dtype=bool)
    first, second = np.triu_indices(len(names), 1)
    apart[first, second] = apart[second, first] = pairs["apart"]
    low, high = _interval(draws, prob)
    rank_low, rank, rank_high = _rank(every, draws, prob)
    standing = pd.DataFrame(
        {
            "model": names,
            "index": draws.mean(axis=0),
            "sd": _spread(draws),
            "low": low,
            "high": high,
            "rank": rank,
            "rank_low": rank_low,
            "rank_high": rank_high,
            "p_best": np.mean(draws == draws.max(axis=1, keepdims=True), axis=0),
            "letters": letter(~apart),
        }
    )
    return Comparison(prob, fit.matrix.n_models, standing, pairs, np.asarray(above))


def find_different(fit: Fit, models: Sequence[str]) -> NDArray[np.int64]:
    """Positions of models that are named once each."""
    columns = find_names(models, fit.matrix.models, "model")
    repeated = [name for name in dict.fromkeys(models) if list(models).count(name) > 1]
    if repeated:
        raise DataError(f"The model {repeated[0]!r} is named twice. Name every model once.")
    return columns


def _compare_pairs(draws: FloatArray, names: Sequence[str], above: FloatArray, prob: float) -> pd.DataFrame:
    rows = []
    for i, j in combinations(range(len(names)), 2):
        difference = (draws[:, i] - draws[:, j])[:, None]
        low, high = (float(end[0]) for end in _interval(difference, prob))
        rows.append(
            {
                "model": names[i],
                "other": names[j],
                "p_above": float(above[i, j]),
                "difference": float(difference.mean()),
                "sd": float(_spread(difference)[0]),
                "low": low,
                "high": high,
                "apart": low > 0 or high < 0,
            }
        )
    return pd.DataFrame(rows)


def _interval(draws: FloatArray, prob: float) -> FloatArray:
    tail = (1.0 - prob) / 2.0
    return np.asarray(np.quantile(draws, [tail, 1.0 - tail], axis=0))


def _spread(draws: FloatArray) -> FloatArray:
    return np.asarray((draws - draws[0]).std(axis=0, ddof=1))  # 0 to the last bit where nothing varies


def _rank(every: FloatArray, draws: FloatArray, prob: float) -> NDArray[np.int64]:
    """Low, median and high rank among all models of the fit, 1 the highest index; shape (3, model)."""
    rank = 1 + np.stack([(every > column[:, None]).sum(axis=1) for column in draws.T], axis=1)
    tail = (1.0 - prob) / 2.0
    quantiles = np.quantile(rank, [tail, 0.5, 1.0 - tail], axis=0, method="inverted_cdf")
    return np.asarray(quantiles.astype(np.int64))


def letter(alike: BoolArray) -> list[str]:
    """Give letters so that two models share one exactly where they are alike.

    Parameters
    ----------
    alike
        Which pairs cannot be told apart, symmetric with a true diagonal, shape (model, model).

    Returns
    -------
    list of str
        Letters of each model. One letter is a largest set of models that are all alike; sets are lettered in
        the order of their first members.
    """
    sets = sorted(sorted(members) for members in _largest_sets(alike))
    given = [""] * len(alike)
    for number, members in enumerate(sets):
        turn, at = divmod(number, len(ascii_lowercase))
        for m in members:
            given[m] += ascii_lowercase[at] + (str(turn) if turn else "")
    return given


def _largest_sets(alike: BoolArray) -> list[set[int]]:
    """Maximal cliques (Bron and Kerbosch 1973, doi:10.1145/362342.362367, with a pivot)."""
    near = [set(np.flatnonzero(row)) - {m} for m, row in enumerate(alike)]
    found: list[set[int]] = []

    def grow(members: set[int], open_: set[int], done: set[int]) -> None:
        if not open_ and not done:
            found.append(members)
            return
        pivot = max(open_ | done, key=lambda m: len(near[m] & open_))
        for m in sorted(open_ - near[pivot]):
            grow(members | {m}, open_ & near[m], done & near[m])
            open_ = open_ - {m}
            done = done | {m}

    grow(set(), set(range(len(alike))), set())
    return found
