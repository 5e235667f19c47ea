"""Is P(so many benchmarks between) small by chance as seldom as it says? Simulated fits, three truths.

independent: scores scatter independently; shared: models of one lab share half of the variance of their
scatter; student: independent, but each score of the middle model is the mean of those of the other two, with
a tenth of the scatter.
"""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

import eci
from eci.scores import ScoreMatrix

EVIDENCE = Path(__file__).parents[2] / "docs/evidence/between.json"
TRUTHS = ("independent", "shared", "student")
N_MODELS, N_BENCHMARKS, N_SEEDS = 20, 15, 160
SHARE = 0.5
LEVELS = (0.05, 0.1, 0.25)


def simulate(truth, seed):
    """A full matrix of two labs drawn from the priors of a fit, and the names of three models of one lab."""
    drawn = eci.simulate(N_MODELS, N_BENCHMARKS, seed=seed, likelihood="normal")
    known, rng = drawn.truth, np.random.default_rng([seed, 1])
    lab = np.arange(N_MODELS) % 2
    own, common = rng.standard_normal((N_MODELS, N_BENCHMARKS)), rng.standard_normal((2, N_BENCHMARKS))
    share = SHARE if truth == "shared" else 0.0
    sd = float(known.shared["noise_sd"])
    scatter = sd * (np.sqrt(share) * common[lab] + np.sqrt(1 - share) * own)
    score = expit(known.discrimination * (known.ability[:, None] - known.difficulty)) + scatter
    three = np.array([0, 2, 4])
    low, middle, high = three[np.argsort(known.ability[three])]
    if truth == "student":
        score[middle] = (score[low] + score[high]) / 2 + 0.1 * sd * own[middle]
    models, benchmarks = np.indices(score.shape)
    matrix = ScoreMatrix.from_arrays(
        drawn.matrix.models,
        drawn.matrix.benchmarks,
        models.ravel(),
        benchmarks.ravel(),
        np.clip(score, 0, 1).ravel(),
        lab=[("L", "M")[k] for k in lab],
        release_date=["2025-01-01"] * N_MODELS,
    )
    return matrix, [matrix.models[m] for m in three]


def p_values(truth, seed):
    """P(at least as many) of the middle model under both nulls."""
    matrix, three = simulate(truth, seed)
    fit = eci.fit(matrix, method=eci.Laplace(n_draws=1000), seed=seed, likelihood="normal")
    count = fit.count_between(three, seed=seed).count
    return [round(count.independent.p_at_least, 4), round(count.shared.p_at_least, 4)]


@pytest.mark.slow
def test_between_simulation(commit):
    start = time.perf_counter()
    found = {truth: [p_values(truth, seed) for seed in range(N_SEEDS)] for truth in TRUTHS}
    rates = {
        truth: {
            null: {str(level): float(np.mean(np.array(rows)[:, k] <= level)) for level in LEVELS}
            for k, null in enumerate(("independent", "shared"))
        }
        for truth, rows in found.items()
    }
    record = {
        "commit": commit,
        "command": "pytest -m slow tests/statistical/test_between.py",
        "seeds": [0, N_SEEDS],
        "seconds": round(time.perf_counter() - start),
        "numbers": {"models": N_MODELS, "benchmarks": N_BENCHMARKS, "share": SHARE, "rates": rates},
        "p_values": found,
    }
    EVIDENCE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def evidence():
    return json.loads(EVIDENCE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("truth", "null"), [("independent", "independent"), ("independent", "shared"), ("shared", "shared")]
)
@pytest.mark.parametrize("level", LEVELS)
def test_a_small_p_is_as_rare_as_it_says(evidence, truth, null, level):
    """Not more often than the level, within what so many simulations can tell."""
    column = ("independent", "shared").index(null)
    hits = sum(row[column] <= level for row in evidence["p_values"][truth])
    assert stats.binomtest(hits, N_SEEDS, level, alternative="greater").pvalue > 0.01


def test_a_student_is_found_more_often_than_chance(evidence):
    hits = np.mean(np.array(evidence["p_values"]["student"])[:, 0] <= 0.05)
    assert hits > 4 * 0.05


@pytest.mark.parametrize("truth", TRUTHS)
def test_three_seeds_give_the_same_again(evidence, truth):
    seed = {"independent": 0, "shared": 7, "student": 30}[truth]
    assert p_values(truth, seed) == pytest.approx(evidence["p_values"][truth][seed], abs=0.02)
