"""Time the exact regression: a fixed selection of 300 models, and a frontier with 200 memberships.

    OMP_NUM_THREADS=1 python bench/trend.py [--json FILE]

Targets: all four change models with unknown break, 300 models and 4,000 draws, at most 1 s warm; a frontier
with 200 membership draws at most 10 s.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np

from eci.trend import IndexSeries, fit_trend


def simulate_draws(n_models: int, n_draws: int, seed: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Joint draws in points with correlated errors and a free scale, about a line with scatter."""
    rng = np.random.default_rng(seed)
    days = np.sort(rng.integers(0, 1400, n_models))
    truth = 110 + 12 * days / 365.25 + rng.normal(0, spread, n_models)
    root = rng.normal(size=(n_models, 40)) / np.sqrt(40)
    errors = rng.normal(size=(n_draws, 40)) @ root.T + rng.normal(size=(n_draws, n_models))
    draws = rng.normal(1, 0.05, (n_draws, 1)) * (truth + errors) + rng.normal(0, 3, (n_draws, 1))
    return draws, np.datetime64("2022-06-01") + days.astype("timedelta64[D]")


def timed(task, repeats: int) -> list[float]:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    draws, dates = simulate_draws(300, 4000, seed=1, spread=6.0)
    names = [f"m{i}" for i in range(300)]

    def build() -> IndexSeries:
        return IndexSeries.from_draws(draws, models=names, release_date=dates)

    series = build()
    frontier = series.select(frontier=True)
    cases = {
        "series from 4,000 draws of 300 models": timed(build, arguments.repeats),
        "four change models, 300 models, with sensitivity table": timed(
            lambda: fit_trend(series), arguments.repeats
        ),
        "frontier, 200 membership draws, with sensitivity table": timed(lambda: fit_trend(frontier), 3),
    }
    masks, _ = frontier.memberships(200, np.random.default_rng(0))
    result = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
        },
        "numpy": np.__version__,
        "distinct_frontiers": len(masks),
        "models_per_frontier": float(masks.sum(axis=1).mean()),
        "seconds": {
            name: {"median": float(np.median(s)), "first": s[0], "all": s} for name, s in cases.items()
        },
    }
    print(json.dumps(result, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
