"""One file format, one file; this registry is the only place that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eci.scores.faults import Faults
from eci.scores.readers import table
from eci.scores.readers.tables import Tables


@dataclass(frozen=True)
class Reader:
    """A format: how to recognise it, how to read it.

    Parameters
    ----------
    accepts
        Whether a path looks like this format; must be cheap.
    read
        Path to tables; adds faults where cells cannot be read, raises DataError where nothing can.
    """

    accepts: Callable[[Path], bool]
    read: Callable[[Path, Faults], Tables]


READERS: dict[str, Reader] = {
    # "auto" asks from the top; table accepts whatever is left.
    "table": Reader(table.accepts, table.read),
}
