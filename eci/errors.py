"""Exceptions, warnings and exit codes of the package.

Every message has four parts: what is wrong, where (file, row, column, model), the value seen, what to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import os

EXIT_GOOD = 0
EXIT_BAD_INPUT = 1
EXIT_USAGE = 2
EXIT_CHECK_FAILED = 3
EXIT_INTERRUPTED = 130


class EciError(Exception):
    """Base of all errors the package raises on purpose; the command line shows its text and no traceback."""

    exit_code: ClassVar[int] = EXIT_BAD_INPUT


class DataError(EciError, ValueError):
    """A file, table or argument does not hold what it should."""


class IdentificationError(EciError, ValueError):
    """The data cannot determine what was asked (a disconnected score graph, equal anchors)."""


class ConvergenceError(EciError, RuntimeError):
    """A computation ended without meeting its checks; `partial` holds what was reached.

    Parameters
    ----------
    message
        The four-part message.
    partial
        The result computed so far, or None where there is none.
    """

    exit_code: ClassVar[int] = EXIT_CHECK_FAILED

    def __init__(self, message: str, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial


def require_file(path: str | os.PathLike[str], what: str, advice: str) -> None:
    """Refuse a path where no file is: nothing, or a folder.

    Parameters
    ----------
    path
        The path as the user named it.
    what
        What the file is to be, as in "The priors file".
    advice
        What to do, as a sentence.

    Raises
    ------
    DataError
        Where it is missing or a folder.
    """
    if Path(path).is_dir():
        raise DataError(f"{what} {path} is a folder. {advice}")
    if not Path(path).exists():
        raise DataError(f"{what} {path} does not exist. {advice}")


class EciWarning(UserWarning):
    """A stated consequence of the data or of a choice: the result stands, with this caveat."""
