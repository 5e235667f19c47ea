"""Bias, error and coverage of every link over 400 simulated pairs a size.

Evidence: docs/evidence/link_simulation.json, written by `python -m bench.linking run`. One seed is one pair.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "docs/evidence/link_simulation.json"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_linking", ROOT / "bench/linking.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def evidence():
    return json.loads(EVIDENCE.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_simulation_of_all_pairs(bench, evidence):
    bench.run(evidence["noise"], EVIDENCE)


@pytest.mark.parametrize(
    ("case", "n"), [("benchmarks, drift 0.1", 5), ("benchmarks, drift 0.1", 10), ("models", 10)]
)
def test_three_seeds_give_the_recorded_pairs(bench, evidence, case, n):
    for seed, recorded in enumerate(evidence["first_three"][case][str(n)]):
        found = bench.simulate(evidence["noise"], case, n, seed)
        assert set(found) == set(recorded)
        for name, values in recorded.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-4)


def test_numbers_come_from_at_least_400_pairs(evidence):
    first, last = evidence["seeds"]
    assert last - first + 1 >= 400
    for sizes in (evidence["numbers"]["benchmarks, drift 0.1"], evidence["numbers"]["models"]):
        assert list(sizes) == ["3", "5", "10", "20"]
