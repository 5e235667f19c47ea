"""`eci fit --method quadrature` on single answers, and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from eci.cli.main import main


@pytest.fixture
def answers(tmp_path):
    rng = np.random.default_rng(0)
    right = rng.random((50, 20)) < 1 / (1 + np.exp(rng.normal(size=20) - rng.normal(size=(50, 1))))
    model, item = np.nonzero(np.ones_like(right))
    table = pd.DataFrame(
        {
            "model": [f"model {i:02d}" for i in model],
            "benchmark": [f"item {j:02d}" for j in item],
            "score": right.ravel().astype(int),
            "n_items": 1,
        }
    )
    path = tmp_path / "answers.csv"
    table.to_csv(path, index=False)
    return path


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_it_fits_saves_and_shows(answers, tmp_path):
    out = tmp_path / "fit"
    options = ("--method", "quadrature", "--draws", "200", "--out", out)
    done = run("fit", answers, *options)
    assert done.exit_code == 0, done.output
    facts = json.loads((out / "fit.json").read_text())
    assert facts["method"] == {"name": "quadrature", "n_draws": 200, "items": "hierarchical"}
    assert facts["preview"]
    shown = run("show", out)
    assert shown.exit_code == 0
    assert "A preview: it approximates the posterior" in shown.output


def test_it_needs_the_likelihood_of_counts(answers, tmp_path):
    done = run("fit", answers, "--likelihood", "beta", "--method", "quadrature", "--out", tmp_path / "fit")
    assert done.exit_code == 1
    assert "its likelihood is binomial, not 'beta'" in done.output
    assert not (tmp_path / "fit").exists()
