"""Simulated pairs of indices with a known affine relation: bias, error and coverage of every link.

    eci fit --out DIR && python -m bench.linking noise DIR > noise.json     # errors of the bundled benchmarks
    python -m bench.linking run noise.json docs/evidence/link_simulation.json
    python -m bench.linking show

Common benchmarks: their discriminations and difficulties, and the posterior errors of these, are those of
benchmarks drawn from a fit of the bundled scores; each side adds an independent error of that size, the new
side also a drift. `concurrent` stands for the likelihood of one curve per benchmark to second order;
`bench.link_refits` has the real one. Common models: values from 125 to 158 points, errors and scatter as AECI
and ECI show them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import eci
from eci.linking.common import Abilities, Curves
from eci.linking.concurrent import find_drift_influence
from eci.linking.drift import estimate_drift
from eci.linking.line import fit_line
from eci.linking.points import Points
from eci.linking.propagate import add_drift, constants_at, pair_draws

EVIDENCE = Path(__file__).resolve().parents[1] / "docs/evidence/link_simulation.json"
SIZES = {"benchmarks, drift 0.1": (3, 5, 10, 20), "benchmarks, drift 0.3": (5, 10), "models": (3, 5, 10, 20)}
METHODS = ("mean-mean", "mean-sigma", "haebara", "stocking-lord", "regression", "concurrent")
SLOPE, INTERCEPT = 1.15, 0.4
DRIFTS = {"benchmarks, drift 0.1": 0.1, "benchmarks, drift 0.3": 0.3}  # of the sd of ability
N_DRAWS = 200
N_PAIRS = 400
MIN_MODELS = 8
MODEL_SD, MODEL_CORR, MODEL_SCATTER = 0.58, 0.4, 0.8  # points: the unshared part of ECI's errors, and scatter


def noise_of(folder: str) -> dict[str, list[float]]:
    """Curves of the bundled benchmarks and the size of their errors, in sds of ability."""
    fit = eci.load_fit(folder)
    centre = fit.ability_draws.mean(axis=1, keepdims=True)
    spread = fit.ability_draws.std(axis=1, keepdims=True)
    kept = fit.matrix.n_models_per_benchmark >= MIN_MODELS
    b = ((fit.draws.difficulty - centre) / spread)[:, kept]
    log_a = np.log(fit.draws.discrimination * spread)[:, kept]
    corr = [np.corrcoef(x, y)[0, 1] for x, y in zip(log_a.T, b.T, strict=True)]
    columns = {
        "log_a": log_a.mean(axis=0),
        "b": b.mean(axis=0),
        "log_a_sd": log_a.std(axis=0),
        "b_sd": b.std(axis=0),
        "corr": np.array(corr),
    }
    return {name: np.round(column, 4).tolist() for name, column in columns.items()}


def one_pair_of_forms(noise: dict[str, list[float]], n: int, seed: int, drift_sd: float) -> dict[str, Any]:
    """Link one simulated pair by n common benchmarks: slope and level of each method, with 90 % intervals."""
    rng = np.random.default_rng([seed, n, 1])
    table = np.column_stack([noise[name] for name in ("log_a", "b", "log_a_sd", "b_sd", "corr")])
    log_a, b, log_a_sd, b_sd, corr = table[rng.choice(len(table), n, replace=False)].T

    def errors(*shape: int) -> tuple[np.ndarray, np.ndarray]:
        u, v = rng.standard_normal((*shape, n)), rng.standard_normal((*shape, n))
        return log_a_sd * u, b_sd * (corr * u + np.sqrt(1 - corr**2) * v)

    # errors of a benchmark keep their size relative to the spread of ability on either side
    sides = []
    for slope, shift, drift in ((1.0, 0.0, 0.0), (SLOPE, INTERCEPT, drift_sd)):
        e, f = errors()
        draw_e, draw_f = errors(N_DRAWS)
        true_b = shift + slope * (b + drift * rng.standard_normal(n))
        centre_a, centre_b = log_a - np.log(slope) + e, true_b + slope * f
        sides.append((centre_a, centre_b, centre_a + draw_e, centre_b + slope * draw_f, slope))
    (a0, b0, draws_a0, draws_b0, _), (a1, b1, draws_a1, draws_b1, scale) = sides
    zero = np.zeros((n, n))
    points = Points(b0, b1, np.diag(b_sd**2), np.diag((scale * b_sd) ** 2), zero)
    limits = np.zeros(n), np.ones(n)
    old, new = Curves(np.exp(draws_a0), draws_b0, *limits), Curves(np.exp(draws_a1), draws_b1, *limits)
    abilities = Abilities.normal(0.0, 1.0), Abilities.normal(INTERCEPT, SLOPE)
    level_at = float(b.mean())
    found = {}
    for method in METHODS:
        if method == "regression":
            line = fit_line(points, n_draws=N_DRAWS * 4, rng=rng)
            slope, intercept = line.slope, line.intercept
        elif method == "concurrent":
            at = float(b0.mean())
            link, cov = _all_information(a0, b0 - at, a1, b1, log_a_sd, b_sd, corr)
            by_drift = find_drift_influence(old, new, slope=float(np.exp(link[0])), centre=at)
            drift = estimate_drift(points, weights=np.ones(n), n_draws=4 * N_DRAWS, rng=rng)
            measured = rng.standard_normal((4 * N_DRAWS, 2)) @ np.linalg.cholesky(cov).T
            slope, intercept = constants_at(link + add_drift(measured, by_drift, drift, rng), at)
        else:
            constants, _ = pair_draws(
                old, new, points, method=method, abilities=abilities, weights=np.ones(n), rng=rng
            )
            slope, intercept = constants.slope, constants.intercept
        found[method] = summarise_draws(slope, intercept, level_at)
    found["truth"] = [SLOPE, INTERCEPT + SLOPE * level_at, INTERCEPT]
    return found


def one_pair_of_series(n: int, seed: int) -> dict[str, Any]:
    """Link one simulated pair by n common models, errors on both sides."""
    rng = np.random.default_rng([seed, n, 2])
    slope, intercept = 1.07, -8.3
    true = rng.uniform(125, 158, n)
    e = rng.standard_normal(n)
    f = MODEL_CORR * e + np.sqrt(1 - MODEL_CORR**2) * rng.standard_normal(n)
    x = true + MODEL_SD * e
    y = intercept + slope * true + MODEL_SCATTER * rng.standard_normal(n) + MODEL_SD * f
    own = MODEL_SD**2 * np.eye(n)
    points = Points(x, y, own, own, MODEL_CORR * own)
    found = {}
    for method, robust in (("regression", False), ("regression, robust", True)):
        line = fit_line(points, n_draws=4 * N_DRAWS, rng=rng, robust=robust)
        found[method] = summarise_draws(line.slope, line.intercept, 140.0)
    found["truth"] = [slope, intercept + slope * 140.0, intercept]
    return found


def _all_information(a0, b0, a1, b1, log_a_sd, b_sd, corr):
    """Least squares on log discriminations and difficulties at once: what concurrent calibration would use.

    The curves of both sides are normal estimates of one curve, so this is its likelihood to second order.
    Returns (log slope, level at old 0) and their covariance, drift apart.
    """
    theta = np.array([0.0, float((b1 - b0).mean())])
    for _ in range(50):
        slope = np.exp(theta[0])
        residual = np.stack([a1 - a0 + theta[0], b1 - slope * b0 - theta[1]], axis=-1)
        jacobian = np.zeros((a0.size, 2, 2))
        jacobian[:, 0, 0], jacobian[:, 1, 0], jacobian[:, 1, 1] = 1.0, -slope * b0, -1.0
        cross = corr * log_a_sd * b_sd
        cov = np.empty((a0.size, 2, 2))
        cov[:, 0, 0], cov[:, 1, 1] = 2 * log_a_sd**2, (slope**2 + SLOPE**2) * b_sd**2
        cov[:, 0, 1] = cov[:, 1, 0] = cross * (slope + SLOPE)
        precision = np.linalg.inv(cov)
        gram = np.einsum("jka,jkl,jlb->ab", jacobian, precision, jacobian)
        step = np.linalg.solve(gram, np.einsum("jka,jkl,jl->a", jacobian, precision, residual))
        theta = theta - step
        if np.abs(step).max() < 1e-10:
            break
    return theta, np.linalg.inv(gram)


def summarise_draws(slope: np.ndarray, intercept: np.ndarray, at: float) -> list[list[float]]:
    """Median and 90 % interval of slope, level at `at`, and intercept."""
    rows = []
    for quantity in (slope, intercept + at * slope, intercept):
        low, middle, high = np.quantile(quantity, [0.05, 0.5, 0.95])
        rows.append([round(float(v), 6) for v in (middle, low, high)])
    return rows


def table_of(pairs: list[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Bias, root mean squared error and coverage of (slope, level, intercept) by method."""
    truth = np.array([pair["truth"] for pair in pairs])
    table = {}
    for method in (name for name in pairs[0] if name != "truth"):
        found = np.array([pair[method] for pair in pairs])
        error = found[:, :, 0] - truth
        inside = (found[:, :, 1] <= truth) & (truth <= found[:, :, 2])
        table[method] = {
            "bias": error.mean(axis=0).round(4).tolist(),
            "rmse": np.sqrt((error**2).mean(axis=0)).round(4).tolist(),
            "coverage": inside.mean(axis=0).round(4).tolist(),
        }
    return table


