"""Epoch's `benchmark_data.zip`: one table a benchmark, and two tables that say how to read them.

The rules are those of Epoch's public loader, as its documentation and the archive's own columns state them:
epoch.ai/data/eci-documentation/methodology and the repository epoch-research/eci-public (2026).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from eci.errors import DataError, EciWarning
from eci.scores.faults import Faults
from eci.scores.readers.archive import Archive, open_archive
from eci.scores.readers.csv_file import parse_csv
from eci.scores.readers.glimpse import Glimpse
from eci.scores.readers.tables import Tables
from eci.scores.sheet import Header, Sheet

_METADATA = "benchmark_metadata.csv"
_MODEL_TABLES = ("eci_model_versions.csv", "model_metadata.csv")
_NOT_SCORES = "additional_eci_data/"
_SINCE = pd.Timestamp("2023-01-01")

_LIMITS = ("scale", "random_baseline", "score_ceiling")
_BENCHMARKS = Header(
    ("benchmark", "source_file", "score_column", *_LIMITS, "superseded_by", "in_eci"),
    ("benchmark", "source_file", "score_column", *_LIMITS),
)
_MODELS = Header(("model_version", "model_group", "date"), ("model_version", "model_group", "date"))


def accepts(seen: Glimpse) -> bool:
    """Take an archive that holds the table of benchmarks."""
    return seen.kind == "zip" and any(name.rpartition("/")[2] == _METADATA for name in seen.members)


def read(path: Path, faults: Faults) -> Tables:
    """Read the archive by Epoch's rules, in their order.

    Each benchmark with `in_eci` not false: x = (scale * score - random_baseline) / (score_ceiling -
    random_baseline), clipped to [0, 1]. Rows without a model group, without a date or dated before 2023 go.
    Of a model group with scores on a benchmark and on the one that supersedes it, the superseded ones go.
    Of each pair of model group and benchmark the maximum stays. What went is counted in a warning.

    Parameters
    ----------
    path
        A zip file.
    faults
        Collects what cannot be read in the two tables that say how to read the others.

    Raises
    ------
    DataError
        If a table that is needed is absent or has faults, no score is left, or the archive is not one to
        unpack.

    Warns
    -----
    EciWarning
        What Epoch's rules left out, with counts and first names.

    Notes
    -----
    Baseline and ceiling are in the score, so chance and ceiling stay at 0 and 1. The minimum of benchmarks a
    model is a rule of the user's (`min_benchmarks`).
    """
    left_out: list[str] = []
    with open_archive(path, skip=_NOT_SCORES) as archive:
        benchmarks = _read_benchmarks(archive, faults)
        groups = _read_models(archive, faults)
        rows = _read_scores(archive, benchmarks, faults, left_out)
    rows = rows.join(groups, on="version")
    rows = _leave_out(rows, rows["group"].isna(), "of model versions without a group", "version", left_out)
    early = ~(rows["date"] >= _SINCE)
    rows = _leave_out(rows, early, f"undated or dated before {_SINCE.date()}", "group", left_out)
    published = set(zip(rows["group"], rows["benchmark"], strict=True))  # before any supersession
    for old, new in benchmarks["superseded_by"].items():
        if new:
            with_new = [(group, new) in published for group in rows["group"]]
            superseded = (rows["benchmark"] == old) & np.array(with_new, dtype=bool)
            rows = _leave_out(rows, superseded, f"on {old}, superseded by {new}", "group", left_out)
    if rows.empty:
        raise DataError(f"{path}: no score is left of it: {'; '.join(left_out)}. Fetch another vintage.")
    order = rows.sort_values(["group", "benchmark", "x", "date"], kind="stable")
    best = order.drop_duplicates(["group", "benchmark"], keep="last")
    if len(best) < len(rows):
        left_out.append(f"{len(rows) - len(best)} below the maximum of their model group and benchmark")
    if left_out:
        said = f"{path}: Epoch's rules leave out {'; '.join(left_out)}."
        warnings.warn(said, EciWarning, stacklevel=2)
    return Tables(_long_table(path, best.reset_index(drop=True)), unit="fraction")


def _read_benchmarks(archive: Archive, faults: Faults) -> pd.DataFrame:
    """Read how each benchmark is scored, indexed by its name."""
    sheet = _parse(archive, [_METADATA], _BENCHMARKS, faults)
    cells = _stripped(sheet)
    for name in ("superseded_by", "in_eci"):
        cells[name] = cells.get(name, "")
    wanted = cells["in_eci"].str.casefold().isin(["", "true", "1", "1.0", "yes"])
    for name, blank in zip(_LIMITS, (np.nan, 0.0, 1.0), strict=True):
        number = pd.to_numeric(cells[name], errors="coerce").astype("float64")
        number = number.mask((cells[name] == "") & ~np.isnan(blank), blank)
        bad = (wanted & ~np.isfinite(number)).to_numpy()
        sheet.report(bad, name, "is not a finite number", "Epoch's table must state it", faults)
        cells[name] = number
    crossed = wanted & (cells["random_baseline"] >= cells["score_ceiling"])
    sheet.report(crossed.to_numpy(), "score_ceiling", "is not above random_baseline", "Correct it", faults)
    again = wanted & cells["benchmark"].where(wanted).duplicated()
    sheet.report(again.to_numpy(), "benchmark", "is listed twice", "Keep one row for each name", faults)
    successor = dict(zip(cells["benchmark"][wanted], cells["superseded_by"][wanted], strict=True))
    circle = wanted & cells["benchmark"].map(lambda name: _returns(name, successor))
    sheet.report(circle.to_numpy(), "superseded_by", "leads back to the benchmark itself", "Break it", faults)
    faults.raise_any()
    return cells[wanted].set_index("benchmark")


def _returns(name: str, successor: dict[str, str]) -> bool:
    """Whether going from a benchmark to its successors comes back to it."""
    at = name
    for _ in successor:
        at = successor.get(at, "")
        if at == name:
            return True
    return False


def _read_models(archive: Archive, faults: Faults) -> pd.DataFrame:
    """Read group and date of each model version; a group has the latest date of its versions."""
    sheet = _parse(archive, _MODEL_TABLES, _MODELS, faults)
    cells = _stripped(sheet)
    cells = cells[(cells["model_version"] != "") & (cells["model_group"] != "")]
    several = cells.groupby("model_version")["model_group"].nunique()
    clash = several.index[several > 1]
    bad = sheet.cells["model_version"].str.strip().isin(clash).to_numpy()
    sheet.report(bad, "model_version", "is in several groups", "Give each version one group", faults)
    faults.raise_any()
    date = pd.to_datetime(cells["date"], format="ISO8601", errors="coerce").astype("datetime64[s]")
    date = date.groupby(cells["model_group"]).transform("max")
    groups = pd.DataFrame({"group": cells["model_group"], "date": date, "version": cells["model_version"]})
    return groups.drop_duplicates("version").set_index("version")


def _read_scores(
    archive: Archive, benchmarks: pd.DataFrame, faults: Faults, left_out: list[str]
) -> pd.DataFrame:
    """Read every benchmark's table into rows of version, benchmark, x, source, file and line."""
    parts, absent, odd = [], [], []
    for benchmark, rule in benchmarks.iterrows():
        name = rule["source_file"]
        if name not in archive:
            absent.append(str(benchmark))
            continue
        columns = ("Model version", rule["score_column"])
        sheet = _parse(archive, [name], Header((*columns, "Source"), columns), faults)
        cells = _stripped(sheet)
        text = cells[rule["score_column"]]
        raw = pd.to_numeric(text, errors="coerce").astype("float64").where(np.isfinite)
        bad = np.flatnonzero((raw.isna() & (text != "")).to_numpy())
        odd += [f"{sheet.file}, line {sheet.lines[row]}" for row in bad]
        span = rule["score_ceiling"] - rule["random_baseline"]
        part = pd.DataFrame(
            {
                "version": cells["Model version"],
                "benchmark": str(benchmark),
                "x": ((rule["scale"] * raw - rule["random_baseline"]) / span).clip(0.0, 1.0),
                "source": cells.get("Source", ""),
                "file": sheet.file,
                "line": sheet.lines,
            }
        )
        parts.append(part[(part["version"] != "") & part["x"].notna()])
    if absent:
        left_out.append(f"{len(absent)} benchmarks whose table is not in the archive ({_list(absent)})")
    if odd:
        left_out.append(f"{len(odd)} rows whose score is not a number ({_list(odd)})")
    if not parts:
        raise DataError(f"{archive.path}: none of the tables that {_METADATA} names is in the archive.")
    return pd.concat(parts, ignore_index=True)


