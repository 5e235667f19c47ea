"""`--method` and the options that belong to one method each."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from eci.cli.options import add_options

if TYPE_CHECKING:
    from eci.inference.method import Method

R = TypeVar("R")

_REFITTED = ("bootstrap", "least_squares")
_OWNERS = {  # option -> methods that have it
    "draws": ("nuts", "laplace", "quadrature"),
    "chains": ("nuts",),
    "target_accept": ("nuts",),
    "max_tree_depth": ("nuts",),
    "refits": ("bootstrap",),
    "resample": ("bootstrap",),
    "ridge": _REFITTED,
    "anchor_benchmark": _REFITTED,
}
_OPTIONS = (
    click.option(
        "--method",
        type=click.Choice(["nuts", "laplace", "map", "quadrature", "bootstrap", "least_squares"]),
        default="nuts",
        show_default=True,
        help="nuts is the exact posterior; the others are previews. quadrature is for single answers by the "
        "million (--likelihood binomial); bootstrap and least_squares are how Epoch's index is made.",
    ),
    click.option(
        "--draws",
        type=click.IntRange(min=10),
        default=1000,
        show_default=True,
        help="Draws of each chain between two looks at the checks (nuts), or in all (quadrature); laplace "
        "keeps four times as many.",
    ),
    click.option("--chains", type=click.IntRange(min=1), default=4, show_default=True, help="Chains (nuts)."),
    click.option(
        "--target-accept",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.9,
        show_default=True,
        help="Mean acceptance that the step size aims at; nearer to 1 is slower and leaves fewer "
        "divergences (nuts).",
    ),
    click.option(
        "--max-tree-depth",
        type=click.IntRange(min=1, max=20),
        default=10,
        show_default=True,
        help="A trajectory has at most 2 to this power steps (nuts).",
    ),
    click.option(
        "--refits", type=click.IntRange(min=10), default=500, show_default=True, help="Refits (bootstrap)."
    ),
    click.option(
        "--resample",
        type=click.Choice(["scores", "benchmarks"]),
        default="scores",
        show_default=True,
        help="Draw each model's scores with replacement, as Epoch does, or leave out a random fifth of the "
        "benchmarks, as Anthropic does (bootstrap).",
    ),
    click.option(
        "--ridge",
        type=click.FloatRange(0, min_open=True),
        default=0.1,
        show_default=True,
        help="Strength of the penalty (bootstrap, least_squares).",
    ),
    click.option(
        "--anchor-benchmark",
        metavar="BENCHMARK",
        help="Benchmark whose slope is held at 1; Epoch's is Winogrande (bootstrap, least_squares).",
    ),
)


def method_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the options; the command receives `method`, as `eci.fit` takes it.

    Parameters
    ----------
    command
        The function under `click.command`.
    """

    @wraps(command)
    def with_method(*args: object, method: str, **given: Any) -> R:
        context = click.get_current_context()
        values = {name: given.pop(name) for name in _OWNERS}
        for name, owners in _OWNERS.items():
            is_given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
            if is_given and method not in owners:
                flag = "--" + name.replace("_", "-")
                raise click.UsageError(f"{flag} belongs to --method {' or '.join(owners)}, not to {method}.")
        return command(*args, method=_choose(method, **values), **given)

    decorated: Callable[..., R] = add_options(_OPTIONS)(with_method)
    return decorated


def _choose(
    method: str,
    *,
    draws: int,
    chains: int,
    target_accept: float,
    max_tree_depth: int,
    refits: int,
    resample: str,
    ridge: float,
    anchor_benchmark: str | None,
) -> Method:
    """Put the options of a method together."""
    import eci

    if method == "nuts":
        return eci.Nuts(
            n_chains=chains, n_draws=draws, target_accept=target_accept, max_tree_depth=max_tree_depth
        )
    if method == "laplace":
        return eci.Laplace(n_draws=4 * draws)
    if method == "quadrature":
        return eci.Quadrature(n_draws=draws)
    if method == "map":
        return eci.Map()
    estimator = eci.LeastSquares(ridge=ridge, anchor_benchmark=anchor_benchmark)
    if method == "least_squares":
        return estimator
    return eci.Bootstrap(n_refits=refits, resample=resample, estimator=estimator)  # type: ignore[arg-type]
