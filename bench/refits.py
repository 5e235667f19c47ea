"""Bootstrap refits of Epoch's least squares: all at once, against one SciPy solve each.

    python -m bench.refits [--data FILE] [--refits 500] [--peer-refits 20] [--json FILE]

FILE is the copy of Epoch's scores of November 2025 (the default where it is there) or scores of our format
(elsewhere the default is the bundled ones). Both sides refit the same resamples from the same start, the fit
of all scores. The peer is `scipy.optimize.least_squares` as Epoch's public code calls it: trust region
reflective, default tolerances, one residual for the penalty, the Jacobian in closed form and sparse.
`differences` is the same with SciPy's default, finite differences. The peer's time for all refits is that of
--peer-refits of them, scaled up.

At its default tolerances the peer stops short of the optimum. So draws are compared with a third solve,
dense, with a residual for each parameter of the penalty and tolerances of 1e-12; the distance of the peer's
own stops from these optima stands beside it.

What was expected, written before the first run of this file. A step of one refit on Epoch's 179 models, 38
benchmarks and 1,324 scores is 2 * 179 * 76^2 = 2.1 million operations to eliminate the abilities, 76^3 / 3 =
0.15 million for the Cholesky factor and about 40 a score = 0.05 million; it moves about 0.6 MB (the 179 by 76
couplings, written and read three times, and 25 vectors over the scores). At 20 GFlop/s and 8 GB/s on one core
that is 0.18 ms; with 15 steps a refit, 500 refits take 1.4 s. The peer's solve was seen to take 25
evaluations of about 7 ms: 0.17 s, 85 s in all. Expected ratio: 60 on one core; more where chunks of refits
share two.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import coo_matrix
from scipy.special import expit

import eci
from bench.samplers import EPOCH, load_matrix
from eci.fitted import make_scale
from eci.inference.bootstrap import fit_bootstrap, resample
from eci.inference.least_squares import BOUNDS, CLIP

SEED = 0


class Peer:
    """Epoch's objective as residuals of one free vector: abilities, difficulties, slopes but the anchor's."""

    def __init__(self, matrix: eci.ScoreMatrix, options: eci.LeastSquares) -> None:
        self.m, self.j = matrix.model_index, matrix.benchmark_index
        span = (matrix.upper - matrix.lower)[self.j]
        self.score = np.clip((matrix.score - matrix.lower[self.j]) / span, CLIP, 1.0 - CLIP)
        self.ends = np.cumsum([matrix.n_models, matrix.n_benchmarks])
        self.is_free = np.ones(self.ends[1] + matrix.n_benchmarks, dtype=bool)
        if options.anchor_benchmark:
            self.is_free[self.ends[1] + matrix.benchmarks.index(options.anchor_benchmark)] = False
        counts = (matrix.n_models, matrix.n_benchmarks, matrix.n_benchmarks)
        self.bounds = np.repeat(np.array(BOUNDS), counts, axis=0)[self.is_free].T
        self.ridge = options.ridge / self.is_free.sum()

    def start(self) -> np.ndarray:
        """Where Epoch starts: locations N(0, 0.1), slopes 1."""
        rng = np.random.RandomState(42)
        return np.r_[0.1 * rng.randn(self.ends[1]), np.ones(self.is_free[self.ends[1] :].sum())]

    def split(self, free: np.ndarray) -> list[np.ndarray]:
        whole = np.ones(len(self.is_free))
        whole[self.is_free] = free
        return np.split(whole, self.ends)

    def scores(self, free: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, ...]:
        """Residuals of the scores, and their Jacobian as rows, columns, values."""
        ability, difficulty, slope = self.split(free)
        distance = ability[self.m] - difficulty[self.j]
        p = expit(slope[self.j] * distance)
        rise, rows = root * p * (1.0 - p), np.arange(len(p))
        columns = np.r_[self.m, self.ends[0] + self.j, self.ends[1] + self.j]
        values = np.r_[rise * slope[self.j], -rise * slope[self.j], rise * distance]
        is_free = self.is_free[columns]
        place = np.cumsum(self.is_free) - 1
        at = np.tile(rows, 3)[is_free], place[columns[is_free]]
        return root * (p - self.score), *at, values[is_free]

    def solve(self, start: np.ndarray, weights: np.ndarray, *, jacobian: bool = True) -> np.ndarray:
        """As Epoch does."""
        root, n = np.sqrt(weights), len(start)

        def residuals(free: np.ndarray) -> np.ndarray:
            return np.append(self.scores(free, root)[0], np.sqrt(self.ridge * (free @ free)))

        def slopes(free: np.ndarray) -> coo_matrix:
            _, rows, columns, values = self.scores(free, root)
            last = self.ridge * free / np.sqrt(self.ridge * (free @ free))
            at = np.r_[rows, np.full(n, len(root))], np.r_[columns, np.arange(n)]
            return coo_matrix((np.r_[values, last], at), shape=(len(root) + 1, n)).tocsr()

        jac = slopes if jacobian else "2-point"
        return least_squares(residuals, start, jac=jac, bounds=self.bounds).x

    def solve_tightly(self, start: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The same optimum, to more digits."""
        root, n, ridge = np.sqrt(weights), len(start), np.sqrt(self.ridge)

        def residuals(free: np.ndarray) -> np.ndarray:
            return np.r_[self.scores(free, root)[0], ridge * free]

        def slopes(free: np.ndarray) -> np.ndarray:
            _, rows, columns, values = self.scores(free, root)
            dense = np.zeros((len(root) + n, n))
            np.add.at(dense, (rows, columns), values)
            dense[len(root) :] = ridge * np.eye(n)
            return dense

        tight = dict.fromkeys(["ftol", "xtol", "gtol"], 1e-12)
        return least_squares(residuals, start, jac=slopes, bounds=self.bounds, max_nfev=2000, **tight).x


