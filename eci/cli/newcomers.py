"""Options that let a command speak of a model that is not in the fit but has scores of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from eci.cli.options import add_options, reading_options, refuse_reading

if TYPE_CHECKING:
    from eci import Fit
    from eci.queries.placement import Placement

R = TypeVar("R")

_SCORES = click.option(
    "--scores",
    type=click.Path(path_type=Path),
    help="Scores of new models, as `eci place` takes them: --model may then name one of these.",
)
_PRIOR = click.option(
    "--prior",
    type=click.Choice(["standard", "dated"]),
    default="standard",
    show_default=True,
    help="Prior of a new model.",
)


def newcomer_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add `--scores`, how to read them, and `--prior`, as `place_newcomers` takes them.

    Parameters
    ----------
    command
        The function under `click.command`.
    """

    @wraps(command)
    def with_newcomers(*args: object, **given: Any) -> R:
        if given["scores"] is None:
            refuse_reading("--scores")
        return command(*args, **given)

    decorated: Callable[..., R] = add_options([_SCORES, reading_options("--scores"), _PRIOR])(with_newcomers)
    return decorated


def place_newcomers(fit: Fit, given: dict[str, Any]) -> Placement | None:
    """Place the models of `--scores`; what is to be kept in mind goes to standard error."""
    if given["scores"] is None:
        return None
    placement = fit.place(given["scores"], **given["reading"])
    for said in placement.warnings:
        click.echo(f"Note: {said}", err=True)
    for kind, name, why, hint in placement.left_out:
        click.echo(f"Left out: the {kind} {name}, {why}. {hint}".rstrip(), err=True)
    return placement
