"""Compare saved fits of the bundled scores with the indices others have published.

    eci fit --out DIR && python -m bench.published DIR [OTHER ...]

For every fit and vintage of benchmarks_data/published/epoch_eci.csv: models in both, correlation, and the
affine line that takes the published index to ours; then, for the first fit, the largest disagreements with
one vintage, with what the fit saw of each model; then where some of those models stand (mode, default
likelihood) if only part of their scores counts.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

import eci
from eci.scores.load import bundled_data

PUBLISHED = bundled_data() / "published" / "epoch_eci.csv"
VINTAGE = "2026-07-07"
SHOWN = 8

WHAT_IF = (
    (
        "GPT-4.1 nano",
        "only the runs by Epoch count",
        lambda t: ~t["source_url"].str.contains("epoch-research|Policy-Lab"),
    ),
    ("DeepSeek-V3.1", "no vendor score counts", lambda t: t["source_kind"] != "independent"),
    ("Mixtral 8x7B", "HellaSwag is left out", lambda t: t["benchmark"] == "HellaSwag"),
    ("Gemma 7B", "HellaSwag is left out", lambda t: t["benchmark"] == "HellaSwag"),
    ("DeepSeek-V2", "IFEval is left out", lambda t: t["benchmark"] == "IFEval"),
    (
        "Gemini 2.5 Flash (May 2025)",
        "no run without thinking counts",
        lambda t: t["conditions"].str.contains("no thinking(?:;|$)"),
    ),
)


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
            f"\n{row['model']} (published as {row['published_as']}): ours {row['index']:.1f} "
            f"(sd {row['sd']:.1f}), published {row['published']:.1f} [{row['low']:.1f}, {row['high']:.1f}], "
            f"gap {row['gap']:+.1f}, {row['n_benchmarks']} benchmarks"
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


def refit_without(table: pd.DataFrame, model: str, drop: pd.Series) -> tuple[int, float]:
    """Number of benchmarks left and mode of the index when some rows of one model are left out."""
    kept = table[~((table["model"] == model) & drop)]
    fit = eci.fit(eci.ScoreMatrix.from_table(kept, min_benchmarks=1), method=eci.Map())
    m = fit.matrix.models.index(model)
    return int(fit.matrix.n_benchmarks_per_model[m]), float(fit.index[m])


def main() -> None:
    """Run the comparison for the folders named on the command line."""
    fits = [eci.load_fit(folder) for folder in sys.argv[1:]]
    for fit in fits:
        print(f"{fit.method['name']}, {fit.likelihood}:")
        for vintage in pd.read_csv(PUBLISHED)["vintage"].unique():
            both = join_published(fit, vintage)
            slope, intercept = np.polyfit(both["published"], both["index"], 1)
            r, rank = (both["index"].corr(both["published"], method=kind) for kind in ("pearson", "spearman"))
            print(
                f"  {vintage}: {len(both)} models, r = {r:.3f}, rank r = {rank:.3f}, "
                f"ours = {intercept:.1f} + {slope:.3f} x theirs"
            )
    show_disagreements(fits[0], join_published(fits[0], VINTAGE))
    table = eci.load_scores()
    print()
    for model, what, drop in WHAT_IF:
        (n_all, index_all), (n, index) = (
            refit_without(table, model, rows) for rows in (table["model"] == "", drop(table))
        )
        print(f"{model}: {index_all:.1f} on {n_all} benchmarks; if {what}, {index:.1f} on {n}")


if __name__ == "__main__":
    main()
