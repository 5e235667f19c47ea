"""Samplers of one posterior, side by side: effective draws per second of sampling and of the whole process.

    python -m bench.samplers [--data FILE] [--likelihood normal|beta] [--peers eci,eci-numpyro,numpyro]
                             [--json FILE]

Every peer runs in a process of its own, so that imports, compilation and memory are counted where they arise.
Peers:

eci            this package, its own kernel
eci-numpyro    this package, NumPyro's kernel on the same whitened posterior
numpyro        NumPyro as a user writes it: plates, automatic transforms, adapted diagonal metric

All sample the same posterior (`python -m bench.samplers --check` compares log densities at random points).
The effective sample size is the smallest rank-normalised bulk size over the published index and difficulty;
that of log discrimination stands beside it. Each line of --json is one run.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

EPOCH = Path(__file__).parents[2] / "shared" / "data" / "epoch_2025_11" / "scores.csv"
EPOCH_ANCHORS = {"claude-3-5-sonnet-20240620": 130.0, "gpt-5-2025-08-07_high": 150.0}
CHAINS, DRAWS = 4, 1000


def load_matrix(path):
    """The bundled data, a file of ours, or Epoch's of November 2025 with its own column names and anchors."""
    import pandas as pd

    import eci

    if path is None or "epoch_2025_11" not in str(path):
        return eci.ScoreMatrix.from_table(eci.load_scores(path)), None
    table = pd.read_csv(path).rename(columns={"performance": "score", "date": "release_date"})
    table["model"] = table["model"].str.strip()
    table = table[["model", "benchmark", "score", "release_date"]]
    rules = {"min_benchmarks": 1, "min_models": 1, "duplicates": "mean"}
    return eci.ScoreMatrix.from_table(table, **rules), EPOCH_ANCHORS


