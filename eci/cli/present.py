"""Tables and verdicts on standard output: whole lines, on a terminal as in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eci.report.text import write_number

if TYPE_CHECKING:
    import pandas as pd


def print_table(table: pd.DataFrame, formats: dict[str, str], headings: dict[str, str] | None = None) -> None:
    """Print a table; numbers right-aligned by `formats` (column to format spec), unknown values blank.

    Parameters
    ----------
    table
        The table; its index is not shown.
    formats
        Format specification of each number column, such as ".1f".
    headings
        Heading by column, where it differs from the name.
    """
    names = [str(name) for name in table.columns]
    rows = [
        [_cell(value, formats.get(name)) for name, value in zip(names, row, strict=True)]
        for row in table.itertuples(index=False)
    ]
    titles = [(headings or {}).get(name, name.replace("_", " ")) for name in names]
    right = [name in formats for name in names]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        cells = [
            f"{cell:>{w}}" if r else f"{cell:<{w}}" for cell, w, r in zip(row, widths, right, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _cell(value: Any, spec: str | None) -> str:
    if value is None or value != value:  # noqa: PLR0124 - nan is the value that differs from itself
        return ""
    return write_number(value, spec) if spec else str(value)
