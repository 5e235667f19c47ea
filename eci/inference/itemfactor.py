"""The precision of all items, abilities integrated out, factored on the smaller side. Free of jax.

    H = D - sum_m sum_q b_mq b_mq'

(see `eci.inference.grid`) is an arrow's Schur complement: D has 2 x 2 blocks for the items and a border for
the parameters they share. With few items H is formed and factored. With few models, the items are eliminated
instead, and the Schur complement over models and shared parameters is factored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from eci.errors import ConvergenceError
from eci.inference.items import Precision

FloatArray = NDArray[np.float64]


class ItemFactor(Protocol):
    """The factored precision H of all intercepts, log slopes and shared parameters, in this order."""

    def solve(self, rhs: FloatArray) -> FloatArray:
        """H^-1 rhs, for one vector."""
        ...

    def draw(self, rng: np.random.Generator, n_draws: int) -> FloatArray:
        """Draws of N(0, H^-1), (coordinate, draw)."""
        ...

    def spread_models(self, pull: tuple[Any, ...]) -> tuple[float, FloatArray]:
        """Covariance of the standardised abilities as c I + F F': c, and F (model, rank)."""
        ...


@dataclass(frozen=True, eq=False)
class OverItems:
    """H = chol chol', dense; `basis` maps the free coordinates to all (None where all are free)."""

    chol: FloatArray
    basis: FloatArray | None

    def solve(self, rhs: FloatArray) -> FloatArray:
        """H^-1 rhs."""
        from scipy.linalg import cho_solve

        if self.basis is None:
            return np.asarray(cho_solve((self.chol, True), rhs))
        return np.asarray(self.basis @ cho_solve((self.chol, True), self.basis.T @ rhs))

    def draw(self, rng: np.random.Generator, n_draws: int) -> FloatArray:
        """Draws of N(0, H^-1), (coordinate, draw)."""
        from scipy.linalg import solve_triangular

        z = rng.standard_normal((len(self.chol), n_draws))
        free = solve_triangular(self.chol, z, lower=True, trans=1, overwrite_b=True, check_finite=False)
        return np.asarray(free if self.basis is None else self.basis @ free)

    def spread_models(self, pull: tuple[Any, ...]) -> tuple[float, FloatArray]:
        """Own variance 1, and a factor of the rank of the items."""
        from scipy.linalg import solve_triangular

        n_all = len(self.chol) if self.basis is None else len(self.basis)
        factor = np.empty((sum(block.shape[0] for block in pull), len(self.chol)))
        first = 0
        for block in pull:
            loading = np.zeros((block.shape[0], n_all))
            loading[:, : block.shape[1]] = block if isinstance(block, np.ndarray) else block.toarray()
            free = loading if self.basis is None else loading @ self.basis
            factor[first : first + len(free)] = solve_triangular(self.chol, free.T, lower=True).T
            first += len(free)
        return 1.0, factor


@dataclass(frozen=True, eq=False)
class OverModels:
    """H after elimination of the items: their 2 x 2 blocks, and a Schur complement over models and shared.

    item_chol (item, 2, 2); coupling (2, item, model + n_shared): the items' precision with the others,
    solved by item_chol; schur_chol: lower Cholesky factor.
    """

    item_chol: FloatArray
    coupling: FloatArray
    schur_chol: FloatArray
    n_models: int

    def solve(self, rhs: FloatArray) -> FloatArray:
        """H^-1 rhs."""
        from scipy.linalg import cho_solve

        n = len(self.item_chol)
        own = _lower_solve(self.item_chol, np.stack([rhs[:n], rhs[n : 2 * n]])[..., None])[..., 0]
        rest = np.concatenate([np.zeros(self.n_models), rhs[2 * n :]])
        rest -= np.tensordot(own, self.coupling, axes=2)
        rest = cho_solve((self.schur_chol, True), rest)
        items = _upper_solve(self.item_chol, (own - self.coupling @ rest)[..., None])[..., 0]
        return np.concatenate([items[0], items[1], rest[self.n_models :]])

    def draw(self, rng: np.random.Generator, n_draws: int) -> FloatArray:
        """Draws of N(0, H^-1), (coordinate, draw)."""
        from scipy.linalg import solve_triangular

        z = rng.standard_normal((len(self.schur_chol), n_draws))
        rest = solve_triangular(self.schur_chol, z, lower=True, trans=1, overwrite_b=True, check_finite=False)
        own = rng.standard_normal((2, len(self.item_chol), n_draws))
        own -= self.coupling @ rest
        items = _upper_solve(self.item_chol, own)
        return np.concatenate([items[0], items[1], rest[self.n_models :]])

    def spread_models(self, pull: tuple[Any, ...]) -> tuple[float, FloatArray]:
        """Everything is in the factor, the inverse of the Schur complement's own."""
        from scipy.linalg import solve_triangular

        del pull
        unit = np.eye(len(self.schur_chol))[:, : self.n_models]
        return 0.0, solve_triangular(self.schur_chol, unit, lower=True).T


