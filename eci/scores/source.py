"""Where scores came from: enough to read them again, and to see whether they are still the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from eci.atomic import checksum
from eci.scores.aliases import Aliases
from eci.scores.readers.glimpse import look

ATTRIBUTE = "eci_source"  # of a long table's `attrs`; plain JSON, so that pandas can write it beside a table
IN_MEMORY = "DataFrame"
_ENDINGS = (".csv", ".json", ".eval")  # what readers open in a folder


def describe_file(
    given: Path | None, path: Path, format_name: str, unit: str, aliases: Aliases
) -> dict[str, Any]:
    """Record a file or folder that has been read.

    Parameters
    ----------
    given
        The path as the user gave it; None for the bundled data.
    path
        Where that is.
    format_name
        The format it was read in.
    unit
        The unit that was declared.
    aliases
        Other spellings that were replaced.
    """
    named = None if given is None else os.fsencode(given).decode("utf-8", "backslashreplace")
    record = {"path": named, "sha256": _hash(path), "format": format_name, "unit": unit}
    return {**record, "aliases": _describe_aliases(aliases)}


def describe_frame(frame: pd.DataFrame, unit: str, aliases: Aliases) -> dict[str, Any]:
    """Record a table in memory: where it was read from, if `load_scores` read it."""
    kept = frame.attrs.get(ATTRIBUTE)
    if not isinstance(kept, Mapping):
        kept = {"path": None, "sha256": None, "format": IN_MEMORY, "unit": unit, "aliases": []}
    return {**kept, "aliases": [*kept["aliases"], *_describe_aliases(aliases)]}


def _describe_aliases(aliases: Aliases) -> list[dict[str, Any]]:
    if not aliases.model and not aliases.benchmark:
        return []
    return [{"path": aliases.source or None, "sha256": aliases.digest}]


def _hash(path: Path) -> str:
    """SHA-256 of a file; of a folder, of the names and hashes of its files of data."""
    if path.is_file():
        return checksum(path)
    sha = hashlib.sha256()
    for name in look(path).members:
        if name.endswith(_ENDINGS):
            sha.update(f"{name}\0{_hash(path / name)}\n".encode("utf-8", "surrogateescape"))
    return sha.hexdigest()
