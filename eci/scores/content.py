"""What a score matrix must hold, and the digest that names it."""

from __future__ import annotations

import hashlib
import json
import warnings
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from eci.errors import DataError, EciWarning
from eci.scores.names import find_invisible

if TYPE_CHECKING:
    from eci.scores.matrix import ScoreMatrix

_DIGEST_FORMAT = "eci score matrix 1"

ARRAYS = {
    "model_index": "int64",
    "benchmark_index": "int64",
    "score": "float64",
    "n_items": "float64",
    "lower": "float64",
    "upper": "float64",
    "release_date": "datetime64[D]",
}
_AXES = {
    "score": ("model_index", "benchmark_index", "score", "n_items"),
    "model": ("models", "release_date", "lab", "open_weights", "reasoning"),
    "benchmark": ("benchmarks", "lower", "upper", "domain"),
}


def require_consistent(matrix: ScoreMatrix) -> None:
    """Refuse fields that contradict each other.

    Parameters
    ----------
    matrix
        A matrix under construction.

    Raises
    ------
    DataError
        If lengths differ, names are not in order or hold invisible characters, an index points nowhere, a
        score is not finite, or a chance level is not below its ceiling.
    """
    for axis, names in _AXES.items():
        lengths = {name: len(getattr(matrix, name)) for name in names}
        if len(set(lengths.values())) > 1:
            raise DataError(
                f"Fields along the axis {axis} differ in length: {lengths}. Give them one length."
            )
    for name in ("models", "benchmarks", "lab", "domain"):
        for label in getattr(matrix, name):
            if code := find_invisible(label):
                raise DataError(
                    f"{name}: {label!r} holds the invisible character {code}. Write it with visible ones."
                )
    for name, index in (("models", matrix.model_index), ("benchmarks", matrix.benchmark_index)):
        labels = getattr(matrix, name)
        for before, after in pairwise(labels):
            if before >= after:
                raise DataError(
                    f"{name}: {after!r} follows {before!r}. Names must be unique and in order; "
                    "sort them together with everything that is indexed by them."
                )
        if len(index) and not (index.min() >= 0 and index.max() < len(labels)):
            raise DataError(
                f"The index of {name} runs from {index.min()} to {index.max()}, but there are {len(labels)} "
                "names, counted from 0. Make every index point to a name."
            )
    if not np.isfinite(matrix.score).all():
        at = int(np.argmin(np.isfinite(matrix.score)))
        raise DataError(f"score[{at}] is {matrix.score[at]}. Scores must be finite; remove missing ones.")
    crossed = np.flatnonzero(~(matrix.lower < matrix.upper))
    if len(crossed):
        at = int(crossed[0])
        raise DataError(
            f"Benchmark {matrix.benchmarks[at]!r} has lower {matrix.lower[at]} and upper {matrix.upper[at]}. "
            "Its chance level must lie below its ceiling."
        )


def warn_if_equal(matrix: ScoreMatrix) -> None:
    """Warn where all scores are one value, which order no models; one benchmark of equal scores is common.

    Parameters
    ----------
    matrix
        A consistent matrix.

    Warns
    -----
    EciWarning
        If there are several scores and no two differ.
    """
    if matrix.n_scores > 1 and np.ptp(matrix.score) == 0:
        warnings.warn(
            f"All {matrix.n_scores} scores are equal: every one is {matrix.score[0]:g}. They tell no model "
            "from another, and an index of them ranks chance. Check the column that was read as the score, "
            "or bring scores that differ.",
            EciWarning,
            stacklevel=4,  # whoever called `fit`, which runs inside `one_at_a_time`
        )


def digest(matrix: ScoreMatrix) -> str:
    """Hash the content in an order of its own, so that it stays the same however the rows came.

    Parameters
    ----------
    matrix
        A consistent matrix; its rules and its digest are not looked at.

    Returns
    -------
    str
        SHA-256 in hexadecimal: labels as JSON, then every array as little-endian bytes.
    """
    order = np.lexsort((matrix.n_items, matrix.score, matrix.benchmark_index, matrix.model_index))
    labels = [_DIGEST_FORMAT, matrix.models, matrix.benchmarks, matrix.lab]
    sha = hashlib.sha256(json.dumps(labels).encode())
    for name, dtype in ARRAYS.items():
        array = getattr(matrix, name)
        along = array[order] if name in _AXES["score"] else array
        if dtype == "float64":
            along = np.where(np.isnan(along), np.nan, along + 0.0)  # one NaN, one zero
        sha.update(np.ascontiguousarray(along).astype(np.dtype(dtype).newbyteorder("<")).tobytes())
    return sha.hexdigest()
