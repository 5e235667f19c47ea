"""A reference posterior: long runs of two different samplers on one small data set, kept for the tests.

    python -m bench.reference [--write]        # two long runs, a quarter of an hour; the file with --write

20 models on 8 benchmarks, three cells in four, continuous scores with the likelihood normal and the default
priors; the scores are in the file. The samplers share no code but jax: this package's kernel on its whitened
coordinates, and NumPyro's on the program as a user writes it (`bench/peers/numpyro_user.py`, automatic
transforms, adapted diagonal metric). Quantities are on the standard scale. The file holds, for each sampler,
means, sds and 5, 50 and 95 % quantiles with Monte Carlo errors, and how far the samplers are apart.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

PATH = Path(__file__).resolve().parents[1] / "tests" / "golden" / "reference_posterior.json"
SHAPE, SEED, CHAINS, DRAWS = (20, 8), 4, 4, 10_000
PROBS = (0.05, 0.5, 0.95)


def draw_scores():
    """Model, benchmark and score of every cell, scores to four digits."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    n_models, n_benchmarks = SHAPE
    ability, difficulty = rng.normal(size=n_models), rng.normal(0.0, 0.8, n_benchmarks)
    slope = np.exp(rng.normal(0.5, 0.4, n_benchmarks))
    model, benchmark = np.nonzero(np.add.outer(np.arange(n_models), np.arange(n_benchmarks)) % 4 > 0)
    mean = 1.0 / (1.0 + np.exp(-slope[benchmark] * (ability[model] - difficulty[benchmark])))
    score = np.clip(mean + rng.normal(0.0, 0.05, len(mean)), 0.0, 1.0)
    return {"model": model.tolist(), "benchmark": benchmark.tolist(), "score": score.round(4).tolist()}


def make_matrix(scores):
    """The score matrix of stored scores."""
    from eci.scores import ScoreMatrix

    n_models, n_benchmarks = SHAPE
    names = [f"m{i:02d}" for i in range(n_models)], [f"b{i}" for i in range(n_benchmarks)]
    return ScoreMatrix.from_arrays(*names, scores["model"], scores["benchmark"], scores["score"])


def sample_eci(matrix):
    """Draws (chain, draw, n) of ability, difficulty, log discrimination and log noise sd."""
    import numpy as np

    import eci

    fit = eci.fit(
        matrix,
        method=eci.Nuts(n_chains=CHAINS, n_draws=DRAWS, max_extensions=0),
        seed=SEED,
        likelihood="normal",
    )
    draws = fit.draws
    named = [draws.ability, draws.difficulty, np.log(draws.discrimination), np.log(draws.shared["noise_sd"])]
    return [x.reshape(CHAINS, DRAWS, -1) for x in named]


def sample_numpyro(matrix):
    """The same by NumPyro with its defaults."""
    import jax
    import numpy as np
    from numpyro.infer import MCMC, NUTS

    from bench.peers.numpyro_user import write_model

    with jax.enable_x64(True):
        mcmc = MCMC(
            NUTS(write_model(matrix, "normal"), target_accept_prob=0.9),
            num_warmup=2000,
            num_samples=DRAWS,
            num_chains=CHAINS,
            chain_method="sequential",
            progress_bar=False,
        )
        mcmc.run(jax.random.key(SEED))
        named = {name: np.asarray(x) for name, x in mcmc.get_samples(group_by_chain=True).items()}
    named["log_noise_sd"] = np.log(named["noise_sd"])[..., None]
    return [named[name] for name in ("ability", "difficulty", "log_discrimination", "log_noise_sd")]


SAMPLERS = {"eci": sample_eci, "numpyro": sample_numpyro}


def summarise(draws):
    """Mean, sd and quantiles of published quantities with Monte Carlo errors, and their R-hat."""
    import numpy as np

    from eci.inference.convergence import compute_mixing
    from eci.scale import Scale

    ability, difficulty, log_slope, log_noise = draws
    shape = ability.shape[:2]
    scale = Scale.standard(ability.reshape(-1, ability.shape[2]))

    def flat(x):
        return x.reshape(-1, x.shape[2])

    published = {
        "index": scale.points(flat(ability)),
        "difficulty": scale.points(flat(difficulty)),
        "log discrimination": np.log(scale.per_point(np.exp(flat(log_slope)))),
        "log noise sd": flat(log_noise),
    }
    found = {}
    for name, x in published.items():
        by_chain = x.reshape(*shape, -1)
        mixing = compute_mixing(by_chain)
        sd, quantiles = x.std(axis=0), np.quantile(x, PROBS, axis=0)
        below = (by_chain[None] <= quantiles[:, None, None]).astype(float)
        width = np.quantile(x, np.add.outer([-0.01, 0.01], PROBS), axis=0)  # density by a difference quotient
        density = 0.02 / (width[1] - width[0])
        prob_error = [
            below[i].std(axis=(0, 1)) / np.sqrt(compute_mixing(below[i]).ess_bulk) for i in range(len(PROBS))
        ]
        found[name] = {
            "mean": x.mean(axis=0).tolist(),
            "mean_error": (sd / np.sqrt(mixing.ess_bulk)).tolist(),
            "sd": sd.tolist(),
            "quantiles": quantiles.tolist(),
            "quantile_errors": (np.array(prob_error) / density).tolist(),
            "rhat": float(mixing.rhat.max()),
            "ess": float(mixing.ess_bulk.min()),
        }
    return found


def compare(first, second):
    """Largest difference of means and of quantiles in Monte Carlo errors, by quantity."""
    import numpy as np

    apart = {}
    for name, one in first.items():
        other = second[name]
        for key, error in (("mean", "mean_error"), ("quantiles", "quantile_errors")):
            z = np.subtract(one[key], other[key]) / np.hypot(one[error], other[error])
            apart[f"{name}, {key}"] = round(float(np.abs(z).max()), 2)
    return apart


def round_all(value):
    """Six digits everywhere."""
    if isinstance(value, dict):
        return {name: round_all(x) for name, x in value.items()}
    return [round_all(x) for x in value] if isinstance(value, list) else float(f"{value:.6g}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    scores = draw_scores()
    found, seconds = {}, {}
    for name, sample in SAMPLERS.items():
        start = time.perf_counter()
        found[name] = round_all(summarise(sample(make_matrix(scores))))
        seconds[name] = round(time.perf_counter() - start)
        print(name, seconds[name], {key: (x["rhat"], x["ess"]) for key, x in found[name].items()}, flush=True)
    apart = compare(found["eci"], found["numpyro"])
    print("apart, Monte Carlo errors:", apart)
    if options.write:
        facts = {
            "command": "python -m bench.reference --write",
            "chains": CHAINS,
            "draws of a chain": DRAWS,
            "seconds": seconds,
            "versions": {"python": platform.python_version()} | {p: version(p) for p in ("jax", "numpyro")},
            "scores": scores,
            "probs": PROBS,
            "apart": apart,
            "posterior": found,
        }
        PATH.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
