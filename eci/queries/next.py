"""Which benchmark to measure next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.queries.curves import Curves, FloatArray
from eci.queries.examinee import Examinee, beside, examine
from eci.queries.gain import Candidates, Expected
from eci.queries.placement import Placement, PriorName

if TYPE_CHECKING:
    from eci.fitted import Fit

MAX_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Advice:
    """What each score not yet measured would tell of an index, or of a difference of two.

    Parameters
    ----------
    target
        What is to be narrowed, in words.
    sd
        Its posterior sd now, points.
    each
        One row a candidate, best first: model, benchmark, domain, expected_variance (points², of the target
        after this score), expected_sd (its square root, points), removed (share of the variance), error
        (standard error of expected_sd from finite draws), expected_score (fraction).
    best_set
        The same for a set that grows one by one, each row with those above it.
    """

    target: str
    sd: float
    each: pd.DataFrame
    best_set: pd.DataFrame

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "target": self.target,
            "sd": self.sd,
            "utility": "expected posterior variance, points squared",
            "each": self.each.to_dict(orient="records"),
            "best_set": self.best_set.to_dict(orient="records"),
        }


def next_benchmark(
    fit: Fit,
    model: str,
    *,
    against: str | None = None,
    k: int = 1,
    placement: Placement | None = None,
    prior: PriorName = "standard",
    max_draws: int = MAX_DRAWS,
    seed: int = 0,
) -> Advice:
    """Rank the benchmarks without a score of a model by what their score would tell of its index.

    The utility is the expected posterior variance of the index (or of the difference to `against`) once the
    score is known. It weighs how steep the curve is at the ability, the noise, and how well the benchmark
    itself is known.

    Parameters
    ----------
    fit
        A fit with draws.
    model
        A model of the fit, or of `placement`.
    against
        Narrow the difference of the two indices instead; scores of either model are candidates.
    k
        Size of the set to choose, greedily: the best, then the best beside it, and so on.
    placement
        New models, from `fit.place`.
    prior
        Which of its priors a placed model is taken under.
    max_draws
        Draws to use at most.
    seed
        Seed of the imagined outcomes.

    Raises
    ------
    DataError
        For a fit without draws, unknown names, an anchor, whose index is fixed, and a model with a score on
        every benchmark.

    Notes
    -----
    A greedy set is not always the best of its size (tests/unit/test_next_benchmark.py compares). A new score
    informs on the curve of its benchmark as well, and so on all models.
    """
    if k < 1:
        raise DataError(f"k is {k}. A set needs at least one benchmark.")
    one = examine(fit, model, max_draws, placement, prior)
    takers, target, words = [one], one.points, f"index of {model}"
    if against is not None:
        if against == model:
            raise DataError(f"{model!r} against itself: the difference is zero. Name another model.")
        other = beside(fit, against, one)
        takers, target, words = [one, other], one.points - other.points, f"{model} minus {against}"
    if np.ptp(target) < 1e-9:
        raise DataError(
            f"The {words} does not vary: {' and '.join(fit.scale.anchors)} are the anchors, which define the "
            "scale. Ask for the difference to another model (against), or fit with other anchors."
        )
    candidates, names = _list_candidates(fit, takers, target, np.random.default_rng(seed))
    each = candidates.measure_each()
    first = int(np.argmin([expected.variance for expected in each]))
    chosen = candidates.choose_set(first, k)
    now = candidates.variance
    table = _tabulate(names, each, now).sort_values(
        ["expected_variance", "benchmark", "model"], ignore_index=True
    )
    best = _tabulate(names.iloc[[at for at, _ in chosen]], [expected for _, expected in chosen], now)
    return Advice(words, float(np.sqrt(now)), table, best.reset_index(drop=True))


def _list_candidates(
    fit: Fit, takers: list[Examinee], target: FloatArray, rng: np.random.Generator
) -> tuple[Candidates, pd.DataFrame]:
    """Scores that the models do not have, and their names."""
    pairs = [(taker, j) for taker in takers for j in np.flatnonzero(~taker.sat)]
    if not pairs:
        who = " and ".join(taker.name for taker in takers)
        raise DataError(f"{who}: a score on every benchmark of the fit already, so there is none to add.")
    curves = Curves.of_fit(fit, [j for _, j in pairs], takers[0].rows)
    ability = np.column_stack([taker.ability for taker, _ in pairs])
    candidates = Candidates.draw(target, curves, ability, rng)
    names = pd.DataFrame(
        {
            "model": [taker.name for taker, _ in pairs],
            "benchmark": [fit.matrix.benchmarks[j] for _, j in pairs],
            "domain": [fit.matrix.domain[j] for _, j in pairs],
            "expected_score": curves.expect(ability).mean(axis=0),
        }
    )
    return candidates, names


def _tabulate(names: pd.DataFrame, found: list[Expected], now: float) -> pd.DataFrame:
    variance = np.array([expected.variance for expected in found])
    sd = np.sqrt(variance)
    return pd.DataFrame(
        {
            "model": names["model"].to_numpy(),
            "benchmark": names["benchmark"].to_numpy(),
            "domain": names["domain"].to_numpy(),
            "expected_variance": variance,
            "expected_sd": sd,
            "removed": 1.0 - variance / now,
            "error": np.array([expected.error for expected in found]) / (2.0 * sd),
            "expected_score": names["expected_score"].to_numpy(),
        }
    )