def user_model(matrix, likelihood):
    """The posterior as a NumPyro user writes it down."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    import eci

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
            precision = jnp.exp(numpyro.sample("log_precision", dist.Normal(precision_mean, precision_sd)))
        from eci.irt.observation import move_off_edges

        mean = jnp.clip(mean, 1e-6, 1 - 1e-6)
        score = move_off_edges(matrix.score, matrix.n_items)
        numpyro.sample("score", dist.Beta(mean * precision[j], (1 - mean) * precision[j]), obs=score)

    return model


def run_eci(matrix, anchors, likelihood, kernel):
    """Draws by this package: ability, difficulty, log discrimination as (chain, draw, n), and seconds."""
    import numpy as np

    import eci

    method = eci.Nuts(n_chains=CHAINS, n_draws=DRAWS, kernel=kernel, max_doublings=0)
    fit = eci.fit(matrix, likelihood=likelihood, anchors=anchors, method=method)
    seconds = fit.provenance.seconds
    shape = (CHAINS, DRAWS, -1)
    draws = (fit.draws.ability, fit.draws.difficulty, np.log(fit.draws.discrimination))
    facts = {
        "seconds_mode": seconds["mode"],
        "seconds_compile": seconds.get("compile", 0.0),
        "seconds_sampling": seconds["sample"],
        "leapfrogs": float(fit.sample_stats["n_leapfrogs"].mean()),
        "divergences": int(fit.sample_stats["diverging"].sum()),
    }
    return [x.reshape(shape) for x in draws], facts


def run_numpyro_user(matrix, anchors, likelihood):
    """The same by NumPyro with its defaults: 1,000 warm-up steps, chains in parallel where it can."""
    import jax
    import numpy as np
    from numpyro.infer import MCMC, NUTS

    jax.config.update("jax_enable_x64", True)
    mcmc = MCMC(
        NUTS(user_model(matrix, likelihood)),
        num_warmup=1000,
        num_samples=DRAWS,
        num_chains=CHAINS,
        chain_method="sequential",
        progress_bar=False,
    )
    start = time.perf_counter()
    mcmc.warmup(jax.random.key(0), extra_fields=("num_steps",))
    warm = time.perf_counter()
    mcmc.run(jax.random.key(1), extra_fields=("num_steps", "diverging"))
    jax.block_until_ready(mcmc.get_samples())
    end = time.perf_counter()
    named = {name: np.asarray(value) for name, value in mcmc.get_samples(group_by_chain=True).items()}
    extra = mcmc.get_extra_fields()
    facts = {
        "seconds_warmup_and_compile": round(warm - start, 3),
        "seconds_sampling": round(end - start, 3),
        "leapfrogs": float(np.mean(extra["num_steps"])),
        "divergences": int(np.sum(extra["diverging"])),
    }
    return [named[name] for name in ("ability", "difficulty", "log_discrimination")], facts


def summarise(draws, matrix, anchors):
    """Smallest bulk sizes and largest R-hats of published quantities, and the means and their errors."""
    import numpy as np

    from eci.fitted import Parameters, make_scale
    from eci.inference.convergence import compute_ess_bulk, compute_rhat
    from eci.inference.diagnose import published_quantities

    flat = [x.reshape(CHAINS * DRAWS, -1) for x in draws]
    parameters = Parameters(flat[0], flat[1], np.exp(flat[2]), {})
    scale = make_scale(parameters.ability, matrix.models, anchors)
    facts, means = {}, {}
    for name, (x, _) in published_quantities(parameters, scale, matrix.models, matrix.benchmarks).items():
        by_chain = x.reshape(CHAINS, DRAWS, -1)
        size = compute_ess_bulk(by_chain)
        facts[f"ess_{name}"] = round(float(size.min()))
        facts[f"rhat_{name}"] = round(float(compute_rhat(by_chain).max()), 4)
        means[name] = (x.mean(axis=0).tolist(), (x.std(axis=0) / np.sqrt(size)).tolist())
    return facts, means


PEERS = {
    "eci": lambda *args: run_eci(*args, "lean"),
    "eci-numpyro": lambda *args: run_eci(*args, "numpyro"),
    "numpyro": run_numpyro_user,
}


def run_peer(options):
    """Run one peer in this process and print its line."""
    began = time.perf_counter()
    matrix, anchors = load_matrix(options.data)
    import jax

    imported = time.perf_counter()
    draws, facts = PEERS[options.run](matrix, anchors, options.likelihood)
    ended = time.perf_counter()
    sizes, means = summarise(draws, matrix, anchors)
    least = min(sizes["ess_index"], sizes["ess_difficulty"])
    line = {
        "sampler": options.run,
        "data": str(options.data or "bundled"),
        "likelihood": options.likelihood,
        "scores": matrix.n_scores,
        **facts,
        **sizes,
        "seconds_import_and_load": round(imported - began, 3),
        "seconds_whole": round(ended - began, 3),
        "ess_per_second_sampling": round(least / facts["seconds_sampling"], 1),
        "ess_per_second_whole": round(least / (ended - began), 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "device": f"{jax.devices()[0].device_kind}, {platform.machine()}",
        "versions": {name: version(name) for name in ("jax", "numpyro", "numpy")},
        "means": means,
    }
    print(json.dumps(line))


def compare_means(first, second):
    """Largest difference of means in units of the Monte Carlo error, over all published quantities."""
    largest = 0.0
    for name, (mean, error) in first["means"].items():
        other, other_error = second["means"][name]
        for a, b, ea, eb in zip(mean, other, error, other_error, strict=True):
            largest = max(largest, abs(a - b) / (ea**2 + eb**2) ** 0.5)
    return largest


def check_densities(options):
    """Compare our log density with the user's NumPyro model at random points: one constant apart."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from numpyro.infer.util import log_density

    from eci import Priors
    from eci.inference.problem import code_scores
    from eci.irt.measurement import Measurement, Position
    from eci.irt.observation import LIKELIHOODS

    matrix, _ = load_matrix(options.data)
    measurement = Measurement(LIKELIHOODS[options.likelihood], Priors())
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        scores = code_scores(matrix, measurement)
        apart = []
        for _ in range(5):
            shared = rng.normal(0, 0.3, len(measurement.shared_names))
            shared[-2:] = 0.0
            position = Position(
                jnp.asarray(rng.normal(size=matrix.n_models)),
                jnp.asarray(rng.normal(0, 0.5, (matrix.n_benchmarks, measurement.n_benchmark))),
                jnp.asarray(shared),
            )
            named = dict(measurement.constrain(position, scores))
            named["log_discrimination"] = jnp.log(named.pop("discrimination"))
            jacobian = sum(jnp.log(named[name]) for name in named if name.endswith("_sd"))
            jacobian -= named["log_discrimination"].sum()  # intercept to difficulty
            if "precision" in named:
                named["log_precision"] = jnp.log(named.pop("precision"))
            theirs, _ = log_density(user_model(matrix, options.likelihood), (), {}, named)
            apart.append(float(measurement.log_density(position, scores) - jacobian - theirs))
    print(f"our log density minus theirs at 5 random points: {np.round(apart, 6).tolist()}")
    if np.ptp(apart) > 1e-6 * max(1.0, abs(apart[0])):
        sys.exit("the posteriors differ")


def main():
    """Run the peers one after the other and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=EPOCH if EPOCH.is_file() else None)
    parser.add_argument("--likelihood", choices=["normal", "beta"], default="normal")
    parser.add_argument("--peers", default="eci,eci-numpyro,numpyro")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true", help="Compare the log densities and stop.")
    parser.add_argument("--run", choices=PEERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.check:
        check_densities(options)
        return
    if options.run:
        run_peer(options)
        return
    lines = []
    for peer in options.peers.split(","):
        command = [sys.executable, "-m", "bench.samplers", "--run", peer, "--likelihood", options.likelihood]
        command += ["--data", str(options.data)] if options.data else []
        began = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        lines.append(json.loads(done.stdout.splitlines()[-1]))
        lines[-1]["seconds_process"] = round(time.perf_counter() - began, 3)
    columns = (
        "sampler", "seconds_sampling", "seconds_process", "leapfrogs", "divergences", "ess_index",
        "ess_difficulty", "ess_discrimination", "rhat_index", "ess_per_second_sampling",
        "ess_per_second_whole",
    )  # fmt: skip
    print("| " + " | ".join(columns) + " | means apart, errors |")
    print("|" + " --- |" * (len(columns) + 1))
    for line in lines:
        apart = compare_means(lines[0], line) if line is not lines[0] else 0.0
        print("| " + " | ".join(str(line[name]) for name in columns) + f" | {apart:.1f} |")
    if options.json:
        with options.json.open("a", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps({k: v for k, v in line.items() if k != "means"}) + "\n")


if __name__ == "__main__":
    main()
