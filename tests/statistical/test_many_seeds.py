"""Many seeds of NUTS under `normal` on Epoch's scores of November 2025, held to the convergence gates.

Asked were, of ten seeds and 4 x 1,000 draws: effective sizes of at least 400 in bulk and tail for everything
published in all ten, at least 1,400 for the slowest discrimination in nine, no divergences in nine. Seeds 0
to 9 meet them all. Of seeds 0 to 25, 25 have none below 400, 25 have 1,400 in bulk for the slowest
discrimination, 23 no divergence. The discrimination of a benchmark near the floor has a far tail, a curve as
steep as a step, that a chain rarely visits and takes its time to leave. Where one did, `eci fit` goes on
until all gates are met.

Evidence of the slow test: docs/evidence/many_seeds.json. The data are not part of the repository; without
them beside it these tests are skipped.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd
import pytest

import eci

ROOT = Path(__file__).parents[2]
SCORES = ROOT.parent / "shared/data/epoch_2025_11/scores.csv"
EVIDENCE = ROOT / "docs/evidence/many_seeds.json"
ANCHORS = {"claude-3-5-sonnet-20240620": 130.0, "gpt-5-2025-08-07_high": 150.0}
SEEDS, N_ASKED = range(26), 10
AGAIN = [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 9))]

pytestmark = pytest.mark.skipif(not SCORES.is_file(), reason=f"needs {SCORES}")


@pytest.fixture(scope="module")
def matrix():
    table = pd.read_csv(SCORES).rename(columns={"performance": "score", "date": "release_date"})
    table["model"] = table["model"].str.strip()
    columns = ["model", "benchmark", "score", "release_date"]
    return eci.ScoreMatrix.from_table(table[columns], min_benchmarks=1, min_models=1, duplicates="mean")


def measure(matrix, seed, max_extensions=0):
    """Worst value of every check, divergences and gradients of one fit of 4 x 1,000 draws."""
    method = eci.Nuts(max_extensions=max_extensions)
    fit = eci.fit(matrix, anchors=ANCHORS, method=method, seed=seed, likelihood="normal")
    wanted = ("rhat", "ess")
    worst = {c.name: c.value for c in fit.diagnostics.checks if c.name.startswith(wanted)}
    slowest = {c.name: c.worst for c in fit.diagnostics.checks if c.name == "ess_bulk_discrimination"}
    return worst | {
        "divergences": int(fit.sample_stats["diverging"].sum()),
        "gradients": float(fit.sample_stats["n_gradients"].mean()),
        "slowest_benchmark": slowest["ess_bulk_discrimination"],
    }


def smallest_ess(run):
    return min(value for name, value in run.items() if name.startswith("ess"))


def largest_rhat(run):
    return max(value for name, value in run.items() if name.startswith("rhat"))


def passes(run):
    return smallest_ess(run) >= 400 and largest_rhat(run) <= 1.01


def hold(runs, extended):
    """Hold runs to the gates; `extended` has the run again, with twice the draws, where it needed them."""
    assert all(max(run["rhat_index"], run["rhat_difficulty"]) <= 1.01 for run in runs)
    assert all(smallest_ess(run) >= 400 for run in runs[:N_ASKED])
    assert all(map(passes, extended))
    assert all(run["rhat_discrimination"] <= 1.01 for run in extended)
    assert sum(run["ess_bulk_discrimination"] >= 1400 for run in runs[:N_ASKED]) >= 0.9 * N_ASKED
    assert sum(run["divergences"] == 0 for run in runs[:N_ASKED]) >= 0.9 * N_ASKED


def rounded(run):
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in run.items()}


@pytest.mark.slow
def test_seeds(matrix, commit):
    began = time.perf_counter()
    runs = [measure(matrix, seed) for seed in SEEDS]
    again = {seed: measure(matrix, seed, max_extensions=1) for seed in SEEDS if not passes(runs[seed])}
    evidence = {
        "commit": commit,
        "command": "pytest -m slow tests/statistical/test_many_seeds.py",
        "seeds": list(SEEDS),
        "seconds": round(time.perf_counter() - began, 1),
        "numbers": [rounded(run) for run in runs],
        "extended": {str(seed): rounded(run) for seed, run in again.items()},
    }
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    hold(runs, [again.get(seed, runs[seed]) for seed in SEEDS])


def test_the_evidence_meets_the_gates():
    kept = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    hold(kept["numbers"], [kept["extended"].get(str(seed), kept["numbers"][seed]) for seed in SEEDS])


@pytest.mark.parametrize("seed", AGAIN)
def test_seeds_of_the_evidence_again(matrix, seed):
    """With one extension of `eci fit`: on another machine another seed may visit the tail."""
    kept = json.loads(EVIDENCE.read_text(encoding="utf-8"))["numbers"]
    run = measure(matrix, seed, max_extensions=1)
    assert passes(run)
    assert run["gradients"] == pytest.approx(kept[seed]["gradients"], rel=0.2)
