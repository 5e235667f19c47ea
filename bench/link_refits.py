"""Links of simulated fits: two sets of scores simulated, fitted and linked, so that nothing is given.

    python -m bench.link_refits run docs/evidence/link_refits.json
    python -m bench.link_refits show

Two sides of 30 models each on 16 benchmarks each; `N_COMMON` benchmarks are in both, and drift by `DRIFT_SD`
of the sd of ability; six models are in both as well, with scores of their own on either side. Each model took
three quarters of the benchmarks of its side. Fits are Laplace approximations. The truth is the line between
the standardised true abilities of the two sides.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import eci
from bench.linking import commit, show, summarise_draws, table_of

EVIDENCE = Path(__file__).resolve().parents[1] / "docs/evidence/link_refits.json"
METHODS = ("mean-mean", "mean-sigma", "haebara", "stocking-lord", "regression", "concurrent")
N_MODELS, N_BENCHMARKS, N_COMMON, N_COMMON_MODELS = 30, 16, 8, 6
DRIFT_SD, NOISE_SD, SHIFT, SPREAD = 0.1, 0.05, 0.5, 0.8
N_DRAWS = 1000
N_PAIRS = 400
LEVEL_AT = 100.0


def simulate_side(
    rng: np.random.Generator,
    side: int,
    ability: np.ndarray,
    difficulty: np.ndarray,
    discrimination: np.ndarray,
) -> eci.ScoreMatrix:
    """Simulate scores of one side and code them."""
    m, j = np.nonzero((np.arange(N_MODELS)[:, None] + np.arange(N_BENCHMARKS)) % 4 > 0)
    mean = 1.0 / (1.0 + np.exp(-discrimination[j] * (ability[m] - difficulty[j])))
    score = np.clip(mean + NOISE_SD * rng.standard_normal(m.size), 0.0, 1.0)
    models = [f"{'shared' if i < N_COMMON_MODELS else f'side {side}'} {i:02d}" for i in range(N_MODELS)]
    tests = [f"{'shared' if i < N_COMMON else f'side {side}'} test {i:02d}" for i in range(N_BENCHMARKS)]
    return eci.ScoreMatrix.from_arrays(models, tests, m, j, score)


def one_pair(seed: int) -> dict[str, Any]:
    """Simulate, fit and link one pair: slope, level and intercept of each method, and the truth."""
    rng = np.random.default_rng([seed, 3])
    common_ability = rng.standard_normal(N_COMMON_MODELS)
    common_b, common_log_a = rng.normal(0.0, 1.0, N_COMMON), rng.normal(0.4, 0.4, N_COMMON)
    fits, abilities = [], []
    for side, (shift, spread) in enumerate(((0.0, 1.0), (SHIFT, SPREAD))):
        own = N_MODELS - N_COMMON_MODELS
        ability = np.concatenate([common_ability, shift + spread * rng.standard_normal(own)])
        drift = DRIFT_SD * side * rng.standard_normal(N_COMMON)
        own_b = shift + rng.standard_normal(N_BENCHMARKS - N_COMMON)
        difficulty = np.concatenate([common_b + drift, own_b])
        log_a = np.concatenate([common_log_a, rng.normal(0.4, 0.4, N_BENCHMARKS - N_COMMON)])
        matrix = simulate_side(rng, side, ability, difficulty, np.exp(log_a))
        fits.append(eci.fit(matrix, method=eci.Laplace(n_draws=N_DRAWS), seed=seed, likelihood="normal"))
        abilities.append(ability)
    (old_mean, old_sd), (new_mean, new_sd) = ((a.mean(), a.std()) for a in abilities)
    slope = old_sd / new_sd
    level = 100.0 + 10.0 * (old_mean - new_mean) / new_sd  # both scales: mean 100, sd 10 over their models
    found: dict[str, Any] = {"truth": [float(slope), float(level), float(level - LEVEL_AT * slope)]}
    for method in METHODS:
        link = eci.link(*fits, method=method, common="benchmarks", seed=seed)
        found[method] = summarise_draws(link.slope, link.intercept, LEVEL_AT)
    link = eci.link(*fits, common="models", seed=seed)
    found["regression, models"] = summarise_draws(link.slope, link.intercept, LEVEL_AT)
    return found


def run(target: Path, n_pairs: int = N_PAIRS) -> None:
    """Simulate all pairs and write the evidence; the first three are kept, for the fast test."""
    started = time.perf_counter()
    pairs = [one_pair(seed) for seed in range(n_pairs)]
    record = {
        "commit": commit(),
        "command": "python -m bench.link_refits run docs/evidence/link_refits.json",
        "seeds": [0, len(pairs) - 1],
        "seconds": round(time.perf_counter() - started),
        "settings": {
            "models": N_MODELS,
            "benchmarks": N_BENCHMARKS,
            "common_benchmarks": N_COMMON,
            "common_models": N_COMMON_MODELS,
            "drift_sd": DRIFT_SD,
            "noise_sd": NOISE_SD,
            "n_draws": N_DRAWS,
            "interval_prob": 0.9,
        },
        "numbers": {"refits": {str(N_COMMON): table_of(pairs)}},
        "first_three": pairs[:3],
    }
    target.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")


def main(arguments: list[str]) -> None:
    """Run one of the two commands."""
    if arguments[0] == "run":
        run(Path(arguments[1]))
    else:
        print(show(json.loads(EVIDENCE.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main(sys.argv[1:])
