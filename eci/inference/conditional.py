"""Posteriors of the abilities given the items, and how these pull at them. Free of jax."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.inference.marginal import MarginalMode
from eci.inference.quadrature import weigh
from eci.inference.responses import Responses

FloatArray = NDArray[np.float64]

NORMAL_SCORES = np.linspace(-5.0, 5.0, 41)  # where quantile functions are tabulated


class Conditional(NamedTuple):
    """Abilities given the items, at the mode, models in the order of the responses.

    pull: b_m1, one matrix (model of the block, 2 item) for every block, intercepts first. quantile (model,
    score): ability at each of NORMAL_SCORES.
    """

    mean: FloatArray
    sd: FloatArray
    quantile: FloatArray
    pull: tuple[Any, ...]


def condition(responses: Responses, mode: MarginalMode, n_polynomials: int) -> tuple[Conditional, FloatArray]:
    """Posteriors of the abilities given the items, and what not knowing abilities takes from D.

    The loss is sum_m sum_q b_mq b_mq' over the item coordinates, (2 item, 2 item), lower triangle, or empty
    where `n_polynomials` is 0.
    """
    tables, n = mode.tables, 2 * responses.n_items
    loss = np.zeros((n, n) if n_polynomials else (0, 0), order="F")
    quantile, pulls = np.empty((responses.n_models, len(NORMAL_SCORES))), []
    for block, rows, window in zip(responses.blocks, responses.rows, mode.nodes.windows, strict=True):
        x = mode.nodes.ability[window]
        weight, _ = weigh(block, tables, mode.nodes, window)
        quantile[rows] = tabulate_quantiles(weight, x)
        right, wrong, lever = tables.right_slope[window], tables.wrong_slope[window], tables.lever[window]
        pull = [
            _join(
                block.project(weight * phi, right, wrong),
                block.project(weight * phi, right * lever, wrong * lever),
            )
            for phi in polynomials(weight, x, max(n_polynomials, 1))
        ]
        pulls.append(pull[0])
        for more in pull if n_polynomials else ():
            _add_squares(loss, more)
    return Conditional(mode.expectation.mean, mode.expectation.sd, quantile, tuple(pulls)), loss


def _add_squares(total: FloatArray, rows: Any) -> None:
    """Add rows' rows to `total`, in place; of dense rows only the lower triangle."""
    if isinstance(rows, np.ndarray):
        from scipy.linalg.blas import dsyrk

        dsyrk(1.0, rows.T, beta=1.0, c=total, lower=1, overwrite_c=1)
    else:
        total += (rows.T @ rows).toarray()


def _join(intercepts: Any, log_slopes: Any) -> Any:
    """Put two projections side by side."""
    if isinstance(intercepts, np.ndarray):
        return np.concatenate([intercepts, log_slopes], axis=1)
    from scipy.sparse import hstack

    return hstack([intercepts, log_slopes], format="csr")


def polynomials(weight: FloatArray, x: FloatArray, n: int) -> list[FloatArray]:
    """Polynomials of degree 1 to n, orthonormal under each row of weights, (model, node) each."""
    basis = [np.ones_like(weight)]
    for _ in range(n):
        new = basis[-1] * x
        for old in basis:
            new = new - (weight * new * old).sum(axis=1, keepdims=True) * old
        norm = np.sqrt((weight * new**2).sum(axis=1, keepdims=True))
        basis.append(new / np.maximum(norm, 1e-30))
    return basis[1:]


def tabulate_quantiles(weight: FloatArray, x: FloatArray) -> FloatArray:
    """Quantile function of each row of weights on equally spaced nodes, at NORMAL_SCORES: (model, score).

    Cumulative weights are those of the trapezoidal rule with its first correction (Euler and Maclaurin),
    taken from the nearer end; between nodes, the deviation of the ability from a normal one is interpolated.
    """
    from scipy.special import ndtri

    mean = weight @ x
    sd = np.sqrt(np.maximum(weight @ x**2 - mean**2, 1e-30))
    slope = np.zeros_like(weight)
    slope[:, 1:-1] = (weight[:, 2:] - weight[:, :-2]) / 24.0
    below = np.cumsum(weight, axis=1) - 0.5 * weight - slope
    above = np.cumsum(weight[:, ::-1], axis=1)[:, ::-1] - 0.5 * weight + slope
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(below < 0.5, ndtri(below), -ndtri(above))
    usable = np.minimum(below, above) > 1e-9
    deviation = x - mean[:, None] - sd[:, None] * z
    table = mean[:, None] + sd[:, None] * NORMAL_SCORES
    for row in range(len(weight)):
        kept = usable[row]
        table[row] += np.interp(NORMAL_SCORES, z[row, kept], deviation[row, kept])
    return np.asarray(table)


def look_up(table: FloatArray, score: FloatArray) -> FloatArray:
    """Quantile functions (model, NORMAL_SCORES) at normal scores (model, draw), linear between and beyond."""
    position = (score - NORMAL_SCORES[0]) / (NORMAL_SCORES[1] - NORMAL_SCORES[0])
    index = np.clip(position.astype(np.int64), 0, len(NORMAL_SCORES) - 2)
    low, high = (np.take_along_axis(table, index + i, axis=1) for i in (0, 1))
    return np.asarray(low + (position - index) * (high - low))