def to_points(ability, matrix, anchors):
    return make_scale(ability[None], matrix.models, anchors).points(ability[None])[0]


def compare(path: Path | None, n_refits: int, n_peer: int) -> dict[str, object]:
    """Time both on one machine in one run, and compare draw by draw."""
    matrix, anchors = load_matrix(path)
    anchor = "Winogrande" if "Winogrande" in matrix.benchmarks else None
    method = eci.Bootstrap(n_refits=n_refits, estimator=eci.LeastSquares(anchor_benchmark=anchor))
    peer = Peer(matrix, method.estimator)
    weights, _ = resample(matrix, method, np.random.default_rng(SEED))

    began = time.perf_counter()
    estimate = fit_bootstrap(matrix, method, SEED)
    ours = time.perf_counter() - began

    whole = np.ones(matrix.n_scores)
    center = peer.solve_tightly(peer.start(), whole)
    seconds: dict[str, list[float]] = {"scipy": [], "differences": []}
    distance: dict[str, list[float]] = {"optimum": [], "scipy": []}
    for refit in range(min(n_peer, n_refits)):
        w = weights[refit]
        began = time.perf_counter()
        stopped = peer.solve(center, w)
        seconds["scipy"].append(time.perf_counter() - began)
        if refit < 2:
            began = time.perf_counter()
            peer.solve(center, w, jacobian=False)
            seconds["differences"].append(time.perf_counter() - began)
        optimum = to_points(peer.split(peer.solve_tightly(center, w))[0], matrix, anchors)
        mine = to_points(estimate.draws.ability[refit], matrix, anchors)
        distance["optimum"].append(float(np.abs(mine - optimum).max()))
        theirs = to_points(peer.split(stopped)[0], matrix, anchors)
        distance["scipy"].append(float(np.abs(theirs - optimum).max()))
    whole_index, weaker = (
        eci.fit(matrix, method=replace(method.estimator, ridge=ridge), anchors=anchors).index
        for ridge in (method.estimator.ridge, 0.01 * method.estimator.ridge)
    )
    moved = np.abs(weaker - whole_index)
    each = {name: float(np.mean(values)) for name, values in seconds.items()}
    return {
        "data": "epoch_2025_11" if path == EPOCH else str(path or "bundled"),
        "models": matrix.n_models,
        "benchmarks": matrix.n_benchmarks,
        "scores": matrix.n_scores,
        "refits": n_refits,
        "seconds": ours,
        "seconds_scipy_each": each["scipy"],
        "seconds_scipy_differences_each": each["differences"],
        "ratio": each["scipy"] * n_refits / ours,
        "ratio_differences": each["differences"] * n_refits / ours,
        "compared": len(distance["optimum"]),
        "points_from_optimum": max(distance["optimum"]),
        "points_scipy_from_optimum": max(distance["scipy"]),
        "moved_by_penalty_mean": float(moved.mean()),
        "moved_by_penalty_most": float(moved.max()),
        "steps_mean": float(estimate.stats["n_steps"].mean()),
        "steps_most": int(estimate.stats["n_steps"].max()),
        "checks_failed": [check.name for check in estimate.checks if not check.ok],
        "device": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("numpy", "scipy")},
    }


def describe(line: dict[str, object]) -> str:
    return f"""\
{line["data"]}: {line["models"]} models, {line["benchmarks"]} benchmarks, {line["scores"]} scores; {line["device"]}

{line["refits"]} refits at once                       {line["seconds"]:8.2f} s   ({line["steps_mean"]:.1f} steps each on average, {line["steps_most"]} at most)
one SciPy solve each                      {line["seconds_scipy_each"] * line["refits"]:8.1f} s   ratio {line["ratio"]:.0f}
one SciPy solve each, finite differences  {line["seconds_scipy_differences_each"] * line["refits"]:8.1f} s   ratio {line["ratio_differences"]:.0f}

Largest distance of an index from that of the tight solve, {line["compared"]} refits compared:
ours {line["points_from_optimum"]:.5f} points, SciPy at its default tolerances {line["points_scipy_from_optimum"]:.3f} points

With a hundredth of the penalty an index moves by {line["moved_by_penalty_mean"]:.2f} points on average, {line["moved_by_penalty_most"]:.2f} at most"""  # noqa: E501


def main() -> None:
    """Compare, print, and append a JSON line where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=EPOCH if EPOCH.exists() else None)
    parser.add_argument("--refits", type=int, default=500)
    parser.add_argument("--peer-refits", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    line = compare(options.data, options.refits, options.peer_refits)
    print(describe(line))
    if options.json:
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
