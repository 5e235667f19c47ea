"""Options that several commands share, and the arguments they stand for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

import click

R = TypeVar("R")

# The keys of eci.scores.readers.READERS, which would have to import pandas.
FORMATS = ("auto", "table", "wide", "epoch", "epoch_zip", "items", "each_item", "every_eval_ever", "inspect")
LIKELIHOODS = ("normal", "student_t", "logit_normal", "beta", "binomial", "beta_binomial")  # those of eci.fit
_READING = {
    "unit": click.option(
        "--unit",
        type=click.Choice(["fraction", "percent"]),
        default="fraction",
        show_default=True,
        help="Unit of score, chance and ceiling in DATA.",
    ),
    "format": click.option(
        "--format",
        "format",
        type=click.Choice(FORMATS),
        default="auto",
        show_default=True,
        help="Format of DATA. auto refuses what could be read in two ways.",
    ),
    "aliases": click.option(
        "--aliases",
        type=click.Path(path_type=Path),
        metavar="FILE.csv",
        help="Other spellings of names: columns alias and model (or benchmark).",
    ),
}
_DAY = click.DateTime(formats=["%Y-%m-%d"])
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
    "since": click.option("--since", type=_DAY, help="Drop models released earlier."),
    "until": click.option("--until", type=_DAY, help="Drop models released later."),
    "labs": click.option("--lab", "labs", multiple=True, help="Keep this lab only; may be repeated."),
    "domains": click.option("--domain", "domains", multiple=True, help="Keep this domain; may be repeated."),
    "with_items": click.option("--with-items", is_flag=True, help="Keep only scores with a number of items."),
    "exclude_benchmarks": click.option(
        "--exclude-benchmark", "exclude_benchmarks", multiple=True, help="Leave one out; may be repeated."
    ),
}


def data_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add `[DATA]`, `--unit`, `--format` and `--aliases`.

    The command receives `source`, and `reading`, the further keywords of `load_scores`.

    Parameters
    ----------
    command
        The function under `click.command`.
    """

    @wraps(command)
    def with_reading(*args: object, **given: object) -> R:
        reading = {name: given.pop(name) for name in _READING}
        return command(*args, reading=reading, **given)

    decorated: Callable[..., R] = with_reading
    for option in reversed(_READING.values()):
        decorated = option(decorated)
    source = click.argument("source", metavar="[DATA]", required=False, type=click.Path(path_type=Path))
    return source(decorated)


likelihood_option = click.option(
    "--likelihood",
    type=click.Choice(LIKELIHOODS),
    default="normal",
    show_default=True,
    help="How scores scatter around the curve; the last two count items.",
)


def rule_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the inclusion rules; the command receives `rules`, the keywords of `ScoreMatrix.from_table`.

    Parameters
    ----------
    command
        The function under `click.command`.
    """

    @wraps(command)
    def with_rules(*args: object, **given: object) -> R:
        rules = {name: given.pop(name) for name in _RULES}
        return command(*args, rules=rules, **given)

    decorated: Callable[..., R] = with_rules
    for option in reversed(_RULES.values()):
        decorated = option(decorated)
    return decorated
