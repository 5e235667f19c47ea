"""NumPyro as a user writes it: plates, automatic transforms, 1,000 steps to adapt a diagonal metric."""

from __future__ import annotations

import time

from bench.peers import CHAINS, DRAWS, Problem, Sampled


def write_model(matrix, likelihood):
    """Write the posterior as a NumPyro program."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    import eci
    from eci.noise import UNKNOWN_ITEMS

    p = eci.Priors()

    def model():
        difficulty_mean = numpyro.sample("difficulty_mean", dist.Normal(0, p.difficulty_mean_sd))
        difficulty_sd = numpyro.sample("difficulty_sd", dist.HalfNormal(p.difficulty_sd_scale))
        slope_mean = numpyro.sample(
            "log_discrimination_mean", dist.Normal(p.log_discrimination_mean, p.log_discrimination_mean_sd)
        )
        slope_sd = numpyro.sample("log_discrimination_sd", dist.HalfNormal(p.log_discrimination_sd_scale))
        with numpyro.plate("model", matrix.n_models):
            ability = numpyro.sample("ability", dist.Normal(0, 1))
        with numpyro.plate("benchmark", matrix.n_benchmarks):
            difficulty = numpyro.sample("difficulty", dist.Normal(difficulty_mean, difficulty_sd))
            log_slope = numpyro.sample("log_discrimination", dist.Normal(slope_mean, slope_sd))
        m, j = matrix.model_index, matrix.benchmark_index
        z = jnp.exp(log_slope[j]) * (ability[m] - difficulty[j])
        lower, upper = matrix.lower[j], matrix.upper[j]
        mean = lower + (upper - lower) / (1 + jnp.exp(-z))
        if likelihood == "normal":
            sd = numpyro.sample("noise_sd", dist.HalfNormal(p.noise_sd_scale))
            numpyro.sample("score", dist.Normal(mean, sd), obs=matrix.score)
            return
        precision_mean = numpyro.sample(
            "log_precision_mean", dist.Normal(p.log_precision_mean, p.log_precision_mean_sd)
        )
        precision_sd = numpyro.sample("log_precision_sd", dist.HalfNormal(p.log_precision_sd_scale))
        with numpyro.plate("benchmark_noise", matrix.n_benchmarks):
            log_precision = numpyro.sample("log_precision", dist.Normal(precision_mean, precision_sd))
        n_items = jnp.where(jnp.isnan(matrix.n_items), UNKNOWN_ITEMS, matrix.n_items)
        size = 1 / (jnp.exp(-log_precision[j]) + 1 / n_items)
        mean = jnp.clip(mean, 1e-6, 1 - 1e-6)
        numpyro.sample("score", dist.Beta(mean * size, (1 - mean) * size), obs=matrix.score)

    return model


def sample(problem: Problem) -> Sampled:
    """Chains on host devices in parallel; what jax says it spent on tracing and compiling is taken apart."""
    import numpyro

    numpyro.set_host_device_count(CHAINS)
    import jax
    import numpy as np
    from numpyro.infer import MCMC, NUTS

    jax.config.update("jax_enable_x64", True)
    spent = {"trace": 0.0, "compile": 0.0}

    def listen(event: str, seconds: float, **_: object) -> None:
        if "/compile/" in event:
            spent["compile" if "backend_compile" in event else "trace"] += seconds

    jax.monitoring.register_event_duration_secs_listener(listen)
    mcmc = MCMC(
        NUTS(write_model(problem.matrix, problem.likelihood)),
        num_warmup=1000,
        num_samples=DRAWS,
        num_chains=CHAINS,
        chain_method="parallel",
        progress_bar=False,
    )
    began = time.perf_counter()
    mcmc.run(jax.random.key(1), extra_fields=("num_steps", "diverging"))
    jax.block_until_ready(mcmc.get_samples())
    run = time.perf_counter() - began
    named = {name: np.asarray(value) for name, value in mcmc.get_samples(group_by_chain=True).items()}
    extra = mcmc.get_extra_fields()
    return Sampled(
        [named[name] for name in ("ability", "difficulty", "log_discrimination")],
        {**spent, "sampling": run - sum(spent.values())},
        {"gradients": float(np.mean(extra["num_steps"])), "divergences": int(np.sum(extra["diverging"]))},
    )