def _parse(archive: Archive, names: Sequence[str], header: Header, faults: Faults) -> Sheet:
    name = next((name for name in names if name in archive), None)
    if name is None:
        held = _list(sorted(archive))
        raise DataError(f"{archive.path}: the archive lacks {' or '.join(names)}; it holds {held}.")
    sheet = parse_csv(archive.open(name), archive.where(name), header, faults)
    faults.raise_any()
    return sheet


def _stripped(sheet: Sheet) -> pd.DataFrame:
    return pd.DataFrame({name: column.str.strip() for name, column in sheet.cells.items()})


def _leave_out(rows: pd.DataFrame, out: pd.Series, why: str, named: str, left_out: list[str]) -> pd.DataFrame:
    if out.any():
        names = sorted(set(rows.loc[out, named]))
        left_out.append(f"{int(out.sum())} rows {why} ({_list(names)})")
    return rows[~out]


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _long_table(path: Path, best: pd.DataFrame) -> Sheet:
    cells = pd.DataFrame(
        {
            "model": best["group"],
            "benchmark": best["benchmark"],
            "score": best["x"],
            "conditions": best["version"],
            "source_url": best["source"],
            "release_date": best["date"],
        }
    )
    return Sheet(str(path), cells, best["line"].to_numpy(dtype=np.int64), files=best["file"].tolist())
