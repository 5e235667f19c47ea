"""Files that several commands read and write."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eci.atomic import flush, is_unfinished, unfinished_folder, write_file
from eci.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


_INDEX = "No index at {}. Give a folder written by `eci fit`, or a CSV of a published index."


def read_table(path: Path, missing: str = _INDEX) -> pd.DataFrame:
    """Read a CSV table, or say why it is none; `missing` is said of a path where nothing is."""
    import pandas as pd

    from eci.spreadsheet import unshield_table

    if not path.exists():
        raise DataError(missing.format(path))
    try:
        return unshield_table(pd.read_csv(path))
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as fault:
        raise DataError(
            f"{path} is not a CSV table: {str(fault).strip()}. Save it as UTF-8 with commas."
        ) from fault


def read_names(text: str | None) -> list[str] | None:
    """Names with commas between, or one a line in the file of that name."""
    if text is None:
        return None
    path = Path(text)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines() if path.is_file() else text.split(",")
    except UnicodeDecodeError as fault:
        raise DataError(f"{path} is no list of names: {fault}. Save it as UTF-8.") from fault
    except OSError:  # a list may be longer than the name of a file
        lines = text.split(",")
    return [line.strip() for line in lines if line.strip()]


def result_files(stem: str) -> tuple[str, ...]:
    """Names of the files of a result."""
    return tuple(f"{stem}.{kind}" for kind in ("json", "csv", "png", "svg"))


def check_new_result(out: Path, stem: str, *, force: bool) -> None:
    """Refuse, before any work is done, a folder where `write_result` cannot write or would replace files."""
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out} is a file. Name a folder.")
    written = [name for name in result_files(stem) if (out / name).exists()]
    if written and not force:
        raise DataError(
            f"{out} already holds {', '.join(written)}. Choose another folder, or replace with --force."
        )
    for name in written:
        if (out / name).is_dir():
            raise DataError(f"{out / name} is a folder, which no file replaces. Give another --out.")
    standing = (path for path in (out, *out.parents) if path.exists() or path.is_symlink())
    stands = next(standing, Path())  # the folders that are missing will be made in it
    _require_folder(stands)
    with _told(out), unfinished_folder(stands / stem):
        pass  # only trying tells what the system lets through


def check_new_file(out: Path, *, force: bool) -> None:
    """Refuse, before any work is done, a file that cannot stand there or is there already.

    Whether the system lets it be written, `write_whole` finds out before what is done inside it.
    """
    _require_folder(out.parent)
    if out.is_dir():
        raise DataError(f"--out {out} is a folder. Name a file.")
    if out.exists() and not force:
        raise DataError(f"{out} exists already. Add --force to replace it, or give another --out.")


def _require_folder(path: Path) -> None:
    if not path.exists():
        raise DataError(f"The folder {path} does not exist. Make it first, or give another --out.")
    if not path.is_dir():
        raise DataError(f"{path} is a file, not a folder. Give another --out.")


@contextmanager
def write_whole(out: Path) -> Iterator[Path]:
    """Yield a file to write beside `out`, which takes its name when all went well.

    Stopped or failing on the way, `out` stays as it was, and who stopped it is told so.

    Raises
    ------
    DataError
        Where the system refuses to write.
    """
    with _told(out), write_file(out) as draft:
        yield draft


def write_result(out: Path, stem: str, record: Mapping[str, Any], table: pd.DataFrame, axes: Axes) -> None:
    """Write a result as JSON, its table as CSV with six digits, and its picture as PNG and SVG.

    All are written whole before the first takes its name.

    Raises
    ------
    DataError
        Where the system refuses to write.
    """
    from eci.spreadsheet import write_csv

    figure = axes.get_figure(root=True)
    if figure is None:  # the axes were made on a figure just now
        raise RuntimeError("axes without a figure")
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    with _told(out):
        out.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(out / stem) as draft:
            (draft / f"{stem}.json").write_text(text + "\n", encoding="utf-8", newline="\n")
            write_csv(table, draft / f"{stem}.csv")
            figure.savefig(draft / f"{stem}.png", dpi=150)
            figure.savefig(draft / f"{stem}.svg")
            for path in draft.iterdir():
                flush(path)
            for name in result_files(stem):
                (draft / name).replace(out / name)


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """Say what became of `out` when the user stops the writing, or the system refuses it."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"{out} was left as it was.", file=sys.stderr)
        raise
    except OSError as error:
        if error.filename is not None and not is_unfinished(error.filename) and Path(error.filename) != out:
            raise  # something that was to be read
        raise DataError(
            f"{out} could not be written: the system says: {error.strerror or error}. It was left as it was. "
            "Make room or get the right to write, or give another --out."
        ) from error
