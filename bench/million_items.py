"""Load and code a million item responses from Parquet: seconds and peak memory of each reading.

python -m bench.million_items      # writes docs/evidence/million_items.json; needs pyarrow; half a minute
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
SEED = 0
SHAPE = 200, 50, 100  # models, benchmarks, items of each


def write_responses(path):
    rng = np.random.default_rng(SEED)
    m, b, i = np.indices(SHAPE).reshape(3, -1)
    logit = rng.normal(size=SHAPE[0])[m] - rng.normal(size=SHAPE[1:])[b, i]
    right = rng.uniform(size=m.size) < 1 / (1 + np.exp(-logit))
    names = {
        name: np.char.add(f"{name} ", at.astype(str))
        for name, at in zip(("model", "benchmark", "item"), (m, b, i), strict=True)
    }
    frame = pd.DataFrame({**names, "response": right.astype("int8")})
    frame.sample(frac=1, random_state=SEED).to_parquet(path)


def read(path, form):
    """Run in a process of its own: peak memory is a fact of a process."""
    start, cpu = time.perf_counter(), time.process_time()
    import eci

    matrix = eci.ScoreMatrix.from_table(eci.load_scores(path, format=form))
    seconds = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = {"models": matrix.n_models, "benchmarks": matrix.n_benchmarks, "scores": matrix.n_scores}
    print(json.dumps({"format": form, **size, "seconds": seconds, "peak_gib": peak}))


def main():
    if sys.argv[1:]:
        read(*sys.argv[1:])
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "responses.parquet"
        write_responses(path)
        command = [sys.executable, "-m", "bench.million_items", str(path)]
        numbers = [
            json.loads(subprocess.run([*command, form], check=True, capture_output=True, cwd=ROOT).stdout)
            for form in ("items", "each_item")
        ]
    git = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(git, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    record = {
        "commit": commit,
        "command": "python -m bench.million_items",
        "seeds": [SEED],
        "load_average": round(os.getloadavg()[0], 1),  # wall time is shared with what else runs
        "python": platform.python_version(),
        "seconds": sum(found["seconds"]["wall"] for found in numbers),
        "numbers": numbers,
    }
    (ROOT / "docs/evidence/million_items.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"load average {record['load_average']} on {os.cpu_count()} processors")
    for found in numbers:
        seconds = found["seconds"]
        print(
            f"{found['format']:<9}  {found['scores']:>7} scores  {seconds['wall']:5.1f} s "
            f"({seconds['cpu']:.1f} s of computing)  {found['peak_gib']:.2f} GiB"
        )


if __name__ == "__main__":
    main()
