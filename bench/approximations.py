"""Laplace and Map against NUTS on the same posterior: means and interval widths.

python -m bench.approximations [--data PATH] [--likelihood NAME ...] [--write docs/approximations.md]
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


def section(matrix: eci.ScoreMatrix, likelihood: str) -> str:
    """Fit by each method under one likelihood and say how far they are apart."""
    exact, laplace, mode = (
        eci.fit(matrix, likelihood=likelihood, method=method)
        for method in (eci.Nuts(), eci.Laplace(), eci.Map())
    )
    sd = exact.index_draws.std(axis=0)
    shift = (np.abs(mode.index - exact.index)[sd > 1e-9] / sd[sd > 1e-9]).round(2)
    failed, doubted = (
        ", ".join(check.name for check in fit.diagnostics.failed) or "none" for fit in (exact, laplace)
    )
    return f"""## `{likelihood}`

{to_markdown(compare(exact, laplace))}

Map: the index at the mode lies {shift.mean():.2f} posterior sds from the NUTS mean on average,
{shift.max():.2f} at most. Checks failed: NUTS {failed}; Laplace {doubted}.
"""


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--likelihood", action="append")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    matrix = eci.ScoreMatrix.from_table(eci.load_scores(options.data))
    page = f"""# Laplace and Map against NUTS

<!-- written by: python -m bench.approximations --write docs/approximations.md -->

On {options.data or "the bundled data"}: {matrix.n_models} models, {matrix.n_benchmarks} benchmarks,
{matrix.n_scores} scores. A shift is the absolute difference of the means under Laplace and NUTS, in
posterior sds under NUTS; a width ratio is that of the 90 % intervals, Laplace to NUTS. Rows group models or
benchmarks by how many scores they have.

"""
    page += "\n".join(section(matrix, name) for name in options.likelihood or ("beta", "normal"))
    if options.write:
        options.write.write_text(page, encoding="utf-8", newline="\n")
    else:
        print(page)


if __name__ == "__main__":
    main()
