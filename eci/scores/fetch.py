"""Published data from the web into the cache: bounded in time and size, checked before it is kept."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from eci.atomic import checksum
from eci.errors import DataError, EciWarning
from eci.scores.cache import (
    Vintage,
    cache_folder,
    find_vintage,
    list_vintages,
    store,
    unfinished_folder,
)
from eci.scores.download import Limits, download
from eci.scores.load import load_scores
from eci.scores.names import did_you_mean


@dataclass(frozen=True)
class Source:
    """Data that can be fetched by name.

    Parameters
    ----------
    url
        Where they are published.
    file
        Name to keep the file under.
    format
        Format by which `load_scores` reads it.
    what
        What they are, with the licence.
    """

    url: str
    file: str
    format: str
    what: str


SOURCES = {
    "epoch": Source(
        "https://epoch.ai/data/eci_benchmarks.csv",
        "eci_benchmarks.csv",
        "epoch",
        "Epoch AI, scores behind the Epoch Capabilities Index (CC BY 4.0)",
    ),
    "epoch_zip": Source(
        "https://epoch.ai/data/benchmark_data.zip",
        "benchmark_data.zip",
        "epoch_zip",
        "Epoch AI, all benchmark tables with the rules to read them (CC BY 4.0)",
    ),
}


def fetch(
    source: str = "epoch",
    *,
    url: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    offline: bool = False,
    sha256: str | None = None,
    limits: Limits | None = None,
) -> tuple[Vintage, bool]:
    """Fetch published data into the cache, or find there what has not changed.

    Parameters
    ----------
    source
        A key of `SOURCES`: "epoch" or "epoch_zip".
    url
        Another address of the same kind of file.
    cache
        Folder of fetched data; None for the user's cache.
    offline
        Take the newest vintage in the cache, and no connection.
    sha256
        Checksum that the file must have, in hexadecimal.
    limits
        Bounds of time and size.

    Returns
    -------
    tuple of Vintage and bool
        The vintage, intact, and whether it is new.

    Raises
    ------
    DataError
        If there is nothing to take: no such source, no answer in time, an answer that is no data, too large,
        cut short, of another checksum, or not readable by `load_scores`; if the cache cannot be written. The
        cache stays as it was.
    """
    if source not in SOURCES:
        hint = did_you_mean(source, SOURCES)
        raise DataError(f"No source {source!r}. {hint} Known: {', '.join(SOURCES)}.".replace("  ", " "))
    known = SOURCES[source]
    home, address = cache_folder(cache), url or known.url
    if offline:
        newest = find_vintage(home, source)
        newest.require_intact()
        _require_checksum(newest.path, sha256)
        return newest, False
    if not address.startswith(("https://", "http://")):
        raise DataError(f"{address!r} is no web address. It must start with https:// or http://.")
    before = _intact_newest(home, source, address)
    try:
        with unfinished_folder(home, source) as folder:
            path = folder / known.file
            etag = download(address, path, before.etag if before else "", limits or Limits())
            if etag is None and before is not None:
                _require_checksum(before.path, sha256)
                return before, False
            _require_checksum(path, sha256)
            _require_readable(path, known.format, address)
            kept = {"source": source, "file": known.file, "form": known.format}
            return store(folder, **kept, url=address, etag=etag or "")
    except OSError as error:
        raise DataError(
            f"{home}: nothing could be kept: the system says: {error.strerror or error}. The cache is as "
            "it was. Make room or get the right to write, or name another folder with --cache."
        ) from error


def _require_checksum(path: Path, sha256: str | None) -> None:
    if sha256 is not None and checksum(path) != sha256.lower():
        raise DataError(
            f"{path.name}: its checksum is {checksum(path)}, not {sha256}. It is another state of the data; "
            "nothing was kept."
        )


def _intact_newest(home: Path, source: str, url: str) -> Vintage | None:
    """Find the newest vintage from an address, unless it is damaged: then it is fetched again."""
    same = [vintage for vintage in list_vintages(home, source) if vintage.url == url]
    if same and not same[-1].is_intact:
        said = f"{same[-1].path}: damaged since it was fetched; fetching it again."
        warnings.warn(said, EciWarning, stacklevel=3)
        return None
    return same[-1] if same else None


def _require_readable(path: Path, form: str, url: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EciWarning)  # they are told by the command that uses the data
            load_scores(path, format=form)
    except DataError as error:
        first = str(error).replace(str(path), path.name)
        raise DataError(f"{url}: what came cannot be read, and was not kept. {first}") from error
