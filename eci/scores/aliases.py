"""Other spellings of names: a table the user writes, because two spellings are never merged unasked."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from eci.errors import DataError, EciWarning
from eci.scores.faults import Faults
from eci.scores.names import did_you_mean
from eci.scores.readers.csv_file import read_csv
from eci.scores.sheet import Header, Sheet

Kind = Literal["model", "benchmark"]

_HEADER = Header(known=("alias", "model", "benchmark"), required=("alias",))
_TOLD = 3


@dataclass(frozen=True)
class Aliases:
    """What to call models and benchmarks that a source spells otherwise.

    Parameters
    ----------
    model, benchmark
        Name by other spelling.
    source
        Where they stand; empty where they were given in Python.
    """

    model: Mapping[str, str] = field(default_factory=dict)
    benchmark: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the spellings, in hexadecimal, whatever their order."""
        content = [sorted(self.model.items()), sorted(self.benchmark.items())]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def rename(self, names: pd.Series, kind: Kind) -> pd.Series:
        """Put the name in place of every other spelling of it."""
        spelled = getattr(self, kind)
        return names.map(spelled).astype("str").fillna(names) if spelled else names

    def warn_unused(self, names: Iterable[str], kind: Kind) -> None:
        """Warn of spellings that no row has."""
        known = set(names)
        unused = sorted(set(getattr(self, kind)) - known)
        if unused:
            hint = did_you_mean(unused[0], known, 1)
            more = f" and {len(unused) - _TOLD} more" if len(unused) > _TOLD else ""
            shown = ", ".join(map(repr, unused[:_TOLD])) + more
            said = f"{self.source or 'aliases'}: no {kind} is spelled {shown}. {hint}".strip()
            warnings.warn(said, EciWarning, stacklevel=2)


def read_aliases(given: str | os.PathLike[str] | Mapping[str, str] | None) -> Aliases:
    """Read a table of aliases.

    Parameters
    ----------
    given
        A CSV with the columns `alias` and `model` or `benchmark` (or both columns, one of them blank in every
        row); a mapping of spellings of models to their names; or None.

    Raises
    ------
    DataError
        If the table has faults: an alias of nothing, of two names, or of another alias.
    """
    if given is None:
        return Aliases()
    if isinstance(given, Mapping):
        names = {alias: name for alias, name in given.items() if name != alias}
        chained = sorted(set(names) & set(names.values()))
        if chained:
            raise DataError(
                f"aliases: {chained[0]!r} is an alias and the name of one. Name the last of them."
            )
        return Aliases(model=names)
    path = Path(given)
    if not path.is_file():
        raise DataError(f"{path} does not exist. --aliases takes a CSV with the columns alias and model.")
    faults = Faults()
    sheet = read_csv(path, _HEADER, faults)
    cells = sheet.cells.apply(lambda column: column.str.strip())
    aliases = Aliases(
        _read(sheet, cells, "model", faults), _read(sheet, cells, "benchmark", faults), str(path)
    )
    kinds = [kind for kind in ("model", "benchmark") if kind in cells]
    if not kinds:
        raise DataError(f"{path}: neither a column model nor a column benchmark. Add the one that is meant.")
    bad = ((cells[kinds] != "").sum(axis=1) != 1) | (cells["alias"] == "")
    advice = "Fill in alias and either model or benchmark"
    sheet.report(bad.to_numpy(), "alias", "is not the alias of one name", advice, faults)
    faults.raise_any()
    return aliases


def _read(sheet: Sheet, cells: pd.DataFrame, kind: Kind, faults: Faults) -> dict[str, str]:
    if kind not in cells:
        return {}
    rows = cells[(cells[kind] != "") & (cells["alias"] != "") & (cells["alias"] != cells[kind])]
    names: dict[str, str] = {}
    aliases = set(rows["alias"])
    for row, (alias, name) in zip(rows.index, rows[["alias", kind]].itertuples(index=False), strict=True):
        if names.setdefault(alias, name) != name:
            problem = f"is the alias of {names[alias]!r} already"
            faults.add(sheet.fault(row, "alias", problem, f"Keep one {kind} for each alias"))
        if name in aliases:
            faults.add(sheet.fault(row, kind, "is itself an alias", "Write the name that it stands for"))
    return names
