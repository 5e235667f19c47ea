"""Logs of Inspect (`.eval` or JSON), read by Inspect's own library."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eci.errors import DataError, EciWarning
from eci.scores.faults import Fault, Faults
from eci.scores.readers.glimpse import Glimpse
from eci.scores.readers.tables import Tables
from eci.scores.sheet import Sheet

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

_METRICS = ("accuracy", "mean")
_ERRORS = ("stderr", "bootstrap_stderr")


def accepts(seen: Glimpse) -> bool:
    """Take an `.eval` file, a JSON log, or a folder with such files."""
    if seen.kind == "zip":
        return seen.path.suffix == ".eval"
    is_log = all(f'"{key}"' in seen.text for key in ("status", "eval", "plan")) and seen.kind != "csv"
    return is_log or any(name.endswith(".eval") for name in seen.members if seen.kind == "folder")


def read(path: Path, faults: Faults) -> Tables:
    """Read the headline metric of every finished log as the score of its model on its task.

    Where a log has no headline, each scorer's accuracy (else mean) counts; with several scorers the benchmark
    is "task / scorer". A standard error of the scorer and its number of scored samples are used.

    Parameters
    ----------
    path
        A log, or a folder with logs below it.
    faults
        Collects logs without such a metric.

    Raises
    ------
    DataError
        If inspect_ai is not installed, a log cannot be read, or none is finished.

    Warns
    -----
    EciWarning
        If logs that did not end in success were left out.
    """
    files = sorted({*path.rglob("*.eval"), *path.rglob("*.json")}) if path.is_dir() else [path]
    rows: list[dict[str, Any]] = []
    unfinished: list[str] = []
    for file in files:
        log = _open(file)
        if log.status != "success" or log.results is None:
            unfinished.append(f"{file.name} ({log.status})")
            continue
        found = _scores(log)
        if not found:
            problem, advice = "has no accuracy and no mean", "Score the log with one of these metrics"
            faults.add(Fault(str(file), None, "metrics", "", problem, advice))
        rows += [{**row, "source_url": str(file)} for row in found]
    faults.raise_any()
    if unfinished:
        said = f"{path}: {len(unfinished)} logs that did not end in success were left out: {unfinished[0]}"
        warnings.warn(said + (", ..." if len(unfinished) > 1 else "."), EciWarning, stacklevel=2)
    if not rows:
        raise DataError(
            f"{path}: none of {len(files)} logs ended in success. Run the evaluations to the end."
        )
    cells = pd.DataFrame(rows)
    files_of = cells["source_url"].tolist()
    return Tables(
        Sheet(str(path), cells, np.ones(len(cells), dtype=np.int64), files=files_of, counted="result"),
        unit="fraction",
    )


def _open(file: Path) -> EvalLog:
    try:
        from inspect_ai.log import read_eval_log
    except ModuleNotFoundError as error:
        raise DataError(
            f"{file} is a log of Inspect, and its library, inspect_ai, is not installed. Install it (pip "
            "install inspect_ai), or write the scores as CSV."
        ) from error
    try:
        return read_eval_log(str(file), header_only=True)
    except Exception as error:  # its readers raise what pydantic, zipfile, json and fsspec do
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{file}: Inspect's library cannot read this log ({reason}). Check the file."
        ) from error


def _scores(log: EvalLog) -> list[dict[str, Any]]:
    headline = getattr(log.results, "headline", None)
    scores = [s for s in log.results.scores if headline is None or s.name == headline.score]
    rows = []
    for score in scores:
        wanted = (headline.metric,) if headline else _METRICS
        metric = next((score.metrics[name] for name in wanted if name in score.metrics), None)
        if metric is None:
            continue
        error = next((score.metrics[name].value for name in _ERRORS if name in score.metrics), np.nan)
        n_items = score.scored_samples or log.eval.dataset.samples
        rows.append(
            {
                "model": log.eval.model,
                "benchmark": log.eval.task if len(scores) == 1 else f"{log.eval.task} / {score.name}",
                "score": metric.value,
                "standard_error": error,
                "n_items": n_items if n_items else np.nan,
                "conditions": f"{score.name} {metric.name}, {log.eval.created[:10]}",
            }
        )
    return rows
