"""Reading the folder of a fit: every damage, and files of two fits, are told in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from eci.atomic import checksum, standing
from eci.errors import DataError
from eci.fitted import Fit
from eci.folder.facts import load_facts, require_folder
from eci.folder.posterior import from_tree
from eci.folder.schema import require_visible
from eci.spreadsheet import unshield_table

# What HDF5, xarray and our own code come upon in a file that is damaged.
_DAMAGE = (
    OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, MemoryError,
)  # fmt: skip

Read = TypeVar("Read", bound=Callable[..., Any])


def _again_if_replaced(read: Read) -> Read:
    """Read once more where another process replaced the folder meanwhile."""

    @wraps(read)
    def settled(folder: str | Path, *args: Any) -> Any:
        while True:
            before = _identify(folder)
            try:
                return read(folder, *args)
            except DataError:
                if _identify(folder) == before:
                    raise

    return settled  # type: ignore[return-value]


def _identify(folder: str | Path) -> int:
    require_folder(folder)
    path = standing(Path(folder).expanduser())
    return path.stat().st_ino if path.exists() else 0


@_again_if_replaced
def load_fit(folder: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Raises
    ------
    DataError
        Where a file is missing, damaged or of a newer version, or the scores do not match their digest.
    """
    import xarray as xr

    source = standing(Path(folder).expanduser())
    facts = load_facts(source)
    path = source / "posterior.nc"
    try:
        _require_unchanged(path, facts)
        fit = from_tree(xr.load_datatree(path, engine="h5netcdf"), facts)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: {source} is not a whole fit. Fit again with --force.") from error
    except _DAMAGE as error:
        raise DataError(f"{path} cannot be read: {error}. It is damaged; fit again with --force.") from error
    if fit.digest != facts["data_digest"]:
        raise DataError(
            f"The scores in {path} have the digest {fit.digest[:12]}, but fit.json says "
            f"{facts['data_digest'][:12]}. Files of two fits are mixed; fit again with --force."
        )
    return fit


@_again_if_replaced
def load_table(folder: str | Path, name: str) -> pd.DataFrame:
    """Read abilities.csv or benchmarks.csv of a saved fit.

    Raises
    ------
    DataError
        Where the table is missing or damaged.
    """
    source = standing(Path(folder).expanduser())
    facts = load_facts(source)
    path = source / name
    labels = ["model", "lab", "release_date"] if name == "abilities.csv" else ["benchmark", "domain"]
    try:
        _require_unchanged(path, facts)
        table = pd.read_csv(path, keep_default_na=False, na_values={}, dtype=dict.fromkeys(labels, str))
        numbers = table.columns.difference(labels)
        table[numbers] = table[numbers].apply(pd.to_numeric)
        if not set(labels) <= set(table.columns):
            raise ValueError(f"its columns are {', '.join(table.columns)}")
        table = unshield_table(table)
        require_visible(table[labels].to_numpy().tolist())
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is missing: {path.parent} is not a whole fit. Fit again with --force."
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}. It is damaged; fit again with --force.") from error
    return table


def _require_unchanged(path: Path, facts: Mapping[str, Any]) -> None:
    """Refuse a file that is not the one that fit.json was written with; a fit of 0.1.0 does not say."""
    written = facts.get("sha256", {}).get(path.name)
    if written is not None and checksum(path) != written:
        raise ValueError("it is not as it was written (its checksum is another)")
