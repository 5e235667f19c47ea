"""Links of two fits of the same scores: common units left out one at a time, in both fits at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from eci.linking.common import Abilities, Constants, Curves, ItemMethod, link_curves
from eci.linking.points import Array, Points, moment_line
from eci.linking.propagate import constants_at


def jackknife_points(
    points: Points, *, weights: Array, n_draws: int, rng: np.random.Generator
) -> tuple[Constants, Array]:
    """Draw the line of moments through points whose errors on both sides are the same scores'.

    Parameters
    ----------
    points
        Values; the errors are not used, what the sides share of them is in the pairs themselves.
    weights
        Weight of each unit.
    n_draws
        Number of draws.
    rng
        Generator.
    """
    n = points.x.size
    free = Points(points.x, points.y, *(np.zeros((n, n)),) * 3)
    return _jackknife(lambda w: moment_line(free, w), points.x, points.y, weights, n_draws, rng)


def jackknife_curves(
    old: Curves,
    new: Curves,
    *,
    method: ItemMethod,
    abilities: tuple[Abilities, Abilities],
    weights: Array,
    rng: np.random.Generator,
) -> tuple[Constants, Array]:
    """Draw the link of two sets of curves that rest on the same scores.

    Parameters
    ----------
    old, new
        Posterior draws of the same benchmarks.
    method, abilities, weights
        As in `link_curves`.
    rng
        Generator.
    """
    first, second = _typical(old), _typical(new)

    def estimate(w: Array) -> tuple[float, float]:
        found = link_curves(first, second, method=method, abilities=abilities, weights=w)
        return float(found.slope[0]), float(found.intercept[0])

    n_draws = old.difficulty.shape[0]
    return _jackknife(estimate, first.difficulty[0], second.difficulty[0], weights, n_draws, rng)


def _typical(curves: Curves) -> Curves:
    """One draw at the centre of the posterior: mean difficulties, geometric mean discriminations."""
    return Curves(
        np.exp(np.log(curves.discrimination).mean(axis=0, keepdims=True)),
        curves.difficulty.mean(axis=0, keepdims=True),
        curves.lower,
        curves.upper,
    )


def _jackknife(
    estimate: Callable[[Array], tuple[float, float]],
    x: Array,
    y: Array,
    weights: Array,
    n_draws: int,
    rng: np.random.Generator,
) -> tuple[Constants, Array]:
    """Draw from the t distribution, n - 2 degrees of freedom, that leaving out each unit implies.

    What the two fits share, down to the errors of the scores, is in the pairs themselves, so that a fit
    linked to itself is the identity without error.
    """
    n = x.size
    degrees = n - 2
    slope, intercept = estimate(weights)
    centre = float(np.average(x, weights=weights))

    def located(constants: tuple[float, float]) -> Array:
        return np.array([np.log(constants[0]), constants[1] + constants[0] * centre])

    left_out = np.array([located(estimate(np.where(np.arange(n) == j, 0.0, weights))) for j in range(n)])
    apart = left_out - left_out.mean(axis=0)
    values, vectors = np.linalg.eigh((n - 1) / n * apart.T @ apart)
    chi = np.sqrt(rng.chisquare(degrees, n_draws) / degrees)
    # the symmetric root: that of an eigenvector would leave its sign to the LAPACK
    normal = rng.standard_normal((n_draws, 2)) @ (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    drawn = located((slope, intercept)) + normal / chi[:, None]
    residual = y - intercept - slope * x
    residual_sd = np.sqrt(np.average(residual**2, weights=weights) * n / degrees) / chi
    return constants_at(drawn, centre), residual_sd
