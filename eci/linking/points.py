"""Two measurements of the same units, and the line that their moments give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eci.errors import IdentificationError

Array = NDArray[np.float64]

MIN_POINTS = 3
FEW = 5


@dataclass(frozen=True)
class Points:
    """Two measurements of the same units, with the covariance of their errors.

    Parameters
    ----------
    x, y
        Measured values, shape (unit,).
    x_cov, y_cov
        Covariance of the errors of each, shape (unit, unit).
    cross_cov
        Covariance of the errors of x with those of y, shape (unit, unit).
    """

    x: Array
    y: Array
    x_cov: Array
    y_cov: Array
    cross_cov: Array

    @property
    def is_diagonal(self) -> bool:
        """Whether the errors of different units are independent."""
        return not any(np.any(c - np.diag(np.diagonal(c))) for c in (self.x_cov, self.y_cov, self.cross_cov))

    def take(self, rows: NDArray[np.int64]) -> Points:
        """Keep some units."""
        box = np.ix_(rows, rows)
        return Points(self.x[rows], self.y[rows], self.x_cov[box], self.y_cov[box], self.cross_cov[box])

    def in_units(self, x: tuple[float, float], y: tuple[float, float]) -> Points:
        """Return (value - origin) / unit on both axes, each given as (origin, unit)."""
        (mx, sx), (my, sy) = x, y
        return Points(
            (self.x - mx) / sx,
            (self.y - my) / sy,
            self.x_cov / sx**2,
            self.y_cov / sy**2,
            self.cross_cov / (sx * sy),
        )

    def standardised(self) -> tuple[Points, Array, Array]:
        """Return the points with mean 0 and sd 1 on both axes, and the two means and sds (2,)."""
        centre = np.array([self.x.mean(), self.y.mean()])
        spread = np.array([self.x.std(ddof=1), self.y.std(ddof=1)])
        return self.in_units((centre[0], spread[0]), (centre[1], spread[1])), centre, spread


def check_points(points: Points, what: str, names: Sequence[str]) -> None:
    """Refuse points that no rising line can be drawn through.

    Raises
    ------
    IdentificationError
        Where there are fewer than three, all at one level, or the two sides run in opposite directions.
    """
    n = points.x.size
    if n < MIN_POINTS:
        raise IdentificationError(
            f"Common {what}: {n} ({', '.join(names)}). A line with an uncertainty needs at least "
            f"{MIN_POINTS}. Choose indices that share more {what}, or give one name to what is the same."
        )
    for side, values, cov in (("first", points.x, points.x_cov), ("second", points.y, points.y_cov)):
        sd, error = float(values.std(ddof=1)), float(np.sqrt(np.diagonal(cov).mean()))
        if sd <= 1e-9 * max(1.0, float(np.abs(values).max())) or sd <= error:
            raise IdentificationError(
                f"The {n} common {what} stand at one level in the {side} index: their sd is {sd:.3g} points "
                f"and the error of one is {error:.3g}. A slope needs common {what} that differ: choose a "
                "wider range, or read the identity."
            )
    correlation = float(np.corrcoef(points.x, points.y)[0, 1])
    if correlation <= 0:
        raise IdentificationError(
            f"The two indices run in different directions: over the {n} common {what} their correlation is "
            f"{correlation:.2f}. Check that more is better in both, and that the names mean the same {what}."
        )


def moment_line(points: Points, weights: Array) -> tuple[float, float]:
    """Return slope and intercept from moments: the ratio of the spreads net of measurement error.

    The slope is invariant under exchange of the axes, as an equating function must be (Kolen and Brennan
    2014, section 2.2).
    """
    w = weights / weights.sum()
    mx, my = float(w @ points.x), float(w @ points.y)
    vx = float(w @ (points.x - mx) ** 2) - float(w @ np.diagonal(points.x_cov))
    vy = float(w @ (points.y - my) ** 2) - float(w @ np.diagonal(points.y_cov))
    raw = float(np.sqrt((w @ (points.y - my) ** 2) / (w @ (points.x - mx) ** 2)))
    slope = float(np.sqrt(vy / vx)) if vx > 0 and vy > 0 else raw
    return slope, my - slope * mx


def warn_of_few(n: int, what: str) -> str:
    """Say what a link by fewer than five units rests on."""
    return (
        f"Only {n} common {what}: with fewer than {FEW} their scatter about the line can hardly be told, and "
        "assumptions decide how wide the link is."
    )
