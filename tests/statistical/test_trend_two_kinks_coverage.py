"""Intervals of a line with two breaks cover truths drawn from the prior of the fit.

Evidence of the slow test: docs/evidence/trend_two_kinks.json.
"""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from eci.trend import IndexSeries, TrendPriors, fit_trend
from eci.trend.two_kinks import fit_two_kinks, lay_pairs

EVIDENCE = Path(__file__).parents[2] / "docs/evidence/trend_two_kinks.json"
N_SERIES = 300
START = np.datetime64("2022-01-01")
DAYS = np.sort(np.random.default_rng(8).choice(1461, 16, replace=False))
ROOT = np.random.default_rng(9).normal(0, 0.5, (16, 4))
OWN_SD = 0.3
PRIORS = TrendPriors(slope_change_sd=10.0, jump_sd=4.0, residual_sd=1.5, slope=(12.0, 5.0))
NAMES = ("slope 1", "slope 2", "slope 3", "break 1", "break 2", "residual sd")


def covered(seed):
    """Which 90 % intervals of one simulated series hold the truth; break dates lie on the grid, as fitted."""
    rng = np.random.default_rng(seed)
    years = DAYS / 365.25
    pairs = lay_pairs(years, 3).years
    pair = pairs[rng.integers(len(pairs))]
    slopes = np.cumsum([rng.normal(12, 5), *rng.normal(0, 10, 2)])
    tau = abs(rng.normal(0, 1.5))
    x = 100 + slopes[0] * years + np.maximum(years[:, None] - pair, 0.0) @ np.diff(slopes)
    x = x + rng.normal(0, tau, 16) + ROOT @ rng.standard_normal(4) + OWN_SD * rng.standard_normal(16)
    series = IndexSeries.from_moments(
        x,
        ROOT @ ROOT.T + OWN_SD**2 * np.eye(16),
        models=[f"m{i}" for i in range(16)],
        release_date=START + DAYS,
    )
    found = fit_two_kinks(fit_trend(series, priors=PRIORS, n_draws=4000))
    dates = START + np.round(365.25 * pair).astype("timedelta64[D]")
    inside = [s.low <= truth <= s.high for s, truth in zip(found.slopes, slopes, strict=True)]
    inside += [d.low <= date <= d.high for d, date in zip(found.break_dates, dates, strict=True)]
    return [bool(hit) for hit in (*inside, found.residual_sd.low <= tau <= found.residual_sd.high)]


@pytest.mark.slow
def test_intervals_cover(commit):
    start = time.time()
    hits = [covered(seed) for seed in range(N_SERIES)]
    coverage = dict(zip(NAMES, np.mean(hits, axis=0).tolist(), strict=True))
    evidence = {
        "commit": commit,
        "command": "pytest -m slow tests/statistical/test_trend_two_kinks_coverage.py",
        "seeds": [0, N_SERIES],
        "seconds": round(time.time() - start, 1),
        "numbers": {"n_series": N_SERIES, "coverage_90": coverage, "first": hits[:3]},
    }
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    noise = np.sqrt(0.9 * 0.1 / N_SERIES)
    assert all(abs(share - 0.9) < 3 * noise for share in coverage.values()), coverage


@pytest.mark.parametrize("seed", range(3))
def test_evidence_is_of_this_code(seed):
    assert covered(seed) == json.loads(EVIDENCE.read_text(encoding="utf-8"))["numbers"]["first"][seed]
