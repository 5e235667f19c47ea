"""PyMC with its own sampler, and nutpie on the same PyMC program."""

from __future__ import annotations

import time

from bench.peers import CHAINS, DRAWS, Problem, Sampled

CORES = 2


def write_model(matrix, likelihood):
    """Write the posterior as a PyMC program."""
    import numpy as np
    import pymc as pm

    import eci
    from eci.noise import UNKNOWN_ITEMS

    p = eci.Priors()
    coords = {"model": list(matrix.models), "benchmark": list(matrix.benchmarks)}
    m, j = matrix.model_index, matrix.benchmark_index
    with pm.Model(coords=coords) as model:
        difficulty_mean = pm.Normal("difficulty_mean", 0, p.difficulty_mean_sd)
        difficulty_sd = pm.HalfNormal("difficulty_sd", p.difficulty_sd_scale)
        slope_mean = pm.Normal(
            "log_discrimination_mean", p.log_discrimination_mean, p.log_discrimination_mean_sd
        )
        slope_sd = pm.HalfNormal("log_discrimination_sd", p.log_discrimination_sd_scale)
        ability = pm.Normal("ability", 0, 1, dims="model")
        difficulty = pm.Normal("difficulty", difficulty_mean, difficulty_sd, dims="benchmark")
        log_slope = pm.Normal("log_discrimination", slope_mean, slope_sd, dims="benchmark")
        z = pm.math.exp(log_slope[j]) * (ability[m] - difficulty[j])
        lower, upper = matrix.lower[j], matrix.upper[j]
        mean = lower + (upper - lower) * pm.math.sigmoid(z)
        if likelihood == "normal":
            sd = pm.HalfNormal("noise_sd", p.noise_sd_scale)
            pm.Normal("score", mean, sd, observed=matrix.score)
            return model
        precision_mean = pm.Normal("log_precision_mean", p.log_precision_mean, p.log_precision_mean_sd)
        precision_sd = pm.HalfNormal("log_precision_sd", p.log_precision_sd_scale)
        log_precision = pm.Normal("log_precision", precision_mean, precision_sd, dims="benchmark")
        n_items = np.where(np.isnan(matrix.n_items), UNKNOWN_ITEMS, matrix.n_items)
        size = 1 / (pm.math.exp(-log_precision[j]) + 1 / n_items)
        mean = pm.math.clip(mean, 1e-6, 1 - 1e-6)
        pm.Beta("score", alpha=mean * size, beta=(1 - mean) * size, observed=matrix.score)
    return model


def sample(problem: Problem) -> Sampled:
    """Sample by PyMC or nutpie with their own numbers of tuning steps, on two cores."""
    began = time.perf_counter()
    model = write_model(problem.matrix, problem.likelihood)
    written = time.perf_counter()
    run = _run_nutpie if problem.peer == "nutpie" else _run_pymc
    posterior, stats, seconds = run(model)
    steps = stats["n_steps"]
    return Sampled(
        [posterior[name].to_numpy() for name in ("ability", "difficulty", "log_discrimination")],
        {"trace": written - began, **seconds},
        {"gradients": float(steps.mean()), "divergences": int(stats["diverging"].sum())},
    )


def _run_pymc(model):
    """`sampling_time` is PyMC's own count of tuning and drawing, which excludes compilation."""
    import pymc as pm

    began = time.perf_counter()
    with model:
        found = pm.sample(
            draws=DRAWS, chains=CHAINS, cores=CORES, random_seed=0, progressbar=False,
            compute_convergence_checks=False,
        )  # fmt: skip
    whole = time.perf_counter() - began
    sampling = float(found.posterior.attrs["sampling_time"])
    return found.posterior, found.sample_stats, {"compile": whole - sampling, "sampling": sampling}


def _run_nutpie(model):
    import nutpie

    laps = [time.perf_counter()]
    compiled = nutpie.compile_pymc_model(model)
    laps.append(time.perf_counter())
    found = nutpie.sample(compiled, draws=DRAWS, chains=CHAINS, cores=CORES, seed=0, progress_bar=False)
    laps.append(time.perf_counter())
    return found.posterior, found.sample_stats, {"compile": laps[1] - laps[0], "sampling": laps[2] - laps[1]}
