"""Predictions of scores that the fit has not seen: calibration of every likelihood, error against baselines.

    python -m bench.held_out [--data FILE] [--likelihood normal --likelihood beta ...] [--repeats 20]
                             [--share 0.1] [--method nuts|laplace] [--draws 250] [--with-items] [--json FILE]
    python -m bench.held_out --show [FILE ...]  # the tables of such files again, the one of the bundled data

In each repeat a tenth of the model-benchmark pairs, with all their rows, is taken out, the rest is fitted,
and the scores taken out are predicted. The same pairs are taken out for every likelihood. The rules (at least
four benchmarks a model and so on) choose the data once, before; a pair whose removal would leave its model or
benchmark without any score is put back, another taken instead, and such pairs are counted. A split that falls
into groups without a common scale is drawn again.

--json keeps every repeat as soon as it is done, and what FILE holds already is not computed again, so that a
run can be stopped and taken up, and likelihoods added. --with-items keeps only scores whose number of items
is known, which likelihoods of counts need. --draws is the number kept of each of four chains; the tables
(bench/held_out_tables.py, which explains them) say what these few draws leave uncertain.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import eci
from bench.held_out_tables import report
from bench.least_squares import fit_least_squares, predict_least_squares
from bench.samplers import load_matrix
from eci.noise import UNKNOWN_ITEMS
from eci.queries.curves import Curves, choose_rows

EVIDENCE = Path(__file__).resolve().parents[1] / "docs" / "evidence" / "held_out_bundled.json"


def hold_out(matrix, share, rng):
    """Split a matrix: rows kept, rows taken out, and how many pairs had to be put back."""
    pair = matrix.model_index * matrix.n_benchmarks + matrix.benchmark_index
    pairs, of_row = np.unique(pair, return_inverse=True)
    wanted = round(share * len(pairs))
    for _ in range(100):
        left = matrix.n_benchmarks_per_model.copy(), matrix.n_models_per_benchmark.copy()
        chosen, n_put_back = [], 0
        for at in rng.permutation(len(pairs)):
            m, j = divmod(int(pairs[at]), matrix.n_benchmarks)
            if left[0][m] == 1 or left[1][j] == 1:
                n_put_back += 1
                continue
            left[0][m] -= 1
            left[1][j] -= 1
            chosen.append(at)
            if len(chosen) == wanted:
                break
        out = np.isin(of_row, chosen)
        if take(matrix, ~out).components.max() == 0:
            return ~out, out, n_put_back
    raise RuntimeError(f"no connected split with {share:.0%} of the pairs held out was found")


def take(matrix, rows):
    """The same models and benchmarks with some of the scores."""
    fields = ("model_index", "benchmark_index", "score", "n_items")
    return replace(matrix, **{name: getattr(matrix, name)[rows] for name in fields})


def score_predictions(fit, test, rng):
    """Calibration and error of one fit on the scores of `test`, which has its models and benchmarks."""
    rows = choose_rows(fit)
    curves = Curves.of_fit(fit, test.benchmark_index, rows, test.n_items)
    ability = fit.draws.ability[np.ix_(rows, test.model_index)]
    drawn = np.sort(np.clip(curves.sample(rng, ability), 0.0, 1.0), axis=0)  # as `eci predict` does
    low_90, low_50, median, high_50, high_90 = np.quantile(drawn, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    density = curves.log_prob(test.score, ability)
    n = len(drawn)
    weight = (2 * np.arange(1, n + 1) - n - 1)[:, None]
    crps = np.abs(drawn - test.score).mean(axis=0) - (weight * drawn).sum(axis=0) / n**2
    log_score = np.logaddexp.reduce(density, axis=0) - np.log(n)
    half = 0.5 / np.where(np.isnan(test.n_items), UNKNOWN_ITEMS, test.n_items)
    inside = (test.score >= half) & (test.score <= 1.0 - half)
    by_chain = [np.logaddexp.reduce(part, axis=0).mean() for part in np.array_split(density, fit.n_chains)]
    found = {
        "in_50": np.mean((low_50 <= test.score) & (test.score <= high_50)),
        "in_90": np.mean((low_90 <= test.score) & (test.score <= high_90)),
        "width_90": np.median(high_90 - low_90),
        "log_score": log_score.mean(),
        "log_score_inside": log_score[inside].mean(),
        "log_score_error": np.std(by_chain, ddof=1) / np.sqrt(len(by_chain)) if len(by_chain) > 1 else np.nan,
        "crps": crps.mean(),
        "mae": np.abs(median - test.score).mean(),
    }
    checks = {check.name: float(check.value) for check in fit.diagnostics.checks}
    facts = {name: checks[name] for name in ("rhat_index", "ess_bulk_index", "divergences") if name in checks}
    return {name: float(value) for name, value in found.items()} | facts


def mean_baseline(train, test):
    """Absolute error of the benchmark's mean."""
    total = np.bincount(train.benchmark_index, train.score, train.n_benchmarks)
    mean = total / np.bincount(train.benchmark_index, minlength=train.n_benchmarks)
    return {"benchmark mean": float(np.abs(mean[test.benchmark_index] - test.score).mean())}


