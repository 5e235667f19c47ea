"""Ability standardised inside each draw, never the anchored covariance: a small law, and the 179-model case.

Evidence of the slow test: docs/evidence/trend_standardised.json.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from eci.trend import IndexSeries, fit_trend

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "docs/evidence/trend_standardised.json"
SCORES = ROOT.parent / "shared/data/epoch_2025_11/scores.csv"
COMMAND = "pytest -m slow tests/statistical/test_trend_standardised.py"


def three_ways(draws, names, dates):
    """Slope of one line by standardised draws, by the anchored covariance, and by independent error bars."""
    args = {"models": names, "release_date": dates}
    ways = {
        "standardised": IndexSeries.from_draws(draws, **args),
        "anchored": IndexSeries.from_draws(draws, standardise=False, **args),
        "independent": IndexSeries.from_moments(draws.mean(axis=0), np.diag(draws.var(axis=0)), **args),
    }
    return {name: fit_trend(series, change="none") for name, series in ways.items()}


def test_a_free_scale_in_the_covariance_shrinks_the_slope_and_standardising_does_not():
    """Draws whose scale is free by 15 %: one Gaussian direction parallel to the data."""
    rng = np.random.default_rng(5)
    n = 80
    dates = np.datetime64("2022-01-01") + np.sort(rng.integers(0, 1300, n)).astype("timedelta64[D]")
    years = (dates - dates[0]).astype(float) / 365.25
    truth = 12.0 * years + rng.normal(0, 4, n)
    errors = rng.normal(0, 1.0, (2000, n))
    draws = 130 + rng.lognormal(0, 0.15, (2000, 1)) * (truth + errors - truth[0])
    fits = three_ways(draws, [f"m{i}" for i in range(n)], dates)
    slopes = {name: fit.slope_before for name, fit in fits.items()}
    assert slopes["standardised"].mean == pytest.approx(12.2, abs=1.0)
    assert 1.4 < slopes["standardised"].sd < 2.6  # 15 % of 12 and the regression's own
    assert slopes["anchored"].mean < 0.6 * slopes["standardised"].mean
    assert slopes["independent"].sd < 0.5 * slopes["standardised"].sd


@pytest.mark.slow
def test_the_179_models_of_the_rosetta_stone(tmp_path):
    """All models: a study found 14.0 (sd 1.6) points a year this way, and 2.0 by the anchored covariance."""
    if not SCORES.is_file():
        pytest.skip(f"{SCORES} is not here, and may not be committed")
    import pandas as pd

    import eci

    start = time.time()
    table = pd.read_csv(SCORES).rename(columns={"performance": "score", "date": "release_date"})
    table = table[["model", "benchmark", "score", "release_date"]]
    table["model"] = table["model"].str.strip()
    file = tmp_path / "scores.csv"
    table.to_csv(file, index=False)
    matrix = eci.ScoreMatrix.from_table(
        eci.load_scores(file), min_benchmarks=1, min_models=1, duplicates="mean"
    )
    anchors = {"claude-3-5-sonnet-20240620": 130.0, "gpt-5-2025-08-07_high": 150.0}
    fit = eci.fit(matrix, anchors=anchors, seed=0, likelihood="normal")
    series = IndexSeries.from_fit(fit)
    line = fit_trend(series, change="none")
    kink = fit_trend(series, change="kink", break_at="2024-09-12")
    ways = three_ways(fit.index_draws, matrix.models, matrix.release_date)
    numbers = {
        "n_models": len(series),
        "n_capped": line.n_capped,
        "slope": line.slope_before.record(),
        "kink_2024_09_12_ratio": kink.ratio.record(),
        "slope_by_way_without_prior_division": {
            name: way.slope_before.record() for name, way in ways.items()
        },
    }
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    evidence = {
        "commit": commit,
        "command": COMMAND,
        "seeds": [0],
        "seconds": round(time.time() - start, 1),
        "numbers": numbers,
    }
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n")
    assert len(series) == 179
    assert line.slope_before.mean == pytest.approx(14.0, abs=0.25 * 1.6)
    assert line.slope_before.sd == pytest.approx(1.6, rel=0.2)
    assert ways["anchored"].slope_before.mean < 4
    assert ways["independent"].slope_before.sd < 0.5 * line.slope_before.sd
