"""Laplace and Map against NUTS on the same posterior: means and interval widths.

python -m bench.approximations [--data PATH] [--likelihood normal|beta] [--write docs/approximations.md]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import eci

GROUPS = ((1, 6), (7, 12), (13, 30), (31, 10_000))


def compare(exact: eci.Fit, other: eci.Fit) -> pd.DataFrame:
    """Differences of means in exact sds, and ratios of 90 % interval widths, by kind and number of scores."""
    rows = []
    quantities = {
        "index": (exact.index_draws, other.index_draws, exact.matrix.n_benchmarks_per_model),
        "difficulty": (exact.difficulty_draws, other.difficulty_draws, exact.matrix.n_models_per_benchmark),
        "log discrimination": (
            np.log(exact.discrimination_draws),
            np.log(other.discrimination_draws),
            exact.matrix.n_models_per_benchmark,
        ),
    }
    for name, (a, b, n_scores) in quantities.items():
        sd = a.std(axis=0)
        free = sd > 1e-9  # anchors do not vary
        shift = np.full(len(sd), np.nan)
        shift[free] = (b.mean(axis=0) - a.mean(axis=0))[free] / sd[free]
        ratio = np.full(len(sd), np.nan)
        width = [np.subtract(*np.quantile(x, [0.95, 0.05], axis=0)) for x in (a, b)]
        ratio[free] = width[1][free] / width[0][free]
        for low, high in GROUPS:
            chosen = free & (n_scores >= low) & (n_scores <= high)
            if chosen.any():
                rows.append(
                    {
                        "quantity": name,
                        "scores": f"{low} to {high}" if high < 10_000 else f"{low} and more",
                        "n": int(chosen.sum()),
                        "mean shift, sd": np.abs(shift[chosen]).mean(),
                        "largest shift, sd": np.abs(shift[chosen]).max(),
                        "width ratio, median": np.median(ratio[chosen]),
                        "width ratio, least": ratio[chosen].min(),
                        "width ratio, most": ratio[chosen].max(),
                    }
                )
    return pd.DataFrame(rows)


def to_markdown(table: pd.DataFrame) -> str:
    """Format a table with two decimals."""
    cells = [list(table.columns)] + [
        [f"{value:.2f}" if isinstance(value, float) else str(value) for value in row]
        for row in table.itertuples(index=False)
    ]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([lines[0], "|" + " --- |" * len(table.columns), *lines[1:]])


def main() -> None:
    """Fit by each method, print the table, and write the page where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--likelihood", default="normal")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    matrix = eci.ScoreMatrix.from_table(eci.load_scores(options.data))
    exact = eci.fit(matrix, likelihood=options.likelihood)
    laplace = eci.fit(matrix, likelihood=options.likelihood, method=eci.Laplace())
    mode = eci.fit(matrix, likelihood=options.likelihood, method=eci.Map())
    table = to_markdown(compare(exact, laplace))
    free = exact.index_draws.std(axis=0) > 1e-9
    shift = np.abs(mode.index - exact.index)[free] / exact.index_draws.std(axis=0)[free]
    failed = ", ".join(check.name for check in exact.diagnostics.failed) or "none"
    page = f"""# Laplace and Map against NUTS

Written by `python -m bench.approximations --likelihood {options.likelihood}` on
{options.data or "the bundled data"} ({matrix.n_models} models, {matrix.n_benchmarks} benchmarks,
{matrix.n_scores} scores; NUTS checks failed: {failed}).
A shift is the absolute difference of the means under Laplace and NUTS, in posterior sds under NUTS; a
width ratio is that of the 90 % intervals, Laplace to NUTS. Rows group models or benchmarks by how many
scores they have.

{table}

Map: the index at the mode lies {shift.mean():.2f} posterior sds from the NUTS mean on average,
{shift.max():.2f} at most.
"""
    print(page)
    if options.write:
        options.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
