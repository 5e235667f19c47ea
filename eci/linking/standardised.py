"""A fit standardised inside each draw: what its scores say, apart from its free location and scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eci.fitted import Fit
from eci.linking.common import Abilities, Constants, Curves
from eci.linking.points import Array
from eci.trend.measurement import divide_out_prior

Origin = tuple[Array, Array] | tuple[float, float]  # origin and slope, points

PEOPLE = Abilities.normal(0.0, 1.0)  # the models of any standardised fit


@dataclass(frozen=True, eq=False)
class Standardised:
    """A fit with abilities of mean 0 and sd 1 over its models in each draw; points = origin + slope * value.

    The free location and scale are common to all models and benchmarks: they belong to the scale of the fit
    and not to the errors. They are in `slope` and `origin`, draw by draw.

    Parameters
    ----------
    fit
        A fit with draws.
    """

    fit: Fit

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        ability = self.fit.ability_draws
        return ability.mean(axis=1, keepdims=True), ability.std(axis=1, keepdims=True)

    @cached_property
    def slope(self) -> Array:
        """Points per unit, shape (draw,)."""
        return np.asarray(self.fit.scale.slope * self._moments[1][:, 0])

    @cached_property
    def origin(self) -> Array:
        """Points at 0, shape (draw,)."""
        return np.asarray(self.fit.scale.points(self._moments[0])[:, 0])

    @property
    def typical(self) -> tuple[float, float]:
        """Origin and slope of the typical draw."""
        return float(self.origin.mean()), float(self.slope.mean())

    def curves(self, benchmarks: NDArray[np.int64]) -> Curves:
        """Return the curves of some benchmarks, all draws."""
        centre, spread = self._moments
        draws = self.fit.draws
        if draws is None:  # ability_draws has refused it
            raise RuntimeError("a fit without draws")
        return Curves(
            draws.discrimination[:, benchmarks] * spread,
            (draws.difficulty[:, benchmarks] - centre) / spread,
            self.fit.matrix.lower[benchmarks],
            self.fit.matrix.upper[benchmarks],
        )

    def measure(self, models: NDArray[np.int64], benchmarks: NDArray[np.int64]) -> tuple[Array, Array]:
        """Return values and joint covariance of abilities and difficulties, in points of the typical draw.

        The standard normal prior of ability is divided out, as a trend does, where there are models only.
        """
        centre, spread = self._moments
        ability = (self.fit.ability_draws[:, models] - centre) / spread
        stacked = np.concatenate([ability, self.curves(benchmarks).difficulty], axis=1)
        values, cov = stacked.mean(axis=0), np.atleast_2d(np.cov(stacked, rowvar=False))
        if not benchmarks.size:
            values, cov, _ = divide_out_prior(values, cov)
        origin, slope = self.typical
        return origin + slope * values, slope**2 * cov


def in_points(constants: Constants, old: Origin, new: Origin) -> Constants:
    """Take a link of standardised fits to points.

    Parameters
    ----------
    constants
        Link between the standardised scales.
    old, new
        Origin and slope of either fit, typical or draw by draw.
    """
    slope = constants.slope * new[1] / old[1]
    return Constants(np.asarray(slope), np.asarray(new[0] + new[1] * constants.intercept - slope * old[0]))
