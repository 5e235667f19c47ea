"""Where the scores of a fit were published: looked up in the table the fit was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.scores.rules import apply_rules

if TYPE_CHECKING:
    from eci.fitted import Fit

_COLUMNS = ["conditions", "source_kind", "source_url"]


def find_sources(fit: Fit, scores: pd.DataFrame) -> pd.DataFrame:
    """Conditions and source of every score of a fit.

    Parameters
    ----------
    fit
        The fit, which keeps scores but not their sources.
    scores
        The long table it was made of, from `load_scores`.

    Returns
    -------
    DataFrame
        Columns conditions, source_kind, source_url, one row for each score of `fit.matrix`, in its order.

    Raises
    ------
    DataError
        Where these are not the scores of the fit.
    """
    matrix = fit.matrix
    kept, _ = apply_rules(scores, matrix.rules)
    kept = kept.sort_values(["model", "benchmark", "score", "n_items"], kind="stable", ignore_index=True)
    models, benchmarks = np.array(matrix.models, object), np.array(matrix.benchmarks, object)
    same = (
        len(kept) == matrix.n_scores
        and np.array_equal(kept["model"], models[matrix.model_index])
        and np.array_equal(kept["benchmark"], benchmarks[matrix.benchmark_index])
        and np.array_equal(kept["score"], matrix.score)
    )
    if not same:
        raise DataError(
            f"These are not the scores of the fit: by its rules they give {len(kept)} scores, and the "
            f"fit has {matrix.n_scores}, or other ones. Give the file it was made of, or fit again."
        )
    return kept[_COLUMNS].fillna("").astype(str)
