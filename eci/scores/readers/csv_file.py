"""A CSV file as a table of text, with the physical line of every row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.scores.faults import Fault, Faults, clip
from eci.scores.sheet import Header, Sheet, plain

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

_BLOCK = 2048  # rows turned into columns at a time: more of them keep the garbage collector busy
_DELIMITERS = ",;\t"
_START = 4096  # bytes that tell text from other formats
_PEEKED = 65_536
_MAGIC = {
    b"\x1f\x8b": ("compressed with gzip", "Unpack it first (gunzip)"),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "Unpack it, or save the sheet as CSV UTF-8"),
    b"PAR1": ("a Parquet file", "Name it .parquet, or write it as CSV"),
    b"\xff\xfe": ("encoded as UTF-16", "Save it as UTF-8"),
    b"\xfe\xff": ("encoded as UTF-16", "Save it as UTF-8"),
}


def read_csv(path: Path, header: Header, faults: Faults) -> Sheet:
    """Read the wanted columns of a CSV file; `parse_csv` says how.

    Parameters
    ----------
    path
        The file.
    header
        The columns to read.
    faults
        Collects what cannot be read.
    """
    with path.open("rb") as file:
        return parse_csv(file, str(path), header, faults)


def parse_csv(file: BinaryIO, name: str, header: Header, faults: Faults) -> Sheet:
    """Read the wanted columns of a CSV file as text, with the physical line of every row.

    The standard library's parser does the work: it knows the line on which a record starts, which pandas
    does not, and goes on after a ragged one. It needs 5 s for 200 MB. Lines without any content are skipped.

    Parameters
    ----------
    file
        UTF-8, opened in binary and able to go back to its start, with or without a byte-order mark; lines
        end in LF, CRLF or CR; fields are separated by commas, semicolons or tabs, whichever makes the most
        of the header.
    name
        What faults call the file.
    header
        The columns to read.
    faults
        Collects faults of the header, ragged records and characters that are not text.

    Raises
    ------
    DataError
        If the file is empty, not text, JSON, without a header or any row, or lacks a required column.
    """
    _require_text(file.read(_START), name)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        first = next((line for line in text if line.strip()), "")
        text.seek(0)
        delimiter = find_delimiter(first, header.known)
        reader = csv.reader(_readable(text, name, faults), delimiter=delimiter, strict=True)
        records = _records(reader, name, faults)
        header_line, found = next(records, (1, []))
        names = [column.strip() for column in found]
        _require_header(first, names, name, header_line, header)
        header.check(names, name, header_line, faults)
        faults.raise_any()
        kept = {column: names.index(column) for column in header.known if column in names}
        blocks: list[pd.DataFrame] = []
        lines: list[int] = []
        whole = _of_width(len(names), records, name, faults)
        while block := list(islice(whole, _BLOCK)):
            lines += [line for line, _ in block]
            turned = list(zip(*(record for _, record in block), strict=True))
            blocks.append(pd.DataFrame({c: pd.array(turned[at], dtype="str") for c, at in kept.items()}))
    finally:
        text.detach()  # the file is its owner's to close
    if not blocks:
        faults.raise_any()
        raise DataError(f"{name}: there is a header but no row below it. Add one row per published value.")
    return Sheet(name, pd.concat(blocks, ignore_index=True), np.array(lines, dtype=np.int64))


def peek_csv(path: Path, known: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Read the header of a file and what its first kilobytes hold of rows; nothing where it is no CSV.

    Parameters
    ----------
    path
        The file.
    known
        Column names by which to tell the delimiter.
    """
    with path.open("rb") as file:
        start = file.read(_PEEKED)
    whole = start if len(start) < _PEEKED else start[: start.rfind(b"\n") + 1]
    lines = whole.decode("utf-8-sig", "replace").replace("\0", "").splitlines(keepends=True)
    first = next((line for line in lines if line.strip()), "")
    records: list[list[str]] = []
    try:
        reader = csv.reader(lines, delimiter=find_delimiter(first, known))
        records.extend([cell.strip() for cell in record] for record in reader if any(map(str.strip, record)))
    except csv.Error:
        pass  # the reader chosen by the header will say it, with the line
    return (records[0], records[1:]) if records else ([], [])


def _require_text(start: bytes, name: str) -> None:
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        raise DataError(f"{name}: the file is empty. It needs a header line and one row per published value.")
    for magic, (what, advice) in _MAGIC.items():
        if start.startswith(magic):
            raise DataError(f"{name}: not a CSV file but {what}. {advice}.")


def _require_header(first: str, found: list[str], name: str, line: int, header: Header) -> None:
    """Refuse JSON, and a first line that names none of the columns because it is data already."""
    if first.lstrip("\ufeff \t")[:1] in ("{", "["):
        raise DataError(
            f"{name}: this is JSON, not a CSV file; it begins with {clip(first.strip()[:20])}. Write a table "
            "with the columns model, benchmark and score as CSV (in pandas, to_csv(index=False))."
        )
    plainly = {plain(column) for column in found}
    if not plainly & set(header.known) and pd.to_numeric(pd.Series(found), errors="coerce").notna().any():
        raise DataError(
            f"{name}, line {line}: this does not look like a header but like data: {clip(', '.join(found))}. "
            f"Write a first line with the names of the columns, such as {','.join(header.required)}."
        )


def find_delimiter(first: str, known: Sequence[str]) -> str:
    """Choose the delimiter that finds most known columns in the header; data would be a guess."""

    def n_known(delimiter: str) -> int:
        return sum(name.strip(' "\r\n') in known for name in first.split(delimiter))

    return max(_DELIMITERS, key=n_known)  # the comma wins a tie


def _readable(file: Iterable[str], name: str, faults: Faults) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if line.isascii() and "\0" not in line:
            yield line
            continue
        raw = line.encode("utf-8", "surrogateescape")
        text = raw.decode("utf-8", "replace")
        if "\0" in text:
            text = text.replace("\0", "\ufffd")
            problem = f"at byte {raw.index(0) + 1} of the line: a NUL character, so this is not plain text"
            faults.add(Fault(name, number, "", "", problem, "Export the table again as CSV UTF-8"))
        elif text != line:
            at = _first_undecodable(raw)
            problem = f"byte 0x{raw[at]:02x} at byte {at + 1} of the line is not UTF-8"
            faults.add(Fault(name, number, "", "", problem, "Save the file as UTF-8"))
        yield text


def _first_undecodable(raw: bytes) -> int:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    raise ValueError("all bytes are UTF-8")  # pragma: no cover - the caller has seen one that is not


def _records(reader: CsvReader, name: str, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that hold anything, each with the line it starts on; stop where quoting breaks."""
    start = 1
    try:
        for record in reader:
            if any(map(str.strip, record)):
                yield start, record
            start = reader.line_num + 1
    except csv.Error as error:
        problem = f"cannot be split into fields ({error})"
        advice = "Look for a quote that is not closed, or not doubled inside a field; reading stopped here"
        faults.add(Fault(name, start, "", "", problem, advice))


def _of_width(
    width: int, records: Iterable[tuple[int, list[str]]], name: str, faults: Faults
) -> Iterator[tuple[int, list[str]]]:
    for line, record in records:
        if len(record) == width:
            yield line, record
        else:
            problem = f"{len(record)} fields where the header has {width}"
            advice = "Give every column a field, and quote a field that holds the delimiter"
            faults.add(Fault(name, line, "", "", problem, advice))
