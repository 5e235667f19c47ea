"""The posterior of one small data set by long runs of two samplers (`python -m bench.reference`)."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import eci
from eci.inference.convergence import compute_mixing
from eci.scores import ScoreMatrix

REFERENCE = json.loads((Path(__file__).parent / "reference_posterior.json").read_text(encoding="utf-8"))
LARGEST = 4.5  # Monte Carlo errors: P(one of some 150 correct numbers is further off) is 1e-3


@pytest.fixture(scope="module")
def fit():
    scores = REFERENCE["scores"]
    names = [f"m{i:02d}" for i in range(20)], [f"b{i}" for i in range(8)]
    matrix = ScoreMatrix.from_arrays(*names, scores["model"], scores["benchmark"], scores["score"])
    return eci.fit(matrix, seed=11, likelihood="normal")


def test_the_two_samplers_agree():
    assert set(REFERENCE["posterior"]) == {"eci", "numpyro"}
    assert max(REFERENCE["apart"].values()) <= LARGEST
    for found in REFERENCE["posterior"].values():
        for quantity in found.values():
            assert quantity["rhat"] <= 1.01
            assert quantity["ess"] >= 2000


@pytest.mark.parametrize("sampler", ["eci", "numpyro"])
def test_a_fit_agrees_with_the_reference(fit, sampler):
    draws = {
        "index": fit.index_draws,
        "difficulty": fit.difficulty_draws,
        "log discrimination": np.log(fit.discrimination_draws),
        "log noise sd": np.log(fit.draws.shared["noise_sd"])[:, None],
    }
    for name, x in draws.items():
        kept = REFERENCE["posterior"][sampler][name]
        size = compute_mixing(x.reshape(fit.n_chains, -1, x.shape[1])).ess_bulk
        error = np.hypot(x.std(axis=0) / np.sqrt(size), kept["mean_error"])
        assert np.abs((x.mean(axis=0) - kept["mean"]) / error).max() <= LARGEST, name
        assert x.std(axis=0) == pytest.approx(kept["sd"], rel=0.12), name
        low, _, high = np.asarray(kept["quantiles"])
        ends = np.quantile(x, [0.05, 0.95], axis=0)
        assert np.abs(ends - [low, high]).max(axis=0) == pytest.approx(0, abs=0.15 * (high - low).max()), name


def test_the_data_are_those_that_the_command_draws(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    sys.modules.pop("bench.reference", None)
    assert importlib.import_module("bench.reference").draw_scores() == REFERENCE["scores"]
