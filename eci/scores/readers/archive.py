"""A zip archive read in memory: nothing is unpacked to disk, and nothing larger than its limits."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from eci.errors import DataError

MAX_BYTES = 512 * 2**20  # of all members together, unpacked; Epoch's archive has 10
MAX_RATIO = 200  # unpacked to packed bytes of a member above MAX_PLAIN; CSV reaches about 30
MAX_PLAIN = 2**20


class Archive:
    """The members of a zip file by their plain file names.

    Parameters
    ----------
    path
        The file, for messages.
    file
        The open archive.

    Raises
    ------
    DataError
        If a member has a path that leads out of a folder, is encrypted, would unpack to far more than it
        should, or shares its plain name with another.
    """

    def __init__(self, path: Path, file: zipfile.ZipFile, skip: str) -> None:
        self.path = path
        self._file = file
        self._members: dict[str, zipfile.ZipInfo] = {}
        total = 0
        for member in file.infolist():
            _require_harmless(path, member)
            total += member.file_size
            if total > MAX_BYTES:
                raise _too_large(path)
            if member.is_dir() or member.filename.startswith(skip):
                continue
            name = PurePosixPath(member.filename).name
            if name in self._members:
                both = f"{self._members[name].filename} and {member.filename}"
                raise DataError(f"{path}: the archive holds {both}. Keep one file of a name.")
            self._members[name] = member

    def __contains__(self, name: str) -> bool:
        """Say whether there is a member of this plain name."""
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        """Go through the plain names."""
        return iter(self._members)

    def open(self, name: str) -> io.BytesIO:
        """Unpack one member into memory."""
        member = self._members[name]
        try:
            with self._file.open(member) as packed:
                content = packed.read(member.file_size + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise DataError(f"{self.where(name)}: cannot be unpacked ({error}). Fetch it again.") from error
        if len(content) > member.file_size:
            raise _too_large(self.path)
        return io.BytesIO(content)

    def where(self, name: str) -> str:
        """Name a member as faults do."""
        return f"{self.path}/{self._members[name].filename}"


@contextmanager
def open_archive(path: Path, skip: str = "\0") -> Iterator[Archive]:
    """Open a zip file for reading.

    Parameters
    ----------
    path
        The file.
    skip
        Start of the names of members to leave out.

    Raises
    ------
    DataError
        If it is no zip file, or one that should not be unpacked.
    """
    try:
        file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: not a zip archive that can be read ({error}). Fetch it again.") from error
    with file:
        yield Archive(path, file, skip)


def _require_harmless(path: Path, member: zipfile.ZipInfo) -> None:
    parts = PurePosixPath(member.filename.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in member.filename[:2]:
        raise DataError(
            f"{path}: the member {member.filename!r} leads out of the archive. Nothing was read: do not "
            "trust where this file comes from."
        )
    if not member.filename.isprintable():
        raise DataError(f"{path}: the member {member.filename!r} has invisible characters. Pack it anew.")
    if member.flag_bits & 1:
        raise DataError(f"{path}: {member.filename} is encrypted. Unpack the archive and pack it openly.")
    if member.file_size > MAX_PLAIN and member.file_size > MAX_RATIO * max(member.compress_size, 1):
        raise _too_large(path)


def _too_large(path: Path) -> DataError:
    return DataError(
        f"{path}: unpacked, the archive would be far larger than scores are (limit {MAX_BYTES // 2**20} MiB, "
        f"or {MAX_RATIO} times its packed size). Nothing was read: do not trust where this file comes from."
    )
