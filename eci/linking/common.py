"""Linking by common benchmarks: slope and intercept from two sets of curves, for many draws at once.

A linear change of scale, ability on the new scale = slope * ability on the old one + intercept, turns
difficulty b into slope * b + intercept and discrimination a into a / slope, and leaves every curve as it was
(Lord 1980; Kolen and Brennan 2014, chapter 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from eci.errors import ConvergenceError, DataError
from eci.linking.points import Array

ItemMethod = Literal["mean-mean", "mean-sigma", "haebara", "stocking-lord"]

N_NODES = 21
_MOST_STEPS = 400  # where curves disagree much, steps shrink slowly
_STEP = 1e-9
_BOUNDS = np.array([4.0, 20.0])  # log slope and sds around the start: beyond, no curve bends any more
_MOST_LOST = 0.05  # draws at the bounds lie in the tails, which no quantile reported here reaches
_CHUNK = 100_000  # curve values in one block: they stay in the cache


class Constants(NamedTuple):
    """Slope and intercept of the change of scale, each of shape (draw,)."""

    slope: Array
    intercept: Array


@dataclass(frozen=True)
class Curves:
    """Parameters of the common benchmarks on one scale.

    Parameters
    ----------
    discrimination, difficulty
        Shape (draw, benchmark), per unit of the scale and on it.
    lower, upper
        Known asymptotes, fractions, shape (benchmark,).
    """

    discrimination: Array
    difficulty: Array
    lower: Array
    upper: Array

    def rows(self, part: slice | NDArray[np.int64]) -> Curves:
        """Take some draws."""
        return Curves(self.discrimination[part], self.difficulty[part], self.lower, self.upper)


@dataclass(frozen=True)
class Abilities:
    """The ability distribution over which curves are compared: nodes on the scale, and their weights."""

    nodes: Array
    weights: Array

    @classmethod
    def normal(cls, mean: float, sd: float, n_nodes: int = N_NODES) -> Abilities:
        """Gauss-Hermite nodes of a normal distribution."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
        return cls(mean + sd * nodes, weights / weights.sum())

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and sd."""
        weights = self.weights / self.weights.sum()
        mean = float(weights @ self.nodes)
        return mean, float(np.sqrt(weights @ (self.nodes - mean) ** 2))


def link_curves(
    old: Curves,
    new: Curves,
    *,
    method: ItemMethod,
    abilities: tuple[Abilities, Abilities],
    weights: Array | None = None,
    start: Constants | None = None,
) -> Constants:
    """Find slope and intercept that carry the old scale to the new one.

    Parameters
    ----------
    old, new
        The same benchmarks in the same order on either scale.
    method
        `mean-mean`: slope = mean old discrimination / mean new one. `mean-sigma`: ratio of the sds of the
        difficulties. `haebara`: least sum over benchmarks of squared differences of the curves.
        `stocking-lord`: least squared difference of the summed curves. The last two are symmetric: each
        criterion is the mean over the old abilities on the old scale plus that over the new ones on the new.
    abilities
        Ability distributions on the old and on the new scale, for the curve methods.
    weights
        Weight of each benchmark, shape (benchmark,); equal by default.
    start
        Where the curve methods begin to search; by default at mean-sigma.

    Raises
    ------
    ConvergenceError
        Where the search for the least difference does not end.

    References
    ----------
    Loyd and Hoover (1980), doi:10.1111/j.1745-3984.1980.tb00825.x (mean-mean). Marco (1977),
    doi:10.1111/j.1745-3984.1977.tb00033.x (mean-sigma). Haebara (1980), doi:10.4992/psycholres1954.22.144.
    Stocking and Lord (1983), doi:10.1177/014662168300700208.
    """
    if method not in get_args(ItemMethod):
        raise DataError(
            f"method = {method!r} is not an option. Give one of {', '.join(get_args(ItemMethod))}."
        )
    w = np.ones(old.difficulty.shape[1]) if weights is None else weights
    w = w / w.sum()
    if method == "mean-sigma":
        return _mean_sigma(old, new, w)
    if method == "mean-mean":
        slope = (old.discrimination @ w) / (new.discrimination @ w)
        return Constants(slope, new.difficulty @ w - slope * (old.difficulty @ w))
    start = start or _mean_sigma(old, new, w)
    block = max(1, _CHUNK // (w.size * abilities[0].nodes.size))
    parts = [
        _least_difference(
            old.rows(slice(i, i + block)),
            new.rows(slice(i, i + block)),
            Constants(start.slope[i : i + block], start.intercept[i : i + block]),
            abilities,
            w,
            summed=method == "stocking-lord",
        )
        for i in range(0, start.slope.size, block)
    ]
    return Constants(np.concatenate([p.slope for p in parts]), np.concatenate([p.intercept for p in parts]))


def _mean_sigma(old: Curves, new: Curves, w: Array) -> Constants:
    old_mean, new_mean = old.difficulty @ w, new.difficulty @ w
    old_var = (old.difficulty - old_mean[:, None]) ** 2 @ w
    new_var = (new.difficulty - new_mean[:, None]) ** 2 @ w
    slope = np.sqrt(new_var / old_var)
    return Constants(slope, new_mean - slope * old_mean)


def _least_difference(
    old: Curves,
    new: Curves,
    start: Constants,
    abilities: tuple[Abilities, Abilities],
    w: Array,
    *,
    summed: bool,
) -> Constants:
    """Take damped Gauss-Newton steps in (log slope, intercept), all draws at once, in standard units."""
    (old_mean, old_sd), (new_mean, new_sd) = abilities[0].moments, abilities[1].moments
    problem = _Problem(
        *(_standard(old, old_mean, old_sd)),
        *(_standard(new, new_mean, new_sd)),
        old.lower,
        old.upper,
        new.lower,
        new.upper,
        (abilities[0].nodes - old_mean) / old_sd,
        (abilities[1].nodes - new_mean) / new_sd,
        np.sqrt(abilities[0].weights / abilities[0].weights.sum()),
        np.sqrt(abilities[1].weights / abilities[1].weights.sum()),
        w if summed else np.sqrt(w),
        summed,
    )
    theta = np.stack(
        [
            np.log(start.slope * old_sd / new_sd),
            (start.intercept + start.slope * old_mean - new_mean) / new_sd,
        ],
        axis=1,
    )
    damping = np.full(theta.shape[0], 1e-6)
    cost, gram, slope = problem.evaluate(theta)
    low, high = theta - _BOUNDS, theta + _BOUNDS
    open_draws = np.arange(theta.shape[0])  # those whose steps have not become negligible
    for _ in range(_MOST_STEPS):
        trace = np.einsum("daa->d", gram)[:, None, None] + 1e-12
        step = -np.linalg.solve(gram + damping[:, None, None] * trace * np.eye(2), slope[:, :, None])[:, :, 0]
        here = theta[open_draws]
        tried = np.clip(here + np.clip(step, -1.0, 1.0), low[open_draws], high[open_draws])
        step = tried - here
        tried_cost, tried_gram, tried_slope = problem.rows(open_draws).evaluate(tried)
        better = tried_cost <= cost
        theta[open_draws[better]] = tried[better]
        cost, gram = np.where(better, tried_cost, cost), np.where(better[:, None, None], tried_gram, gram)
        slope = np.where(better[:, None], tried_slope, slope)
        damping = np.where(better, np.maximum(damping / 10, 1e-12), damping * 10)
        going = (np.abs(step).max(axis=1) > _STEP) & (damping < 1e8)
        if not going.any():
            break
        open_draws, damping = open_draws[going], damping[going]
        cost, gram, slope = cost[going], gram[going], slope[going]
    lost = int(np.sum(np.any((theta <= low) | (theta >= high), axis=1))) + int(going.sum())
    if lost > _MOST_LOST * theta.shape[0]:
        raise ConvergenceError(
            f"The curve criterion has no least value near its start in {lost} of {theta.shape[0]} draws. The "
            "common benchmarks say too little where the models are: use mean-sigma, or more benchmarks.",
            partial=theta,
        )
    slope_out = np.exp(theta[:, 0]) * new_sd / old_sd
    return Constants(slope_out, new_mean + new_sd * theta[:, 1] - slope_out * old_mean)


def _standard(curves: Curves, mean: float, sd: float) -> tuple[Array, Array]:
    return curves.discrimination * sd, (curves.difficulty - mean) / sd


class _Problem(NamedTuple):
    """Differences of the curves at the nodes, and their derivatives by (log slope, intercept)."""

    old_a: Array
    old_b: Array
    new_a: Array
    new_b: Array
    old_lower: Array
    old_upper: Array
    new_lower: Array
    new_upper: Array
    old_nodes: Array
    new_nodes: Array
    old_root: Array
    new_root: Array
    w: Array
    summed: bool

    def rows(self, draws: NDArray[np.int64]) -> _Problem:
        """Take some draws."""
        if draws.size == self.old_a.shape[0]:
            return self
        return self._replace(
            old_a=self.old_a[draws], old_b=self.old_b[draws], new_a=self.new_a[draws], new_b=self.new_b[draws]
        )

    def evaluate(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return the criterion (draw,), and J'J (draw, 2, 2) and J'r (draw, 2) of its residuals r."""
        slope, shift = np.exp(theta[:, 0])[:, None, None], theta[:, 1][:, None, None]
        # the old curve seen from the new scale is the old curve at (t - intercept) / slope, and conversely
        t_new = self.new_nodes[None, :, None]
        moved = (t_new - shift) / slope
        own, _ = _curve(self.new_a, self.new_b, t_new, self.new_lower, self.new_upper)
        seen, rate = _curve(self.old_a, self.old_b, moved, self.old_lower, self.old_upper)
        on_new = self._collect(own - seen, rate * moved, rate / slope, self.new_root)
        t_old = self.old_nodes[None, :, None]
        moved = slope * t_old + shift
        own, _ = _curve(self.old_a, self.old_b, t_old, self.old_lower, self.old_upper)
        seen, rate = _curve(self.new_a, self.new_b, moved, self.new_lower, self.new_upper)
        on_old = self._collect(own - seen, -rate * slope * t_old, -rate, self.old_root)
        gram = on_new + on_old
        return gram[:, 0, 0], gram[:, 1:, 1:], gram[:, 1:, 0]

    def _collect(self, difference: Array, by_slope: Array, by_shift: Array, root: Array) -> Array:
        """Return the products (draw, 3, 3) of the residuals and their two derivatives."""
        parts = (difference, by_slope, by_shift)
        if self.summed:
            columns = [(part @ self.w) * root for part in parts]
        else:
            columns = [((part * root[:, None]) * self.w).reshape(part.shape[0], -1) for part in parts]
        stacked = np.stack(columns, axis=1)
        return np.asarray(stacked @ np.swapaxes(stacked, 1, 2))


def _curve(a: Array, b: Array, t: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Return the curve (draw, node, benchmark) and its derivative with respect to ability."""
    p = 0.5 * (1.0 + np.tanh(0.5 * a[:, None, :] * (t - b[:, None, :])))
    return lower + (upper - lower) * p, (upper - lower) * p * (1.0 - p) * a[:, None, :]