def _lower_solve(chol: FloatArray, rhs: FloatArray) -> FloatArray:
    """Solve a lower 2 x 2 system for every item; rhs and result are (2, item, n)."""
    first = rhs[0] / chol[:, 0, 0, None]
    return np.stack([first, (rhs[1] - chol[:, 1, 0, None] * first) / chol[:, 1, 1, None]])


def _upper_solve(chol: FloatArray, rhs: FloatArray) -> FloatArray:
    """Solve the transposed system."""
    second = rhs[1] / chol[:, 1, 1, None]
    return np.stack([(rhs[0] - chol[:, 1, 0, None] * second) / chol[:, 0, 0, None], second])


def factor_over_items(precision: Precision, loss: FloatArray, *, common_slope: bool) -> OverItems:
    """Factor H over item coordinates and shared parameters."""
    n, n_shared = len(precision.block), len(precision.shared)
    whole = np.zeros((2 * n + n_shared,) * 2)
    whole[: 2 * n, : 2 * n] = -loss
    j = np.arange(n)
    for a in range(2):
        for b in range(2):
            whole[a * n + j, b * n + j] += precision.block[:, a, b]
        whole[a * n : (a + 1) * n, 2 * n :] = precision.border[:, a]
        whole[2 * n :, a * n : (a + 1) * n] = precision.border[:, a].T
    whole[2 * n :, 2 * n :] = precision.shared
    basis = None
    if common_slope:
        basis = np.zeros((2 * n + n_shared, n + 1 + n_shared))
        basis[j, j], basis[n + j, n], basis[2 * n :, n + 1 :] = 1.0, 1.0, np.eye(n_shared)
        lower = np.tril(whole)
        whole = basis.T @ (lower + np.tril(whole, -1).T) @ basis
    return OverItems(_cholesky(whole), basis)


def factor_over_models(precision: Precision, pulls: Sequence[Any], n_models: int) -> OverModels:
    """Factor H after eliminating the items; one polynomial a model."""
    n, n_shared = len(precision.block), len(precision.shared)
    item_chol = _cholesky(precision.block)
    coupling = np.empty((2, n, n_models + n_shared))
    first = 0
    for pull in pulls:
        dense = pull if isinstance(pull, np.ndarray) else pull.toarray()
        for a in range(2):
            coupling[a, :, first : first + len(dense)] = -dense[:, a * n : (a + 1) * n].T
        first += len(dense)
    coupling[:, :, n_models:] = precision.border.transpose(1, 0, 2)
    coupling = _lower_solve(item_chol, coupling)
    flat = coupling.reshape(2 * n, -1)
    schur = -(flat.T @ flat)
    schur[np.arange(n_models), np.arange(n_models)] += 1.0
    schur[n_models:, n_models:] += precision.shared
    return OverModels(item_chol, coupling, _cholesky(schur), n_models)


def _cholesky(matrix: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError as error:
        raise ConvergenceError(
            "The curvature of the items at their mode is not that of a maximum, so there is no normal "
            "approximation. Some items have too few answers: take them out, or use the method nuts."
        ) from error
