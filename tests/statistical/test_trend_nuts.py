"""The exact regression against NUTS on the same kink regression: an implementation that shares no code.

Evidence: docs/evidence/trend_nuts.json.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from eci.trend.analysis import Layout, analyse
from eci.trend.basis import free_break
from eci.trend.priors import ResolvedPriors

EVIDENCE = Path(__file__).parents[2] / "docs/evidence/trend_nuts.json"
COMMAND = "pytest -m slow tests/statistical/test_trend_nuts.py"
SEEDS = (0, 1, 2)
YEARS = np.array([-1.4, -1.1, -0.9, -0.6, -0.3, -0.1, 0.1, 0.35, 0.6, 0.8, 1.1, 1.45])
COVARIANCE = 0.8 * np.exp(-np.abs(YEARS[:, None] - YEARS)) + 0.1 * np.eye(12)
PROBS = (0.05, 0.25, 0.5, 0.75, 0.95)


def simulate(seed):
    rng = np.random.default_rng(seed)
    line = 12 * YEARS + 10 * np.maximum(YEARS - 0.2, 0)
    return line + rng.normal(0, 1.0, 12) + rng.multivariate_normal(np.zeros(12), COVARIANCE)


def exact(x, n_draws=400_000):
    """Draws of the kink regression by the grid."""
    one = np.ones(1)
    priors = ResolvedPriors(one * 12.0, one * 5.0, one * 2.0, (12.0, 6.0), np.full(4, 0.25))
    layout = Layout.plain(YEARS, free_break(YEARS, n_cells=800))
    analysis = analyse(x[None], COVARIANCE, layout, priors, changes=["kink"])
    draws = analysis.draw("kink", n_draws, np.random.default_rng(1))
    ratio = draws.after / draws.before
    return {
        "before": draws.before,
        "after": draws.after,
        "break_years": draws.break_years,
        "log_residual_sd": np.log(draws.residual_sd),
        "ratio": ratio,
    }


def summarise(draws):
    return {name: np.quantile(values, PROBS).tolist() for name, values in draws.items()}


def by_nuts(x, seed):
    """Draws (chain, draw) of the same model, the coefficients sampled too."""
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    second, last = YEARS[1], YEARS[-3]

    def model():
        level = numpyro.sample("level", dist.Normal(0.0, 1000.0))
        before = numpyro.sample("before", dist.Normal(12.0, 6.0))
        change = numpyro.sample("change", dist.Normal(0.0, 12.0))
        at = numpyro.sample("break_years", dist.Uniform(second, last))
        tau = numpyro.sample("tau", dist.HalfNormal(2.0))
        mean = level + before * YEARS + change * jnp.maximum(YEARS - at, 0.0)
        covariance = COVARIANCE + tau**2 * jnp.eye(12)
        numpyro.sample("x", dist.MultivariateNormal(mean, covariance), obs=x)

    with jax.enable_x64(True):
        kernel = NUTS(model, target_accept_prob=0.95)
        mcmc = MCMC(
            kernel,
            num_warmup=1500,
            num_samples=15_000,
            num_chains=4,
            chain_method="sequential",
            progress_bar=False,
        )
        mcmc.run(jax.random.PRNGKey(seed))
        samples = {
            name: np.asarray(v, dtype=np.float64) for name, v in mcmc.get_samples(group_by_chain=True).items()
        }
    after = samples["before"] + samples["change"]
    return {
        "before": samples["before"],
        "after": after,
        "break_years": samples["break_years"],
        "log_residual_sd": np.log(samples["tau"]),
        "ratio": after / samples["before"],
    }


@pytest.mark.slow
def test_quantiles_agree_with_nuts_within_monte_carlo_error():
    from eci.inference.convergence import compute_mixing

    start = time.time()
    numbers, worst = {}, 0.0
    for seed in SEEDS:
        x = simulate(seed)
        ours, theirs = summarise(exact(x)), by_nuts(x, seed)
        rows = {}
        for name, draws in theirs.items():
            for prob, value in zip(PROBS, ours[name], strict=True):
                # at the quantile the share of draws below is prob; its error follows from the effective
                # sample size
                below = (draws <= value).astype(float)
                size = float(compute_mixing(below[..., None]).ess_bulk[0])
                z = (below.mean() - prob) / np.sqrt(prob * (1 - prob) / size)
                rows[f"{name} {prob:g}"] = {"quantile": value, "share_below_in_nuts": below.mean(), "z": z}
                worst = max(worst, abs(z))
        numbers[str(seed)] = rows
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    evidence = {
        "commit": commit,
        "command": COMMAND,
        "seeds": list(SEEDS),
        "seconds": round(time.time() - start, 1),
        "largest_z": worst,
        "numbers": numbers,
    }
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n")
    # 75 comparisons: the largest of so many standard normals stays below 4 with probability 0.995
    assert worst < 4.0


@pytest.mark.parametrize("seed", SEEDS)
def test_quantiles_are_those_compared_with_nuts(seed):
    stored = json.loads(EVIDENCE.read_text())["numbers"][str(seed)]
    ours = summarise(exact(simulate(seed), n_draws=100_000))
    for name, values in ours.items():
        spread = values[-1] - values[0]
        for prob, value in zip(PROBS, values, strict=True):
            assert value == pytest.approx(stored[f"{name} {prob:g}"]["quantile"], abs=0.02 * spread)
