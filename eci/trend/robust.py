"""Student-t residuals, to see how far one or two odd models decide the answer.

    r_i ~ Normal(0, tau² / w_i),   w_i ~ Gamma(df / 2, df / 2),

so that r_i / tau is Student t with df degrees (Geweke 1993, https://doi.org/10.1002/jae.3950080504). Given
the weights w, rescaling the rows by sqrt(w) gives back the exact regression, which draws change model, break
date, residual sd and coefficients at once; given these, the weights are independent Gamma. The two steps
alternate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eci.errors import DataError
from eci.trend.analysis import Analysis, Layout, TrendDraws, join_draws, weigh
from eci.trend.basis import CHANGE_MODELS, Array, ChangeModel, free_break
from eci.trend.priors import RESIDUAL_FACTOR, least_squares
from eci.trend.quantity import Quantity, Ratio, summarise, summarise_ratio
from eci.trend.regress import accumulate, tau_grid

if TYPE_CHECKING:
    from eci.trend.result import Trend

N_CELLS = 60
N_WARMUP = 100
N_BATCHES = 20


@dataclass(frozen=True)
class RobustTrend:
    """The trend under Student-t residuals.

    Parameters
    ----------
    degrees
        Degrees of freedom.
    change_models
        Posterior probabilities.
    p_any_change, mc_error
        Probability of any change and its Monte Carlo standard error.
    ratio
        Slope after over before, averaged; none and jump count as exactly 1.
    slope_before, slope_after
        Given a change of slope, points a year; None where hardly any draw has one.
    weights
        Posterior mean weight of each model: about 1 for a typical one, near 0 for one set aside.
    """

    degrees: float
    change_models: dict[ChangeModel, float]
    p_any_change: float
    mc_error: float
    ratio: Ratio | None
    slope_before: Quantity | None
    slope_after: Quantity | None
    weights: dict[str, float]

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        before, after, ratio = self.slope_before, self.slope_after, self.ratio
        return {
            "degrees": self.degrees,
            "change_models": self.change_models,
            "p_any_change": self.p_any_change,
            "mc_error": self.mc_error,
            "ratio": None if ratio is None else ratio.record(),
            "slope": {
                "before": None if before is None else before.record(),
                "after": None if after is None else after.record(),
            },
            "weights": self.weights,
        }


def fit_robust(trend: Trend, *, degrees: float = 4.0, n_draws: int = 1000, seed: int = 0) -> RobustTrend:
    """Analyse the models of a trend again with Student-t residuals.

    Parameters
    ----------
    trend
        A trend with a free break; a frontier is taken at its point frontier. Its priors are used.
    degrees
        Degrees of freedom, above 0; 4 allows one model in fifty to lie five sds off.
    n_draws, seed
        Draws kept and their seed.

    Raises
    ------
    DataError
        Where the degrees are not positive or the break of the trend is fixed.
    """
    if not degrees > 0:
        raise DataError(
            f"Student-t residuals with {degrees} degrees of freedom do not exist. Give a positive number."
        )
    if trend.options.break_date is not None:
        raise DataError(
            "Student-t residuals are for a free break, but this trend fixes it at "
            f"{trend.options.break_date}. Fit it without break_at."
        )
    series = trend.series.take(trend.series.point_frontier())
    measured, years = series.measure(), series.years(trend.origin)
    x, covariance = measured.values, measured.covariance
    line = least_squares(x[None], years)
    priors = trend.options.priors.resolve(line, series.units.typical_slope)
    layout = Layout.plain(years, free_break(years, N_CELLS))
    usual, residual = float(priors.residual_sd[0]) / RESIDUAL_FACTOR, float(line.residual_sd[0])
    taus = tau_grid(0.2 * min(usual, residual), max(usual, residual), years.size)

    rng = np.random.default_rng([seed, 14])
    weights = np.ones(years.size)
    kept, models, total = [], [], np.zeros(years.size)
    for step in range(N_WARMUP + n_draws):
        root = np.sqrt(weights)
        scaled = accumulate(
            (x * root)[None], covariance * np.outer(root, root), layout.design * root[:, None], taus
        )
        bare = Analysis(layout, scaled, {}, priors.change_prob, None)
        analysis = weigh(bare, priors, changes=trend.options.changes, min_segment=trend.options.min_segment)
        change = CHANGE_MODELS[rng.choice(len(CHANGE_MODELS), p=analysis.probabilities[0])]
        draw, node, coefficients = analysis.draw_grid(change, 1, rng)
        fitted = layout.design[node[0]] @ coefficients[0]
        tau = float(draw.residual_sd[0])
        residuals = _draw_residuals(x - fitted, covariance, tau / root, rng)
        weights = rng.gamma((degrees + 1) / 2, 2.0 / (degrees + (residuals / tau) ** 2))
        if step >= N_WARMUP:
            kept.append(draw)
            models.append(change)
            total += weights
    per_unit, origin = series.units.draw(n_draws, rng)
    return _summarise(
        join_draws(kept).in_points(per_unit, origin), models, trend, degrees, total / n_draws, series.models
    )


def _draw_residuals(gap: Array, covariance: Array, sd: Array, rng: np.random.Generator) -> Array:
    """Draw the true residuals given index minus line: what is left once measurement error is taken off."""
    if not np.any(covariance):
        return gap
    eigenvalues, basis = np.linalg.eigh(covariance)
    error = basis @ (np.sqrt(np.maximum(eigenvalues, 0.0)) * rng.standard_normal(gap.size))
    residual = sd * rng.standard_normal(gap.size)
    # conditioning by kriging: a joint draw, corrected by how far its sum is from what was seen
    correction = np.linalg.solve(covariance + np.diag(sd**2), gap - error - residual)
    return np.asarray(residual + sd**2 * correction)


def _summarise(
    draws: TrendDraws,
    models: list[ChangeModel],
    trend: Trend,
    degrees: float,
    weights: Array,
    names: tuple[str, ...],
) -> RobustTrend:
    which = np.array(models)
    changed = which != "none"
    batches = np.array_split(changed.astype(np.float64), N_BATCHES)
    error = float(np.std([batch.mean() for batch in batches], ddof=1) / np.sqrt(N_BATCHES))
    bent = np.isin(which, ("kink", "both"))
    enough = bent.sum() >= 50
    prob = trend.interval_prob
    return RobustTrend(
        degrees=degrees,
        change_models={change: float(np.mean(which == change)) for change in CHANGE_MODELS},
        p_any_change=float(changed.mean()),
        mc_error=error,
        ratio=summarise_ratio(draws.before, draws.after, prob),
        slope_before=summarise(draws.before[bent], prob) if enough else None,
        slope_after=summarise(draws.after[bent], prob) if enough else None,
        weights=dict(zip(names, weights.tolist(), strict=True)),
    )
