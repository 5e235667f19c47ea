"""Tables of the HTML report: cells as they are shown and as they are sorted and downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from eci.report.text import write_number

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "fixed", "number", "interval", "link"]

_LINKS = ("https://", "http://")  # anything else, such as javascript:, is shown and not followed


@dataclass(frozen=True)
class Column:
    """A column: its name in the table, its heading, how it is shown, and whether a phone has room for it.

    Fixed text is never broken over two lines. An interval holds (low, middle, high) in percent of the width
    of the column and is drawn.
    """

    name: str
    heading: str
    kind: Kind = "text"
    spec: str = ""
    minor: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell: the text shown, the value sorted by and downloaded where it is another, where a link leads."""

    text: str
    value: Any = None
    href: str | None = None


@dataclass(frozen=True)
class PageTable:
    """A table of the page.

    Parameters
    ----------
    name
        Identifier, and the name of the downloaded file.
    caption
        What it holds.
    columns, rows
        Cells by row; `groups` has what a row is filtered by, "" where nothing.
    limit
        Rows shown until more are asked for.
    searchable
        Whether there is a field to search it.
    ticks
        Axis of the drawn intervals: values with their places in percent of the width.
    near, near_ticks
        The part of that axis, in percent, that is enlarged while none but the first `limit` rows are shown,
        and its ticks.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    groups: tuple[str, ...]
    limit: int
    searchable: bool
    ticks: tuple[tuple[float, float], ...] = ()
    near: tuple[float, float] = (0.0, 100.0)
    near_ticks: tuple[tuple[float, float], ...] = ()

    @property
    def choices(self) -> list[tuple[str, int]]:
        """Groups with their number of rows, in alphabetical order."""
        return [(group, self.groups.count(group)) for group in sorted(set(self.groups)) if group]


def build_table(
    name: str,
    caption: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    group: str | None = None,
    limit: int = 25,
    searchable: bool = False,
    ticks: Sequence[tuple[float, float]] = (),
    near: tuple[float, float] = (0.0, 100.0),
    near_ticks: Sequence[tuple[float, float]] = (),
) -> PageTable:
    """Turn a table into one of the page.

    Parameters
    ----------
    name, caption
        See `PageTable`.
    frame, columns
        The table, and the columns of it to show.
    group
        Column to filter by.
    limit, searchable, ticks, near, near_ticks
        See `PageTable`.
    """
    taken = [frame[column.name].tolist() for column in columns]
    rows = tuple(
        tuple(_cell(value, column) for value, column in zip(row, columns, strict=True))
        for row in zip(*taken, strict=True)
    )
    groups = ("",) * len(frame) if group is None else tuple(map(str, frame[group]))
    axis = tuple(ticks), near, tuple(near_ticks)
    return PageTable(name, caption, tuple(columns), rows, groups, limit, searchable, *axis)


def _cell(value: Any, column: Column) -> Cell:
    if column.kind == "interval":
        return Cell("", value)
    if value is None or value != value:  # noqa: PLR0124 - nan is the value that differs from itself
        return Cell("")
    if column.kind == "number":
        text, exact = write_number(value, column.spec), f"{value:.6g}"
        return Cell(text, None if text.lstrip("+") == exact else exact)
    if column.kind == "link":
        text = str(value)
        return Cell(_shorten(text), href=text if text.lower().startswith(_LINKS) else None)
    return Cell(format(value, column.spec))


def _shorten(address: str) -> str:
    """Host of an address, or the text itself where it is none."""
    from urllib.parse import urlsplit

    if not address.lower().startswith(_LINKS):
        return address
    try:
        return urlsplit(address).netloc.removeprefix("www.") or address
    except ValueError:  # http://[ begins as an address does
        return address
