"""Do the intervals of every method cover? One table, by the number of scores a model has.

As in test_coverage.py, truth and scores are drawn from the priors, so NUTS covers as often as it says unless
it is wrong; the others have no such guarantee and are shown as they are. On the published scale, m000 is 130
points and m001 is 150 in every draw and in the truth; data sets for which `eci fit` would refuse these
anchors by any method are left out for all, so that rows compare. Coverage is averaged within data sets first.

    [ECI_COVERAGE=beta] python -m pytest -m slow tests/statistical/test_coverage_methods.py

The likelihood is that of the simulation, of NUTS and of Laplace; both bootstraps are of least squares.
"""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

import eci
from eci.scale import MAX_REVERSED_PROB, Scale
from eci.scores import ScoreMatrix

DOCS = Path(__file__).parents[2] / "docs"
EVIDENCE, PAGE = DOCS / "evidence" / "coverage_methods.json", DOCS / "coverage.md"
COMMAND = (
    "ECI_COVERAGE={} OMP_NUM_THREADS=1 python -m pytest -m slow tests/statistical/test_coverage_methods.py"
)
LIKELIHOODS = ("normal", "beta")

N_SETS, N_RECHECKED = 240, 3
N_SCORES = (12, 12, 3, 5, 8) * 4  # of each model; the anchors have the most, as anchors do
N_BENCHMARKS = 12
PROBS = (0.5, 0.9)
PRIORS = eci.Priors(  # benchmarks within reach, a spread below 0.1: scores that look like published ones
    difficulty_mean_sd=0.5,
    difficulty_sd_scale=1.0,
    log_discrimination_mean=0.7,
    log_discrimination_mean_sd=0.3,
    log_discrimination_sd_scale=0.5,
    noise_sd_scale=0.1,
    log_precision_mean=4.0,
    log_precision_mean_sd=0.5,
    log_precision_sd_scale=0.5,
)
METHODS = {
    "nuts": eci.Nuts(n_draws=500, max_extensions=0, max_halvings=0),
    "laplace": eci.Laplace(n_draws=2000),
    "bootstrap of scores": eci.Bootstrap(n_refits=500),
    "bootstrap of benchmarks": eci.Bootstrap(n_refits=100, resample="benchmarks"),
}
TITLES = ("published", "standard")


def draw(seed, likelihood):
    """Draw a data set: each model takes benchmarks in turn from a place of its own."""
    whole, truth = eci.simulate(len(N_SCORES), N_BENCHMARKS, priors=PRIORS, seed=seed, likelihood=likelihood)
    sat = np.zeros((len(N_SCORES), N_BENCHMARKS), dtype=bool)
    for m, n in enumerate(N_SCORES):
        sat[m, (5 * m + np.arange(n)) % N_BENCHMARKS] = True
    kept = sat[whole.model_index, whole.benchmark_index]
    pairs = whole.model_index[kept], whole.benchmark_index[kept]
    return ScoreMatrix.from_arrays(whole.models, whole.benchmarks, *pairs, whole.score[kept]), truth


def to_published(ability):
    slope = 20.0 / (ability[:, 1] - ability[:, 0])
    return Scale(slope, 130.0 - slope * ability[:, 0], "", {})


SCALES = dict(zip(TITLES, (to_published, Scale.standard), strict=True))


def fit(method, matrix, seed, likelihood):
    options = {"priors": PRIORS, "likelihood": likelihood}
    if isinstance(method, eci.Bootstrap):
        options = {"likelihood": "normal"}
    return eci.fit(matrix, method=method, seed=seed, **options)


