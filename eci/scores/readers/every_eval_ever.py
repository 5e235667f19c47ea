"""Aggregate records of Every Eval Ever: JSON, one file for every run of a model (schema 0.2)."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from eci.errors import DataError, EciWarning
from eci.scores.faults import Fault, Faults
from eci.scores.readers.glimpse import Glimpse
from eci.scores.readers.tables import Tables
from eci.scores.sheet import Sheet

_MARK = '"evaluation_results"'
_KINDS = {"first_party": "vendor", "third_party": "independent"}  # collaborative and other stay unknown
_ADVICE = "Correct the record (its schema: evalevalai.com, eval.schema.json)"

Row = dict[str, Any]


class _WrongRecordError(Exception):
    """What keeps a result from being read: column, value seen, problem."""


def accepts(seen: Glimpse) -> bool:
    """Take a JSON file, or a folder whose first JSON file is one, that has the key of the results."""
    return seen.kind in ("json", "folder") and _MARK in seen.text


def read(path: Path, faults: Faults) -> Tables:
    """Read every result of every record as one score.

    The score is (score - min_score) / (max_score - min_score), turned round where lower is better; levels
    count from 0 to the highest. The model is the identifier of `model_info`, the lab its developer; the
    benchmark is the data set with the name of the evaluation, and with the metric where one evaluation is
    recorded under several. A first party is a vendor, a third party independent. A standard error (or a
    confidence interval with its level) and the number of samples are used.

    Parameters
    ----------
    path
        A JSON file of one record or a list of them, JSON lines, or a folder with such `.json` files below it.
    faults
        Collects results that cannot be read, by file and number of the result.

    Raises
    ------
    DataError
        If there is no record, or a file is no JSON.

    Warns
    -----
    EciWarning
        If files of a folder hold no record, or results of an unknown level were left out.
    """
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    rows: list[Row] = []
    foreign: list[str] = []
    n_unknown = 0
    for file in files:
        n_results = 0
        records = [record for record in _records(file) if isinstance(record, dict)]
        records = [record for record in records if "evaluation_results" in record]
        if not records:
            foreign.append(file.name)
        for record in records:
            for result in _list(record["evaluation_results"]):
                n_results += 1
                try:
                    row = _read_result(record, result)
                except _WrongRecordError as wrong:
                    column, value, problem = wrong.args
                    faults.add(Fault(str(file), n_results, column, value, problem, _ADVICE, "result"))
                    continue
                if row is None:
                    n_unknown += 1
                else:
                    rows.append({**row, "file": str(file), "line": n_results})
    faults.raise_any()
    if not rows:
        raise DataError(f"{path}: no result of Every Eval Ever in {len(files)} JSON files. Check the path.")
    _warn(path, foreign, n_unknown)
    return Tables(_sheet(path, pd.DataFrame(rows)), unit="fraction")


def _warn(path: Path, foreign: list[str], n_unknown: int) -> None:
    if foreign:
        said = (
            f"{path}: {len(foreign)} files without evaluation_results were passed over, first {foreign[0]}."
        )
        warnings.warn(said, EciWarning, stacklevel=3)
    if n_unknown:
        said = f"{path}: {n_unknown} results of the level Unknown were left out."
        warnings.warn(said, EciWarning, stacklevel=3)


def _records(file: Path) -> Iterator[Any]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
        if file.suffix == ".jsonl":
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
        else:
            found = json.loads(text)
            yield from found if isinstance(found, list) else [found]
    except UnicodeDecodeError as error:
        problem = f"byte 0x{error.object[error.start]:02x} at byte {error.start + 1} is not UTF-8"
        raise DataError(f"{file}: {problem}. Save the file as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: not JSON that can be read ({error}). Write the file again.") from error


def _read_result(record: Row, result: Any) -> Row | None:
    if not isinstance(result, dict):
        raise _WrongRecordError("evaluation_results", str(result), "is no result")
    model, source = _dict(record, "model_info"), _dict(record, "source_metadata")
    metric, details = _dict(result, "metric_config"), _dict(result, "score_details")
    data = _dict(result, "source_data")
    score = _number(details, "score")
    if score is None:
        raise _WrongRecordError("score", str(details.get("score", "")), "is not a number")
    low, high = _range(metric)
    if metric.get("has_unknown_level") is True and metric.get("score_type") == "levels" and score == -1:
        return None
    if not low <= score <= high:
        raise _WrongRecordError("score", f"{score:g}", f"lies outside its range from {low:g} to {high:g}")
    lower_is_better = metric.get("lower_is_better")
    if not isinstance(lower_is_better, bool):
        raise _WrongRecordError("lower_is_better", str(lower_is_better), "is neither true nor false")
    error, n_items = _precision(details, data)
    return {
        "model": _text(model, "id") or _text(model, "name"),
        "benchmark": _benchmark(result, data),
        "metric": next(
            (_text(metric, k) for k in ("metric_name", "evaluation_description") if metric.get(k)), ""
        ),
        "score": ((high - score) if lower_is_better else (score - low)) / (high - low),
        "standard_error": error / (high - low) if error is not None else math.nan,
        "n_items": n_items if n_items is not None else math.nan,
        "lab": _text(model, "developer"),
        "source_kind": _KINDS.get(_text(source, "evaluator_relationship"), ""),
        "source_url": _url(data) or _text(source, "source_organization_url"),
    }


def _benchmark(result: Row, data: Row) -> str:
    evaluation, dataset = _text(result, "evaluation_name"), _text(data, "dataset_name")
    same = "".join(filter(str.isalnum, evaluation.casefold())) == "".join(
        filter(str.isalnum, dataset.casefold())
    )
    return evaluation if same or not dataset else f"{dataset}: {evaluation}" if evaluation else dataset


def _range(metric: Row) -> tuple[float, float]:
    """Give the lowest and highest score that the metric can have."""
    kind = metric.get("score_type", "continuous")
    low, high = _number(metric, "min_score"), _number(metric, "max_score")
    if kind == "levels":
        low, high = 0.0, len(_list(metric.get("level_names"))) - 1.0
    elif kind == "binary":
        low, high = 0.0 if low is None else low, 1.0 if high is None else high
    if low is None or high is None:
        raise _WrongRecordError("max_score", "", "or min_score is missing, so the score has no scale")
    if low >= high:
        raise _WrongRecordError("max_score", f"{high:g}", f"is not above the lowest score {low:g}")
    return low, high


def _precision(details: Row, data: Row) -> tuple[float | None, int | None]:
    """Give the standard error, in the unit of the score, and the number of samples, as far as stated."""
    told = _dict(details, "uncertainty")
    error = _number(_dict(told, "standard_error"), "value")
    interval = _dict(told, "confidence_interval")
    low, high, level = (_number(interval, key) for key in ("lower", "upper", "confidence_level"))
    if error is None and low is not None and high is not None and level is not None and 0 < level < 1:
        error = (high - low) / (2 * NormalDist().inv_cdf(0.5 + level / 2))
    if error is not None and error < 0:
        raise _WrongRecordError("standard_error", f"{error:g}", "is negative")
    ids = data.get("sample_ids")
    counts = (
        _number(told, "num_samples"),
        float(len(ids)) if isinstance(ids, list) else None,
        _number(data, "samples_number"),
    )
    n = next((n for n in counts if n is not None and n >= 1), None)
    return error, None if n is None else int(n)


def _sheet(path: Path, rows: pd.DataFrame) -> Sheet:
    """Name a benchmark with its metric where it is recorded under several; make the sheet."""
    metrics = rows.groupby("benchmark")["metric"].nunique()
    several = rows["benchmark"].isin(metrics.index[metrics > 1])
    named = rows["benchmark"] + " (" + rows["metric"].where(rows["metric"] != "", "no metric named") + ")"
    rows["benchmark"] = rows["benchmark"].mask(several, named)
    cells = rows.rename(columns={"metric": "conditions"}).drop(columns=["file", "line"])
    lines = rows["line"].to_numpy(dtype=np.int64)
    return Sheet(str(path), cells, lines, files=rows["file"].tolist(), counted="result")


def _dict(holder: Row, key: str) -> Row:
    value = holder.get(key, {})
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _WrongRecordError(key, str(value), "is no object")
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(holder: Row, key: str) -> str:
    value = holder.get(key)
    # Half a surrogate pair is no character: its escape is seen, and seen to be wrong.
    return "" if value is None else str(value).encode("utf-8", "backslashreplace").decode()


def _number(holder: Row, key: str) -> float | None:
    value = holder.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _url(data: Row) -> str:
    url = data.get("url")
    first = url[0] if isinstance(url, list) and url else url
    return first if isinstance(first, str) else ""
