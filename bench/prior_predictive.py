"""What scores do the priors imply? Simulated data sets beside the bundled scores: the table of docs/model.md.

python bench/prior_predictive.py [--sets 400]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import eci

N_MODELS, N_BENCHMARKS = 60, 60
QUANTITIES = (
    "share of scores below 0.05",
    "share of scores above 0.95",
    "share of scores outside 0 to 1",
    "sd of all scores",
    "sd between models on one benchmark",
    "sd between benchmarks of one model",
)


def describe_scores(matrix: eci.ScoreMatrix) -> NDArray[np.float64]:
    """The quantities, of scores with chance level and ceiling moved to 0 and 1."""
    j = matrix.benchmark_index
    score = (matrix.score - matrix.lower[j]) / (matrix.upper[j] - matrix.lower[j])
    return np.array(
        [
            np.mean(score < 0.05),
            np.mean(score > 0.95),
            np.mean((score < 0) | (score > 1)),
            score.std(),
            spread_within(score, j),
            spread_within(score, matrix.model_index),
        ]
    )


def spread_within(score: NDArray[np.float64], group: NDArray[np.int64]) -> float:
    """Mean over groups of the sd within."""
    return float(np.mean([score[group == g].std(ddof=1) for g in np.unique(group)]))


def describe_prior(likelihood: str, n_sets: int) -> NDArray[np.float64]:
    """Quantities of `n_sets` simulated data sets, shape (set, quantity)."""
    return np.array(
        [
            describe_scores(eci.simulate(N_MODELS, N_BENCHMARKS, likelihood=likelihood, seed=seed).matrix)
            for seed in range(n_sets)
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=400, help="simulated data sets")
    n_sets = parser.parse_args(arguments).sets
    bundled = describe_scores(eci.ScoreMatrix.from_table(eci.load_scores()))
    priors = [describe_prior(likelihood, n_sets) for likelihood in ("normal", "beta")]
    print(f"{n_sets} data sets of {N_MODELS} models and {N_BENCHMARKS} benchmarks: median (5 % to 95 %)")
    print(f"{'':36}{'bundled':>8}  {'normal':>20}  {'beta':>20}")
    for i, name in enumerate(QUANTITIES):
        cells = [
            "{1:.3f} ({0:.3f} to {2:.3f})".format(*np.quantile(p[:, i], [0.05, 0.5, 0.95])) for p in priors
        ]
        print(f"{name:36}{bundled[i]:8.3f}  {cells[0]:>20}  {cells[1]:>20}")


if __name__ == "__main__":
    main()
