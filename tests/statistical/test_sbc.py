"""Simulation-based calibration: over data sets drawn from the priors, the truth ranks evenly among the draws.

One model and one benchmark of each data set are chosen by its seed; the rank of the true value among thinned
posterior draws is taken for their parameters, the common parameters and the log likelihood, which sees what
single parameters do not. A rank is uniform if program and sampler are right. The largest departure of the
empirical distribution of the ranks from its pointwise binomial law is compared with what uniform ranks show,
by simulation; the smallest of these probabilities is held to 0.05 over the quantities of a likelihood (Holm).

    [ECI_SBC=normal,beta] python -m pytest -m slow tests/statistical/test_sbc.py

runs likelihoods that docs/evidence/sbc.json does not hold yet; remove one there to run it anew. With
ECI_SBC_ROWS=DIR every finished data set is kept in that folder, so that a run can be stopped and taken up
again, or shared by two processes (the one with ECI_SBC_REVERSE=1 starts at the last seed).

Talts, Betancourt, Simpson, Vehtari and Gelman (2018), Validating Bayesian inference algorithms with
simulation-based calibration, arXiv:1804.06788. Sailynoja, Burkner and Vehtari (2022), Graphical test for
discrete uniformity, doi:10.1007/s11222-022-10090-6. Modrak et al. (2023), Simulation-based calibration
checking for Bayesian computation: the choice of test quantities, doi:10.1214/23-BA1404.
"""

import json
import os
import time
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from scipy import stats

import eci
from eci import noise
from eci.fitted import Parameters
from eci.irt.observation import LIKELIHOODS

DOCS = Path(__file__).parents[2] / "docs"
EVIDENCE, PAGE = DOCS / "evidence" / "sbc.json", DOCS / "coverage.md"
COMMAND = "ECI_SBC={} nice -n 10 python -m pytest -m slow tests/statistical/test_sbc.py"

N_SETS, N_MODELS, N_BENCHMARKS, N_ITEMS = 300, 40, 12, 200
METHOD, THIN = eci.Nuts(n_chains=1, n_draws=1000, max_extensions=0), 10
N_RANKS = METHOD.n_draws // THIN + 1
# Narrower than the defaults, under which most data sets say little: scores that look like published ones.
PRIORS = eci.Priors(
    difficulty_mean_sd=0.5,
    difficulty_sd_scale=0.7,
    log_discrimination_mean=0.5,
    log_discrimination_mean_sd=0.3,
    log_discrimination_sd_scale=0.4,
    noise_sd_scale=0.1,
    logit_sd_scale=0.4,
    log_precision_mean=3.0,
    log_precision_mean_sd=0.5,
    log_precision_sd_scale=0.5,
)


def log_likelihood(likelihood, matrix, parameters):
    """Log likelihood of every draw, by the density in NumPy, (draw,)."""
    m, j = matrix.model_index, matrix.benchmark_index
    z = parameters.discrimination[:, j] * (parameters.ability[:, m] - parameters.difficulty[:, j])
    level = noise.select_noise(likelihood, parameters.shared, j)
    with np.errstate(over="ignore"):
        mean = 1 / (1 + np.exp(-z))
    return noise.log_prob(likelihood, matrix.score, mean, level, matrix.n_items).sum(axis=1)


def quantities(likelihood, matrix, parameters, m, j):
    """What is ranked, by name, (draw,) each."""
    values = {
        "ability": parameters.ability[:, m],
        "difficulty": parameters.difficulty[:, j],
        "discrimination": parameters.discrimination[:, j],
        "log_likelihood": log_likelihood(likelihood, matrix, parameters),
    }
    for name, value in parameters.shared.items():
        values[name] = value[:, j] if value.ndim == 2 else value
    return values


def rank(likelihood, seed):
    """Ranks of the truth in one data set, by quantity; the mean score, to know the data set by."""
    matrix, truth = eci.simulate(
        N_MODELS, N_BENCHMARKS, likelihood=likelihood, priors=PRIORS, n_items=N_ITEMS, seed=seed
    )
    fit = eci.fit(matrix, likelihood=likelihood, priors=PRIORS, method=METHOD, seed=seed)
    rng = np.random.default_rng(seed)
    m, j = rng.integers(N_MODELS), rng.integers(N_BENCHMARKS)
    one = Parameters(*(x[None] for x in truth[:3]), {k: np.asarray(v)[None] for k, v in truth.shared.items()})
    thinned = slice(THIN - 1, None, THIN)
    draws = Parameters(
        *(x[thinned] for x in fit.draws[:3]), {k: v[thinned] for k, v in fit.draws.shared.items()}
    )
    true, found = (quantities(likelihood, matrix, p, m, j) for p in (one, draws))
    ranks = {name: int((found[name] < true[name]).sum()) for name in true}
    return ranks, float(matrix.score.mean()), int(fit.sample_stats["diverging"].sum())


def departure(ranks):
    """Smallest two-sided binomial probability of the empirical distribution function, over its points."""
    ranks = np.atleast_2d(ranks)
    points = np.arange(1, N_RANKS)
    counts = np.stack([(ranks < point).sum(axis=1) for point in points], axis=1)
    law = stats.binom(ranks.shape[1], points / N_RANKS)
    return 2 * np.minimum(law.cdf(counts), law.sf(counts - 1)).min(axis=1)


def uniformity(ranks):
    """Probability that uniform ranks depart as far or further, of each row."""
    n = np.shape(ranks)[-1]
    reference = departure(np.random.default_rng(0).integers(0, N_RANKS, (10_000, n)))
    return (1 + (reference[:, None] <= departure(ranks)).sum(axis=0)) / (1 + len(reference))


