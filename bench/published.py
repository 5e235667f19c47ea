"""Compare a saved fit with the indices others have published.

    python -m bench.published DIR

For every vintage of benchmarks_data/published/epoch_eci.csv: models in both, correlation, and the affine
map that takes the published index to ours; then the largest disagreements with one vintage, with what the
fit saw of each model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import eci

PUBLISHED = Path(__file__).parents[1] / "benchmarks_data" / "published" / "epoch_eci.csv"
VINTAGE = "2026-07-07"
SHOWN = 8


def join_published(fit: eci.Fit, vintage: str) -> pd.DataFrame:
    """Models in both, with our index (mean, sd) and theirs; several variants of one model: their highest."""
    published = pd.read_csv(PUBLISHED)
    published = published[published["vintage"] == vintage].dropna(subset="model_in_scores")
    published = published.sort_values("index", ascending=False).drop_duplicates("model_in_scores")
    ours = fit.abilities()[["model", "index", "sd", "n_benchmarks"]]
    return ours.merge(
        published[["model_in_scores", "model", "index", "low", "high"]].rename(
            columns={"model": "published_as", "index": "published", "model_in_scores": "model"}
        ),
        on="model",
    )


def show_disagreements(fit: eci.Fit, both: pd.DataFrame) -> None:
    """Print the models furthest from the line between the two indices, and their scores that pull most."""
    slope, intercept = np.polyfit(both["published"], both["index"], 1)
    both = both.assign(gap=both["index"] - intercept - slope * both["published"])
    matrix = fit.matrix
    mean = fit.mode
    for _, row in both.reindex(both["gap"].abs().sort_values(ascending=False).index).head(SHOWN).iterrows():
        print(
            f"\n{row['model']} (published as {row['published_as']}): ours {row['index']:.1f} (sd {row['sd']:.1f}), "
            f"published {row['published']:.1f} [{row['low']:.1f}, {row['high']:.1f}], gap {row['gap']:+.1f}, "
            f"{row['n_benchmarks']} benchmarks"
        )
        m = matrix.models.index(row["model"])
        rows = np.flatnonzero(matrix.model_index == m)
        j = matrix.benchmark_index[rows]
        z = mean.discrimination[j] * (mean.ability[m] - mean.difficulty[j])
        expected = matrix.lower[j] + (matrix.upper[j] - matrix.lower[j]) / (1 + np.exp(-z))
        residual = matrix.score[rows] - expected
        for k in np.argsort(-np.abs(residual))[:6]:
            name = matrix.benchmarks[j[k]]
            print(
                f"    {name:40} {matrix.score[rows[k]]:.3f}, expected {expected[k]:.3f}, {residual[k]:+.3f}"
            )


def main() -> None:
    """Run the comparison for the folder named on the command line."""
    fit = eci.load_fit(sys.argv[1])
    for vintage in pd.read_csv(PUBLISHED)["vintage"].unique():
        both = join_published(fit, vintage)
        slope, intercept = np.polyfit(both["published"], both["index"], 1)
        r, rank = (
            both["index"].corr(both["published"]),
            both["index"].corr(both["published"], method="spearman"),
        )
        print(
            f"{vintage}: {len(both)} models, r = {r:.4f}, rank r = {rank:.4f}, ours = {intercept:.1f} + {slope:.3f} x theirs"
        )
    show_disagreements(fit, join_published(fit, VINTAGE))


if __name__ == "__main__":
    main()
