"""Samplers of one posterior, side by side: effective draws per second of sampling and of the whole process.

    python -m bench.samplers [--data FILE] [--likelihood normal|beta] [--peers eci,nutpie,...]
                             [--device cpu|gpu] [--json FILE]
    python -m bench.samplers --check             compare the log densities and stop
    python -m bench.samplers --table FILE        the table of a --json file, nothing run

Every peer (`bench/peers`, one file each; `pip install --group bench`) runs in a process of its own, so that
imports, compilation and memory are counted where they arise. All sample the same posterior. The effective
sample size is the smallest rank-normalised bulk size over the published index and difficulty; that of log
discrimination stands beside it. "Sampling" is warm-up and kept draws without compilation, "whole" the
process from its start to the draws; "means apart" the largest distance of a posterior mean from eci's, over
all published quantities, in Monte Carlo errors. A peer passes the gate if R-hat of index and difficulty is
at most 1.01. Under `beta`, scores of 0 and 1 are moved half an item inward, so that all peers can write the
density down.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from bench.peers import CHAINS, DRAWS, LIKELIHOODS, PACKAGES, PEERS, Problem, sample

EPOCH = Path(__file__).resolve().parents[2] / "shared" / "data" / "epoch_2025_11" / "scores.csv"
EPOCH_ANCHORS = {"claude-3-5-sonnet-20240620": 130.0, "gpt-5-2025-08-07_high": 150.0}
GATE = 1.01


def is_epoch(path):
    """Whether a file is Epoch's of November 2025."""
    return path is not None and "epoch_2025_11" in str(path)


def load_matrix(path):
    """The bundled data, a file of ours, or Epoch's of November 2025 with its own column names and anchors."""
    import pandas as pd

    import eci

    if not is_epoch(path):
        return eci.ScoreMatrix.from_table(eci.load_scores(path)), None
    table = pd.read_csv(path).rename(columns={"performance": "score", "date": "release_date"})
    table["model"] = table["model"].str.strip()
    table = table[["model", "benchmark", "score", "release_date"]]
    rules = {"min_benchmarks": 1, "min_models": 1, "duplicates": "mean"}
    return eci.ScoreMatrix.from_table(table, **rules), EPOCH_ANCHORS


def load_problem(options, peer):
    """What a peer samples."""
    from dataclasses import replace

    import numpy as np

    from eci.noise import UNKNOWN_ITEMS

    matrix, anchors = load_matrix(options.data)
    if options.likelihood == "beta":
        half = 0.5 / np.where(np.isnan(matrix.n_items), UNKNOWN_ITEMS, matrix.n_items)
        matrix = replace(matrix, score=np.clip(matrix.score, half, 1.0 - half))
    return Problem(peer, matrix, options.likelihood, anchors)


def summarise(draws, problem):
    """Smallest bulk sizes and largest R-hats of published quantities, and the means and their errors."""
    import numpy as np

    from eci.fitted import Parameters, make_scale
    from eci.inference.convergence import compute_mixing
    from eci.inference.diagnose import published_quantities

    matrix = problem.matrix
    flat = [np.asarray(x).reshape(CHAINS * DRAWS, -1) for x in draws]
    parameters = Parameters(flat[0], flat[1], np.exp(flat[2]), {})
    scale = make_scale(parameters.ability, matrix.models, problem.anchors)
    facts, means = {}, {}
    for name, (x, _) in published_quantities(parameters, scale, matrix.models, matrix.benchmarks).items():
        mixing = compute_mixing(x.reshape(CHAINS, DRAWS, -1))
        facts[f"ess_{name}"] = round(float(mixing.ess_bulk.min()))
        facts[f"rhat_{name}"] = round(float(mixing.rhat.max()), 4)
        means[name] = (x.mean(axis=0).tolist(), (x.std(axis=0) / np.sqrt(mixing.ess_bulk)).tolist())
    return facts, means


