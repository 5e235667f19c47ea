"""Options that read an index over time and select from it, and the reading."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from eci.cli.files import read_names, read_table
from eci.cli.options import DAY, add_options
from eci.errors import DataError

if TYPE_CHECKING:
    from eci import IndexSeries

R = TypeVar("R")

_OPTIONS = (
    click.option(
        "--frontier", is_flag=True, help="The running maximum of the true index, its membership uncertain."
    ),
    click.option("--lab", "labs", multiple=True, help="Keep this lab; may be repeated."),
    click.option(
        "--models", help="Keep these models: names with commas between, or a file with one name a line."
    ),
    click.option("--since", type=DAY, help="Keep models released on this day or later."),
    click.option("--until", type=DAY, help="Keep models released on this day or earlier."),
    click.option("--through", metavar="MODEL", help="Keep models released no later than this one."),
    click.option(
        "--reasoning", type=click.Choice(["yes", "no"]), help="Keep models that reason, or that do not."
    ),
    click.option(
        "--weights", type=click.Choice(["open", "closed"]), help="Keep models with open or closed weights."
    ),
    click.option("--vintage", help="Vintage of the table; a prefix is enough."),
    click.option(
        "--error-corr",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.95,
        show_default=True,
        help="Correlation of the errors of two models, for a table with intervals.",
    ),
)


def series_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the index, as `source`, and the options that select from it, as `read_series` takes them.

    Parameters
    ----------
    command
        The function under `click.command`.
    """
    source = click.argument("source", metavar="DIR|TABLE.csv", type=click.Path(path_type=Path))
    decorated: Callable[..., R] = source(add_options(_OPTIONS)(command))
    return decorated


def read_series(source: Path, given: dict[str, Any]) -> IndexSeries:
    """Read a fit or a published table and select from it."""
    import eci

    selection = {
        "frontier": given["frontier"],
        "labs": list(given["labs"]) or None,
        "models": read_names(given["models"]),
        "since": _day(given["since"]),
        "until": _day(given["until"]),
        "through": given["through"],
        "reasoning": given["reasoning"],
        "weights": given["weights"],
    }
    if source.is_dir():
        if given["vintage"] is not None:
            raise DataError(
                f"--vintage {given['vintage']} was given, but {source} is a fit, which has no vintages."
            )
        return eci.IndexSeries.from_fit(eci.load_fit(source), **selection)
    return eci.IndexSeries.from_table(
        read_table(source), vintage=given["vintage"], error_corr=given["error_corr"], **selection
    )


def _day(value: dt.datetime | None) -> str | None:
    return None if value is None else value.date().isoformat()
