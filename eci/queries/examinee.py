"""An AI model as joint draws with the benchmarks: one of the fit, or one that was placed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError
from eci.queries.curves import FloatArray, IndexArray, choose_rows, find_names
from eci.queries.placement import Placement, PriorName

if TYPE_CHECKING:
    from eci.fitted import Fit


class Examinee(NamedTuple):
    """Joint draws of a model and the benchmarks.

    rows (draw,): draws of the fit, for the benchmarks; ability (draw,), logits; points (draw,), the index;
    sat (benchmark,): whether it has a score there.
    """

    name: str
    rows: IndexArray
    ability: FloatArray
    points: FloatArray
    sat: NDArray[np.bool_]


def examine(
    fit: Fit,
    model: str,
    max_draws: int,
    placement: Placement | None = None,
    prior: PriorName = "standard",
) -> Examinee:
    """Joint draws of a model by its name.

    Parameters
    ----------
    fit
        A fit with draws.
    model
        A model of the fit, or of `placement`.
    max_draws
        Draws to use at most.
    placement
        New models, from `place`.
    prior
        Which of its priors a placed model is taken under.

    Raises
    ------
    DataError
        Where the name is in neither.
    """
    placed = [] if placement is None else [one for one in placement if one.model == model]
    if not placed:
        known = (*fit.matrix.models, *sorted({one.model for one in placement or ()}))
        (m,) = find_names([model], known, "model")
        return _of_fit(fit, int(m), choose_rows(fit, max_draws))
    found = [one for one in placed if one.prior == prior]
    if not found:
        raise DataError(
            f"{model!r} was placed without a release date, so it has no result under the dated prior. Give "
            "its scores a release_date."
        )
    one = found[0]
    kept = slice(0, max_draws)  # the draws are in random order
    rows, points = one.rows[kept], one.index_draws[kept]
    ability = (points - fit.scale.origin[rows]) / fit.scale.slope[rows]
    return Examinee(model, rows, ability, points, np.isin(fit.matrix.benchmarks, one.benchmarks))


def beside(fit: Fit, other: str, examinee: Examinee) -> Examinee:
    """A model of the fit in the same joint draws as `examinee`."""
    (m,) = find_names([other], fit.matrix.models, "model")
    return _of_fit(fit, int(m), examinee.rows)


def _of_fit(fit: Fit, m: int, rows: IndexArray) -> Examinee:
    matrix = fit.matrix
    sat = np.zeros(matrix.n_benchmarks, dtype=bool)
    sat[matrix.benchmark_index[matrix.model_index == m]] = True
    return Examinee(matrix.models[m], rows, fit.ability_draws[rows, m], fit.index_draws[rows, m], sat)
