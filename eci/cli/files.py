"""Files that several commands read and write."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    if path.is_file():
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [name.strip() for name in text.split(",") if name.strip()]


def result_files(stem: str) -> tuple[str, ...]:
    """Names of the files of a result."""
    return tuple(f"{stem}.{kind}" for kind in ("json", "csv", "png", "svg"))


def check_writable(out: Path, stem: str, *, force: bool) -> None:
    """Refuse, before any work is done, a folder that cannot be one or holds such a result already."""
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out} is a file. Name a folder.")
    written = [name for name in result_files(stem) if (out / name).exists()]
    if written and not force:
        raise DataError(
            f"{out} already holds {', '.join(written)}. Choose another folder, or replace with --force."
        )


def check_new_file(out: Path, *, force: bool) -> None:
    """Refuse, before any work is done, a file that cannot be written or is there already."""
    if not out.parent.is_dir():
        raise DataError(f"The folder {out.parent} does not exist. Make it first, or give another --out.")
    if out.is_dir():
        raise DataError(f"--out {out} is a folder. Name a file.")
    if out.exists() and not force:
        raise DataError(f"{out} exists already. Add --force to replace it, or give another --out.")


@contextmanager
def write_whole(out: Path) -> Iterator[Path]:
    """Yield a file to write beside `out`, which takes its name when all went well.

    Stopped or failing on the way, `out` stays as it was, and who stopped it is told so.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{out.stem}-", suffix=out.suffix, dir=out.parent)
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        draft.replace(out)
    except KeyboardInterrupt:
        print(f"{out} was left as it was.", file=sys.stderr)
        raise
    finally:
        draft.unlink(missing_ok=True)


def write_result(out: Path, stem: str, record: Mapping[str, Any], table: pd.DataFrame, axes: Axes) -> None:
    """Write a result as JSON, its table as CSV with six digits, and its picture as PNG and SVG."""
    from eci.spreadsheet import write_csv

    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    (out / f"{stem}.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    write_csv(table, out / f"{stem}.csv")
    figure = axes.get_figure(root=True)
    if figure is None:  # the axes were made on a figure just now
        raise RuntimeError("axes without a figure")
    figure.savefig(out / f"{stem}.png", dpi=150)
    figure.savefig(out / f"{stem}.svg")
