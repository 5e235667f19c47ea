"""One file format, one file; this registry is the only place that knows them all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eci.errors import DataError, EciWarning
from eci.scores.faults import Faults
from eci.scores.readers import epoch, epoch_zip, every_eval_ever, inspect_log, items, table, wide
from eci.scores.readers.glimpse import Glimpse, look
from eci.scores.readers.tables import Tables


@dataclass(frozen=True)
class Reader:
    """A format: how to recognise it, how to read it.

    Parameters
    ----------
    what
        The format in words, as the end of "read as ...".
    accepts
        Whether a path, as far as it has been seen, is of this format.
    read
        Path to tables; adds faults where cells cannot be read, raises DataError where nothing can.
    is_told
        Whether a recognition deserves a warning, because a table of another kind with odd names could look
        like this.
    """

    what: str
    accepts: Callable[[Glimpse], bool]
    read: Callable[[Path, Faults], Tables]
    is_told: bool = False


READERS: dict[str, Reader] = {
    "table": Reader("a long table", table.accepts, table.read),
    "wide": Reader("a matrix of models by benchmarks", wide.accepts, wide.read, is_told=True),
    "epoch": Reader("Epoch's eci_benchmarks.csv", epoch.accepts, epoch.read),
    "epoch_zip": Reader("Epoch's benchmark_data.zip", epoch_zip.accepts, epoch_zip.read),
    "items": Reader("item responses", items.accepts, items.read),
    "each_item": Reader("item responses, each kept", items.accepts_nothing, items.read_each),
    "every_eval_ever": Reader("records of Every Eval Ever", every_eval_ever.accepts, every_eval_ever.read),
    "inspect": Reader("logs of Inspect", inspect_log.accepts, inspect_log.read),
}


def recognise(path: Path) -> str:
    """Name the one format in which a path can be read.

    Parameters
    ----------
    path
        A file or folder that exists.

    Returns
    -------
    str
        A key of `READERS`; "table" where no format fits, because its reader says best what is missing.

    Raises
    ------
    DataError
        If several formats fit: the choice would be a guess.

    Warns
    -----
    EciWarning
        If the format is one that a misnamed table of another kind could look like.
    """
    seen = look(path)
    fitting = [name for name, reader in READERS.items() if reader.accepts(seen)]
    if len(fitting) > 1:
        readings = " and as ".join(f"{READERS[name].what} ({name})" for name in fitting)
        raise DataError(
            f"{path} can be read as {readings}. Say which with format= (--format): it is never guessed."
        )
    name = fitting[0] if fitting else "table"
    if READERS[name].is_told:
        said = f"{path}: read as {READERS[name].what}. Say format={name!r} (--format {name}) if it is one."
        warnings.warn(said, EciWarning, stacklevel=2)
    return name
