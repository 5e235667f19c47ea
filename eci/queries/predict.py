"""Predict scores that have not been measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.queries.curves import MAX_DRAWS, Curves, FloatArray, IndexArray, find_names
from eci.queries.examinee import Examinee, examine
from eci.queries.placement import Placement, PriorName

if TYPE_CHECKING:
    from eci.fitted import Fit

_QUANTILES = {"low_90": 0.05, "low_50": 0.25, "median": 0.5, "high_50": 0.75, "high_90": 0.95}


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted scores of pairs of a model and a benchmark.

    Parameters
    ----------
    pairs
        One row a pair: model, benchmark, domain; median, and ends of the 50 and 90 % intervals (low_50, ...)
        of a new score; expected, the posterior mean of the curve; measured, the score in the fit, NaN where
        there is none. Fractions.
    """

    pairs: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """The pairs, highest predicted score first."""
        order = ["median", "model", "benchmark"]
        return self.pairs.sort_values(order, ascending=[False, True, True], ignore_index=True)

    def record(self) -> list[dict[str, Any]]:
        """The pairs for JSON; an unknown value is None."""
        rows = self.table().to_dict(orient="records")
        return [{str(k): None if v != v else v for k, v in row.items()} for row in rows]  # noqa: PLR0124


def predict(
    fit: Fit,
    model: str | None = None,
    benchmark: str | None = None,
    *,
    placement: Placement | None = None,
    prior: PriorName = "standard",
    max_draws: int = MAX_DRAWS,
    seed: int = 0,
) -> Prediction:
    """Predict scores from the joint draws of a fit: uncertainty of ability and benchmark, and noise.

    p(new score | scores) = mean over draws of p(new score | ability, benchmark of the draw)

    Parameters
    ----------
    fit
        A fit with draws.
    model, benchmark
        Both: this pair, measured or not. One: its pairs without a score. None: all pairs without a score.
    placement
        New models, from `fit.place`, that `model` may name.
    prior
        Which of its priors a placed model is taken under.
    max_draws
        Draws to use at most, evenly over the chains.
    seed
        Seed of the noise.

    Returns
    -------
    Prediction
        Intervals lie within [0, 1]. A pair that is measured has its score beside it; the prediction has seen
        that score and is no test of the fit.

    Raises
    ------
    DataError
        For a fit without draws, a name that is not in it, and where every pair asked for has a score.

    Notes
    -----
    A new score is one published the way the others were: the noise holds differences of protocol, not only
    sampling error. `python -m bench.held_out` measures how well the intervals hold.
    """
    matrix = fit.matrix
    names = matrix.models if model is None else (model,)
    takers = [examine(fit, name, max_draws, placement, prior) for name in names]
    wanted = np.array([~taker.sat for taker in takers])
    if benchmark is not None:
        (j,) = find_names([benchmark], matrix.benchmarks, "benchmark")
        wanted &= np.arange(matrix.n_benchmarks) == j
        if model is not None:
            wanted[0, j] = True
    if not wanted.any():
        what = f"The model {model!r} has a score on every benchmark" if model else "Every model has a score"
        raise DataError(f"{what}{f' on {benchmark!r}' if benchmark else ''}: there is nothing to predict.")
    rng = np.random.default_rng(seed)
    parts = [
        _predict_model(fit, taker, np.flatnonzero(row), rng)
        for taker, row in zip(takers, wanted, strict=True)
        if row.any()
    ]
    return Prediction(pd.concat(parts, ignore_index=True))


def _predict_model(
    fit: Fit, taker: Examinee, benchmark_index: IndexArray, rng: np.random.Generator
) -> pd.DataFrame:
    curves = Curves.of_fit(fit, benchmark_index, taker.rows)
    ability = taker.ability[:, None]
    drawn = np.clip(curves.sample(rng, ability), 0.0, 1.0)  # `normal` goes on beyond the edges, no score does
    quantiles = np.quantile(drawn, list(_QUANTILES.values()), axis=0)
    return pd.DataFrame(
        {
            "model": taker.name,
            "benchmark": [fit.matrix.benchmarks[j] for j in benchmark_index],
            "domain": [fit.matrix.domain[j] for j in benchmark_index],
            **dict(zip(_QUANTILES, quantiles, strict=True)),
            "expected": curves.expect(ability).mean(axis=0),
            "measured": _measure(fit, taker.name, benchmark_index),
        }
    )


def _measure(fit: Fit, model: str, benchmark_index: IndexArray) -> FloatArray:
    """Mean score of a model on benchmarks, nan where the fit has none."""
    matrix = fit.matrix
    measured = np.full(len(benchmark_index), np.nan)
    if model in matrix.models:
        own = matrix.model_index == matrix.models.index(model)
        for at, j in enumerate(benchmark_index):
            if (here := own & (matrix.benchmark_index == j)).any():
                measured[at] = matrix.score[here].mean()
    return measured