def holm(probabilities):
    """Smallest probability of a family, adjusted for the number of its members."""
    return min(1.0, len(probabilities) * min(probabilities))


def rank_all(likelihood, capsys):
    """Ranks of every data set, and the seconds they took; those kept in ECI_SBC_ROWS are read."""
    folder = Path(os.environ.get("ECI_SBC_ROWS", mkdtemp()))
    seeds = range(N_SETS)
    for seed in reversed(seeds) if os.environ.get("ECI_SBC_REVERSE") else seeds:
        path = folder / f"{likelihood}-{seed}.json"
        if not path.exists():
            started = time.perf_counter()
            row = rank(likelihood, seed)
            path.write_text(json.dumps([*row, time.perf_counter() - started]), encoding="utf-8")
            with capsys.disabled():
                print(path, path.read_text(encoding="utf-8"), flush=True)
    rows = [json.loads((folder / f"{likelihood}-{seed}.json").read_text(encoding="utf-8")) for seed in seeds]
    return rows, sum(row[3] for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_ranks_are_uniform(likelihood, commit, capsys, put_in_page):
    asked = os.environ.get("ECI_SBC", ",".join(LIKELIHOODS)).split(",")
    evidence = json.loads(EVIDENCE.read_text()) if EVIDENCE.exists() else {}
    if likelihood not in asked or likelihood in evidence:
        pytest.skip("not asked for, or in docs/evidence/sbc.json already")
    rows, seconds = rank_all(likelihood, capsys)
    ranks = {name: [row[0][name] for row in rows] for name in rows[0][0]}
    found = uniformity(np.array(list(ranks.values())))
    evidence = json.loads(EVIDENCE.read_text()) if EVIDENCE.exists() else {}  # another may have written
    evidence[likelihood] = {
        "commit": commit,
        "command": COMMAND.format(likelihood),
        "seeds": f"0 to {N_SETS - 1}",
        "seconds": round(seconds),
        "design": {
            "models": N_MODELS, "benchmarks": N_BENCHMARKS, "items": N_ITEMS, "ranks": N_RANKS,
            "thinning": THIN, "priors": PRIORS.as_dict(),
        },
        "numbers": {
            "smallest probability, times the number of quantities": round(holm(found), 4),
            "probability of the departure": dict(zip(ranks, found.round(4).tolist(), strict=True)),
            "divergences": sum(row[2] for row in rows),
        },
        "mean_score": [round(row[1], 9) for row in rows[:3]],
        "ranks": ranks,
    }  # fmt: skip
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    put_in_page(PAGE, "ranks", tabulate(evidence))
    assert holm(found) > 0.05


def tabulate(evidence):
    """One row a likelihood."""
    lines = [
        "| likelihood | smallest probability, times quantities | of | transitions that diverged | minutes |",
        "|---|---|---|---|---|",
    ]
    for likelihood in filter(evidence.get, LIKELIHOODS):
        kept = evidence[likelihood]
        found = kept["numbers"]["probability of the departure"]
        diverged = kept["numbers"]["divergences"] / (N_SETS * METHOD.n_draws)
        lines.append(
            f"| `{likelihood}` | {holm(list(found.values())):.2g} | {min(found, key=found.get)} "
            f"({len(found)} quantities) | {diverged:.2%} | {kept['seconds'] / 60:.0f} |"
        )
    return "\n".join(lines)


def stored():
    return json.loads(EVIDENCE.read_text()) if EVIDENCE.exists() else {}


def test_the_page_shows_the_stored_ranks():
    assert tabulate(stored()) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("likelihood", stored())
def test_stored_ranks_are_uniform(likelihood):
    kept = stored()[likelihood]
    found = uniformity(np.array(list(kept["ranks"].values())))
    assert holm(found) > 0.05
    reported = kept["numbers"]["probability of the departure"]
    np.testing.assert_allclose(found, list(reported.values()), atol=1e-3)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
@pytest.mark.parametrize("likelihood", list(stored())[:1])
def test_stored_data_sets_rank_their_truth_again(likelihood, seed):
    """Within Monte Carlo error: machines and versions of jax draw differently."""
    kept = stored()[likelihood]
    ranks, mean_score, _ = rank(likelihood, seed)
    assert mean_score == pytest.approx(kept["mean_score"][seed], rel=1e-9)
    for name, value in ranks.items():
        assert abs(value - kept["ranks"][name][seed]) <= 0.3 * N_RANKS, name


def test_a_common_sd_that_may_be_nothing_is_followed_there():
    """Benchmarks centred by the sd at the mode leave 1 to 5 % of the draws below 0.03; there are 21 %."""
    matrix, _ = eci.simulate(
        N_MODELS, N_BENCHMARKS, likelihood="beta", priors=PRIORS, n_items=N_ITEMS, seed=144
    )
    sd = eci.fit(matrix, likelihood="beta", priors=PRIORS, method=METHOD).draws.shared["log_precision_sd"]
    assert np.mean(sd < 0.03) > 0.13


def test_wrong_ranks_are_seen():
    """Draws too narrow by a quarter, and draws shifted by a quarter of an sd."""
    rng = np.random.default_rng(0)
    truth, draws = rng.normal(size=(300, 1)), rng.normal(size=(300, N_RANKS - 1))
    right, narrow, shifted = ((x < truth).sum(axis=1) for x in (draws, 0.75 * draws, draws + 0.25))
    found = uniformity(np.stack([right, narrow, shifted]))
    assert found[0] > 0.05
    assert (found[1:] < 0.01).all()
