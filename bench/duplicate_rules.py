"""How much the choice among several values of one model-benchmark pair matters.

Fits the bundled scores once per rule, and under the default rule without the suspects and with one benchmark
per family, by lightly penalised least squares (no priors, no intervals), and compares the indices on the
scale Claude 3.5 Sonnet = 130, GPT-5 = 150. Prints the numbers of docs/data.md:

    python bench/duplicate_rules.py
"""

from __future__ import annotations

import argparse
from typing import get_args

import numpy as np
import pandas as pd
from scipy.optimize import least_squares
from scipy.sparse import coo_array
from scipy.special import expit

import eci
from eci.scores import bundled_data
from eci.scores.schema import Duplicates

ANCHORS = {"Claude 3.5 Sonnet": 130.0, "GPT-5": 150.0}
REFERENCE = "vendor"


def fit_index(matrix: eci.ScoreMatrix, penalty: float = 0.02) -> pd.Series:
    """Least-squares ability of each model, in points.

    Residuals are score - lower - (upper - lower) logistic(a (ability - difficulty)), and as many again that
    pull ability, difficulty and log a to 0 with weights sqrt(penalty) (0.3, 0.15, 1): enough to keep
    saturated benchmarks from running away.
    """
    i, j = matrix.model_index, matrix.benchmark_index
    n_models, n_benchmarks, n_scores = len(matrix.models), len(matrix.benchmarks), len(matrix.score)
    height = (matrix.upper - matrix.lower)[j]
    sizes = [n_models, n_benchmarks, n_benchmarks]
    pull = np.sqrt(penalty) * np.repeat([0.3, 0.15, 1.0], sizes)
    rows = np.r_[np.tile(np.arange(n_scores), 3), n_scores + np.arange(sum(sizes))]
    columns = np.r_[i, n_models + j, n_models + n_benchmarks + j, np.arange(sum(sizes))]

    def curve(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ability, difficulty, log_slope = np.split(x, np.cumsum(sizes)[:-1])
        slope, distance = np.exp(log_slope)[j], ability[i] - difficulty[j]
        return slope, distance, expit(slope * distance)

    def residuals(x: np.ndarray) -> np.ndarray:
        return np.r_[matrix.score - matrix.lower[j] - height * curve(x)[2], pull * x]

    def jacobian(x: np.ndarray) -> np.ndarray:
        slope, distance, p = curve(x)
        steep = -height * p * (1 - p) * slope
        values = np.r_[steep, -steep, steep * distance, pull]
        return coo_array((values, (rows, columns)), shape=(n_scores + sum(sizes), sum(sizes))).toarray()

    mean_score = np.bincount(i, matrix.score) / np.bincount(i)
    start = np.r_[3 * (mean_score - 0.5), np.zeros(2 * n_benchmarks)]
    solution = least_squares(residuals, start, jacobian, max_nfev=500)
    if not solution.success:
        raise RuntimeError(f"least squares stopped early: {solution.message}")
    ability = pd.Series(solution.x[:n_models], index=list(matrix.models))
    (low_name, low), (high_name, high) = ANCHORS.items()
    points = (high - low) / (ability[high_name] - ability[low_name])
    return low + points * (ability - ability[low_name])


def drop_suspects(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the rows that suspects.csv names; its benchmark-wide remarks name no model."""
    key = ["model", "benchmark", "score"]
    suspects = pd.read_csv(bundled_data() / "suspects.csv").dropna(subset=key)
    listed = pd.MultiIndex.from_frame(suspects[key])
    return table[~pd.MultiIndex.from_frame(table[key]).isin(listed)]


def keep_one_per_family(table: pd.DataFrame) -> pd.DataFrame:
    """Keep of each family the benchmark with most models, the first by name among equals."""
    n_models = table.groupby(["family", "benchmark"], as_index=False)["model"].nunique()
    widest = n_models.sort_values(["model", "benchmark"], ascending=[False, True]).drop_duplicates("family")
    return table[table["benchmark"].isin(widest["benchmark"])]


def compare_choices() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Index by model and choice, and one summary row per choice against the default rule."""
    table = eci.load_scores()
    matrices = {rule: eci.ScoreMatrix.from_table(table, duplicates=rule) for rule in get_args(Duplicates)}
    matrices["no suspects"] = eci.ScoreMatrix.from_table(drop_suspects(table))
    matrices["one per family"] = eci.ScoreMatrix.from_table(keep_one_per_family(table))
    index = pd.DataFrame({choice: fit_index(matrix) for choice, matrix in matrices.items()})
    moves = index.sub(index[REFERENCE], axis=0)
    summary = pd.DataFrame(
        {
            "models": index.count(),
            "benchmarks": {choice: len(matrix.benchmarks) for choice, matrix in matrices.items()},
            "scores": {choice: len(matrix.score) for choice, matrix in matrices.items()},
            "rank_correlation": index.corr("spearman")[REFERENCE],
            "median_move": moves.abs().median(),
            "largest_move": moves.abs().max(),
        }
    )
    return index, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--top", type=int, default=5, help="models with the largest moves to list (5)")
    options = parser.parse_args()
    index, summary = compare_choices()
    print(f"Penalised least squares, points; moves against the rule '{REFERENCE}'.\n")
    print(summary.to_string(float_format="{:.4g}".format))
    for choice in summary.index.drop(REFERENCE):
        moves = (index[choice] - index[REFERENCE]).dropna().sort_values(key=abs, ascending=False)
        print(
            f"\n{choice}: "
            + ", ".join(f"{name} {move:+.1f}" for name, move in moves.head(options.top).items())
        )


if __name__ == "__main__":
    main()