def cover(draws, truth):
    """Share of the truth inside the intervals, by scale, probability and number of scores; median width."""
    found, n_scores = {}, np.array(N_SCORES)
    for title, to_scale in SCALES.items():
        points = to_scale(draws.ability).points(draws.ability)
        true = to_scale(truth.ability[None]).points(truth.ability[None])[0]
        is_free = np.arange(len(true)) >= (2 if title == "published" else 0)
        for prob in PROBS:
            low, high = np.quantile(points, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
            held = (low <= true) & (true <= high)
            found |= {
                f"{title} {prob} {n}": float(held[is_free & (n_scores == n)].mean())
                for n in sorted(set(N_SCORES))
            }
            found[f"{title} {prob} all"] = float(held[is_free].mean())
            found[f"{title} {prob} width"] = float(np.median((high - low)[is_free]))
    return found


def study(seed, likelihood):
    matrix, truth = draw(seed, likelihood)
    result = {}
    for name, method in METHODS.items():
        draws = fit(method, matrix, seed, likelihood).draws
        is_abler = np.mean(draws.ability[:, 1] > draws.ability[:, 0])
        accepted = bool(min(is_abler, 1 - is_abler) <= MAX_REVERSED_PROB)
        result[name] = {"accepted": accepted} | cover(draws, truth)
    return result


def average(values):
    values = np.asarray(values)
    error = values.std(ddof=1) / np.sqrt(len(values))
    return {"mean": round(float(values.mean()), 4), "se": round(float(error), 4), "n": len(values)}


def summarise(rows):
    accepted = [row for row in rows if all(found["accepted"] for found in row.values())]
    return {
        f"{method}, {name}": average([row[method][name] for row in (accepted if "pub" in name else rows)])
        for method in METHODS
        for name in rows[0][method]
        if name != "accepted"
    }


def tabulate(numbers):
    """Rows are methods and probabilities, columns numbers of scores."""
    columns = [*map(str, sorted(set(N_SCORES))), "all", "width"]
    lines = []
    for title in TITLES:
        n = numbers[f"nuts, {title} 0.9 all"]["n"]
        lines += [
            f"Index on the {title} scale, {n} data sets:",
            "",
            "| method | interval | "
            + " | ".join(f"{c} scores" if c.isdigit() else c for c in columns[:-1])
            + " | width |",
            "|---" * (len(columns) + 2) + "|",
        ]
        for method in METHODS:
            for prob in PROBS:
                cells = [numbers[f"{method}, {title} {prob} {c}"] for c in columns]
                text = [f"{c['mean']:.2f} ± {c['se']:.2f}" for c in cells[:-1]] + [f"{cells[-1]['mean']:.1f}"]
                lines.append(f"| {method} | {100 * prob:.0f} % | " + " | ".join(text) + " |")
        lines.append("")
    return "\n".join(lines).rstrip()


def stored():
    return json.loads(EVIDENCE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_page_shows_what_was_found_of_every_method(likelihood):
    assert tabulate(stored()[likelihood]["numbers"]) in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_intervals_of_every_method(likelihood, commit, capsys, put_in_page):
    if likelihood not in os.environ.get("ECI_COVERAGE", ",".join(LIKELIHOODS)).split(","):
        pytest.skip("not asked for")
    started = time.perf_counter()
    rows = []
    for seed in range(N_SETS):
        rows.append(study(seed, likelihood))
        with capsys.disabled():
            seen = {name: round(found["standard 0.9 all"], 2) for name, found in rows[-1].items()}
            print(seed, round(time.perf_counter() - started), seen, flush=True)
    numbers = summarise(rows)
    evidence = stored() | {
        likelihood: {
            "commit": commit,
            "command": COMMAND.format(likelihood),
            "seeds": f"0 to {N_SETS - 1}",
            "seconds": round(time.perf_counter() - started),
            "design": {
                "scores of each model": N_SCORES, "benchmarks": N_BENCHMARKS, "priors": PRIORS.as_dict(),
            },
            "numbers": numbers,
            "rechecked": {str(seed): bootstrap_intervals(seed, likelihood) for seed in range(N_RECHECKED)},
        }
    }  # fmt: skip
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    put_in_page(PAGE, f"methods, {likelihood}", tabulate(numbers))
    for title in TITLES:
        for prob in PROBS:
            cell = numbers[f"nuts, {title} {prob} all"]
            assert abs(cell["mean"] - prob) <= 3 * cell["se"] + 0.01, (title, prob, cell)


def bootstrap_intervals(seed, likelihood):
    """Ends of the 90 % intervals of both bootstraps on the standard scale, and the scores' sum."""
    matrix, _ = draw(seed, likelihood)
    found = {"score_sum": float(matrix.score.sum())}
    for name, method in METHODS.items():
        if name.startswith("bootstrap"):
            index = fit(method, matrix, seed, likelihood).index_draws
            found[name] = np.quantile(index, [0.05, 0.95], axis=0).round(3).tolist()
    return found


def test_three_stored_bootstraps_are_found_again():
    """To a hundredth of a point: a refit has no Monte Carlo error of its own."""
    rechecked = stored()["normal"]["rechecked"]
    assert len(rechecked) == N_RECHECKED
    for seed, before in rechecked.items():
        now = bootstrap_intervals(int(seed), "normal")
        assert now["score_sum"] == pytest.approx(before["score_sum"], rel=1e-9)
        for name in METHODS:
            if name.startswith("bootstrap"):
                np.testing.assert_allclose(now[name], before[name], atol=0.01)
