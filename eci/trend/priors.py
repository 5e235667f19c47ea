"""Priors of the trend and the least-squares line that sets their default scales."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from eci.errors import DataError, require_file
from eci.trend.basis import CHANGE_MODELS, Array, ChangeModel
from eci.trend.regress import CoefficientPrior

JUMP_YEARS = 0.4
RESIDUAL_FACTOR = 2.0


@dataclass(frozen=True)
class LeastSquares:
    """Ordinary least-squares lines of a batch of series with common dates; fields have shape (series,).

    Parameters
    ----------
    level, slope, slope_se, residual_sd
        Value at the mean date, change per year, its standard error, and the residual sd on n - 2 degrees.
    centre, spread, n_models
        Mean date in years, sum of squared deviations of the dates, and number of models.
    """

    level: Array
    slope: Array
    slope_se: Array
    residual_sd: Array
    centre: float
    spread: float
    n_models: int

    def predict(self, years: float) -> tuple[Array, Array]:
        """Return the line at a date and the standard error of a new model about it."""
        leverage = 1.0 / self.n_models + (years - self.centre) ** 2 / self.spread
        return self.level + self.slope * (years - self.centre), self.residual_sd * np.sqrt(1.0 + leverage)


def least_squares(x: Array, years: Array) -> LeastSquares:
    """Fit a line to every series by ordinary least squares.

    Parameters
    ----------
    x
        Values, shape (series, model).
    years
        Release dates in years, shape (model,).
    """
    n = years.size
    centred = years - years.mean()
    spread = float(np.sum(centred**2))
    level = x.mean(axis=1)
    slope = x @ centred / spread
    residual = x - level[:, None] - slope[:, None] * centred
    residual_sd = np.sqrt(np.sum(residual**2, axis=1) / (n - 2))
    return LeastSquares(
        level, slope, residual_sd / np.sqrt(spread), residual_sd, float(years.mean()), spread, n
    )


@dataclass(frozen=True)
class TrendPriors:
    """Priors of a trend; None takes the default scale from the least-squares line of the selection.

    Parameters
    ----------
    slope_change_sd
        The change of slope is Normal(0, sd²), points a year. Default: the least-squares slope (at least its
        standard error), so that a doubling is one standard deviation away.
    jump_sd
        The jump is Normal(0, sd²), points. Default: 0.4 years of that slope, about five months of progress.
    residual_sd
        The residual sd is half-normal with this scale, points. Default: twice the least-squares residual sd:
        nearly flat where the data speak, with a finite tail where three or four models cannot.
    slope
        Mean and sd of a Normal prior of the slope before the break, points a year. Default: flat, like the
        level.
    change_prob
        Prior probability of none, kink, jump and both. Default: 1/4 each.

    Notes
    -----
    Level and slope appear in every change model, so a flat prior on them cancels from the Bayes factors.
    """

    slope_change_sd: float | None = None
    jump_sd: float | None = None
    residual_sd: float | None = None
    slope: tuple[float, float] | None = None
    change_prob: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25)

    def __post_init__(self) -> None:
        """Refuse a scale that is not positive and probabilities that do not sum to one."""
        for name in ("slope_change_sd", "jump_sd", "residual_sd"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise DataError(
                    f"Prior {name} = {value} is not a positive number of points. Give one, or None."
                )
        if self.slope is not None and not self.slope[1] > 0:
            raise DataError(f"Prior slope = {self.slope}: its sd must be positive. Give (mean, sd), or None.")
        prob = np.asarray(self.change_prob, dtype=np.float64)
        if prob.shape != (len(CHANGE_MODELS),) or np.any(prob < 0) or not np.isclose(prob.sum(), 1.0):
            raise DataError(
                f"Prior change_prob = {self.change_prob} is not four probabilities that sum to one, in the "
                f"order {', '.join(CHANGE_MODELS)}."
            )

    @classmethod
    def from_toml(cls, path: Path) -> TrendPriors:
        """Read prior scales from a TOML file: the keys are the parameters, at the top or under [trend].

        Raises
        ------
        DataError
            Where the file cannot be read or sets a prior that no trend has.
        """
        import tomllib

        require_file(path, "The priors file", "Name a TOML file with lines such as jump_sd = 5.0.")
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as fault:
            raise DataError(
                f"Cannot read priors from {path}: {fault}. Give a TOML file such as jump_sd = 5.0."
            ) from fault
        table = table.get("trend", table)
        known = sorted(field.name for field in fields(cls))
        for key in table:
            if key not in known:
                raise DataError(
                    f"{path} sets the prior {key!r}, which no trend has. Known: {', '.join(known)}."
                )
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
        return cls(**values)

    def resolve(self, line: LeastSquares, points: float = 1.0) -> ResolvedPriors:
        """Fill in the default scales from the least-squares lines, in working units.

        Parameters
        ----------
        line
            Least-squares lines in working units.
        points
            Points in one working unit.
        """
        pace = np.maximum(np.abs(line.slope), line.slope_se)

        def scale(given: float | None, default: Array) -> Array:
            return default if given is None else np.full_like(default, given / points)

        return ResolvedPriors(
            slope_change_sd=scale(self.slope_change_sd, pace),
            jump_sd=scale(self.jump_sd, JUMP_YEARS * pace),
            residual_sd=scale(self.residual_sd, RESIDUAL_FACTOR * line.residual_sd),
            slope=None if self.slope is None else (self.slope[0] / points, self.slope[1] / points),
            change_prob=np.asarray(self.change_prob, dtype=np.float64),
        )


@dataclass(frozen=True)
class ResolvedPriors:
    """Priors in numbers, in working units; scales have shape (series,)."""

    slope_change_sd: Array
    jump_sd: Array
    residual_sd: Array
    slope: tuple[float, float] | None
    change_prob: Array

    def scaled(self, name: str, factor: float) -> ResolvedPriors:
        """Return the same priors with one scale multiplied."""
        return replace(self, **{name: getattr(self, name) * factor})

    def coefficients(self) -> CoefficientPrior:
        """Return the Gaussian prior of level, slope, change of slope and jump."""
        flat = np.zeros_like(self.jump_sd)
        mean, precision = flat, flat
        if self.slope is not None:
            mean, precision = flat + self.slope[0], flat + self.slope[1] ** -2.0
        return CoefficientPrior(
            mean=np.stack([flat, mean, flat, flat], axis=1),
            precision=np.stack([flat, precision, self.slope_change_sd**-2.0, self.jump_sd**-2.0], axis=1),
        )

    def log_tau_mass(self, taus: Array) -> Array:
        """Return log prior masses (series, tau) of the residual sds; the first holds all below it too."""
        density = np.exp(-0.5 * (taus / self.residual_sd[:, None]) ** 2)
        steps = taus * np.log(taus[1] / taus[0])
        steps[0] = steps[0] / 2 + taus[0]
        mass = density * steps
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(mass / mass.sum(axis=1, keepdims=True)))

    def record(self, points: float, series_index: int = 0) -> dict[str, Any]:
        """Return the priors in points, as printed."""
        slope = None if self.slope is None else {"mean": self.slope[0] * points, "sd": self.slope[1] * points}
        prob: dict[ChangeModel, float] = dict(zip(CHANGE_MODELS, self.change_prob.tolist(), strict=True))
        return {
            "slope_change_sd": float(self.slope_change_sd[series_index]) * points,
            "jump_sd": float(self.jump_sd[series_index]) * points,
            "residual_sd": float(self.residual_sd[series_index]) * points,
            "slope": slope,
            "level": None,
            "change_prob": prob,
        }
