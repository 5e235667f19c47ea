"""Likelihoods compared by leave-one-out cross-validation without refits: the second opinion to held_out.py.

    python -m bench.loo [--data FILE] [--likelihood normal --likelihood beta ...] [--json FILE]
    python -m bench.loo --show FILE ...         # the tables of such files again

Each likelihood is fitted once, by `eci.fit` with its defaults, and each score predicted from all others by
Pareto-smoothed weights (Vehtari, Gelman and Gabry 2017, doi:10.1007/s11222-016-9696-4). Columns: mean log
predictive density of a score; effective number of parameters; scores whose Pareto k is above 0.7, so that
only a refit could leave them out (0.697, the limit for the 2,000 draws taken of a fit: eci/psis.py); by how
much a likelihood is below the best, a score, with the standard error over scores; and the same without the
scores above 0.7 under either. Where these are many, bench/held_out.py is to be believed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

import eci
from bench.held_out import describe_commit, load
from bench.held_out_tables import align
from eci.psis import max_pareto_k, smooth_weights
from eci.queries.curves import Curves, choose_rows

MAX_DRAWS = 2000  # memory: an array of draws times scores


def leave_one_out(fit):
    """Log density of every score given the others, its Pareto k, and that given all scores."""
    rows = choose_rows(fit, MAX_DRAWS)
    matrix = fit.matrix
    curves = Curves.of_fit(fit, matrix.benchmark_index, rows, matrix.n_items)
    log_prob = curves.log_prob(matrix.score, fit.draws.ability[np.ix_(rows, matrix.model_index)])
    log_weights, k = smooth_weights(-log_prob)
    fitted = logsumexp(log_prob, axis=0) - np.log(len(rows))
    return logsumexp(log_weights + log_prob, axis=0), k, fitted


def compare(found):
    """Every likelihood by its name: totals, and its distance from the best."""
    best = max(found, key=lambda name: found[name][0].mean())
    numbers = {}
    for name, (density, k, fitted) in found.items():
        gap = found[best][0] - density
        good = (k <= max_pareto_k(MAX_DRAWS)) & (found[best][1] <= max_pareto_k(MAX_DRAWS))
        numbers[name] = {
            "log_density": float(density.mean()),
            "parameters": float((fitted - density).sum()),
            "above_limit": int(np.sum(k > max_pareto_k(MAX_DRAWS))),
            "below_best": mean_and_error(gap),
            "below_best_good": mean_and_error(gap[good]),
        }
    return numbers


def mean_and_error(values):
    """Mean over scores and its standard error."""
    return [float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))]


def report(record):
    """What a run has found, as text."""
    numbers = record["numbers"]
    order = sorted(numbers, key=lambda name: -numbers[name]["log_density"])
    rows = [("", "log density", "parameters", "k above 0.7", f"below {order[0]}", "without those")]
    for name in order:
        own = numbers[name]
        gaps = (f"{own[key][0]:.3f} ± {own[key][1]:.3f}" for key in ("below_best", "below_best_good"))
        rows.append(
            (
                name,
                f"{own['log_density']:.3f}",
                f"{own['parameters']:.0f}",
                f"{own['above_limit']}",
                *(gaps if name != order[0] else ("", "")),
            )
        )
    return (
        f"{record['data']} data: {record['models']} models, {record['benchmarks']} benchmarks, "
        f"{record['scores']} scores.\n\n" + align(rows)
    )


def main():
    """Fit every likelihood and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--data")
    parser.add_argument("--likelihood", action="append", dest="likelihoods")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", type=Path, nargs="+")
    options = parser.parse_args()
    if options.show:
        print("\n\n".join(report(json.loads(path.read_text(encoding="utf-8"))) for path in options.show))
        return
    matrix, anchors = load(options.data, with_items=False)
    commit, started, found, failed = describe_commit(), time.perf_counter(), {}, {}
    for likelihood in options.likelihoods or ["normal", "student_t", "logit_normal", "beta"]:
        fit = eci.fit(matrix, likelihood=likelihood, anchors=anchors)
        found[likelihood] = leave_one_out(fit)
        failed[likelihood] = [check.name for check in fit.diagnostics.failed]
        print(f"{likelihood}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    record = {
        "commit": commit,
        "command": " ".join(["python -m bench.loo", *sys.argv[1:]]),
        "seeds": "0",
        "seconds": round(time.perf_counter() - started),
        "data": Path(options.data).parent.name if options.data else "bundled",
        "models": matrix.n_models,
        "benchmarks": matrix.n_benchmarks,
        "scores": matrix.n_scores,
        "failed_checks": failed,
        "numbers": compare(found),
    }
    print(report(record))
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
