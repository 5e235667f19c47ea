"""Files and folders written whole or not at all, at whatever moment the process dies.

What is written stands beside its target under a hidden name and takes the target's name in one step. It is
locked while its writer lives, so that the next writer of the same target can tell what a killed one left, and
remove it.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":  # where there are no such locks: what a killed process left stays there, hidden
    import fcntl

_UNFINISHED = ".unfinished-"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


@contextmanager
def write_file(target: Path) -> Iterator[Path]:
    """Yield a file to write, with the suffix of `target`, that takes its name when all went well."""
    with _unfinished(target, is_folder=False) as draft:
        yield draft
        draft.chmod(0o644)  # mkstemp's is closed to others
        flush(draft)
        draft.replace(target)


@contextmanager
def write_folder(target: Path, *, replace: bool) -> Iterator[Path]:
    """Yield a folder to write files into that takes the name of `target` when all went well.

    Raises
    ------
    FileExistsError
        Where `target` is a folder with content and `replace` is false.
    """
    _restore(target)
    with unfinished_folder(target) as draft:
        yield draft
        draft.chmod(0o755)
        for path in draft.iterdir():
            flush(path)
        _rename(draft, target, replace=replace)


@contextmanager
def unfinished_folder(target: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `target`, removed at the end unless it was renamed."""
    with _unfinished(target, is_folder=True) as draft:
        yield draft


def standing(target: Path) -> Path:
    """Where the content of a folder is: elsewhere only if its writer died between two renames."""
    if target.exists():  # also "." and "..", which no folder can stand aside of
        return target
    aside = _aside(target)
    return aside if aside.is_dir() else target


def is_unfinished(path: str | os.PathLike[str]) -> bool:
    """Whether a path is of something that has not taken its name yet."""
    return any(_UNFINISHED in part for part in Path(path).parts)


def flush(path: Path) -> None:
    """Hand a file from the memory of the system to its disk, so that a name never outlives its content."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal: whether it is the one that was written."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lock(descriptor: int) -> bool | None:
    """Lock an open file or folder until it is closed or the process dies.

    Returns
    -------
    bool or None
        Whether the lock is ours; None where there are no locks.
    """
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def _unfinished(target: Path, *, is_folder: bool) -> Iterator[Path]:
    _sweep(target)
    draft, descriptor = _begin(target, is_folder=is_folder)
    try:
        yield draft
    finally:
        if descriptor is not None:
            os.close(descriptor)
        _remove(draft)


def _begin(target: Path, *, is_folder: bool) -> tuple[Path, int | None]:
    """Make a file or folder under a hidden name, and lock it."""
    prefix = f".{target.stem}{_UNFINISHED}"
    while True:
        if is_folder:
            draft = Path(tempfile.mkdtemp(target.suffix, prefix, target.parent))
        else:
            made, name = tempfile.mkstemp(target.suffix, prefix, target.parent)
            os.close(made)
            draft = Path(name)
        if sys.platform == "win32":  # which opens no folders
            return draft, None
        with suppress(FileNotFoundError):  # swept by another process before it was locked: make another
            descriptor = os.open(draft, os.O_RDONLY)
            if lock(descriptor) is not False and draft.exists():
                return draft, descriptor
            os.close(descriptor)


def _sweep(target: Path) -> None:
    """Remove what killed writers of `target` left."""
    if sys.platform == "win32":
        return
    for left in target.parent.glob(glob.escape(f".{target.stem}{_UNFINISHED}") + "????????" + target.suffix):
        with suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY)
            try:
                if lock(descriptor):
                    _remove(left)
            finally:
                os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _rename(draft: Path, target: Path, *, replace: bool) -> None:
    """Give `draft` the name of `target`; what bore it goes to the name of the draft, or aside."""
    try:
        draft.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not replace:
            raise
    else:
        return
    if exchange(draft, target):
        return
    aside = _aside(target)  # two steps, between which `standing` finds the old folder
    target.rename(aside)
    try:
        draft.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step, where the system can (Linux, on most file systems)."""
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    names = os.fsencode(one.absolute()), os.fsencode(other.absolute())
    return bool(renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}{_UNFINISHED}old")


def _restore(target: Path) -> None:
    """Finish what a writer that died between two renames began, or undo it."""
    aside = _aside(target)
    if standing(target) == aside:
        aside.rename(target)
    elif aside.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
