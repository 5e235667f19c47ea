"""One small problem that many tests share, so that it is compiled and fitted once."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eci.fitted import Check, Diagnostics, Fit, Parameters, Provenance, make_scale
from eci.irt.priors import Priors
from eci.scores import ScoreMatrix


def pytest_configure(config):
    """Keep compiled programs for the other workers and for the next run, and out of the user's own cache.

    Half the time of a first run is compilation. jax looks a program up by its whole text, its version and the
    processor, so that changed code is compiled anew. It reads these settings when it is imported.
    """
    keeps = hasattr(config, "cache")  # not with -p no:cacheprovider
    folder = config.cache.mkdir("jax") if keeps else tempfile.mkdtemp(prefix="eci-jax-")
    settings = {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)


@pytest.fixture(scope="session")
def commit():
    """Short hash of the commit under test, for docs/evidence."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    ).stdout.strip()


@pytest.fixture(scope="session")
def put_in_page():
    """Write a table between `<!-- name -->` and `<!-- end of name -->` of a page; both must be there."""

    def put(page, name, table):
        mark, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, opened, rest = page.read_text(encoding="utf-8").partition(mark)
        _, closed, after = rest.partition(end)
        assert opened and closed, (page, name)
        page.write_text(f"{before}{mark}\n{table}\n\n{end}{after}", encoding="utf-8", newline="\n")

    return put


@pytest.fixture(scope="session")
def small_table():
    """16 models on 8 benchmarks, three cells in four published: a logistic curve with little noise."""
    rng = np.random.default_rng(20261008)
    ability, difficulty = np.linspace(-2, 2, 16), np.linspace(-1.5, 2, 8)
    slope = np.array([1.0, 1.5, 2.0, 1.2, 0.8, 1.6, 1.1, 1.4])
    mean = 1 / (1 + np.exp(-slope * (ability[:, None] - difficulty)))
    score = np.clip(mean + rng.normal(0, 0.03, mean.shape), 0, 1).round(3)
    m, j = np.nonzero((np.arange(16)[:, None] + np.arange(8)) % 4 > 0)
    return pd.DataFrame(
        {
            "model": [f"model {i:02d}" for i in m],
            "benchmark": [f"bench {i}" for i in j],
            "score": score[m, j],
            "lab": [("North", "South", "")[i % 3] for i in m],
            "release_date": [f"2024-{1 + i % 12:02d}-15" for i in m],
            "domain": [("math", "code")[i % 2] for i in j],
        }
    )


@pytest.fixture(scope="session")
def small_matrix(small_table):
    return ScoreMatrix.from_table(small_table)


@pytest.fixture(scope="session")
def small_fit(small_matrix):
    """The small problem fitted by the default method."""
    import eci

    return eci.fit(small_matrix, seed=1, likelihood="normal")


@pytest.fixture(scope="session")
def invented_fit(small_matrix):
    """A fit with invented draws: everything a saved fit holds, without an inference."""
    rng = np.random.default_rng(7)
    n_chains, n_draws, n_models, n_benchmarks = 2, 30, small_matrix.n_models, small_matrix.n_benchmarks

    def parameters(*shape):
        ability = np.linspace(-1, 1, n_models) + 0.1 * rng.normal(size=(*shape, n_models))
        shared = {"noise_sd": np.exp(0.1 * rng.normal(size=shape) - 3)}
        own = rng.normal(size=(*shape, n_benchmarks)), np.exp(rng.normal(size=(*shape, n_benchmarks)))
        return Parameters(ability, *own, shared=shared)

    draws = parameters(n_chains * n_draws)
    anchors = {"model 01": 130.0, "model 14": 150.0}
    return Fit(
        matrix=small_matrix,
        likelihood="normal",
        priors=Priors().as_dict(),
        method={"name": "nuts", "n_draws": n_draws},
        seed=3,
        mode=parameters(),
        draws=draws,
        n_chains=n_chains,
        sample_stats={"diverging": rng.random(n_chains * n_draws) < 0.1, "energy": rng.normal(size=60)},
        scale=make_scale(draws.ability, small_matrix.models, anchors),
        diagnostics=Diagnostics(
            (
                Check("rhat_index", 1.004, 1.01, True, "model 03", "Draw more."),
                Check("ess_bulk_index", np.nan, 400.0, False, "model 04", "Draw more."),
            )
        ),
        provenance=Provenance({"python": "3.11", "eci": "0.1.0"}, "cpu", {"total": 1.5}),
    )
