"""A Parquet file as a table: typed columns, rows counted from 0."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from eci.errors import DataError
from eci.scores.faults import Faults, clip
from eci.scores.sheet import Header, Sheet, read_frame

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile


def read_parquet(path: Path, header: Header, faults: Faults) -> Sheet:
    """Read the wanted columns of a Parquet file.

    Parameters
    ----------
    path
        The file.
    header
        The columns to read.
    faults
        Collects faults of the header.

    Raises
    ------
    DataError
        If pyarrow is not installed, or the file is damaged, has no row, or lacks a required column.
    """
    import pyarrow as pa

    file = _open(path)
    names = file.schema_arrow.names
    header.check(names, str(path), None, faults)
    faults.raise_any()
    try:
        table = file.read(columns=[name for name in header.known if name in names])
        frame = table.to_pandas(ignore_metadata=True)  # what pandas wrote beside the columns is not needed
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        raise _damaged(path, error) from error
    return read_frame(pd.DataFrame(frame), header, faults, str(path))


def parquet_columns(path: Path) -> list[str]:
    """Name the columns of a Parquet file; it raises as `read_parquet` does."""
    return list(_open(path).schema_arrow.names)


def _open(path: Path) -> ParquetFile:
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as error:
        raise DataError(
            f"{path} is a Parquet file, and the package that reads these, pyarrow, is not installed. Install "
            "it (pip install 'eci-bayes[parquet]'), or write the table as CSV."
        ) from error
    try:
        return ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    reason = clip((str(error).strip().splitlines() or [type(error).__name__])[0])  # it may quote raw bytes
    return DataError(f"{path}: not a Parquet file that can be read ({reason}). Write it again.")