def run_peer(options):
    """Run one peer in this process and print its line."""
    began = time.perf_counter()
    problem = load_problem(options, options.run)
    loaded = time.perf_counter()
    draws, seconds, facts = sample(problem)
    whole = time.perf_counter() - began
    sizes, means = summarise(draws, problem)
    least = min(sizes["ess_index"], sizes["ess_difficulty"])
    if "jax" in PACKAGES[options.run]:
        import jax

        device = jax.devices()[0].device_kind
    else:
        device = "cpu"
    line = {
        "sampler": options.run,
        "data": "epoch_2025_11" if is_epoch(options.data) else str(options.data or "bundled"),
        "likelihood": options.likelihood,
        "scores": problem.matrix.n_scores,
        "draws": CHAINS * DRAWS,
        **facts,
        **sizes,
        "seconds": {"import and load": loaded - began, **seconds, "whole": whole},
        "ess_per_second_sampling": least / seconds["sampling"],
        "ess_per_second_whole": least / whole,
        "discrimination_per_second_sampling": sizes["ess_discrimination"] / seconds["sampling"],
        "passes": max(sizes["rhat_index"], sizes["rhat_difficulty"]) <= GATE,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "device": f"{device}, {platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in PACKAGES[options.run]},
        "commit": _describe_commit(),
        "means": means,
    }
    print(json.dumps(_round(line)))


def _describe_commit():
    """Name the commit that is timed."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return done.stdout.strip()


def _round(value):
    """Six significant digits throughout."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _round(item) for name, item in value.items()}
    return [_round(item) for item in value] if isinstance(value, list | tuple) else value


def compare_means(first, second):
    """Largest difference of means in units of the Monte Carlo error, over all published quantities."""
    largest = 0.0
    for name, (mean, error) in first["means"].items():
        other, other_error = second["means"][name]
        for a, b, ea, eb in zip(mean, other, error, other_error, strict=True):
            largest = max(largest, abs(a - b) / (ea**2 + eb**2) ** 0.5)
    return largest


