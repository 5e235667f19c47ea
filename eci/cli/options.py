"""Options that several commands share, and the arguments they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

R = TypeVar("R")

# The keys of eci.scores.readers.READERS, which would have to import pandas.
FORMATS = ("auto", "table", "wide", "epoch", "epoch_zip", "items", "each_item", "every_eval_ever", "inspect")
LIKELIHOODS = ("normal", "student_t", "logit_normal", "beta", "binomial", "beta_binomial")  # those of eci.fit
DAY = click.DateTime(formats=["%Y-%m-%d"])
_RULES = {
    "duplicates": click.option(
        "--duplicates",
        type=click.Choice(["vendor", "independent", "mean", "max", "all"]),
        default="vendor",
        show_default=True,
        help="Which of several values of one model on one benchmark: the vendor's (else independent, else "
        "secondary), independent first, their mean, their maximum, or all.",
    ),
    "min_benchmarks": click.option(
        "--min-benchmarks",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        help="Benchmarks a model needs at least.",
    ),
    "min_models": click.option(
        "--min-models",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        help="Models a benchmark needs at least.",
    ),
    "since": click.option("--since", type=DAY, help="Drop models released earlier."),
    "until": click.option("--until", type=DAY, help="Drop models released later."),
    "labs": click.option("--lab", "labs", multiple=True, help="Keep this lab only; may be repeated."),
    "domains": click.option("--domain", "domains", multiple=True, help="Keep this domain; may be repeated."),
    "with_items": click.option("--with-items", is_flag=True, help="Keep only scores with a number of items."),
    "exclude_benchmarks": click.option(
        "--exclude-benchmark", "exclude_benchmarks", multiple=True, help="Leave one out; may be repeated."
    ),
}


def add_options(options: Sequence[Callable[[Callable[..., R]], Callable[..., R]]]) -> Callable[..., Any]:
    """Put options on a command, in the order in which its help shall list them.

    Parameters
    ----------
    options
        Decorators, as `click.option` makes them.
    """

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _gather(name: str, options: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Put options on a command that receives their values as one dictionary, under `name`."""

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        @wraps(command)
        def with_values(*args: object, **given: object) -> R:
            values = {key: given.pop(key) for key in options}
            return command(*args, **given, **{name: values})

        gathered: Callable[..., R] = add_options(list(options.values()))(with_values)
        return gathered

    return decorate


def reading_options(data: str) -> Callable[..., Any]:
    """Add `--unit`, `--format` and `--aliases`: the command receives `reading`, keywords of `load_scores`.

    Every command that reads scores takes these, so that what `eci fit` reads they read.

    Parameters
    ----------
    data
        What the help calls the scores.
    """
    return _gather(
        "reading",
        {
            "unit": click.option(
                "--unit",
                type=click.Choice(["fraction", "percent"]),
                default="fraction",
                show_default=True,
                help=f"Unit of score, chance and ceiling in {data}.",
            ),
            "format": click.option(
                "--format",
                "format",
                type=click.Choice(FORMATS),
                default="auto",
                show_default=True,
                help=f"Format of {data}. auto refuses what could be read in two ways.",
            ),
            "aliases": click.option(
                "--aliases",
                type=click.Path(path_type=Path),
                metavar="FILE.csv",
                help="Other spellings of names: columns alias and model (or benchmark).",
            ),
        },
    )


def refuse_reading(data: str) -> None:
    """Refuse `--unit`, `--format` and `--aliases` where the scores they speak of were not given.

    Parameters
    ----------
    data
        The option that gives the scores.
    """
    context = click.get_current_context()
    for name in ("unit", "format", "aliases"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name} says how to read {data}, which was not given: add {data}.")


def data_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add `[DATA]`, as `source`, and the options that say how to read it.

    Parameters
    ----------
    command
        The function under `click.command`.
    """
    source = click.argument("source", metavar="[DATA]", required=False, type=click.Path(path_type=Path))
    decorated: Callable[..., R] = source(reading_options("DATA")(command))
    return decorated


likelihood_option = click.option(
    "--likelihood",
    type=click.Choice(LIKELIHOODS),
    help="How scores scatter around the curve; the last two count items. Default: beta; with the methods "
    "of least squares normal, with quadrature binomial.",
)

interval_prob_option = click.option(
    "--interval-prob",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Probability of the intervals.",
)

trend_option = click.option(
    "--trend",
    "trend_file",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="The trend to show: this file of `eci trend DIR --out`, with the models it compares. Default: the "
    "trend of the frontier of all models.",
)

# The command receives `rules`, the keywords of `ScoreMatrix.from_table`.
rule_options = _gather("rules", _RULES)
