"""The trend as the prior of ability agrees with the two-stage regression.

Evidence of the slow test: docs/evidence/trend_joint.json.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import eci
from eci.errors import DataError
from eci.trend import IndexSeries, fit_trend
from eci.trend.joint import fit_joint

ROOT = Path(__file__).parents[2]
SCORES = ROOT.parent / "shared/data/epoch_2025_11/scores.csv"
EVIDENCE = ROOT / "docs/evidence/trend_joint.json"
BREAK = "2024-09-12"


def describe(draws):
    low, median, high = np.quantile(draws, [0.05, 0.5, 0.95])
    return {"mean": draws.mean(), "sd": draws.std(), "low": low, "median": median, "high": high}


@pytest.fixture(scope="module")
def trending_fit():
    """60 models whose ability rises by 0.8 a year with sd 0.3, on 12 benchmarks."""
    rng = np.random.default_rng(11)
    years = np.sort(rng.uniform(0, 3, 60))
    ability = -1.2 + 0.8 * years + rng.normal(0, 0.3, 60)
    difficulty, slope = np.linspace(-1.5, 1.5, 12), np.full(12, 2.0)
    score = 1 / (1 + np.exp(-slope * (ability[:, None] - difficulty))) + rng.normal(0, 0.05, (60, 12))
    m, j = np.indices((60, 12)).reshape(2, -1)
    dates = np.datetime64("2023-01-01") + np.round(365.25 * years).astype("timedelta64[D]")
    matrix = eci.ScoreMatrix.from_arrays(
        [f"m{i:02d}" for i in range(60)],
        [f"b{i:02d}" for i in range(12)],
        m,
        j,
        score.reshape(-1),
        release_date=dates,
    )
    return eci.fit(matrix, method=eci.Nuts(n_chains=2, n_draws=500, max_extensions=0), likelihood="normal")


def test_joint_and_two_stage_slopes_agree(trending_fit):
    method = eci.Nuts(n_chains=2, n_draws=500)
    joint = fit_joint(trending_fit, method=method)
    two_stage = fit_trend(IndexSeries.from_fit(trending_fit), change="none").slope_before
    assert joint.slope_before.mean() == pytest.approx(two_stage.mean, abs=0.25 * two_stage.sd)
    assert joint.slope_before.std() == pytest.approx(two_stage.sd, rel=0.2)
    assert np.all(joint.ratio == 1.0)
    assert np.all(joint.jump == 0.0)


def test_the_sampler_goes_on_as_that_of_a_fit(trending_fit):
    """As many draws again while a check of the trend fails, up to the limit."""
    joint = fit_joint(trending_fit, method=eci.Nuts(n_chains=2, n_draws=50, max_extensions=2))
    assert len(joint.residual_sd) == 2 * 3 * 50
    assert "ess_tail_trend" in {check.name for check in joint.diagnostics.failed}


@pytest.mark.parametrize(
    ("change", "break_at", "said"),
    [
        ("kink", None, "needs a break_at"),
        ("none", "2024-01-01", "has no break"),
        ("kink", "2031-01-01", "lies outside the releases"),
        ("kink", "soon", "no date"),
        ("bend", None, "knows none, kink, jump, both"),
    ],
)
def test_breaks_that_cannot_be_are_refused(trending_fit, change, break_at, said):
    with pytest.raises(DataError, match=said):
        fit_joint(trending_fit, change=change, break_at=break_at)


def test_a_model_without_a_date_is_named(small_fit):
    from dataclasses import replace

    dates = small_fit.matrix.release_date.copy()
    dates[3] = np.datetime64("NaT", "D")
    undated = replace(small_fit, matrix=replace(small_fit.matrix, release_date=dates))
    with pytest.raises(DataError, match="model 03"):
        fit_joint(undated)


@pytest.mark.slow
def test_the_179_models_of_the_rosetta_stone(commit):
    if not SCORES.is_file():
        pytest.skip(f"{SCORES} is not here, and may not be committed")
    start = time.time()
    table = pd.read_csv(SCORES).rename(columns={"performance": "score", "date": "release_date"})
    table = table[["model", "benchmark", "score", "release_date"]]
    table["model"] = table["model"].str.strip()
    matrix = eci.ScoreMatrix.from_table(table, min_benchmarks=1, min_models=1, duplicates="mean")
    anchors = {"claude-3-5-sonnet-20240620": 130.0, "gpt-5-2025-08-07_high": 150.0}
    method = eci.Nuts(n_draws=4000)
    fit = eci.fit(matrix, anchors=anchors, method=method, seed=0, likelihood="normal")
    series = IndexSeries.from_fit(fit)
    numbers = {"n_models": matrix.n_models}
    for change, break_at in (("none", None), ("kink", BREAK)):
        joint = fit_joint(fit, change=change, break_at=break_at, method=method, seed=1)
        assert joint.diagnostics.ok, joint.diagnostics.failed
        two_stage = fit_trend(series, change=change, break_at=break_at)
        ways = {
            "joint": {"slope_before": describe(joint.slope_before)},
            "two_stage": {"slope_before": two_stage.slope_before.record()},
        }
        if two_stage.ratio is not None:
            ways["joint"]["ratio"] = describe(joint.ratio)
            ways["two_stage"]["ratio"] = two_stage.ratio.record()
        numbers[change] = ways
    evidence = {
        "commit": commit,
        "command": "pytest -m slow tests/statistical/test_trend_joint.py",
        "seeds": [0, 1],
        "seconds": round(time.time() - start, 1),
        "numbers": numbers,
    }
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    joint, two_stage = (numbers["none"][way]["slope_before"] for way in ("joint", "two_stage"))
    assert abs(joint["mean"] - two_stage["mean"]) < 0.25 * joint["sd"]
    assert two_stage["sd"] == pytest.approx(joint["sd"], rel=0.2)
    joint, two_stage = (numbers["kink"][way]["ratio"] for way in ("joint", "two_stage"))
    assert abs(joint["median"] - two_stage["median"]) < 0.25 * joint["sd"]
    assert two_stage["high"] - two_stage["low"] == pytest.approx(joint["high"] - joint["low"], rel=0.2)
