"""Checks on the published quantities, each with its advice. Free of jax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eci.fitted import Check, Diagnostics, Fit, Parameters
from eci.inference.convergence import compute_bfmi, compute_mixing
from eci.inference.method import Nuts
from eci.psis import max_pareto_k, smooth_weights
from eci.scale import Scale

MAX_RHAT = 1.01
MIN_ESS = 400.0
MAX_DIVERGENT = 0.001
MAX_CUT = 0.01  # trajectories cut short cost effective draws, which have a check of their own
MIN_BFMI = 0.3

FloatArray = NDArray[np.float64]

_MORE = (
    "Draw more (--draws 4000, up to eight times as many while a check fails). If that does not help, the "
    "one named has few scores, or all of them at its chance level or ceiling: leave it out "
    "(--exclude-benchmark), or ask for more scores (--min-models, --min-benchmarks)."
)
_ADVICE = {
    "rhat": f"The chains disagree. {_MORE}",
    "ess_bulk": f"Too few effective draws for the mean. {_MORE}",
    "ess_tail": f"Too few effective draws for the interval. {_MORE}",
}


def published_quantities(
    draws: Parameters, scale: Scale, models: Sequence[str], benchmarks: Sequence[str]
) -> dict[str, tuple[FloatArray, Sequence[str]]]:
    """Index, difficulty (points) and log discrimination (per point), (draw, n), and the columns' names.

    Anchors are left out of the index: they do not vary. In a draw that has them in the wrong order slopes are
    negative, and their size is taken.
    """
    free = [i for i, model in enumerate(models) if model not in scale.anchors]
    return {
        "index": (scale.points(draws.ability)[:, free], [models[i] for i in free]),
        "difficulty": (scale.points(draws.difficulty), benchmarks),
        "discrimination": (np.log(np.abs(scale.per_point(draws.discrimination))), benchmarks),
    }


def check_convergence(
    quantities: Mapping[str, tuple[FloatArray, Sequence[str]]], n_chains: int
) -> tuple[Check, ...]:
    """R-hat (at most 1.01), bulk and tail effective sample size (at least 400) of published quantities."""
    checks = []
    for quantity, (draws, names) in quantities.items():
        if not draws.shape[1]:
            continue
        mixing = compute_mixing(draws.reshape(n_chains, -1, draws.shape[1]))
        for statistic, values in mixing._asdict().items():
            limit, sign = (MAX_RHAT, 1.0) if statistic == "rhat" else (MIN_ESS, -1.0)
            badness = np.where(np.isnan(values), np.inf, sign * values)
            at = int(np.argmax(badness))
            ok = bool(badness[at] <= sign * limit)
            checks.append(
                Check(f"{statistic}_{quantity}", float(values[at]), limit, ok, names[at], _ADVICE[statistic])
            )
    return tuple(checks)


def check_scale(scale: Scale) -> tuple[Check, ...]:
    """No draw has the anchors in the wrong order (1 % are refused); nothing to check where none has."""
    reversed_prob = float(np.mean(scale.slope <= 0))  # of draws that are numbers: others have a check
    if reversed_prob == 0.0:
        return ()
    return (
        Check(
            "anchors_in_order", 1.0 - reversed_prob, 1.0, False, " and ".join(scale.anchors),
            "Some draws have the anchors in the wrong order, so that a point has any size: means and sds in "
            "points mean nothing then, intervals do. Anchor two models that differ more (--anchor).",
        ),
    )  # fmt: skip


def recheck(fit: Fit, scale: Scale) -> Diagnostics:
    """Checks of a fit on another scale: those that depend on it are made anew."""
    kept = tuple(check for check in fit.diagnostics.checks if check.name != "anchors_in_order")
    if fit.draws is not None and fit.method["name"] == Nuts.name:
        quantities = published_quantities(fit.draws, scale, fit.matrix.models, fit.matrix.benchmarks)
        others = tuple(check for check in kept if not check.name.startswith(("rhat_", "ess_")))
        kept = check_convergence(quantities, fit.n_chains) + others
    return Diagnostics(kept + check_scale(scale))


def check_sampler(
    stats: Mapping[str, NDArray[np.generic]], n_chains: int, options: Nuts
) -> tuple[Check, ...]:
    """Divergences (at most 0.1 % of draws), trajectories cut short (1 %), energy BFMI (at least 0.3)."""
    by_chain = {
        name: np.asarray(value, dtype=np.float64).reshape(n_chains, -1) for name, value in stats.items()
    }
    diverging, bfmi = by_chain["diverging"], compute_bfmi(by_chain["energy"])
    cut = np.mean(by_chain["tree_depth"] >= options.max_tree_depth)
    worst = f"chain {int(np.argmax(diverging.sum(axis=1)))}"
    return (
        Check(
            "divergences", float(diverging.mean()), MAX_DIVERGENT, bool(diverging.mean() <= MAX_DIVERGENT),
            worst if diverging.any() else "",
            "Steps fell off the posterior, part of which may be missed. Smaller steps: --target-accept 0.99. "
            "If that does not help, a tighter prior (--priors FILE), or more scores for each benchmark "
            "(--min-models 6).",
        ),
        Check(
            "max_tree_depth", float(cut), MAX_CUT, bool(cut <= MAX_CUT), "",
            "Trajectories were cut short: draws are valid but slow to mix. Longer ones: --max-tree-depth 12.",
        ),
        Check(
            "bfmi", float(bfmi.min()), MIN_BFMI, bool(bfmi.min() >= MIN_BFMI),
            f"chain {int(np.argmin(bfmi))}",
            "The energy moves slowly: heavy tails in the posterior. Draw more (--draws 4000), or give a "
            "tighter prior (--priors FILE).",
        ),
    )  # fmt: skip


def check_finite(draws: Parameters) -> tuple[Check, ...]:
    """Draws of a normal approximation are numbers: where it is very wide, difficulties overflow."""
    arrays = (draws.ability, draws.difficulty, draws.discrimination)
    whole = np.concatenate([np.isfinite(array) for array in arrays], axis=1).all(axis=1)
    return (
        Check(
            "finite_draws", float(whole.mean()), 1.0, bool(whole.all()), "",
            "The normal approximation is so wide that values overflow: the posterior is not of its shape. "
            "Use --method nuts.",
        ),
    )  # fmt: skip


def check_importance(joint: FloatArray, abilities: FloatArray) -> tuple[Check, ...]:
    """Pareto k of the log ratios, (draw,), of the posterior to its approximation: all parameters, abilities.

    Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, JMLR 25(72).
    """
    checks = []
    for name, log_ratios, what in (
        ("pareto_k_index", abilities, "abilities and common parameters"),
        ("pareto_k", joint, "all parameters"),
    ):
        _, (k,) = smooth_weights(log_ratios[:, None])
        limit = max_pareto_k(len(log_ratios))
        checks.append(
            Check(
                name, float(k), limit, bool(k <= limit), "",
                f"The posterior of {what} is not of the normal shape that laplace gives it, most often in "
                "its tails, so centres are nearer the truth than interval ends. Use --method nuts.",
            )
        )  # fmt: skip
    return tuple(checks)


def check_center(gradient_norm: float) -> tuple[Check, ...]:
    """Whether there is a mode to centre the sampler's coordinates on."""
    found = bool(np.isfinite(gradient_norm))
    return (
        Check(
            "mode_found", float(found), 1.0, found, "",
            "The curves can pass through all scores, so the noise has no mode and the sampler starts from a "
            "crude guess. Ask for more scores of each benchmark (--min-models 6), or give a tighter prior "
            "(--priors FILE).",
        ),
    )  # fmt: skip


def check_mode(gradient_norm: float, definite: bool) -> tuple[Check, ...]:
    """The mode was reached, and the curvature there is that of a maximum."""
    return (
        Check(
            "mode_gradient", gradient_norm, 1.0, gradient_norm <= 1.0, "",
            "The mode was not reached (norm in posterior sds). Use --method nuts.",
        ),
        Check(
            "hessian_positive_definite", float(definite), 1.0, definite, "",
            "The exact curvature at the mode is not that of a maximum; its Gauss-Newton part stood in. "
            "Use --method nuts.",
        ),
    )  # fmt: skip
