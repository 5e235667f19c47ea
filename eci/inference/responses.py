"""Counts of right and wrong answers by model and item, held in blocks of models. Free of jax.

Everything the quadrature needs of the data is a product with a table that has a row for every node of ability
and a column for every item. Where a fifth or more of all cells are observed, blocks are dense and the
products are matrix products at the speed of the machine; elsewhere they are sparse and cost one short loop
for every cell observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError
from eci.scores import ScoreMatrix

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

DENSE_FILL = 0.2  # a sparse product costs about five times as much for a cell as a dense one
BLOCK_CELLS = 2**21  # of a dense block: 16 MiB
MIN_BLOCKS, MIN_ROWS = 32, 32  # models sorted by ability share few nodes in a small block
PIECE = 2**16  # observed cells treated at a time in a sparse projection


class DenseBlock(NamedTuple):
    """Right answers and trials of some models, (model, item) each; trials None where all are 1."""

    right: FloatArray
    trials: FloatArray | None

    def log_likelihood(self, log_odds: FloatArray, log_wrong: FloatArray) -> FloatArray:
        """Log probability of each model's answers at each node, (model, node), from (node, item) tables."""
        of_wrong = log_wrong.sum(axis=1) if self.trials is None else self.trials @ log_wrong.T
        return np.asarray(self.right @ log_odds.T + of_wrong)

    def count_expected(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Expected right answers and trials of each item at each node, (node, item), from (model, node)."""
        trials = weight.sum(axis=0)[:, None] if self.trials is None else weight.T @ self.trials
        return weight.T @ self.right, trials

    def project(self, weight: FloatArray, of_right: FloatArray, of_wrong: FloatArray) -> FloatArray:
        """Sum of weight times table over nodes, times the answers: (model, item)."""
        wrong = weight @ of_wrong
        right = self.right * (weight @ (of_right - of_wrong))
        return right + (wrong if self.trials is None else self.trials * wrong)


class SparseBlock(NamedTuple):
    """The same with a column for right and one for wrong answers to every item: (model, 2 item), CSR."""

    answers: Any

    def log_likelihood(self, log_odds: FloatArray, log_wrong: FloatArray) -> FloatArray:
        """As `DenseBlock.log_likelihood`."""
        return np.asarray(self.answers @ np.concatenate([log_odds + log_wrong, log_wrong], axis=1).T)

    def count_expected(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As `DenseBlock.count_expected`."""
        right, wrong = np.split(self.answers.T @ weight, 2)
        return right.T, (right + wrong).T

    def project(self, weight: FloatArray, of_right: FloatArray, of_wrong: FloatArray) -> Any:
        """As `DenseBlock.project`, a CSR array."""
        from scipy.sparse import csr_array

        answers, table = self.answers, np.concatenate([of_right, of_wrong], axis=1).T
        n_models, n_items = len(weight), of_right.shape[1]
        row = np.repeat(np.arange(n_models), np.diff(answers.indptr))
        value = np.empty(len(row))
        for first in range(0, len(row), PIECE):
            piece = slice(first, first + PIECE)
            value[piece] = np.einsum("ck,ck->c", weight[row[piece]], table[answers.indices[piece]])
        return csr_array((value * answers.data, (row, answers.indices % n_items)), shape=(n_models, n_items))


Block = DenseBlock | SparseBlock


@dataclass(frozen=True, eq=False)
class Responses:
    """All answers, models in the order of `order`: by their share of right answers, items allowed for.

    order (model,): position in the matrix of each row of the blocks; rows: the rows of each block; lower,
    upper (item,): known chance level and ceiling; n_right, n_trials (item,): right answers and all;
    most_trials: of one model.
    """

    order: IndexArray
    rows: tuple[slice, ...]
    blocks: tuple[Block, ...]
    lower: FloatArray
    upper: FloatArray
    n_right: FloatArray
    n_trials: FloatArray
    most_trials: float

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.order)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.lower)

    @classmethod
    def from_matrix(cls, matrix: ScoreMatrix) -> Responses:
        """Count the answers of a score matrix.

        Raises
        ------
        DataError
            Where a score has no number of items, or lies outside [0, 1].
        """
        m, j, shape = matrix.model_index, matrix.benchmark_index, (matrix.n_models, matrix.n_benchmarks)
        right = _count_right(matrix)
        n_right, n_trials = (
            np.bincount(j, x, minlength=shape[1]).astype(np.float64) for x in (right, matrix.n_items)
        )
        rate = n_right / np.maximum(n_trials, 1.0)
        trials = np.bincount(m, matrix.n_items, minlength=shape[0])
        surplus = np.bincount(m, right - rate[j] * matrix.n_items, minlength=shape[0])
        order = np.argsort(surplus / np.maximum(trials, 1.0), kind="stable")
        n_rows = max(MIN_ROWS, min(BLOCK_CELLS // max(shape[1], 1), -(-shape[0] // MIN_BLOCKS)))
        rows = tuple(slice(i, min(i + n_rows, shape[0])) for i in range(0, shape[0], n_rows))
        pack = _pack_dense if matrix.n_scores >= DENSE_FILL * shape[0] * shape[1] else _pack_sparse
        blocks = pack(matrix, right, order, rows)
        return cls(order, rows, blocks, matrix.lower, matrix.upper, n_right, n_trials, trials.max())


def _count_right(matrix: ScoreMatrix) -> FloatArray:
    """Right answers behind every score; a score averaged over runs need not be a whole count."""
    right = matrix.score * matrix.n_items
    faulty = ~((right >= 0.0) & (right <= matrix.n_items))
    if faulty.any():
        at = int(np.argmax(faulty))
        model, item = matrix.models[matrix.model_index[at]], matrix.benchmarks[matrix.benchmark_index[at]]
        raise DataError(
            f"The score {matrix.score[at]:g} of {model!r} on {item!r} with n_items {matrix.n_items[at]:g} is "
            f"no share of right answers ({int(faulty.sum())} such scores). The method quadrature needs "
            "n_items of every score and scores from 0 to 1; for single questions scores are 0 or 1 and "
            "n_items is 1."
        )
    return right


def _pack_dense(
    matrix: ScoreMatrix, right: FloatArray, order: IndexArray, rows: tuple[slice, ...]
) -> tuple[Block, ...]:
    shape = (matrix.n_models, matrix.n_benchmarks)
    cell = np.argsort(order)[matrix.model_index] * shape[1] + matrix.benchmark_index
    whole = np.zeros(shape)
    np.add.at(whole.reshape(-1), cell, right)
    n_cells = shape[0] * shape[1]
    single = matrix.n_scores == n_cells and bool((matrix.n_items == 1).all())
    if single and bool((np.bincount(cell, minlength=n_cells) == 1).all()):
        return tuple(DenseBlock(whole[r], None) for r in rows)
    trials = np.zeros(shape)
    np.add.at(trials.reshape(-1), cell, matrix.n_items)
    return tuple(DenseBlock(whole[r], trials[r]) for r in rows)


def _pack_sparse(
    matrix: ScoreMatrix, right: FloatArray, order: IndexArray, rows: tuple[slice, ...]
) -> tuple[Block, ...]:
    from scipy.sparse import csr_array

    row, j, n_items = np.argsort(order)[matrix.model_index], matrix.benchmark_index, matrix.n_benchmarks
    wrong = matrix.n_items - right
    has_right, has_wrong = right > 0, wrong > 0
    answers = csr_array(
        (
            np.concatenate([right[has_right], wrong[has_wrong]]),
            (
                np.concatenate([row[has_right], row[has_wrong]]),
                np.concatenate([j[has_right], j[has_wrong] + n_items]),
            ),
        ),
        shape=(matrix.n_models, 2 * n_items),
    )
    return tuple(SparseBlock(answers[r]) for r in rows)
