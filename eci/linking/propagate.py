"""From the errors of benchmarks to the error of a link: their influence, their drift, and its tails."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from eci.linking.common import Abilities, Constants, Curves, ItemMethod, link_curves
from eci.linking.drift import Drift, estimate_drift
from eci.linking.points import Array, Points
from eci.linking.robust import STRETCH

_MOST_DEGREES = 1e6  # beyond, t is normal
_MOST_LOG_SLOPE = 4.0


class Influence(NamedTuple):
    """A link of two sets of curves and what each of their parameters does to it.

    Parameters
    ----------
    link
        (log slope, level), shape (2,); the level is the new value at the old value `centre`.
    centre
        Mean of the old difficulties.
    old, new
        Change of the link per unit of log discrimination and of difficulty, benchmarks one after the other,
        shape (2 * benchmark, 2).
    """

    link: Array
    centre: float
    old: Array
    new: Array

    @property
    def by_drift(self) -> Array:
        """Change of the link per unit of drift in new difficulty, shape (benchmark, 2)."""
        return self.new[self.new.shape[0] // 2 :]


def coordinates(curves: Curves) -> Array:
    """Log discriminations and difficulties side by side, shape (draw, 2 * benchmark)."""
    return np.concatenate([np.log(curves.discrimination), curves.difficulty], axis=1)


def find_influence(
    old: Curves,
    new: Curves,
    *,
    method: ItemMethod,
    abilities: tuple[Abilities, Abilities],
    weights: Array,
) -> Influence:
    """Link two sets of draws at their centres, and find what an error of each parameter does.

    One parameter at a time is moved by its own sd to either side. A secant of that length, and not a
    derivative, because the curve criteria are bounded: a benchmark far from the models can be wrong by much
    and move the link little.

    Parameters
    ----------
    old, new
        Posterior draws of the same benchmarks.
    method, abilities, weights
        As in `link_curves`.
    """
    both = [coordinates(old), coordinates(new)]
    middle = np.concatenate([side.mean(axis=0) for side in both])
    step = np.concatenate([side.std(axis=0) for side in both])
    step = np.where(step > 0, step, 1e-4)
    moved = np.concatenate([middle + np.diag(step), middle - np.diag(step)])
    centre = float(np.split(middle, 4)[1].mean())

    def links(rows: Array, start: Constants | None = None) -> Constants:
        log_a_old, b_old, log_a_new, b_new = np.split(rows, 4, axis=1)
        return link_curves(
            Curves(np.exp(log_a_old), b_old, old.lower, old.upper),
            Curves(np.exp(log_a_new), b_new, new.lower, new.upper),
            method=method,
            abilities=abilities,
            weights=weights,
            start=start,
        )

    here = links(middle[None])
    found = links(moved, Constants(*(np.full(len(moved), value[0]) for value in here)))
    up, down = np.split(_located(found, centre), 2)
    by_old, by_new = np.split((up - down) / (2.0 * step[:, None]), 2)
    return Influence(_located(here, centre)[0], centre, by_old, by_new)


def _located(constants: Constants, centre: float) -> Array:
    """Return (log slope, level at `centre`), shape (draw, 2)."""
    return np.stack([np.log(constants.slope), constants.intercept + centre * constants.slope], axis=1)


def add_drift(deviation: Array, by_drift: Array, drift: Drift, rng: np.random.Generator) -> Array:
    """Add the drift of the common units to draws of the error of a link, with the tails its estimate needs.

    The variance of a constant of the link is K + H τ²: K from measurement, known, and H = Σ (influence)².
    Only τ² is estimated, so that the error over its estimated sd follows a t distribution with

        ν = 2 (K + H τ²)² / (H² Var(τ²))

    degrees of freedom (Satterthwaite 1946): n - 2 where all is drift, normal where none is.

    Parameters
    ----------
    deviation
        Draws of the measurement part, shape (draw, 2).
    by_drift
        Influence of each unit's drift, shape (unit, 2).
    drift
        Its estimate.
    rng
        Generator.

    References
    ----------
    Satterthwaite (1946), An approximate distribution of estimates of variance components,
    doi:10.2307/3002019.
    """
    from scipy.special import chdtri

    n_draws = deviation.shape[0]
    known, share = deviation.var(axis=0), np.sum(by_drift**2, axis=0)
    estimated = np.maximum(share**2 * drift.variance_var, 1e-300)
    degrees = np.clip(2.0 * (known + share * drift.sd**2) ** 2 / estimated, drift.n_free, _MOST_DEGREES)
    drifted = deviation + drift.sd * rng.standard_normal((n_draws, by_drift.shape[0])) @ by_drift
    # one uniform number for both constants: what is uncertain is the same τ
    chi = chdtri(degrees, rng.uniform(size=(n_draws, 1)))
    return np.asarray(drifted * np.sqrt(degrees / chi))


def pair_draws(
    old: Curves,
    new: Curves,
    points: Points,
    *,
    method: ItemMethod,
    abilities: tuple[Abilities, Abilities],
    weights: Array,
    rng: np.random.Generator,
) -> tuple[Constants, Array]:
    """Link two independent sets of curves, with the error of every parameter and of drift.

    Returns the constants and the sd of drift, as draws; those of the constants go with the draws of the
    curves, row by row.

    Parameters
    ----------
    old, new
        Draws that go together, as many on either side.
    points
        Difficulties with their errors, in the units of the curves.
    method, abilities, weights
        As in `link_curves`.
    rng
        Generator.
    """
    found = find_influence(old, new, method=method, abilities=abilities, weights=weights)
    errors = [side - side.mean(axis=0) for side in (coordinates(old), coordinates(new))]
    deviation = errors[0] @ found.old + errors[1] @ found.new
    drift = estimate_drift(points, weights=weights, n_draws=deviation.shape[0], rng=rng)
    if np.any(weights < 1.0):
        # only the drift is a t residual: the errors of measurement are known, and normal
        drift = replace(drift, sd=STRETCH * drift.sd, variance_var=STRETCH**4 * drift.variance_var)
    deviation = add_drift(deviation, found.by_drift, drift, rng)
    return constants_at(found.link + deviation, found.centre), drift.draws


def constants_at(links: Array, centre: float) -> Constants:
    """Turn (log slope, level at `centre`), shape (draw, 2), into slope and intercept.

    With three units the tails are those of one degree of freedom, and a log slope of hundreds is a draw like
    any other. Log slopes are held within 4 of their median, which no quantile reported here reaches.
    """
    middle = float(np.median(links[:, 0]))
    slope = np.exp(np.clip(links[:, 0], middle - _MOST_LOG_SLOPE, middle + _MOST_LOG_SLOPE))
    return Constants(slope, links[:, 1] - slope * centre)
