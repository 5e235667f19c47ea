"""What is known of one score, and where 0 and 1 begin."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

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


class Edges(NamedTuple):
    """A score seen with a resolution of one item: how far 0 and 1 reach, and whether it lies in either.

    width is half an item; inside is the score, moved to the nearer end of (width, 1 - width) if outside.
    """

    width: Array
    low: Array
    high: Array
    inside: Array


def count_items(datum: Datum) -> Array:
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


def snap_to_edges(score: Array, n_items: Array) -> Array:
    """Publish a drawn score: 0 or 1 where it lies within half an item of them."""
    n_items = jnp.where(jnp.isnan(n_items), UNKNOWN_ITEMS, n_items)
    edges = find_edges(score, n_items)
    return jnp.where(edges.low, 0.0, jnp.where(edges.high, 1.0, score))
