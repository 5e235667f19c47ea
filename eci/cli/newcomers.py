"""Options that let a command speak of a model that is not in the fit but has scores of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from eci.cli.options import add_options, reading_options, refuse_reading
from eci.errors import EXIT_CHECK_FAILED

if TYPE_CHECKING:
    from eci import Fit
    from eci.queries.placement import Placed, Placement

R = TypeVar("R")

_FAILED = f"{__name__}.failed"  # in the context of the command

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

    The command ends with exit code 3 where it rests on a new model that could not be placed.

    Parameters
    ----------
    command
        The function under `click.command`.
    """

    @wraps(command)
    def with_newcomers(*args: object, **given: Any) -> R:
        if given["scores"] is None:
            refuse_reading("--scores")
        result = command(*args, **given)
        if click.get_current_context().meta.get(_FAILED):
            raise click.exceptions.Exit(EXIT_CHECK_FAILED)
        return result

    decorated: Callable[..., R] = add_options([_SCORES, reading_options("--scores"), _PRIOR])(with_newcomers)
    return decorated


def place_newcomers(fit: Fit, given: dict[str, Any]) -> Placement | None:
    """Place the models of `--scores`; what is to be kept in mind goes to standard error."""
    named = {given["model"], given.get("against")} - {None}
    if given["scores"] is None:
        return None
    placement = fit.place(given["scores"], **given["reading"])
    for said in placement.warnings:
        click.echo(f"Note: {said}", err=True)
    for kind, name, why, hint in placement.left_out:
        click.echo(f"Left out: the {kind} {name}, {why}. {hint}".rstrip(), err=True)
    used = [one for one in placement if one.prior == given["prior"] and (not named or one.model in named)]
    click.get_current_context().meta[_FAILED] = tell_failed(used, err=True)
    return placement


def tell_failed(placed: Iterable[Placed], *, err: bool) -> bool:
    """Say of which models so few draws are left that nothing can be said of them; whether there are any."""
    from eci.queries.place import LEAST_EFFECTIVE

    failed = [one for one in placed if one.effective_draws < LEAST_EFFECTIVE]
    for one in failed:
        click.echo(
            f"CHECK FAILED: {one.model}, {one.prior} prior, rests on {one.effective_draws:.1f} effective "
            f"draws of {one.n_draws}, limit {LEAST_EFFECTIVE}: its interval says nothing. Fit again with the "
            "model in the data.",
            err=err,
        )
    return bool(failed)
