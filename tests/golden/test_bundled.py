"""The bundled scores fitted by default: convergence, anchors, and agreement with the published index.

Published values: Epoch Capabilities Index by vintage (Epoch AI, CC BY 4.0), benchmarks_data/published.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import eci
from eci.inference.diagnose import MAX_DIVERGENT, MAX_RHAT, MIN_ESS

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "docs" / "evidence" / "bundled.json"
COMMAND = "python -m pytest -m slow tests/golden/test_bundled.py"
VINTAGE, MIN_CORRELATION = "2026-07-07", 0.97


@pytest.fixture(scope="module")
def matrix():
    return eci.ScoreMatrix.from_table(eci.load_scores())


@pytest.fixture(scope="module")
def fit(matrix):
    return eci.fit(matrix, likelihood="normal")


@pytest.fixture(scope="module")
def published():
    """Published index by vintage and model, for the models that the fit has too."""
    table = pd.read_csv(ROOT / "benchmarks_data" / "published" / "epoch_eci.csv")
    return table.dropna(subset=["model_in_scores"])


def agreement(fit, published, vintage):
    """Models in both, correlation and median absolute difference in points."""
    own = pd.Series(fit.index, index=fit.matrix.models, name="own")
    theirs = published[published["vintage"] == vintage].set_index("model_in_scores")["index"]
    assert theirs.index.is_unique
    both = pd.concat([own, theirs], axis=1, join="inner")
    correlation = np.corrcoef(both["own"], both["index"])[0, 1]
    return len(both), float(correlation), float((both["own"] - both["index"]).abs().median())


def test_anchors_are_exact(fit):
    assert dict(fit.scale.anchors) == {"Claude 3.5 Sonnet": 130.0, "GPT-5": 150.0}
    at = [fit.matrix.models.index(name) for name in fit.scale.anchors]
    assert (fit.index_draws[:, at] == [130.0, 150.0]).all()


def test_every_check_passes(fit):
    """R-hat at most 1.01 and ESS at least 400 of every published quantity, divergences at most 0.1 %."""
    assert (MAX_RHAT, MIN_ESS, MAX_DIVERGENT) == (1.01, 400.0, 0.001)
    names = {check.name for check in fit.diagnostics.checks}
    assert {"rhat_index", "ess_bulk_index", "rhat_difficulty", "ess_bulk_difficulty", "divergences"} <= names
    assert fit.diagnostics.ok, fit.diagnostics.failed


def test_the_index_agrees_with_the_published_one(fit, published):
    n, correlation, _ = agreement(fit, published, VINTAGE)
    assert n >= 100
    assert correlation >= MIN_CORRELATION


def compare(fit, preview):
    """A preview against the exact posterior: shift of means in posterior sds, ratio of interval widths."""
    free = [i for i, model in enumerate(fit.matrix.models) if model not in fit.scale.anchors]
    pairs = {"index": (fit.index_draws[:, free], preview.index_draws[:, free])}
    counts = fit.matrix.n_models_per_benchmark
    for low, high in ((4, 5), (6, 9), (10, 19), (20, 999)):
        own = (counts >= low) & (counts <= high)
        name = f"difficulty, {low} to {high} scores" if high < 999 else f"difficulty, {low} scores or more"
        pairs[name] = fit.difficulty_draws[:, own], preview.difficulty_draws[:, own]
    table = {}
    for name, (exact, rough) in pairs.items():
        shift = (rough.mean(axis=0) - exact.mean(axis=0)) / exact.std(axis=0)
        ratio = width(rough) / width(exact)
        table[name] = {
            "n": exact.shape[1],
            "largest shift of a mean, sds": round(float(np.abs(shift).max()), 2),
            "median absolute shift, sds": round(float(np.median(np.abs(shift))), 2),
            "width ratio, 5 % / median / 95 %": np.quantile(ratio, [0.05, 0.5, 0.95]).round(2).tolist(),
        }
    return table


def width(draws):
    return np.diff(np.quantile(draws, [0.05, 0.95], axis=0), axis=0)[0]


@pytest.mark.slow
def test_record_agreement_and_what_laplace_misses(fit, matrix, published, commit):
    laplace = eci.fit(matrix, method=eci.Laplace(), likelihood="normal")
    numbers = {
        "scores": {"models": matrix.n_models, "benchmarks": matrix.n_benchmarks, "scores": matrix.n_scores},
        "correlation with published vintages": {
            vintage: dict(zip(("models", "correlation", "median absolute difference"), found, strict=True))
            for vintage in sorted(published["vintage"].unique())
            if (found := agreement(fit, published, vintage))
        },
        "checks of nuts": {
            check.name: {"value": round(check.value, 4), "limit": check.limit, "worst": check.worst}
            for check in fit.diagnostics.checks
        },
        "laplace against nuts": compare(fit, laplace),
    }
    seconds = {"nuts": fit.provenance.seconds["total"], "laplace": laplace.provenance.seconds["total"]}
    evidence = {
        "commit": commit, "command": COMMAND, "seeds": [0], "seconds": seconds, "numbers": numbers
    }  # fmt: skip
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n")
    for name, row in numbers["laplace against nuts"].items():
        low, median, high = row["width ratio, 5 % / median / 95 %"]
        assert 0.4 < low <= median <= high < 2.5, name
