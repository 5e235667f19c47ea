"""The result of a trend: draws of slopes, jump and break date, and everything that is said about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from eci.trend.analysis import TrendDraws, join_draws
from eci.trend.basis import CHANGE_MODELS, DAYS_PER_YEAR, Array, ChangeModel
from eci.trend.compare import OnTrend, SensitivityRow, compare_with_others
from eci.trend.ensemble import TrendOptions, share_draws
from eci.trend.groups import LabTrends, compare_with_labs, fit_groups
from eci.trend.monte_carlo import evidence_error
from eci.trend.priors import LeastSquares
from eci.trend.quantity import (
    DateQuantity,
    Quantity,
    Ratio,
    finite,
    summarise,
    summarise_dates,
    summarise_ratio,
)
from eci.trend.series import IndexSeries

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "eci-trend/1"


@dataclass(frozen=True)
class Trend:
    """Posterior of a trend in points and years; every quantity has an interval of `interval_prob`.

    Parameters
    ----------
    series
        The selection it rests on.
    options
        The analyst's choices.
    interval_prob
        Probability of the intervals.
    origin
        Time origin of `break_years` and of the level.
    draws
        Draws of each change model, in points.
    change_models
        Posterior probabilities of the change models.
    log_bayes_factors
        Log evidence of each change model against none.
    least_squares
        Ordinary least-squares line of the published values of the (point) frontier or selection.
    n, n_before, n_after
        Models in the regression, and before and after the (median) break; a frontier counts its point
        frontier.
    membership
        Probability of each model of being on the frontier; empty where the selection is no frontier.
    priors
        The priors in points.
    sensitivity
        Probabilities under halved and doubled prior scales.
    n_capped
        Directions of the index in which the data say almost nothing beyond the ability prior.
    identified
        Whether kink, jump and both can be told apart: not with one model after every supported break.
    warnings
        Stated consequences.
    """

    series: IndexSeries
    options: TrendOptions
    interval_prob: float
    origin: np.datetime64
    draws: dict[ChangeModel, TrendDraws]
    change_models: dict[ChangeModel, float]
    log_bayes_factors: dict[ChangeModel, float]
    least_squares: LeastSquares
    n: int
    n_before: int | None
    n_after: int | None
    membership: dict[str, float]
    priors: dict[str, Any]
    sensitivity: tuple[SensitivityRow, ...]
    n_capped: int
    identified: bool
    warnings: tuple[str, ...] = field(default_factory=tuple)

    def __repr__(self) -> str:
        """Return what it says in one line: models, slopes, and how sure a change is."""

        def slope(quantity: Quantity) -> str:
            return f"{quantity.median:.3g} ({quantity.low:.3g} to {quantity.high:.3g})"

        kind = "frontier models" if self.series.frontier else "models"
        dates = self.series.release_date
        after = self.slope_after
        change = f"; P(change) {self.p_any_change:.2f}" if self.automatic else ""
        return (
            f"Trend({self.n} {kind}, {dates.min()} to {dates.max()}; slope {slope(self.slope_before)}"
            + ("" if after is None else f", after a change {slope(after)}")
            + f" points a year, {self.interval_prob:.0%} intervals{change})"
        )

    # mixtures of change models

    def given(self, *changes: ChangeModel) -> TrendDraws | None:
        """Return draws conditional on one of some change models; None where none of them was fitted."""
        fitted = [c for c in changes if c in self.draws]
        prob = np.array([self.change_models[c] for c in fitted])
        if not fitted or prob.sum() <= 0:
            return None
        counts = share_draws(prob / prob.sum(), self.options.n_draws)
        parts = [self.draws[c].rows(slice(0, int(k))) for c, k in zip(fitted, counts, strict=True) if k]
        return join_draws(parts)

    @cached_property
    def averaged(self) -> TrendDraws:
        """Draws averaged over the change models fitted."""
        draws = self.given(*CHANGE_MODELS)
        if draws is None:  # fit_trend refuses a series for which no change model can be fitted
            raise RuntimeError("a trend without draws")
        return draws

    @property
    def automatic(self) -> bool:
        """Whether all change models were compared."""
        return len(self.options.changes) > 1

    @property
    def p_any_change(self) -> float:
        """Probability of a kink, a jump or both."""
        return 1.0 - self.change_models["none"]

    @cached_property
    def evidence_error(self) -> float | None:
        """Monte Carlo standard error of the log Bayes factor for any change: see `eci.trend.monte_carlo`."""
        return evidence_error(self.series, self.options) if self.automatic else None

    @cached_property
    def _bent(self) -> TrendDraws | None:
        return self.given("kink", "both") if self.identified or not self.automatic else None

    # quantities

    @property
    def slope_without_change(self) -> Quantity | None:
        """Slope of the single line, points a year, given no change."""
        draws = self.given("none")
        return None if draws is None else summarise(draws.before, self.interval_prob)

    @property
    def slope_before(self) -> Quantity:
        """Slope before the break given a change of slope; without one, the slope."""
        draws = self._bent or self.given("jump") if not self.automatic else self._bent
        return summarise((draws or self.given("none") or self.averaged).before, self.interval_prob)

    @property
    def slope_after(self) -> Quantity | None:
        """Slope after the break given a change of slope, points a year."""
        return None if self._bent is None else summarise(self._bent.after, self.interval_prob)

    @property
    def slope_change(self) -> Quantity | None:
        """Slope after minus slope before, given a change of slope."""
        return (
            None
            if self._bent is None
            else summarise(self._bent.after - self._bent.before, self.interval_prob)
        )

    @property
    def ratio(self) -> Ratio | None:
        """Slope after over slope before, averaged; none and jump count as exactly 1."""
        if self._bent is None:
            return None
        return summarise_ratio(self.averaged.before, self.averaged.after, self.interval_prob)

    @property
    def ratio_given_change(self) -> Ratio | None:
        """Slope after over slope before, given a change of slope."""
        if self._bent is None:
            return None
        return summarise_ratio(self._bent.before, self._bent.after, self.interval_prob)

    @property
    def jump(self) -> Quantity | None:
        """Jump at the break in points, given a jump or both."""
        if self.automatic and not self.identified:
            return None
        draws = self.given("jump", "both")
        return None if draws is None else summarise(draws.jump, self.interval_prob)

    @property
    def break_date(self) -> DateQuantity | None:
        """Break date given any change."""
        draws = self.given("kink", "jump", "both")
        return None if draws is None else summarise_dates(draws.break_years, self.origin, self.interval_prob)

    @property
    def residual_sd(self) -> Quantity:
        """Scatter of true values about the line, points, averaged over the change models."""
        return summarise(self.averaged.residual_sd, self.interval_prob)

    def line(self, dates: ArrayLike) -> Array:
        """Evaluate the averaged line at some dates: draws (draw, date) in points."""
        days = (np.asarray(dates, dtype="datetime64[D]") - self.origin).astype(np.float64)
        return self.averaged.line(days / DAYS_PER_YEAR)

    # questions

    def on_trend(self, name: str) -> OnTrend:
        """Compare a model with the line expected from the selected models other than it.

        Where labs are known, the answer also holds the comparison with the line of the model's own lab (all
        labs partially pooled) and with the line of all labs.

        Parameters
        ----------
        name
            A model of the selection, or one outside it but in the same index.
        """
        answer = compare_with_others(self.series, name, self.options, self.interval_prob)
        own, every = compare_with_labs(self.series, answer, self.options, self.interval_prob)
        return replace(answer, own_lab=own, all_labs=every)

    def by_lab(self) -> LabTrends:
        """Fit a line to every lab of the selection, partially pooled."""
        return fit_groups(self.series, interval_prob=self.interval_prob, seed=self.options.seed)

    def table(self) -> pd.DataFrame:
        """Return the quantities as a table with columns quantity, given, mean, sd, low, median, high."""
        import pandas as pd

        record = self.record()
        given = record["conditional_on"]
        rows = [("slope_" + name, record["slope"][name], given["slope"]) for name in ("before", "after")]
        rows.append(
            ("slope_without_change", record["slope"]["without_change"], "none" if self.automatic else None)
        )
        names = ("slope_change", "ratio", "ratio_given_change", "jump", "break_date", "residual_sd")
        rows += [(name, record[name], given.get(name)) for name in names]
        columns = ("mean", "sd", "low", "median", "high")
        return pd.DataFrame(
            [
                {"quantity": name, "given": condition, **{c: quantity[c] for c in columns}}
                for name, quantity, condition in rows
                if quantity is not None
            ]
        )

    def record(self, on_trend: Sequence[OnTrend] = ()) -> dict[str, Any]:
        """Return the result as plain values, in the form of CONTRACTS "Trend JSON"."""

        def plain(quantity: Quantity | DateQuantity | None) -> dict[str, Any] | None:
            return None if quantity is None else quantity.record()

        bent = "kink or both" if self.automatic else None
        conditional = "none" if self.automatic and self._bent is None else bent
        known = self.identified or not self.automatic
        return {
            "schema": SCHEMA,
            "vintage": self.series.vintage,
            "scale": self.series.scale,
            "interval_prob": self.interval_prob,
            "selection": dict(self.series.selection),
            "n": self.n,
            "n_segments": {"before": self.n_before, "after": self.n_after},
            "least_squares": {
                "slope": float(self.least_squares.slope[0]),
                "slope_se": float(self.least_squares.slope_se[0]),
                "residual_sd": float(self.least_squares.residual_sd[0]),
            },
            "slope": {
                "before": plain(self.slope_before),
                "after": plain(self.slope_after),
                "without_change": plain(self.slope_without_change),
                "conditional_on": conditional,
            },
            "slope_change": plain(self.slope_change),
            "ratio": plain(self.ratio),
            "ratio_given_change": plain(self.ratio_given_change),
            "jump": plain(self.jump),
            "break_date": plain(self.break_date),
            "conditional_on": {
                "slope": conditional,
                "slope_change": bent,
                "ratio_given_change": bent,
                "jump": "jump or both" if self.automatic else None,
                "break_date": "kink, jump or both" if self.automatic else None,
            },
            "residual_sd": plain(self.residual_sd),
            "change_models": {c: p if known or c == "none" else None for c, p in self.change_models.items()},
            "p_any_change": self.p_any_change,
            "which_change": "identified" if known else "not identified",
            "log_bayes_factors": {c: finite(v) for c, v in self.log_bayes_factors.items()},
            "evidence_error": self.evidence_error,
            "priors": self.priors,
            "sensitivity": [row.record() for row in self.sensitivity],
            "choices": {
                "change": "auto" if self.automatic else self.options.changes[0],
                "break_at": None if self.options.break_date is None else str(self.options.break_date),
                "break_model": self.options.break_model,
                "segments": self.options.segments,
                "min_segment": self.options.min_segment,
                "error_corr": self.series.error_corr,
                "reference": self.series.reference,
                "labels_from": self.series.labels_from,
                "n_memberships": self.options.n_memberships if self.series.frontier else None,
                "n_draws": self.options.n_draws,
                "seed": self.options.seed,
            },
            "membership": self.membership,
            "n_capped": self.n_capped,
            "dropped": [{"model": model, "reason": reason} for model, reason in self.series.dropped],
            "warnings": list(self.warnings),
            "on_trend": {answer.name: answer.record() for answer in on_trend},
        }
