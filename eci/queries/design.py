"""Which difficulty a new benchmark should have to tell most about the frontier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.queries.curves import Curves, FloatArray, IndexArray, choose_rows, known_items, require_draws
from eci.queries.gain import Candidates

if TYPE_CHECKING:
    from eci.fitted import Fit

MAX_DRAWS = 1000
STEP = 2.5  # points between two levels
_BELOW, _ABOVE = 15.0, 30.0  # points about the frontier that the levels reach


@dataclass(frozen=True, eq=False)
class Design:
    """What a benchmark of each difficulty would tell of the models at the frontier, if all took it.

    Parameters
    ----------
    models
        The models at the frontier, highest first.
    gap_sd, index_sd
        Now, points: root mean variance, over these models, of the distance from their mean, and of the index.
    levels
        One row a difficulty: difficulty (points), expected_variance (points², of the distance from the mean
        of the frontier, averaged over its models), expected_gap_sd (its square root), removed (share of the
        variance), expected_index_sd (the same of the index itself), expected_score (of the first model).
    difficulty_sd
        How well the difficulty is assumed to be known, points.
    discrimination
        Slope per point assumed: median over the draws.
    nearest
        The five benchmarks of the fit nearest to the best level: benchmark, difficulty, n_models.
    """

    models: tuple[str, ...]
    gap_sd: float
    index_sd: float
    levels: pd.DataFrame
    difficulty_sd: float
    discrimination: float
    nearest: pd.DataFrame

    @property
    def best(self) -> float:
        """The difficulty with the smallest expected variance, points."""
        at = int(np.argmin(self.levels["expected_variance"].to_numpy()))
        return float(self.levels["difficulty"].iloc[at])

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "models": list(self.models),
            "utility": "expected posterior variance of the distance from the frontier's mean, points squared",
            "gap_sd": self.gap_sd,
            "index_sd": self.index_sd,
            "difficulty_sd": self.difficulty_sd,
            "discrimination": self.discrimination,
            "best": self.best,
            "levels": self.levels.to_dict(orient="records"),
            "nearest": self.nearest.to_dict(orient="records"),
        }


def next_difficulty(fit: Fit, *, n_models: int = 10, max_draws: int = MAX_DRAWS, seed: int = 0) -> Design:
    """Find the difficulty at which a new benchmark would separate the models at the frontier best.

    All models at the frontier take the new benchmark. The utility is the expected posterior variance of the
    distance of a model's index from the mean of the frontier, averaged over its models: the error of the
    scale, which all of them share and no benchmark can remove, is not in it. The new benchmark is typical but
    for its difficulty: in every draw its discrimination and noise are the medians over the benchmarks of the
    fit, its difficulty is known as well as theirs are (the median of their posterior sds in logits), chance
    level 0, ceiling 1.

    Parameters
    ----------
    fit
        A fit with draws.
    n_models
        How many models, counted from the top of the index, are the frontier.
    max_draws
        Draws to use at most.
    seed
        Seed of the imagined outcomes, the same at all levels.

    Raises
    ------
    DataError
        For a fit without draws, and where `n_models` is not between 2 and the number of models.

    Notes
    -----
    A level is fixed in logits, among the models, and printed in points: a difficulty known in points would
    tell of the scale itself.
    """
    rows = choose_rows(fit, max_draws)
    if not 2 <= n_models <= fit.matrix.n_models:
        raise DataError(
            f"n_models is {n_models}. It must be from 2 to {fit.matrix.n_models}, the models of this fit."
        )
    frontier = np.argsort(-fit.index, kind="stable")[:n_models].astype(np.int64)
    points = fit.index_draws[np.ix_(rows, frontier)]
    gaps = points - points.mean(axis=1, keepdims=True)
    difficulty_sd = float(np.median(require_draws(fit).difficulty[rows].std(axis=0, ddof=1)))
    top = fit.index[frontier]
    levels = STEP * np.arange(np.floor((top.min() - _BELOW) / STEP), np.ceil((top.max() + _ABOVE) / STEP) + 1)
    slope, origin = fit.scale.slope[rows], fit.scale.origin[rows]
    typical = _typical(fit, rows)
    found = []
    for level in levels:
        rng = np.random.default_rng(seed)
        logits = (level - origin.mean()) / slope.mean() + difficulty_sd * rng.standard_normal(len(rows))
        ability = fit.ability_draws[np.ix_(rows, frontier)]
        found.append(_measure_all(typical.at(logits[:, None]), ability, gaps, points, rng))
    table = pd.DataFrame({"difficulty": levels, **pd.DataFrame(found)})
    known = fit.benchmarks()[["benchmark", "difficulty", "n_models"]]
    best = levels[np.argmin(table["expected_variance"].to_numpy())]
    order = np.argsort(np.abs(known["difficulty"].to_numpy() - best), kind="stable")
    return Design(
        models=tuple(fit.matrix.models[m] for m in frontier),
        gap_sd=_root_mean_variance(gaps),
        index_sd=_root_mean_variance(points),
        levels=table,
        difficulty_sd=difficulty_sd * float(slope.mean()),
        discrimination=float(np.median(typical.discrimination[:, 0] / slope)),
        nearest=known.iloc[order[:5]].reset_index(drop=True),
    )


def _root_mean_variance(draws: FloatArray) -> float:
    return float(np.sqrt(draws.var(axis=0, ddof=1).mean()))


def _typical(fit: Fit, rows: IndexArray) -> Curves:
    """A benchmark of median discrimination and noise, its difficulty 0 logits."""
    every = Curves.of_fit(fit, np.arange(fit.matrix.n_benchmarks), rows)
    items = known_items(fit)
    return Curves(
        likelihood=every.likelihood,
        difficulty=np.zeros((len(rows), 1)),
        discrimination=np.median(every.discrimination, axis=1, keepdims=True),
        noise=np.median(every.noise, axis=1, keepdims=True),
        lower=np.zeros(1),
        upper=np.ones(1),
        n_items=np.array([np.nan if np.isnan(items).all() else np.rint(np.nanmedian(items))]),
    )


def _measure_all(
    curve: Curves, ability: FloatArray, gaps: FloatArray, points: FloatArray, rng: np.random.Generator
) -> dict[str, float]:
    """Expected variances once every model, a column of `ability`, has a score on this one benchmark."""
    every = Candidates.draw(gaps[:, 0], curve.repeat(ability.shape[1]), ability, rng)
    weights = every.start() + sum(every.log_weights(at) for at in range(len(every)))

    def expect(draws: FloatArray) -> float:
        targets = (draws - draws.mean(axis=0)).T
        left = [replace(every, target=target).expect_variance(weights).variance for target in targets]
        return float(np.mean(left))

    left = expect(gaps)
    return {
        "expected_variance": left,
        "expected_gap_sd": float(np.sqrt(left)),
        "removed": 1.0 - left / _root_mean_variance(gaps) ** 2,
        "expected_index_sd": float(np.sqrt(expect(points))),
        "expected_score": float(curve.expect(ability[:, :1]).mean()),
    }
