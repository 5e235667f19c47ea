"""Tables of what the slow tests of placing and advising have found, from docs/evidence.

python -m bench.queries refit|coverage|next
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

EVIDENCE = Path(__file__).resolve().parents[1] / "docs" / "evidence"


def lay_out(rows):
    """Columns two spaces apart, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            f"{c:<{w}}" if i == 0 else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def refit(numbers):
    """Placed against refitted, by number of scores."""
    rows = [
        ("scores", "models", "mean |difference|, sd", "largest, sd", "width ratio", "least effective draws")
    ]
    each = numbers["each"].values()
    for n in sorted({row["scores"] for row in each}):
        own = [row for row in each if row["scores"] == n]
        difference = np.abs([row["difference in sd"] for row in own])
        ratio = [row["width ratio"] for row in own]
        few = min(row["effective draws"] for row in own)
        rows.append(
            (
                str(n),
                str(len(own)),
                f"{difference.mean():.3f}",
                f"{difference.max():.3f}",
                f"{min(ratio):.3f} to {max(ratio):.3f}",
                f"{few:.0f} of {own[0]['draws']}",
            )
        )
    return lay_out(rows)


def coverage(numbers):
    """Share of true indices inside the 90 % interval, by number of scores."""
    rows = [
        (
            "scores",
            "models",
            "inside 90 %",
            "mean sd",
            "root mean squared error",
            "effective draws, least, median",
        )
    ]
    for n, found in numbers.items():
        few, middle = found["effective draws, least and median"]
        rows.append(
            (
                n,
                str(found["models"]),
                f"{found['coverage of 90 %']:.3f} ± {found['standard error over data sets']:.3f}",
                f"{found['mean sd']:.2f}",
                f"{found['root mean squared error']:.2f}",
                f"{few:.0f}, {middle:.0f}",
            )
        )
    return lay_out(rows)


def next_scores(numbers):
    """Posterior sd as scores are added by advice and at random."""
    rows = [("scores added", "sd by advice", "sd at random", "ratio")]
    ratio = numbers["sd by advice over sd at random, geometric mean"]
    error = numbers["standard error of its logarithm"]
    for step, (a, b) in enumerate(
        zip(numbers["mean sd by advice"], numbers["mean sd at random"], strict=True)
    ):
        rows.append(
            (str(step), f"{a:.2f}", f"{b:.2f}", f"{ratio[step]:.2f} ± {ratio[step] * error[step]:.2f}")
        )
    return lay_out(rows)


TABLES = {
    "refit": ("place_refit", refit),
    "coverage": ("place_coverage", coverage),
    "next": ("next_benchmark", next_scores),
}


def main():
    """Print one table."""
    name, table = TABLES[sys.argv[1]]
    evidence = json.loads((EVIDENCE / f"{name}.json").read_text(encoding="utf-8"))
    print(table(evidence["numbers"]))


if __name__ == "__main__":
    main()
