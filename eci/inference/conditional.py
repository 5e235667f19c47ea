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
MIN_TAIL = 1e-9  # probability beyond which a tail is taken as normal
THIRD = np.array([-5.0, 60.0, 30.0, -4.0]) / 81.0  # a cubic through -1, 0, 1, 2 at one third


class Conditional(NamedTuple):
    """Abilities given the items, at the mode, models in the order of the responses.

    pull: b_m1, one matrix (model of the block, 2 item) for every block, intercepts first.
    """

    mean: FloatArray
    sd: FloatArray
    pull: tuple[Any, ...]


def condition(responses: Responses, mode: MarginalMode, n_polynomials: int) -> tuple[Conditional, FloatArray]:
    """Posteriors of the abilities given the items, and what not knowing abilities takes from D.

    The loss is sum_m sum_q b_mq b_mq' over the item coordinates, (2 item, 2 item), lower triangle, or empty
    where `n_polynomials` is 0.
    """
    tables, n = mode.tables, 2 * responses.n_items
    loss = np.zeros((n, n) if n_polynomials else (0, 0), order="F")
    pulls = []
    for block, window in zip(responses.blocks, mode.nodes.windows, strict=True):
        x = mode.nodes.ability[window]
        weight, _ = weigh(block, tables, mode.nodes, window)
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
    return Conditional(mode.expectation.mean, mode.expectation.sd, tuple(pulls)), loss


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

    The log density is interpolated by cubics, exact for a normal one, and cumulated by the trapezoidal rule
    with its first correction (Euler and Maclaurin), from the nearer end. Between nodes, the deviation of the
    ability from a normal one is interpolated.
    """
    from scipy.special import ndtri

    fine = refine(weight)
    fine /= fine.sum(axis=1, keepdims=True)
    x = np.linspace(x[0], x[-1], fine.shape[1])
    mean = fine @ x
    sd = np.sqrt(np.maximum(fine @ x**2 - mean**2, 1e-30))
    correction = 0.5 * fine
    correction[:, 1:-1] += (fine[:, 2:] - fine[:, :-2]) / 24.0
    below = np.cumsum(fine, axis=1) - correction
    tail = np.clip(np.minimum(below, 1.0 - below), MIN_TAIL, 0.5)
    z = np.where(below < 0.5, 1.0, -1.0) * ndtri(tail)
    usable = tail > MIN_TAIL
    deviation = x - mean[:, None] - sd[:, None] * z
    table = mean[:, None] + sd[:, None] * NORMAL_SCORES
    for row in range(len(fine)):
        kept = usable[row]
        table[row] += np.interp(NORMAL_SCORES, z[row, kept], deviation[row, kept])
    return np.asarray(table)


def refine(weight: FloatArray) -> FloatArray:
    """Weights at nodes three times as dense, (model, 3 node - 2): their logarithm by cubic interpolation."""
    log = np.log(np.maximum(weight, 1e-300))
    before = 3.0 * (log[:, :1] - log[:, 1:2]) + log[:, 2:3]  # continue the parabola of the ends
    after = 3.0 * (log[:, -1:] - log[:, -2:-1]) + log[:, -3:-2]
    around = np.concatenate([before, log, after], axis=1)
    n = log.shape[1] - 1
    four = [around[:, i : i + n] for i in range(4)]
    fine = np.empty((len(log), 3 * n + 1))
    fine[:, 0::3] = log
    fine[:, 1::3] = sum(c * part for c, part in zip(THIRD, four, strict=True))
    fine[:, 2::3] = sum(c * part for c, part in zip(THIRD[::-1], four, strict=True))
    return np.exp(fine)


def look_up(table: FloatArray, score: FloatArray) -> FloatArray:
    """Quantile functions (model, NORMAL_SCORES) at normal scores (model, draw), linear between and beyond."""
    position = (score - NORMAL_SCORES[0]) / (NORMAL_SCORES[1] - NORMAL_SCORES[0])
    index = np.clip(position.astype(np.int64), 0, len(NORMAL_SCORES) - 2)
    low, high = (np.take_along_axis(table, index + i, axis=1) for i in (0, 1))
    return np.asarray(low + (position - index) * (high - low))
