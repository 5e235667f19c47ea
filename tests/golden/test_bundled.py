"""The bundled scores fitted by default: mixing, anchors, convergence, agreement with the published index.

No other fast test follows the default likelihood's chains on real scores, where coordinates that pass every
test on small problems may mix badly. A few benchmarks have two explanations, between which chains go rarely:
of 4 x 1,000 draws with seeds 0 to 7, 159 to 549 are effective for the slowest discrimination, and `eci fit`
goes on until the checks pass. The fast tests take half as many.

Published values: Epoch Capabilities Index by vintage (Epoch AI, CC BY 4.0), benchmarks_data/published.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import eci
from eci.inference.diagnose import MAX_DIVERGENT, MAX_RHAT, MIN_ESS

PUBLISHED = Path(__file__).parents[2] / "benchmarks_data" / "published" / "epoch_eci.csv"
VINTAGE, MIN_CORRELATION = "2026-07-07", 0.97


@pytest.fixture(scope="module")
def matrix():
    return eci.ScoreMatrix.from_table(eci.load_scores())


@pytest.fixture(scope="module")
def fit(matrix):
    return eci.fit(matrix, method=eci.Nuts(n_draws=500, max_extensions=0))


def test_anchors_are_exact(fit):
    assert dict(fit.scale.anchors) == {"Claude 3.5 Sonnet": 130.0, "GPT-5": 150.0}
    at = [fit.matrix.models.index(name) for name in fit.scale.anchors]
    assert (fit.index_draws[:, at] == [130.0, 150.0]).all()


@pytest.mark.parametrize(("check", "least"), [("index", 500), ("difficulty", 25), ("discrimination", 25)])
def test_chains_mix(fit, check, least):
    found = {one.name: one.value for one in fit.diagnostics.checks}
    assert found[f"ess_bulk_{check}"] >= least
    assert found["divergences"] <= 0.005


@pytest.mark.slow
def test_every_check_passes(matrix):
    """R-hat at most 1.01 and ESS at least 400 of every published quantity, divergences at most 0.1 %."""
    assert (MAX_RHAT, MIN_ESS, MAX_DIVERGENT) == (1.01, 400.0, 0.001)
    fit = eci.fit(matrix)
    names = {check.name for check in fit.diagnostics.checks}
    assert {"rhat_index", "ess_bulk_index", "rhat_difficulty", "ess_bulk_difficulty", "divergences"} <= names
    assert fit.diagnostics.ok, fit.diagnostics.failed


def test_the_index_agrees_with_the_published_one(fit):
    table = pd.read_csv(PUBLISHED).dropna(subset=["model_in_scores"])
    theirs = table[table["vintage"] == VINTAGE].set_index("model_in_scores")["index"]
    assert theirs.index.is_unique
    own = pd.Series(fit.index, index=fit.matrix.models, name="own")
    both = pd.concat([own, theirs], axis=1, join="inner")
    assert len(both) >= 100
    assert np.corrcoef(both["own"], both["index"])[0, 1] >= MIN_CORRELATION
