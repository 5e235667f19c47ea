"""Fetched data on disk: one folder a vintage, written whole or not at all, with what is known of it."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eci import atomic
from eci.atomic import checksum
from eci.errors import DataError, EciWarning
from eci.scores.names import did_you_mean

_RECORD = "vintage.json"
_DAMAGE = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
_SCHEMA = "eci-vintage/1"


@dataclass(frozen=True)
class Vintage:
    """One fetched state of a source.

    Parameters
    ----------
    source
        Name of the source, such as "epoch".
    stamp
        Day it was fetched and start of its checksum, "2026-10-08-1a2b3c4d": the name of its folder.
    file
        Name of the data file.
    format
        Format by which `load_scores` reads it.
    url
        Where it came from.
    fetched
        When, ISO 8601 in UTC.
    etag
        The server's name for this state; empty where it gave none.
    sha256
        Checksum of the file, in hexadecimal.
    n_bytes
        Its size.
    folder
        Where it is.
    """

    source: str
    stamp: str
    file: str
    format: str
    url: str
    fetched: str
    etag: str
    sha256: str
    n_bytes: int
    folder: Path

    @property
    def name(self) -> str:
        """Name by which commands take it: "epoch/2026-10-08-1a2b3c4d"."""
        return f"{self.source}/{self.stamp}"

    @property
    def path(self) -> Path:
        """The data file."""
        return self.folder / self.file

    @property
    def is_intact(self) -> bool:
        """Whether the file is the one that was fetched."""
        return self.path.is_file() and checksum(self.path) == self.sha256

    def require_intact(self) -> None:
        """Refuse a file that is not the one that was fetched.

        Raises
        ------
        DataError
            If it is gone, or its checksum is another.
        """
        if not self.is_intact:
            found = checksum(self.path)[:12] if self.path.is_file() else "that of no file"
            raise DataError(
                f"{self.path}: damaged, its checksum is {found} and was {self.sha256[:12]} when it came. "
                f"Fetch it again: eci data fetch {self.source}."
            )

    def as_dict(self) -> dict[str, Any]:
        """Give the record as JSON holds it."""
        kept = {name: value for name, value in asdict(self).items() if name != "folder"}
        return {"schema": _SCHEMA, **kept, "path": str(self.path)}


def cache_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Find the folder of fetched data: the one given, else the user's cache."""
    if given is not None:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("eci") / "data"


def list_vintages(cache: Path, source: str | None = None) -> tuple[Vintage, ...]:
    """List what has been fetched, oldest first.

    Parameters
    ----------
    cache
        The result of `cache_folder`.
    source
        One source only.

    Warns
    -----
    EciWarning
        If a folder holds no record that can be read.
    """
    folders = sorted(cache.glob(f"{source or '*'}/*/"))
    found, strange = [], []
    for folder in folders:
        if not folder.name.startswith("."):
            try:
                found.append(_read(folder))
            except _DAMAGE as error:
                strange.append(f"{folder} ({type(error).__name__})")
    if strange:
        more = f" and {len(strange) - 1} more folders hold" if len(strange) > 1 else " holds"
        said = f"{strange[0]}{more} no vintage that can be read; passed over."
        warnings.warn(said, EciWarning, stacklevel=2)
    return tuple(sorted(found, key=lambda v: (v.source, v.fetched, v.stamp)))


def find_vintage(cache: Path, name: str) -> Vintage:
    """Find a vintage by the name of its source (the newest) or by "source/start of the stamp".

    Parameters
    ----------
    cache
        The result of `cache_folder`.
    name
        "epoch", "epoch/2026-10-08", ...

    Raises
    ------
    DataError
        If none, or more than one, is meant.
    """
    source, _, start = name.partition("/")
    vintages = list_vintages(cache)
    meant = [v for v in vintages if v.source == source and v.stamp.startswith(start)]
    if not meant:
        hint = did_you_mean(name, [v.name for v in vintages] + [v.source for v in vintages])
        held = hint or f"It holds {', '.join(v.name for v in vintages[-6:]) or 'nothing yet'}."
        raise DataError(f"{cache}: no vintage {name!r}. {held} To bring one: eci data fetch.")
    if start and len(meant) > 1:
        raise DataError(f"{name!r} means {', '.join(v.name for v in meant)}. Write more of the one you mean.")
    return meant[-1]


@contextmanager
def unfinished_folder(cache: Path, source: str) -> Iterator[Path]:
    """Make a folder beside the vintages of a source, and remove it at the end unless it became one."""
    home = cache / source
    home.mkdir(parents=True, exist_ok=True)
    with atomic.unfinished_folder(home / "vintage") as folder:
        yield folder


def store(folder: Path, *, source: str, file: str, form: str, url: str, etag: str) -> tuple[Vintage, bool]:
    """Turn an unfinished folder that holds the data file into a vintage, in one step.

    Parameters
    ----------
    folder
        The folder of `unfinished_folder`.
    source, file, form, url, etag
        As in `Vintage`.

    Returns
    -------
    tuple of Vintage and bool
        The vintage, and whether it is new: the newest is returned where it has the same bytes.
    """
    now = dt.datetime.now(dt.UTC)
    sha256 = checksum(folder / file)
    before = list_vintages(folder.parents[1], source)
    if before and before[-1].sha256 == sha256 and before[-1].is_intact:
        return before[-1], False
    stamp = f"{now.date()}-{sha256[:8]}"
    home = folder.parent / stamp
    vintage = Vintage(
        source=source,
        stamp=stamp,
        file=file,
        format=form,
        url=url,
        fetched=now.isoformat(timespec="milliseconds"),
        etag=etag,
        sha256=sha256,
        n_bytes=(folder / file).stat().st_size,
        folder=home,
    )
    record = {name: value for name, value in vintage.as_dict().items() if name != "path"}
    (folder / _RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for path in (folder / file, folder / _RECORD):
        atomic.flush(path)
    folder.chmod(0o755)  # mkdtemp's is closed to others
    if home.is_dir():
        there = _read_intact(home)
        if there is not None:
            return there, False
        shutil.rmtree(home)  # damaged: nothing is lost
    try:
        folder.rename(home)
    except OSError:
        found = _read_intact(home)
        if found is None:
            raise
        return found, False  # another process was quicker, with the same bytes
    return vintage, True


def _read(folder: Path) -> Vintage:
    """Read the record of a vintage; one of `_DAMAGE` where there is none."""
    record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    if record.pop("schema") != _SCHEMA:
        raise ValueError("another schema")
    vintage = Vintage(**record, folder=folder)
    texts = [getattr(vintage, name) for name in record if name != "n_bytes"]
    if not all(isinstance(text, str) for text in texts) or Path(vintage.file).name != vintage.file:
        raise ValueError("fields of another kind")
    return vintage


def _read_intact(folder: Path) -> Vintage | None:
    """The vintage in a folder, if there is one and its file is as it was fetched."""
    try:
        vintage = _read(folder)
    except _DAMAGE:
        return None
    return vintage if vintage.is_intact else None
