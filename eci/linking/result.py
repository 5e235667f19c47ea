"""Link: the line between two scales, what it rests on, and how it carries an index across."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from eci.errors import DataError, EciWarning
from eci.linking.points import Array
from eci.linking.robust import DOWN_WEIGHTED
from eci.scale import Scale
from eci.trend.basis import DAYS_PER_YEAR
from eci.trend.labels import Dates, listed
from eci.trend.measurement import Units
from eci.trend.quantity import Quantity, summarise
from eci.trend.series import IndexSeries

if TYPE_CHECKING:
    import pandas as pd

    from eci.fitted import Fit

SCHEMA = "eci-link/1"

Common = Literal["models", "benchmarks", "both"]
Reading = Literal["free", "identity"]


@dataclass(frozen=True, eq=False)
class CommonUnits:
    """What both indices hold: names, values on either scale with their sds, weights, and release dates.

    Parameters
    ----------
    names
        Models or benchmarks.
    x, y
        Value on the old and on the new scale, points, shape (unit,).
    x_sd, y_sd
        Their standard deviations, 0 where none is known.
    weights
        Weight of each unit; below 0.5 it counts as down-weighted. All 1 without the robust option.
    dates
        Release dates, NaT where unknown and for benchmarks.
    """

    names: tuple[str, ...]
    x: Array
    y: Array
    x_sd: Array
    y_sd: Array
    weights: Array
    dates: Dates

    @property
    def down_weighted(self) -> tuple[str, ...]:
        """Names whose relation between the two indices differs from that of the others."""
        return tuple(name for name, w in zip(self.names, self.weights, strict=True) if w < DOWN_WEIGHTED)


@dataclass(frozen=True, eq=False)
class Link:
    """The map from an old scale to a new one: new = intercept + slope * old, draw by draw.

    Parameters
    ----------
    method
        How slope and intercept were found.
    common
        What the two indices share: models, benchmarks or both.
    scales
        Labels of the old and the new scale.
    slope, intercept
        Draws, shape (draw,); new points per old point, and new points at 0 old ones.
    residual_sd
        Draws of the scatter of true values of common units about the line, new points.
    units
        The common units.
    identity_residual_sd
        Draws of the scatter about y = x, for indices in the same units; None where the question makes no
        sense.
    error_corr
        Assumed correlation of the errors of one model in the two indices; None where errors come as draws.
    sensitivity
        Slope and intercept under other values of `error_corr`.
    dropped
        Units left out, with the reason.
    source
        Digest of the fit each draw of which goes with the same draw of the link; None for series.
    interval_prob
        Probability of the intervals.
    warnings
        Stated consequences and assumptions.
    """

    method: str
    common: Common
    scales: tuple[str, str]
    slope: Array
    intercept: Array
    residual_sd: Array
    units: CommonUnits
    identity_residual_sd: Array | None = None
    error_corr: float | None = None
    sensitivity: tuple[Mapping[str, Any], ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    source: str | None = None
    interval_prob: float = 0.9
    warnings: tuple[str, ...] = field(default_factory=tuple)

    def __len__(self) -> int:
        """Return the number of common units."""
        return len(self.units.names)

    # what it says

    def __repr__(self) -> str:
        """Return what it says in one line: the line, its scatter, and what it rests on."""
        found = self.quantities()
        slope, intercept = (f"{q.mean:.4g} (sd {q.sd:.2g})" for q in (found["slope"], found["intercept"]))
        return (
            f"Link(new = {intercept} + {slope} x old, residual sd {found['residual_sd'].mean:.2g}; by "
            f"{self.method} on {len(self)} common {self.common}; {self.scales[0]} to {self.scales[1]})"
        )

    def line(self, values: Array) -> Array:
        """Draw the line at old values: (value,) -> (draw, value), new points."""
        return np.asarray(
            self.intercept[:, None] + self.slope[:, None] * np.asarray(values, dtype=np.float64)
        )

    @cached_property
    def residual(self) -> Array:
        """New value minus the line at the old value, posterior mean, points, shape (unit,)."""
        return np.asarray(self.units.y - self.line(self.units.x).mean(axis=0))

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest old value among the common units."""
        return float(self.units.x.min()), float(self.units.x.max())

    def drift(self) -> tuple[float, float] | None:
        """Change of the residual with release date by least squares: points a year, and its standard error.

        None where fewer than four common models have a date.
        """
        known = ~np.isnat(self.units.dates)
        if known.sum() < 4:
            return None
        days = (self.units.dates[known] - self.units.dates[known].min()).astype(np.float64)
        years = days / DAYS_PER_YEAR
        years = years - years.mean()
        residual = self.residual[known]
        spread = float(years @ years)
        if spread <= 0:
            return None
        per_year = float(years @ residual) / spread
        rest = residual - residual.mean() - per_year * years
        return per_year, float(np.sqrt(rest @ rest / (known.sum() - 2) / spread))

    # what it does

    @overload
    def transform(self, index: IndexSeries, *, reading: Reading = "free") -> IndexSeries: ...
    @overload
    def transform(self, index: Fit, *, reading: Reading = "free") -> Fit: ...

    def transform(self, index: IndexSeries | Fit, *, reading: Reading = "free") -> IndexSeries | Fit:
        """Carry an index from the old scale to the new one, with the uncertainty of the link.

        Parameters
        ----------
        index
            A series or a fit on the old scale. The slope and intercept of a draw apply to all its models. A
            series also gains the residual scatter, model by model, because its values stand for what the
            other index would have said. A fit is only put on other points: it stays its own measurement.
        reading
            "free" uses the line; "identity" takes both scales for the same one and adds only the scatter
            about y = x.

        Warns
        -----
        EciWarning
            Where a model lies outside the linked range: there the line is an assumption.
        """
        if reading not in ("free", "identity"):
            raise DataError(f"reading = {reading!r} is not an option. Give 'free' or 'identity'.")
        if reading == "identity" and self.identity_residual_sd is None:
            raise DataError(
                f"The identity is no reading of a link by {self.common}. Give reading='free', or link two "
                "series."
            )
        if isinstance(index, IndexSeries):
            return self._transform_series(index, reading)
        return self._transform_fit(index, reading)

    def _transform_series(self, series: IndexSeries, reading: Reading) -> IndexSeries:
        slope, intercept, residual_sd = self._draws(reading)
        outside = self._outside(series.models, series.index)
        n_draws = slope.size
        rows = np.resize(np.arange(series.units.slope.size), n_draws)
        units = Units(slope * series.units.slope[rows], intercept + slope * series.units.origin[rows])
        scatter = float(np.mean(residual_sd**2)) / float(np.median(units.slope)) ** 2
        n = len(series)
        centre = intercept.mean() + slope.mean() * series.index
        per_model = series.index_sd**2 * np.mean(slope**2) + np.mean(residual_sd**2)
        of_link = np.var(intercept[:, None] + slope[:, None] * series.index, axis=0)
        draws = series.draws
        if draws is not None and scatter > 0:
            # seeded by nothing but the data's size: one transform always gives one answer
            rng = np.random.default_rng([draws.shape[0], n])
            draws = draws + np.sqrt(scatter) * rng.standard_normal(draws.shape)
        return replace(
            series,
            index=centre,
            index_sd=np.sqrt(per_model + of_link),
            covariance=series.covariance + scatter * np.eye(n),
            draws=draws,
            units=units,
            scale=f"{self.scales[1]}, linked from {series.scale} by {self.method} ({reading})",
            notes=(*series.notes, *outside),
            pool=None,
            context=None,
        )

    def _transform_fit(self, fit: Fit, reading: Reading) -> Fit:
        slope, intercept, _ = self._draws(reading)
        self._outside(fit.matrix.models, fit.index)
        n_draws = fit.scale.slope.size
        rows = np.resize(np.arange(slope.size), n_draws)
        if fit.digest != self.source:
            rows = np.random.default_rng(n_draws).permutation(rows)
        slope, intercept = slope[rows], intercept[rows]
        label = f"{self.scales[1]}, linked by {self.method}"
        scale = Scale(slope * fit.scale.slope, intercept + slope * fit.scale.origin, label, {})
        return replace(fit, scale=scale)

    def _draws(self, reading: Reading) -> tuple[Array, Array, Array]:
        if reading == "free" or self.identity_residual_sd is None:
            return self.slope, self.intercept, self.residual_sd
        n = self.identity_residual_sd.size
        return np.ones(n), np.zeros(n), self.identity_residual_sd

    def _outside(self, models: Sequence[str], index: Array) -> tuple[str, ...]:
        """Warn about models outside the linked range and return the warning."""
        low, high = self.range
        beyond = [name for name, value in zip(models, index, strict=True) if not low <= value <= high]
        if not beyond:
            return ()
        far = float(np.max(np.maximum(low - index, index - high)))
        message = (
            f"The link is extrapolated for {len(beyond)} of {len(models)} models, by up to {far:.1f} points "
            f"beyond the linked range of {low:.1f} to {high:.1f}: {listed(beyond)}. There the straight line "
            "is an assumption."
        )
        warnings.warn(message, EciWarning, stacklevel=4)
        return (message,)

    def inverse(self) -> Link:
        """Return the link from the new scale back to the old one, draw by draw."""
        units = self.units
        turned = replace(units, x=units.y, y=units.x, x_sd=units.y_sd, y_sd=units.x_sd)
        return replace(
            self,
            scales=(self.scales[1], self.scales[0]),
            slope=1.0 / self.slope,
            intercept=-self.intercept / self.slope,
            residual_sd=self.residual_sd / self.slope,
            units=turned,
            sensitivity=(),
            source=None,
        )

    # how it is told

    def quantities(self) -> dict[str, Quantity]:
        """Summarise slope, intercept and residual sd."""
        return {
            name: summarise(getattr(self, name), self.interval_prob)
            for name in ("slope", "intercept", "residual_sd")
        }

    def table(self) -> pd.DataFrame:
        """Return one row per common unit: name, old, new, line, residual, difference, weight."""
        import pandas as pd

        units = self.units
        columns = {
            "name": units.names,
            "release_date": ["" if np.isnat(d) else str(d) for d in units.dates],
            "old": units.x,
            "old_sd": units.x_sd,
            "new": units.y,
            "new_sd": units.y_sd,
            "residual": self.residual,
            "difference": units.y - units.x,
            "weight": units.weights,
        }
        return pd.DataFrame(columns).sort_values(["old", "name"], ignore_index=True)

    def record(self) -> dict[str, Any]:
        """Return the link as plain values, in the form of CONTRACTS "Link JSON"."""
        units = self.units
        difference = units.y - units.x
        drift = self.drift()
        identity = None
        if self.identity_residual_sd is not None:
            identity = {
                "mean_difference": float(difference.mean()),
                "residual_sd": summarise(self.identity_residual_sd, self.interval_prob).record(),
                "residual": dict(zip(units.names, difference.tolist(), strict=True)),
            }
        return {
            "schema": SCHEMA,
            "method": self.method,
            "scales": {"old": self.scales[0], "new": self.scales[1]},
            "interval_prob": self.interval_prob,
            **{name: quantity.record() for name, quantity in self.quantities().items()},
            "common": list(units.names),
            "common_kind": self.common,
            "linked_range": list(self.range),
            "residual": dict(zip(units.names, self.residual.tolist(), strict=True)),
            "identity": identity,
            "weights": dict(zip(units.names, units.weights.tolist(), strict=True)),
            "down_weighted": list(units.down_weighted),
            "drift": None if drift is None else {"per_year": drift[0], "se": drift[1]},
            "dropped": [{"name": name, "reason": reason} for name, reason in self.dropped],
            "error_corr": self.error_corr,
            "sensitivity": [dict(row) for row in self.sensitivity],
            "warnings": list(self.warnings),
        }
