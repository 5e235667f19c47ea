"""Bias, error and coverage of every link: over 400 simulated pairs a size, and as many pairs of real fits.

Evidence: docs/evidence/link_simulation.json by `python -m bench.linking run`, docs/evidence/link_refits.json
by `python -m bench.link_refits run`. One seed is one pair.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EVIDENCE = {name: ROOT / f"docs/evidence/link_{name}.json" for name in ("simulation", "refits")}
DRIFTS = ("benchmarks, drift 0.1", "benchmarks, drift 0.3")
TARGET = 0.86, 0.94


@pytest.fixture(scope="module")
def bench():
    """The two simulations, imported as the package of the checkout that they are."""
    sys.path.insert(0, str(ROOT))
    try:
        from bench import link_refits, linking
    finally:
        sys.path.remove(str(ROOT))
    return {"simulation": linking, "refits": link_refits}


@pytest.fixture(scope="module")
def evidence():
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in EVIDENCE.items()}


@pytest.mark.slow
def test_simulation_of_all_pairs(bench):
    noise = json.loads(EVIDENCE["simulation"].read_text(encoding="utf-8"))["noise"]
    bench["simulation"].run(noise, EVIDENCE["simulation"])


@pytest.mark.slow
def test_simulation_of_real_fits(bench):
    bench["refits"].run(EVIDENCE["refits"])


@pytest.mark.parametrize(("case", "n"), [*((case, n) for case in DRIFTS for n in (5, 10)), ("models", 10)])
def test_three_seeds_give_the_recorded_pairs(bench, evidence, case, n):
    record = evidence["simulation"]
    for seed, recorded in enumerate(record["first_three"][case][str(n)]):
        found = bench["simulation"].simulate(record["noise"], case, n, seed)
        assert set(found) == set(recorded)
        for name, values in recorded.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-4)


def test_numbers_come_from_at_least_400_pairs(evidence):
    first, last = evidence["simulation"]["seeds"]
    assert last - first + 1 >= 400
    for case in (DRIFTS[0], "models"):
        assert list(evidence["simulation"]["numbers"][case]) == ["3", "5", "10", "20"]


@pytest.mark.parametrize("case", [DRIFTS[0], "models"])
def test_intervals_of_90_percent_hold_86_to_94(evidence, case):
    """From 5 common units upward, up to two standard errors of a share of 400 pairs."""
    slack = 2 * np.sqrt(0.06 * 0.94 / 400)
    for n in ("5", "10", "20"):
        for method, row in evidence["simulation"]["numbers"][case][n].items():
            assert min(row["coverage"]) >= TARGET[0] - slack, (n, method)
            assert max(row["coverage"]) <= TARGET[1] + slack, (n, method)


@pytest.mark.parametrize("n", ["5", "10", "20"])
def test_curve_methods_find_the_slope_better_than_mean_sigma(evidence, n):
    error = {name: row["rmse"][0] for name, row in evidence["simulation"]["numbers"][DRIFTS[0]][n].items()}
    assert max(error["haebara"], error["stocking-lord"]) < error["mean-sigma"]


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_real_fits_give_the_recorded_links(bench, evidence, seed):
    recorded, found = evidence["refits"]["first_three"][seed], bench["refits"].one_pair(seed)
    assert set(found) == set(recorded)
    for name, values in recorded.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=0.02)
