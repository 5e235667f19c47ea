"""What is known of one score, and where 0 and 1 begin."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from eci.noise import UNKNOWN_ITEMS


class Datum(NamedTuple):
    """One published score and what is known of its benchmark; arrays with a leading `score` axis when mapped.

    score, lower, upper are fractions; n_items is a count or nan.
    """

    score: Array
    n_items: Array
    lower: Array
    upper: Array


class RepeatedDatum(NamedTuple):
    """All scores of one model-benchmark pair: their mean, number and sum of squares around the mean."""

    score: Array
    n_items: Array
    lower: Array
    upper: Array
    n_rows: Array
    sum_squares: Array


Row = Datum | RepeatedDatum


class Groups(NamedTuple):
    """Scores alike in benchmark and number of items, and those at an edge: what is computed once for many.

    of_score (score,): the group of every score; benchmark, n_items, n_scores (group,), the last as floats.
    at_edge (edge,): positions of the scores that `find_edges` calls low or high, and at the end others, which
    fill up to an eighth of the scores, so that data sets of a shape share compiled programs.
    """

    of_score: Array
    benchmark: Array
    n_items: Array
    n_scores: Array
    at_edge: Array


class Edges(NamedTuple):
    """A score seen with a resolution of one item: how far 0 and 1 reach, and whether it lies in either.

    width is half an item; inside is the score, moved to the nearer end of (width, 1 - width) if outside.
    """

    width: Array
    low: Array
    high: Array
    inside: Array


def count_items(datum: Row) -> Array:
    """Number of items, 1000 where unknown."""
    return jnp.where(jnp.isnan(datum.n_items), UNKNOWN_ITEMS, datum.n_items)


def find_edges(score: Array, n_items: Array) -> Edges:
    """Tell scores within half an item of 0 or 1 from the others.

    This is the one place where edges are treated. A likelihood whose density is zero or infinite at 0 and 1
    gives such a score the probability of its half item, spread evenly over it: what lies beyond the
    resolution of the benchmark is not told apart, as in a regression with censored values (Tobin 1958,
    doi:10.2307/1907382). The density is then bounded, and still integrates to one over [0, 1].
    """
    width = 0.5 / n_items
    return Edges(width, score < width, score > 1.0 - width, jnp.clip(score, width, 1.0 - width))


def group_scores(benchmark_index: NDArray[np.int64], datum: Row) -> Groups:
    """Find the groups and the edges."""
    n_items, at_edge = map(np.asarray, _find_sizes(datum))
    sizes, size = np.unique(n_items, return_inverse=True)
    groups, of_score, n_scores = np.unique(
        benchmark_index * len(sizes) + size, return_inverse=True, return_counts=True
    )
    benchmark, size = np.divmod(groups, len(sizes))
    edges_first = np.argsort(~at_edge, kind="stable")
    n_edges, eighth = int(at_edge.sum()), -(-len(n_items) // 8)
    return Groups(
        jnp.asarray(of_score.astype(np.int32)),
        jnp.asarray(benchmark.astype(np.int32)),
        jnp.asarray(sizes[size]),
        jnp.asarray(n_scores.astype(float)),
        jnp.asarray(edges_first[: -(-n_edges // eighth) * eighth].astype(np.int32)),
    )


@jax.jit
def _find_sizes(datum: Row) -> tuple[Array, Array]:
    """Number of items of every score, and whether it lies at an edge."""
    n_items = count_items(datum)
    edges = find_edges(datum.score, n_items)
    return n_items, edges.low | edges.high


def snap_to_edges(score: Array, n_items: Array) -> Array:
    """Publish a drawn score: 0 or 1 where it lies within half an item of them."""
    n_items = jnp.where(jnp.isnan(n_items), UNKNOWN_ITEMS, n_items)
    edges = find_edges(score, n_items)
    return jnp.where(edges.low, 0.0, jnp.where(edges.high, 1.0, score))
