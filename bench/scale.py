"""Time and memory against the number of observed cells, each run in a process of its own.

    python -m bench.scale [--cells 1e3,...,1e7] [--grids 100000x100,20000x1000:5,...]
                          [--kind binary|continuous] [--methods mode,laplace,nuts,quadrature,girth]
                          [--device cpu|gpu] [--seconds 120] [--gib 4] [--json FILE]
    python -m bench.scale --table [FILE]       the table of a --json file, nothing run
    python -m bench.scale --accuracy           coverage and agreement with NUTS, from docs/evidence

`--cells` are whole grids of the shapes in GRIDS; `--grids` names others, MODELSxITEMS, with `:N` for N items
of every model, chosen at random. Binary cells are single answers drawn from a two-parameter logistic curve
and fitted with the likelihood binomial; continuous ones are scores with an sd of 0.05, likelihood normal.

"fit" is all of `eci.fit` after its import, compilation included, and "CPU" the processor seconds it took,
which other work on the machine lengthens less; "process" is everything, with imports, simulation and the
score matrix. "index off" is the root mean square error of the index in points (standard scale, sd 10). Peak
memory is that of the process. What would take longer than --seconds or more than --gib by the line through
the last two runs of the same method is not run, and the table says so; nor are mode, laplace and nuts on so
many models that a matrix over them would not fit.

`quadrature` runs on the CPU whatever the device. `girth` (marginal maximum likelihood, points without errors;
`pip install girth`) is a peer for binary cells.
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
from importlib.util import find_spec
from pathlib import Path

EVIDENCE = Path(__file__).resolve().parents[1] / "docs" / "evidence"
GRIDS = {
    1_000: "50x20",
    10_000: "100x100",
    100_000: "500x200",
    1_000_000: "1000x1000",
    10_000_000: "2000x5000",
}
METHODS = ("mode", "laplace", "nuts", "quadrature", "girth")
COLUMNS = ["kind", "grid", "cells", "method", "fit", "CPU", "process", "peak MiB", "index off", "90 % cover"]
COLUMNS += ["checks failed"]


def parse_grid(text):
    """Models, items and items of every model of MODELSxITEMS[:N]."""
    shape, _, per_model = text.partition(":")
    n_models, n_items = (int(n) for n in shape.split("x"))
    return n_models, n_items, int(per_model or n_items)


def draw(kind, n_models, n_items, per_model, seed=0):
    """Simulate a grid: models, items, scores, and the true abilities; row by row of the grid."""
    import numpy as np

    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(size=n_models), rng.normal(size=n_items)
    slope = np.exp(rng.normal(0.3, 0.4, n_items))
    item = np.tile(np.arange(n_items), n_models)
    if per_model < n_items:
        item = np.concatenate([np.sort(rng.permutation(n_items)[:per_model]) for _ in range(n_models)])
    model = np.repeat(np.arange(n_models), per_model)
    score = 1.0 / (1.0 + np.exp(-slope[item] * (ability[model] - difficulty[item])))
    if kind == "binary":
        return model, item, (rng.random(len(model)) < score).astype(float), ability
    return model, item, score + rng.normal(0.0, 0.05, len(model)), ability


def make_matrix(kind, grid, model, item, score):
    """The score matrix of a drawn grid."""
    import numpy as np

    from eci.scores import ScoreMatrix

    n_models, n_items, _ = grid
    return ScoreMatrix.from_arrays(
        [f"m{i:07d}" for i in range(n_models)],
        [f"i{i:06d}" for i in range(n_items)],
        model,
        item,
        score,
        n_items=np.ones(len(score)) if kind == "binary" else None,
    )


def run(kind, method, grid):
    """One run in this process: a line of facts."""
    began = time.perf_counter()
    import numpy as np

    import eci

    methods = {
        "mode": eci.Map(),
        "laplace": eci.Laplace(n_draws=400),
        "nuts": eci.Nuts(n_draws=500, max_extensions=0),
        "quadrature": eci.Quadrature(),
    }
    _ = eci.fit
    stages = {"import": time.perf_counter() - began}
    model, item, score, ability = draw(kind, *grid)
    stages["draw"] = time.perf_counter() - began - sum(stages.values())
    facts = {"kind": kind, "method": method, "cells": len(score)}
    if method == "girth":
        estimate, low, high = run_girth(grid, model, item, score, stages)
        facts["checks"] = ""
    else:
        matrix = make_matrix(kind, grid, model, item, score)
        stages["matrix"] = time.perf_counter() - began - sum(stages.values())
        del model, item, score
        facts["peak_mib_before"] = peak_mib()
        start, busy = time.perf_counter(), time.process_time()
        likelihood = "binomial" if kind == "binary" else "normal"
        fit = eci.fit(matrix, likelihood=likelihood, method=methods[method])
        stages["fit"], stages["fit: CPU"] = time.perf_counter() - start, time.process_time() - busy
        stages |= {f"fit: {stage}": seconds for stage, seconds in fit.provenance.seconds.items()}
        facts["checks"] = " ".join(check.name for check in fit.diagnostics.failed) or "none"
        facts["device"] = fit.provenance.device
        estimate = fit.index
        low, high = (None, None) if fit.draws is None else np.quantile(fit.index_draws, [0.05, 0.95], axis=0)
    stages["process"] = time.perf_counter() - began
    true = 100.0 + 10.0 * (ability - ability.mean()) / ability.std()
    facts["index_rmse"] = float(np.sqrt(np.mean((estimate - true) ** 2)))
    facts["cover"] = None if low is None else float(np.mean((low <= true) & (true <= high)))
    facts["seconds"] = {stage: round(seconds, 3) for stage, seconds in stages.items()}
    facts["peak_mib"] = peak_mib()
    facts["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return facts


def run_girth(grid, model, item, score, stages):
    """The same estimate by girth: its two-parameter fit, then its abilities, on the standard scale."""
    import numpy as np
    from girth import ability_eap, twopl_mml

    answers = np.zeros((grid[1], grid[0]), dtype=int)
    answers[item, model] = score
    start, busy = time.perf_counter(), time.process_time()
    found = twopl_mml(answers)
    ability = ability_eap(answers, found["Difficulty"], found["Discrimination"])
    stages["fit"], stages["fit: CPU"] = time.perf_counter() - start, time.process_time() - busy
    return 100.0 + 10.0 * (ability - ability.mean()) / ability.std(), None, None


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def run_apart(kind, method, text, device):
    """One run in a fresh process; what went wrong where it failed."""
    platforms = {} if method == "quadrature" else {"JAX_PLATFORMS": {"cpu": "cpu", "gpu": "cuda"}[device]}
    command = [sys.executable, "-m", "bench.scale", "--run", kind, method, text]
    environment = {**os.environ, **platforms, "JAX_COMPILATION_CACHE_DIR": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"kind": kind, "method": method, "failed": words[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def predict(method, grid, before):
    """Seconds and GiB by the line through the last two runs, or by the matrix over models, where kept."""
    n_models, _, per_model = grid
    if method == "quadrature" or len(before) < 2:
        return 0.0, 0.0
    (first, last), n_cells = before[-2:], n_models * per_model
    steps = (n_cells - last["cells"]) / max(last["cells"] - first["cells"], 1)
    seconds, mib = (
        at(last) + max(at(last) - at(first), 0.0) * steps
        for at in (lambda line: line["seconds"]["fit"], lambda line: line["peak_mib"])
    )
    copies = 0 if method == "girth" else 5  # of a matrix over models, seen in the mode and the whitening
    return seconds, max(mib / 1024, copies * 8 * n_models**2 / 2**30)


def tabulate(lines):
    """A Markdown table of runs."""
    rows = []
    for before, line in zip([{}, *lines], lines, strict=False):
        if "not run" in before.get("failed", "") and before["method"] == line["method"]:
            continue  # nor the larger grids
        start = [line["kind"], line["grid"], f"{line['cells']:.0e}".replace("e+0", "e"), line["method"]]
        if "failed" in line:
            rows.append([*start, line["failed"], *[""] * 6])
            continue
        seconds = line["seconds"]
        cover = "" if line["cover"] is None else f"{line['cover']:.3f}"
        rows.append(
            [
                *start,
                f"{seconds['fit']:.1f} s",
                f"{seconds['fit: CPU']:.1f} s",
                f"{seconds['process']:.1f} s",
                str(line["peak_mib"]),
                f"{line['index_rmse']:.2f}",
                cover,
                line["checks"],
            ]
        )
    table = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in table)


def tabulate_coverage():
    """Coverage of 90 % intervals by items a model."""
    found = json.loads((EVIDENCE / "grid_coverage.json").read_text(encoding="utf-8"))["numbers"]
    lines = [
        "| items a model | models | data sets | index | difficulty | discrimination |",
        "|" + " --- |" * 6,
    ]
    for n_items, row in found.items():
        cells = [
            f"{row['coverage'][name]['mean']:.3f} ± {row['coverage'][name]['se']:.3f}"
            for name in ("ability", "difficulty", "discrimination")
        ]
        lines.append(f"| {n_items} | {row['models']} | {row['data sets']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def tabulate_departures():
    """Coverage by how far an item is from normal."""
    found = json.loads((EVIDENCE / "grid_departures.json").read_text(encoding="utf-8"))["numbers"]
    lines = ["| items a model | departure | items | difficulty | log slope |", "|" + " --- |" * 5]
    for n_items, bins in found.items():
        for name, (n, difficulty, slope) in bins.items():
            lines.append(f"| {n_items} | {name} | {n} | {difficulty:.3f} | {slope:.3f} |")
    return "\n".join(lines)


def tabulate_agreement():
    """Shifts of means and ratios of interval widths against NUTS."""
    found = json.loads((EVIDENCE / "grid_nuts.json").read_text(encoding="utf-8"))["numbers"]
    head = ["grid", "quantity", "mean shift, sd", "largest", "width ratio, median", "least", "most"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for grid, row in found.items():
        for name in ("index", "difficulty", "log discrimination"):
            least, median, most = row[name]["width ratio: least, median, most"]
            shift = f"{row[name]['mean shift']:.2f} | {row[name]['largest shift']:.2f}"
            lines.append(f"| {grid} | {name} | {shift} | {median:.2f} | {least:.2f} | {most:.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", default="1e3,1e4,1e5,1e6,1e7")
    parser.add_argument("--grids", default="")
    parser.add_argument("--kind", choices=["binary", "continuous"], default="binary")
    parser.add_argument("--methods", default="mode,laplace,nuts,quadrature")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--gib", type=float, default=4.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path, nargs="?", const=EVIDENCE / "scale.jsonl")
    parser.add_argument("--accuracy", action="store_true")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.table:
        print(tabulate([json.loads(line) for line in options.table.read_text(encoding="utf-8").splitlines()]))
        return
    if options.accuracy:
        print(tabulate_coverage(), tabulate_agreement(), tabulate_departures(), sep="\n\n")
        return
    if options.run:
        kind, method, text = options.run
        print(json.dumps(run(kind, method, parse_grid(text))))
        return
    methods = options.methods.split(",")
    unknown = set(methods) - set(METHODS)
    if unknown:
        parser.error(f"unknown methods {', '.join(sorted(unknown))}; known: {', '.join(METHODS)}")
    grids = [GRIDS[int(float(n))] for n in options.cells.split(",") if n] + options.grids.split(",")
    grids = sorted(filter(None, grids), key=lambda text: parse_grid(text)[0] * parse_grid(text)[2])
    lines = []
    for method in methods:
        if options.kind == "continuous" and method in ("quadrature", "girth"):
            continue
        before = []
        for text in grids:
            n_models, _, per_model = parse_grid(text)
            n_cells = n_models * per_model
            seconds, gib = predict(method, parse_grid(text), before)
            if method == "girth" and find_spec("girth") is None:
                line = {"kind": options.kind, "method": method, "failed": "girth is not installed"}
            elif seconds > options.seconds or gib > options.gib:
                words = f"not run: about {seconds:.0f} s, {gib:.1f} GiB"
                line = {"kind": options.kind, "method": method, "failed": words}
            else:
                line = run_apart(options.kind, method, text, options.device)
            line |= {"grid": text, "cells": n_cells}
            before += [] if "failed" in line else [line]
            lines.append(line)
            print(json.dumps(line), file=sys.stderr, flush=True)
    print(tabulate(lines))
    if options.json:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        options.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
