"""The method quadrature against NUTS on the same posterior, where NUTS can be run.

A whole grid of 60 models and 40 items, and 400 models with 5 of 20 items each. The slow test keeps means and
90 % intervals under NUTS; the fast ones hold quadrature against them.
"""

import json
import time
from pathlib import Path

import numpy as np
import pytest

import eci
from eci.scores import ScoreMatrix

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "grid_nuts.json"
COMMAND = "OMP_NUM_THREADS=1 python -m pytest -m slow tests/statistical/test_grid_nuts.py"
GRIDS = {"60x40": (60, 40, 40), "400x20:5": (400, 20, 5)}
SEED = 0
QUANTITIES = ("index", "difficulty", "log discrimination")
LIMITS = {  # largest and mean shift in posterior sds; least and most ratio of interval widths
    "60x40": {
        "index": (0.2, 0.05, 0.9, 1.12),
        "difficulty": (0.25, 0.12, 0.88, 1.1),
        "log discrimination": (0.35, 0.15, 0.85, 1.06),
    },
    "400x20:5": {
        "index": (0.35, 0.06, 0.88, 1.12),
        "difficulty": (0.4, 0.15, 0.8, 1.15),
        "log discrimination": (0.6, 0.3, 0.7, 1.05),
    },
}


def draw(n_models, n_items, per_model):
    rng = np.random.default_rng(SEED)
    ability, b, a = rng.normal(size=n_models), rng.normal(size=n_items), np.exp(rng.normal(0.3, 0.4, n_items))
    j = np.argsort(rng.random((n_models, n_items)), axis=1)[:, :per_model].reshape(-1)
    m = np.repeat(np.arange(n_models), per_model)
    right = rng.random(len(m)) < 1.0 / (1.0 + np.exp(-a[j] * (ability[m] - b[j])))
    names = [f"m{i:03d}" for i in range(n_models)], [f"i{i:02d}" for i in range(n_items)]
    return ScoreMatrix.from_arrays(*names, m, j, right, n_items=np.ones(len(m)))


def summarise(fit):
    """Mean, sd and ends of the 90 % interval of each quantity, (4, n)."""
    draws = fit.index_draws, fit.difficulty_draws, np.log(fit.discrimination_draws)
    return {
        name: np.stack([x.mean(axis=0), x.std(axis=0), *np.quantile(x, [0.05, 0.95], axis=0)])
        for name, x in zip(QUANTITIES, draws, strict=True)
    }


def compare(exact, found):
    """Shifts of the means in exact sds, and ratios of the widths of 90 % intervals."""
    exact, found = np.asarray(exact), np.asarray(found)
    return np.abs(found[0] - exact[0]) / exact[1], (found[3] - found[2]) / (exact[3] - exact[2])


def approximate(grid):
    method = eci.Quadrature(n_draws=4000)
    return eci.fit(draw(*GRIDS[grid]), likelihood="binomial", method=method, seed=SEED)


@pytest.mark.slow
def test_nuts_is_kept(commit):
    started, numbers = time.perf_counter(), {}
    for grid, shape in GRIDS.items():
        fit = eci.fit(draw(*shape), likelihood="binomial", method=eci.Nuts(n_draws=2000), seed=SEED)
        assert fit.diagnostics.ok
        exact, found = summarise(fit), summarise(approximate(grid))
        numbers[grid] = {"nuts": {name: np.round(x, 4).tolist() for name, x in exact.items()}}
        for name in QUANTITIES:
            shift, ratio = compare(exact[name], found[name])
            numbers[grid][name] = {
                "largest shift": round(float(shift.max()), 3),
                "mean shift": round(float(shift.mean()), 3),
                "width ratio: least, median, most": np.quantile(ratio, [0, 0.5, 1]).round(3).tolist(),
            }
        numbers[grid]["seconds of nuts"] = fit.provenance.seconds["total"]
    evidence = {
        "commit": commit,
        "command": COMMAND,
        "seeds": [SEED],
        "seconds": round(time.perf_counter() - started),
        "numbers": numbers,
    }
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")


@pytest.mark.parametrize("grid", GRIDS)
def test_quadrature_agrees_with_the_nuts_that_was_kept(grid):
    kept = json.loads(EVIDENCE.read_text(encoding="utf-8"))["numbers"][grid]["nuts"]
    found = summarise(approximate(grid))
    for name, (largest, mean, least, most) in LIMITS[grid].items():
        shift, ratio = compare(kept[name], found[name])
        assert shift.max() <= largest, name
        assert shift.mean() <= mean, name
        assert least <= ratio.min() <= ratio.max() <= most, name