def simulate(noise: dict[str, list[float]], case: str, n: int, seed: int) -> dict[str, Any]:
    """Simulate and link one pair of a case."""
    if case == "models":
        return one_pair_of_series(n, seed)
    return one_pair_of_forms(noise, n, seed, DRIFTS[case])


def run(noise: dict[str, list[float]], target: Path, n_pairs: int = N_PAIRS) -> None:
    """Simulate everything, writing after every size; the first three pairs are kept, for the fast test."""
    started = time.perf_counter()
    record: dict[str, Any] = {
        "commit": commit(),
        "command": "python -m bench.linking run NOISE.json docs/evidence/link_simulation.json",
        "seeds": [0, n_pairs - 1],
        "seconds": 0,
        "settings": {"slope": SLOPE, "intercept": INTERCEPT, "n_draws": N_DRAWS, "interval_prob": 0.9},
        "numbers": {},
        "first_three": {},
        "noise": noise,
    }
    for case, sizes in SIZES.items():
        for n in sizes:
            pairs = [simulate(noise, case, n, seed) for seed in range(n_pairs)]
            record["numbers"].setdefault(case, {})[str(n)] = table_of(pairs)
            record["first_three"].setdefault(case, {})[str(n)] = pairs[:3]
            record["seconds"] = round(time.perf_counter() - started)
            target.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")
            print(case, n, record["seconds"], file=sys.stderr, flush=True)


def commit() -> str:
    """Name the commit, and whether anything was changed since."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def show(record: dict[str, Any]) -> str:
    """One line for each size and method."""
    head = f"{'common':>24} {'n':>3}  {'method':<19}" + "".join(
        f"{name:>24}" for name in ("slope", "level", "intercept")
    )
    lines = [head, " " * 49 + "".join(f"{'bias':>10}{'rmse':>7}{'cover':>7}" for _ in range(3))]
    for name, sizes in record["numbers"].items():
        for n, methods in sizes.items():
            for method, row in methods.items():
                columns = zip(row["bias"], row["rmse"], row["coverage"], strict=True)
                cells = "".join(f"{bias:>10.3f}{rmse:>7.3f}{cover:>7.3f}" for bias, rmse, cover in columns)
                lines.append(f"{name:>24} {n:>3}  {method:<19}{cells}")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Run one of the three commands."""
    task, source = (*arguments, str(EVIDENCE))[:2]
    if task == "noise":
        print(json.dumps(noise_of(source)))
    elif task == "run":
        run(json.loads(Path(source).read_text(encoding="utf-8")), Path(arguments[2]))
    else:
        print(show(json.loads(Path(source).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main(sys.argv[1:])
