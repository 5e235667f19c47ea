"""Text in CSV files that a spreadsheet would run as a formula: an apostrophe before it, taken off when read.

A name is data of a stranger, and `=HYPERLINK(...)` is a legal one. Spreadsheets run a cell that begins with
= + - @ (or their full-width forms), a tab or a carriage return; an apostrophe before it makes it text (OWASP
Application Security Verification Standard 5.0, 1.2.10).
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pandas as pd

from eci.errors import EciWarning

_RUN = re.compile(
    r"'*[=+\-@\t\r＝＋－＠]"
)  # apostrophes too, so that taking one off gives back what was there
_SHIELDED = re.compile(r"'+[=+\-@\t\r＝＋－＠]")


def shield(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run; numbers stay as they are.

    Parameters
    ----------
    text
        A cell.
    """
    return f"'{text}" if _RUN.match(text) and not _is_number(text) else text


def unshield(text: str) -> str:
    """Take off the apostrophe that `shield` put before a text.

    Parameters
    ----------
    text
        A cell as written.
    """
    return text[1:] if _SHIELDED.match(text) else text


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as UTF-8 CSV with LF, six significant digits, blanks where unknown, and no formula.

    Parameters
    ----------
    table
        The table; its index is not written.
    path
        The file.

    Warns
    -----
    EciWarning
        If a cell got an apostrophe, which other programs than `eci` see.
    """
    written = table.map(lambda cell: shield(cell) if isinstance(cell, str) else cell)
    changed = [
        cell
        for name in table
        for cell, other in zip(table[name], written[name], strict=True)
        if isinstance(cell, str) and cell != other
    ]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        warnings.warn(
            f"{path.name}: {changed[0][:80]!r}{more} would run as a formula in a spreadsheet, so an "
            "apostrophe stands before it in this file. eci reads it without; other programs see it.",
            EciWarning,
            stacklevel=2,
        )
    written.to_csv(path, index=False, float_format="%.6g", lineterminator="\n", encoding="utf-8")


def unshield_table(table: pd.DataFrame) -> pd.DataFrame:
    """Take off the apostrophes of a table that has been read."""
    return table.map(lambda cell: unshield(cell) if isinstance(cell, str) else cell)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
