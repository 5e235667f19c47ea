"""The fit of the bundled scores by the default method: its checks, and how it compares with published ECI.

The correlation is with the vintage of 2026-07-07 of Epoch's index (benchmarks_data/published/epoch_eci.csv).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import eci

PUBLISHED = Path(__file__).parents[2] / "benchmarks_data/published/epoch_eci.csv"


@pytest.fixture(scope="module")
def bundled_fit():
    return eci.fit(eci.ScoreMatrix.from_table(eci.load_scores()), seed=0)


def test_every_check_passes(bundled_fit):
    assert bundled_fit.diagnostics.ok, bundled_fit.diagnostics.failed


def test_index_and_difficulty_pass_the_gate_of_the_issue(bundled_fit):
    checks = {check.name: check for check in bundled_fit.diagnostics.checks}
    for quantity in ("index", "difficulty"):
        assert checks[f"rhat_{quantity}"].value <= 1.01
        assert checks[f"ess_bulk_{quantity}"].value >= 400
    assert checks["divergences"].value <= 0.001


def test_anchors_have_their_points_in_every_draw(bundled_fit):
    index = dict(zip(bundled_fit.matrix.models, bundled_fit.index_draws.T, strict=True))
    assert np.allclose(index["Claude 3.5 Sonnet"], 130, rtol=0, atol=1e-10)
    assert np.allclose(index["GPT-5"], 150, rtol=0, atol=1e-10)


def test_the_index_agrees_with_epochs(bundled_fit):
    published = pd.read_csv(PUBLISHED).dropna(subset="model_in_scores")
    published = published[published["vintage"] == "2026-07-07"].groupby("model_in_scores")["index"].max()
    both = bundled_fit.abilities().set_index("model")["index"].to_frame("ours").join(published, how="inner")
    assert len(both) == 107
    assert both["ours"].corr(both["index"]) >= 0.97
