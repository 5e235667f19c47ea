"""LSAT section 6 (Bock and Lieberman 1970): marginal maximum likelihood as the R package ltm has it.

1,000 persons, five items; abilities N(0, 1), no prior of the items, 49 equally spaced nodes. Published
values: Rizopoulos (2006), ltm: An R package for latent variable modeling and item response theory analyses,
doi:10.18637/jss.v017.i05, and its manual; difficulty and discrimination in the form a (ability - b).
"""

import numpy as np
import pytest

import eci
from eci.scores import ScoreMatrix

FREQUENCIES = (
    "3 6 2 11 1 1 3 4 1 8 0 16 0 3 2 15 10 29 14 81 3 28 15 80 16 56 21 173 11 61 28 298"  # 00000 to 11111
)
TWO_PL = {
    "discrimination": [0.8254, 0.7229, 0.8905, 0.6886, 0.6575],
    "discrimination_se": [0.2581, 0.1867, 0.2326, 0.1852, 0.2100],
    "difficulty": [-3.3597, -1.3696, -0.2799, -1.8659, -3.1236],
    "log_likelihood": -2466.653,
}
RASCH = {
    "discrimination": [0.75513] * 5,
    "difficulty": [-3.6153, -1.3224, -0.3176, -1.7301, -2.7802],
    "log_likelihood": -2466.9376,
}


@pytest.fixture(scope="module")
def matrix():
    patterns = (np.arange(32)[:, None] >> np.arange(4, -1, -1)) & 1
    answers = np.repeat(patterns, [int(n) for n in FREQUENCIES.split()], axis=0)
    person, item = np.indices(answers.shape)
    names = [f"p{i:04d}" for i in range(len(answers))], [f"item {i}" for i in range(1, 6)]
    assert answers.shape == (1000, 5)
    return ScoreMatrix.from_arrays(
        *names, person.ravel(), item.ravel(), answers.ravel(), n_items=np.ones(answers.size)
    )


@pytest.mark.parametrize(("items", "published"), [("flat", TWO_PL), ("rasch", RASCH)])
def test_marginal_maximum_likelihood(matrix, items, published):
    posterior = eci.approximate_grid(matrix, method=eci.Quadrature(items=items))
    mode = posterior.mode
    assert len(mode.nodes.ability) >= 41
    assert mode.expectation.value == pytest.approx(published["log_likelihood"], abs=0.01)
    assert mode.items.slope == pytest.approx(published["discrimination"], abs=0.01)
    assert mode.items.difficulty == pytest.approx(published["difficulty"], abs=0.01)


def test_standard_errors(matrix):
    posterior = eci.approximate_grid(matrix, method=eci.Quadrature(items="flat"))
    units = np.eye(10)[:, 5:]
    variance = [unit @ posterior.factor.solve(unit) for unit in units.T]
    error = posterior.mode.items.slope * np.sqrt(variance)  # from the log of the discrimination
    assert error == pytest.approx(TWO_PL["discrimination_se"], abs=0.001)


def test_more_nodes_change_nothing(matrix, monkeypatch):
    coarse = eci.approximate_grid(matrix, method=eci.Quadrature(items="flat"))
    monkeypatch.setattr("eci.inference.quadrature.MAX_SPACING", 0.05)
    fine = eci.approximate_grid(matrix, method=eci.Quadrature(items="flat"))
    assert len(fine.mode.nodes.ability) > 4 * len(coarse.mode.nodes.ability)
    assert fine.mode.expectation.value == pytest.approx(coarse.mode.expectation.value, abs=1e-4)
    assert fine.mode.items.slope == pytest.approx(coarse.mode.items.slope, abs=2e-3)