def baselines(train, test, seed):
    """Absolute errors of the benchmark's mean and of Epoch's least squares."""
    solution = fit_least_squares(train, seed)
    fitted = predict_least_squares(train, solution, test.model_index, test.benchmark_index)
    return {**mean_baseline(train, test), "least squares": float(np.abs(fitted - test.score).mean())}


def run_repeat(matrix, likelihoods, seed, *, share=0.1, method=None, anchors=None, known=None):
    """One split, predicted by every likelihood and baseline; `known` holds what need not be done again."""
    kept, out, n_put_back = hold_out(matrix, share, np.random.default_rng([seed, 1]))
    train, test = take(matrix, kept), take(matrix, out)
    found = known or {
        "seed": seed,
        "n": test.n_scores,
        "put_back": n_put_back,
        "baselines": baselines(train, test, seed),
    }
    for likelihood in likelihoods:
        if likelihood in found:
            continue
        started = time.perf_counter()
        fit = eci.fit(train, likelihood=likelihood, method=method or nuts(), anchors=anchors, seed=seed)
        found[likelihood] = score_predictions(fit, test, np.random.default_rng([seed, 2]))
        found[likelihood]["seconds"] = round(time.perf_counter() - started, 1)
    return found


def nuts(n_draws=250):
    """Choose the sampler's options: one run, since predictions need far fewer draws than an index."""
    return eci.Nuts(n_draws=n_draws, max_extensions=0, max_halvings=0)


def load(path, *, with_items):
    """The data, its anchors where they are not the default ones."""
    if not with_items:
        return load_matrix(path)
    table = eci.load_scores(path)
    return eci.ScoreMatrix.from_table(table[table["n_items"].notna()]), None


def open_record(path, facts):
    """What a file of an earlier run holds, if it is of the same data and method, or a new record."""
    if path is None or not path.is_file():
        return {**facts, "runs": {}, "repeats": []}
    record = json.loads(path.read_text(encoding="utf-8"))
    differing = [name for name, value in facts.items() if record[name] != value]
    if differing:
        raise SystemExit(f"{path} is of another run: {', '.join(differing)} differ. Choose another file.")
    return record


def main():
    """Run the repeats that are missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--data")
    parser.add_argument("--likelihood", action="append", dest="likelihoods")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--method", choices=("nuts", "laplace"), default="nuts")
    parser.add_argument("--draws", type=int, default=250)
    parser.add_argument("--with-items", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", type=Path, nargs="*")
    options = parser.parse_args()
    if options.show is not None:
        files = options.show or [EVIDENCE]
        print("\n\n".join(report(json.loads(path.read_text(encoding="utf-8"))) for path in files))
        return
    likelihoods = options.likelihoods or ["normal", "beta"]
    matrix, anchors = load(options.data, with_items=options.with_items)
    method = nuts(options.draws) if options.method == "nuts" else eci.Laplace(n_draws=4 * options.draws)
    facts = {
        "data": Path(options.data).parent.name if options.data else "bundled",
        "with_items": options.with_items,
        "models": matrix.n_models,
        "benchmarks": matrix.n_benchmarks,
        "scores": matrix.n_scores,
        "share": options.share,
        "method": method.as_dict(),
    }
    record = open_record(options.json, facts)
    run = {"commit": describe_commit(), "command": " ".join(["python -m bench.held_out", *sys.argv[1:]])}
    repeats = {repeat["seed"]: repeat for repeat in record["repeats"]}
    started = time.perf_counter()
    for seed in range(options.repeats):
        new = [name for name in likelihoods if name not in repeats.get(seed, {})]
        if not new:
            continue
        repeats[seed] = run_repeat(
            matrix,
            new,
            seed,
            share=options.share,
            method=method,
            anchors=anchors,
            known=repeats.get(seed),
        )
        for name in new:
            record["runs"].setdefault(name, run)
            repeats[seed][name]["commit"] = run["commit"]
        record["repeats"] = [repeats[seed] for seed in sorted(repeats)]
        if options.json:
            options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(f"repeat {seed}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    print(report(record))


def describe_commit():
    """Short hash of the commit, for evidence."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