def check_densities(options):
    """Compare our log density with every peer's program at random points: one constant apart."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from eci import Priors
    from eci.inference.problem import code_scores
    from eci.irt.measurement import Measurement, Position
    from eci.irt.observation import LIKELIHOODS as OURS

    problem = load_problem(options, "eci")
    matrix, measurement = problem.matrix, Measurement(OURS[options.likelihood], Priors())
    rng = np.random.default_rng(0)
    ours, points = [], []
    with jax.enable_x64(True):
        scores = code_scores(matrix, measurement)
        for _ in range(5):
            shared = rng.normal(0, 0.3, len(measurement.shared_names))
            shared[-2:] = 0.0
            position = Position(
                jnp.asarray(rng.normal(size=matrix.n_models)),
                jnp.asarray(rng.normal(0, 0.5, (matrix.n_benchmarks, measurement.n_benchmark))),
                jnp.asarray(shared),
            )
            named = {k: np.asarray(v) for k, v in measurement.constrain(position, scores).items()}
            named["log_discrimination"] = np.log(named.pop("discrimination"))
            if "precision" in named:
                named["log_precision"] = np.log(named.pop("precision"))
            jacobian = sum(np.log(named[name]) for name in named if name.endswith("_sd"))
            jacobian -= named["log_discrimination"].sum()  # intercept to difficulty
            ours.append(float(measurement.log_density(position, scores) - jacobian))
            points.append(named)
        theirs = {"numpyro": _numpyro_densities(problem, points)}
    wanted = options.peers.split(",")
    if "pymc" in wanted or "nutpie" in wanted:
        theirs["pymc"] = _pymc_densities(problem, points)
    if "stan" in wanted:
        theirs["stan"] = _stan_densities(problem, points)
    for peer, values in theirs.items():
        apart = np.subtract(ours, values)
        print(f"our log density minus that of {peer} at 5 random points: {np.round(apart, 6).tolist()}")
        if np.ptp(apart) > 1e-6 * max(1.0, abs(apart[0])):
            sys.exit("the posteriors differ")


def _numpyro_densities(problem, points):
    from numpyro.infer.util import log_density

    from bench.peers.numpyro_user import write_model

    model = write_model(problem.matrix, problem.likelihood)
    return [float(log_density(model, (), {}, named)[0]) for named in points]


def _pymc_densities(problem, points):
    import numpy as np

    from bench.peers.pymc_user import write_model

    model = write_model(problem.matrix, problem.likelihood)
    log_density = model.compile_logp(jacobian=False)
    return [
        float(log_density({f"{k}_log__" if k.endswith("_sd") else k: np.log(v) if k.endswith("_sd") else v
                           for k, v in named.items()}))
        for named in points
    ]  # fmt: skip


def _stan_densities(problem, points):
    import numpy as np

    from bench.peers.stan_user import build

    posterior = build(problem)
    arrays = ("noise_sd", "log_precision_mean", "log_precision_sd")
    values = []
    for named in points:
        given = {k: np.atleast_1d(v).tolist() if np.ndim(v) or k in arrays else float(v)
                 for k, v in named.items()}  # fmt: skip
        given |= {k: [] for k in (*arrays, "log_precision") if k not in given}
        values.append(posterior.log_prob(posterior.unconstrain_pars(given), adjust_transform=False))
    return values


def print_table(lines):
    """One row a sampler, and ratios against the best peer that passes the gate."""
    from eci.report.text import align

    names = (
        "sampler", "sampling s", "whole s", "gradients", "divergences", "ESS index", "difficulty",
        "discrimination", "R-hat", "ESS/s sampling", "ESS/s whole", "MiB", "means apart",
    )  # fmt: skip
    for likelihood in dict.fromkeys(line["likelihood"] for line in lines):
        chosen = [line for line in lines if line["likelihood"] == likelihood]
        first, rows = chosen[0], [names]
        for line in chosen:
            seconds, rhat = line["seconds"], max(line["rhat_index"], line["rhat_difficulty"])
            cells = (
                line["sampler"], f"{seconds['sampling']:.2f}", f"{seconds['whole']:.1f}",
                f"{line['gradients']:.0f}", line["divergences"], line["ess_index"], line["ess_difficulty"],
                line["ess_discrimination"], f"{rhat:.3f}" + (" " if line["passes"] else "*"),
                f"{line['ess_per_second_sampling']:.0f}", f"{line['ess_per_second_whole']:.0f}",
                line["peak_mib"], f"{line['means_apart']:.1f}",
            )  # fmt: skip
            rows.append(tuple(str(cell) for cell in cells))
        print(f"{likelihood} on {first['data']} ({first['scores']} scores), {first['draws']} draws, "
              f"{first['device']}, commit {first['commit']}:\n")  # fmt: skip
        print(align(rows, "<" + ">" * (len(names) - 1)))
        if not all(line["passes"] for line in chosen):
            print(f"* above {GATE}: not converged")
        others = [line for line in chosen if not line["sampler"].startswith("eci") and line["passes"]]
        if first["sampler"] == "eci" and others:
            ratios = []
            for words, name in (
                ("of sampling", "ess_per_second_sampling"),
                ("of the whole process", "ess_per_second_whole"),
            ):
                best = max(others, key=lambda line: line[name])
                ratios.append(f"{first[name] / best[name]:.1f} times {best['sampler']} per second {words}")
            print(f"\neci against the best other that converged: {', '.join(ratios)}.")


def main():
    """Run the peers one after the other and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=EPOCH if EPOCH.is_file() else None)
    parser.add_argument("--likelihood", choices=LIKELIHOODS, default="normal")
    parser.add_argument("--peers", default="eci,eci-numpyro,numpyro,nutpie,blackjax,pymc,stan")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="For the peers that use jax.")
    parser.add_argument("--json", type=Path, help="Append a line a peer to this file.")
    parser.add_argument("--check", action="store_true", help="Compare the log densities and stop.")
    parser.add_argument("--table", type=Path, help="Print the table of a --json file and stop.")
    parser.add_argument("--run", choices=PEERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.table:
        print_table([json.loads(line) for line in options.table.read_text(encoding="utf-8").splitlines()])
    elif options.check:
        check_densities(options)
    elif options.run:
        run_peer(options)
    else:
        print_table(run_all(options))


def run_all(options):
    """Run each peer in a process of its own; one that fails is named and left out."""
    lines = []
    environment = os.environ | {"JAX_PLATFORMS": "cuda" if options.device == "gpu" else "cpu"}
    for peer in options.peers.split(","):
        command = [sys.executable, "-m", "bench.samplers", "--run", peer, "--likelihood", options.likelihood]
        command += ["--data", str(options.data)] if options.data else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
        if done.returncode:
            print(f"{peer} failed with exit code {done.returncode}", file=sys.stderr)
            continue
        lines.append(json.loads(done.stdout.splitlines()[-1]))
        lines[-1]["means_apart"] = compare_means(lines[0], lines[-1]) if len(lines) > 1 else 0.0
        if options.json:
            with options.json.open("a", encoding="utf-8") as file:
                kept = {k: v for k, v in lines[-1].items() if k != "means"}
                file.write(json.dumps(_round(kept)) + "\n")
    return lines


if __name__ == "__main__":
    main()
