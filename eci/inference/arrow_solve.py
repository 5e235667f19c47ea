"""Many arrow-shaped linear systems at once: models on one side, benchmarks on the other. Free of jax.

Given one side, the other falls apart into blocks of one (ability) or two (difficulty, slope). With the blocks
of the larger side eliminated, one dense system of the smaller side is left for each refit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

FloatArray = NDArray[np.float64]


class Side(NamedTuple):
    """Gradient (k, refit, n) and curvature (k, k, refit, n) of n models (k = 1) or benchmarks (k = 2)."""

    gradient: FloatArray
    curvature: FloatArray


def step_down(
    models: Side, benchmarks: Side, cross: FloatArray | None
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Newton step - H^-1 g of every refit.

    Parameters
    ----------
    models, benchmarks
        Gradients and diagonal blocks.
    cross
        Curvature between benchmark parameter k and ability, shape (k, refit, model, benchmark), or None.

    Returns
    -------
    tuple
        Steps of the models (1, refit, model) and benchmarks (2, refit, benchmark), and which refits have a
        positive definite curvature (refit,); the steps of the others mean nothing.
    """
    if cross is None:
        (to_models, good_models), (to_benchmarks, good_benchmarks) = map(_solve_blocks, (models, benchmarks))
        return to_models, to_benchmarks, good_models & good_benchmarks
    k, n_refits, n_models, n_benchmarks = cross.shape
    if n_models >= k * n_benchmarks:
        coupling = cross.transpose(1, 2, 0, 3).reshape(1, n_refits, n_models, k * n_benchmarks)
        return _eliminate(models, benchmarks, coupling)
    to_benchmarks, to_models, definite = _eliminate(benchmarks, models, cross.transpose(0, 1, 3, 2))
    return to_models, to_benchmarks, definite


def _solve_blocks(side: Side) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Newton steps of independent blocks, and which refits have definite ones."""
    factor, definite = _factor(side.curvature)
    return -_backward(factor, _forward(factor, side.gradient)), definite


def _eliminate(
    out: Side, kept: Side, coupling: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Solve with the blocks of `out` eliminated; `coupling` is (k_out, refit, n_out, k_kept * n_kept)."""
    n_refits, n = kept.gradient.shape[1:]
    factor, definite = _factor(out.curvature)
    half = _forward(factor[..., None], coupling)
    half_gradient = _forward(factor, out.gradient)
    # One tall matrix a refit, so that the elimination is one matrix product.
    tall = half.transpose(1, 0, 2, 3).reshape(n_refits, -1, half.shape[-1])
    tall_gradient = half_gradient.transpose(1, 0, 2).reshape(n_refits, -1, 1)
    dense = -(tall.transpose(0, 2, 1) @ tall)
    at = np.arange(n)
    for a, row in enumerate(kept.curvature):
        for b, block in enumerate(row):
            dense[:, a * n + at, b * n + at] += block
    flat = kept.gradient.transpose(1, 0, 2).reshape(n_refits, -1)
    right = (tall.transpose(0, 2, 1) @ tall_gradient)[..., 0] - flat
    solved = np.zeros_like(right)
    for i in np.flatnonzero(definite):  # LAPACK says which matrix is not definite; a batched call does not
        _, solved[i], info = dposv(dense[i].T, right[i], overwrite_a=1)
        definite[i] = info == 0
    back = (tall @ solved[..., None])[..., 0].reshape(n_refits, len(factor), -1).transpose(1, 0, 2)
    step = _backward(factor, -half_gradient - back)
    return step, solved.reshape(n_refits, -1, n).transpose(1, 0, 2), definite


def _factor(blocks: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Lower Cholesky factors of blocks (k, k, refit, n), and which refits have them all."""
    factor = np.zeros_like(blocks)
    definite = np.ones(blocks.shape[2], dtype=bool)
    for a in range(len(blocks)):
        for b in range(a + 1):
            rest = blocks[a, b] - sum(factor[a, c] * factor[b, c] for c in range(b))
            if b < a:
                factor[a, b] = rest / factor[b, b]
            else:
                definite &= (rest > 0).all(axis=1)
                factor[a, a] = np.sqrt(np.where(rest > 0, rest, 1.0))
    return factor, definite


def _forward(factor: FloatArray, right: FloatArray) -> FloatArray:
    """Solve factor @ x = right."""
    x = right.copy()
    for a in range(len(factor)):
        for b in range(a):
            x[a] -= factor[a, b] * x[b]
        x[a] /= factor[a, a]
    return x


def _backward(factor: FloatArray, right: FloatArray) -> FloatArray:
    """Solve factor' @ x = right."""
    x = right.copy()
    for a in reversed(range(len(factor))):
        for b in range(a + 1, len(factor)):
            x[a] -= factor[b, a] * x[b]
        x[a] /= factor[a, a]
    return x
