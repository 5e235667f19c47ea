"""Predictions of scores that the fit has not seen: calibration of every likelihood, error against baselines.

    python -m bench.held_out [--data FILE] [--likelihood normal --likelihood beta ...] [--repeats 20]
                             [--share 0.1] [--method nuts|laplace] [--with-items] [--json FILE]
    python -m bench.held_out --show [FILE]      # the table of such a file again, docs/evidence/held_out.json

In each repeat a tenth of the model-benchmark pairs, with all their rows, is taken out, the rest is fitted,
and the scores taken out are predicted. The same pairs are taken out for every likelihood. The rules (at least
four benchmarks a model and so on) choose the data once, before; a pair whose removal would leave its model or
benchmark without any score is put back, another taken instead, and such pairs are counted. A split that falls
into groups without a common scale is drawn again.

Columns, with the standard error over repeats: share of scores inside the 50 and the 90 % predictive interval;
median width of the latter; mean log predictive density of the fraction (of counts the log probability times
the number of items); mean continuous ranked probability score (Gneiting and Raftery 2007,
doi:10.1198/016214506000001437), which compares densities and counts; mean absolute error of the predictive
median, and by how much it is below that of least squares on the same pairs (bench/least_squares.py).

--with-items keeps only scores whose number of items is known, which likelihoods of counts need.
nuts draws 4 x 500, which is enough here: 2,000 draws fix the share of scores inside an interval to 0.01. A
repeat on the 1,324 scores of epoch_2025_11 takes about 4 s a likelihood, the first 20 s more to compile.
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
from bench.least_squares import fit_least_squares, predict_least_squares
from bench.samplers import load_matrix
from eci.queries.curves import Curves, choose_rows

EVIDENCE = Path(__file__).resolve().parents[1] / "docs" / "evidence" / "held_out.json"
METHODS = {"nuts": eci.Nuts(n_draws=500, max_doublings=0), "laplace": eci.Laplace(n_draws=2000)}
COLUMNS = (  # title, key, digits
    ("in 50 %", "in_50", 3),
    ("in 90 %", "in_90", 3),
    ("width of 90 %", "width_90", 3),
    ("log density", "log_score", 3),
    ("CRPS", "crps", 4),
    ("absolute error", "mae", 4),
)


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
    found = {
        "in_50": np.mean((low_50 <= test.score) & (test.score <= high_50)),
        "in_90": np.mean((low_90 <= test.score) & (test.score <= high_90)),
        "width_90": np.median(high_90 - low_90),
        "log_score": np.mean(np.logaddexp.reduce(density, axis=0) - np.log(n)),
        "crps": crps.mean(),
        "mae": np.abs(median - test.score).mean(),
    }
    failed = [check.name for check in fit.diagnostics.failed]
    return {name: float(value) for name, value in found.items()} | {"failed_checks": failed}


def baselines(train, test, seed):
    """Absolute errors of the benchmark's mean and of Epoch's least squares."""
    j = test.benchmark_index
    total = np.bincount(train.benchmark_index, train.score, train.n_benchmarks)
    mean = total / np.bincount(train.benchmark_index, minlength=train.n_benchmarks)
    fitted = predict_least_squares(train, fit_least_squares(train, seed), test.model_index, j)
    return {
        "benchmark mean": float(np.abs(mean[j] - test.score).mean()),
        "least squares": float(np.abs(fitted - test.score).mean()),
    }


def run_repeat(matrix, likelihoods, seed, *, share=0.1, method="nuts", anchors=None):
    """One split, predicted by every likelihood and baseline."""
    kept, out, n_put_back = hold_out(matrix, share, np.random.default_rng([seed, 1]))
    train, test = take(matrix, kept), take(matrix, out)
    found = {
        "seed": seed,
        "n": test.n_scores,
        "put_back": n_put_back,
        "baselines": baselines(train, test, seed),
    }
    for likelihood in likelihoods:
        fit = eci.fit(train, likelihood=likelihood, method=METHODS[method], anchors=anchors, seed=seed)
        found[likelihood] = score_predictions(fit, test, np.random.default_rng([seed, 2]))
    return found


def load(path, *, with_items):
    """The data, its anchors where they are not the default ones."""
    if not with_items:
        return load_matrix(path)
    table = eci.load_scores(path)
    return eci.ScoreMatrix.from_table(table[table["n_items"].notna()]), None


def tabulate(repeats, likelihoods):
    """The table: one row a likelihood, and under it the baselines."""

    def cell(values, digits):
        error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"

    baseline = {
        name: np.array([repeat["baselines"][name] for repeat in repeats]) for name in repeats[0]["baselines"]
    }
    rows = [("", *(title for title, _, _ in COLUMNS), "below least squares")]
    for name in likelihoods:
        cells = [cell([repeat[name][key] for repeat in repeats], digits) for _, key, digits in COLUMNS]
        mae = np.array([repeat[name]["mae"] for repeat in repeats])
        rows.append((name, *cells, cell(baseline["least squares"] - mae, 4)))
    for name, mae in baseline.items():
        rows.append((name, *[""] * (len(COLUMNS) - 1), cell(mae, 4), ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def report(record):
    """What a run has found, as text."""
    repeats, likelihoods = record["repeats"], record["likelihoods"]
    n, back = sum(repeat["n"] for repeat in repeats), sum(repeat["put_back"] for repeat in repeats)
    lines = [
        f"{record['models']} models, {record['benchmarks']} benchmarks, {record['scores']} scores; "
        f"{len(repeats)} repeats, {n} scores predicted, {back} pairs put back; method {record['method']}."
    ]
    for name in likelihoods:
        failed = sum(bool(repeat[name]["failed_checks"]) for repeat in repeats)
        lines.append(f"{name}: a check of the fit failed in {failed} of {len(repeats)} repeats.")
    return "\n".join([*lines, tabulate(repeats, likelihoods)])


def main():
    """Run the repeats and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--data")
    parser.add_argument("--likelihood", action="append", dest="likelihoods")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--method", choices=METHODS, default="nuts")
    parser.add_argument("--with-items", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", type=Path, nargs="?", const=EVIDENCE)
    options = parser.parse_args()
    if options.show:
        print(report(json.loads(options.show.read_text(encoding="utf-8"))))
        return
    likelihoods = options.likelihoods or ["normal", "beta"]
    matrix, anchors = load(options.data, with_items=options.with_items)
    started, repeats = time.perf_counter(), []
    for seed in range(options.repeats):
        found = run_repeat(
            matrix, likelihoods, seed, share=options.share, method=options.method, anchors=anchors
        )
        repeats.append(found)
        print(f"repeat {seed}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    record = {
        "commit": describe_commit(),
        "command": " ".join(["python -m bench.held_out", *sys.argv[1:]]),
        "seeds": f"0 to {options.repeats - 1}",
        "seconds": round(time.perf_counter() - started),
        "models": matrix.n_models,
        "benchmarks": matrix.n_benchmarks,
        "scores": matrix.n_scores,
        "share": options.share,
        "method": options.method,
        "likelihoods": likelihoods,
        "repeats": repeats,
    }
    print(report(record))
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def describe_commit():
    """Short hash of the commit, for evidence."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
