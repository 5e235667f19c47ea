"""Writing the folder of a fit, whole or not at all."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eci.atomic import checksum, unfinished_folder, write_folder
from eci.errors import DataError
from eci.fitted import Fit
from eci.folder.facts import describe
from eci.folder.posterior import to_tree
from eci.spreadsheet import write_csv

FILES = ("abilities.csv", "benchmarks.csv", "fit.json", "posterior.nc")


def save_fit(fit: Fit, folder: str | Path, *, force: bool = False) -> Path:
    """Write a fit to `folder`: everything to a new folder beside it, which then takes its name.

    Parameters
    ----------
    fit
        The fit.
    folder
        Where to; its parent must exist.
    force
        Replace a fit that is there. A folder that holds anything else is never replaced.

    Raises
    ------
    DataError
        Where `folder` exists and `force` is not given, or is not a fit; where it cannot be written.
    """
    target = _resolve(folder)
    _require_free(target, force=force)
    with _told(target, force=force), write_folder(target, replace=force) as draft:
        write_csv(fit.abilities(), draft / "abilities.csv")
        write_csv(fit.benchmarks(), draft / "benchmarks.csv")
        # By way of memory: HDF5 ends the process where it writes a file and the disk is full.
        memory = io.BytesIO()
        to_tree(fit).to_netcdf(memory, engine="h5netcdf")
        (draft / "posterior.nc").write_bytes(memory.getvalue())
        checksums = {path.name: checksum(path) for path in sorted(draft.iterdir())}
        facts = {**describe(fit), "sha256": checksums}
        text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False)
        (draft / "fit.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    return target


def check_writable(folder: str | Path, *, force: bool = False) -> None:
    """Refuse, before any work is done, a target that `save_fit` would refuse.

    Raises
    ------
    DataError
        As `save_fit`.
    """
    target = _resolve(folder)
    _require_free(target, force=force)
    with _told(target, force=force), unfinished_folder(target):
        pass  # only trying tells what the system lets through


def _require_free(target: Path, *, force: bool) -> None:
    if not target.parent.is_dir():
        raise DataError(f"The folder {target.parent} does not exist. Make it first, or give another --out.")
    if not target.exists():
        return
    if not target.is_dir():
        raise DataError(f"{target} is a file, not a folder. Give another --out.")
    if os.path.ismount(target):
        raise DataError(f"{target} is a mount point, which cannot be replaced. Give a folder in it as --out.")
    strangers = sorted(path.name for path in target.iterdir() if path.name not in FILES)
    if strangers:
        raise DataError(
            f"{target} holds files that are not a fit ({', '.join(strangers[:3])}), so it is not replaced. "
            "Give another --out."
        )
    if any(target.iterdir()) and not force:
        raise DataError(
            f"{target} holds a fit already. Add --force to replace it (in Python force=True), or give "
            "another --out (another folder)."
        )


@contextmanager
def _told(target: Path, *, force: bool) -> Iterator[None]:
    """Say what the system refused."""
    try:
        yield
    except OSError as error:
        _require_free(target, force=force)  # another process may have been quicker: then that is the reason
        raise DataError(
            f"The fit could not be written to {target}: the system says: {error.strerror or error}. Nothing "
            "was changed there. Make room or get the right to write, or give another --out."
        ) from error


def _resolve(folder: str | Path) -> Path:
    """The folder itself where a link to it is given: a link is followed, never replaced."""
    path = Path(folder).expanduser()
    return path.resolve() if path.is_symlink() or path.name in ("", "..") else path
