"""The trend as the prior of ability inside the measurement program: a check on the two-stage answer.

The two-stage regression takes abilities estimated under a N(0, 1) prior, whose pull it divides out. Here the
line itself is the prior, so there is no pull to divide out, at the price of one run of the sampler for every
change model and break date.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError
from eci.fitted import Check, Diagnostics, Fit, Parameters, make_scale
from eci.inference.alone import one_at_a_time
from eci.inference.chains import Progress
from eci.inference.diagnose import check_convergence, check_scale
from eci.inference.method import Nuts
from eci.inference.problem import prepare
from eci.inference.provenance import Clock
from eci.inference.sample import sample
from eci.irt.observation import LIKELIHOODS
from eci.irt.priors import Priors
from eci.irt.regression import LatentRegression
from eci.scale import Scale
from eci.trend.basis import COLUMNS, JUMP, SLOPE, SLOPE_CHANGE, ChangeModel, design, years_since
from eci.trend.priors import TrendPriors, least_squares
from eci.trend.quantity import Quantity, finite, summarise, summarise_ratio

FloatArray = NDArray[np.float64]

FLAT = 10.0  # prior sd of the slope in least-squares slopes: wide enough to say nothing


@dataclass(frozen=True)
class JointTrend:
    """Posterior of a latent regression of ability on release date.

    Parameters
    ----------
    change, break_date
        The change model and its fixed break (None for `none`).
    slope_before, slope_after
        Points a year, shape (draw,).
    jump
        Points, shape (draw,); zero where the change model has none.
    residual_sd
        Points, shape (draw,).
    diagnostics
        Checks of the sampler and of these quantities.
    """

    change: ChangeModel
    break_date: np.datetime64 | None
    slope_before: FloatArray
    slope_after: FloatArray
    jump: FloatArray
    residual_sd: FloatArray
    diagnostics: Diagnostics

    @property
    def ratio(self) -> FloatArray:
        """Slope after over slope before, shape (draw,)."""
        return np.asarray(self.slope_after / self.slope_before, dtype=np.float64)

    def summarise(self, interval_prob: float) -> dict[str, Quantity | None]:
        """Summarise what the change model has: slopes, jump and residual sd in points, and the ratio."""
        bends = SLOPE_CHANGE in COLUMNS[self.change]
        return {
            "slope_before": summarise(self.slope_before, interval_prob),
            "slope_after": summarise(self.slope_after, interval_prob) if bends else None,
            "ratio": summarise_ratio(self.slope_before, self.slope_after, interval_prob) if bends else None,
            "jump": summarise(self.jump, interval_prob) if JUMP in COLUMNS[self.change] else None,
            "residual_sd": summarise(self.residual_sd, interval_prob),
        }

    def record(self, interval_prob: float) -> dict[str, Any]:
        """Return plain values for JSON."""
        quantities = self.summarise(interval_prob).items()
        return {
            "change": self.change,
            "break_at": None if self.break_date is None else str(self.break_date),
            **{name: None if quantity is None else quantity.record() for name, quantity in quantities},
            "diagnostics": [asdict(c) | {"value": finite(c.value)} for c in self.diagnostics.checks],
        }


@one_at_a_time
def fit_joint(
    fit: Fit,
    *,
    change: ChangeModel = "none",
    break_at: np.datetime64 | str | None = None,
    priors: TrendPriors | None = None,
    method: Nuts | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> JointTrend:
    """Refit the scores of `fit` with abilities that follow a line in the release date.

    ability_m ~ N(level + slope t_m + slope_change (t_m - t*)+ + jump 1{t_m >= t*}, residual_sd)

    Parameters
    ----------
    fit
        A fit of all the models the trend runs through; its likelihood, priors and anchors are kept.
    change
        The change model.
    break_at
        The break t*, a date; needed unless `change` is `none`.
    priors
        As for `fit_trend`, with the same defaults.
    method
        Options of the sampler; by default those of the fit, where it was made by NUTS.
    seed
        Seed of all random numbers.
    progress
        Called with (stage, steps done, steps in all).

    Raises
    ------
    DataError
        Where a model has no release date, or the break is missing, unnecessary or outside the releases.

    References
    ----------
    Mislevy (1984), Estimating latent distributions, doi:10.1007/BF02306026.
    """
    matrix, method = fit.matrix, method or _method_of(fit)
    undated = [name for name, date in zip(matrix.models, matrix.release_date, strict=True) if np.isnat(date)]
    if undated:
        raise DataError(
            f"{len(undated)} models have no release date, {undated[0]!r} first. A latent regression needs "
            "one of every model: give it, or fit again with --since, which drops models without."
        )
    origin = matrix.release_date.min()
    years = np.array([years_since(date, origin) for date in matrix.release_date])
    break_date = _check_break(change, break_at, matrix.release_date)
    break_years = np.array([np.inf if break_date is None else years_since(break_date, origin)])
    columns = list(COLUMNS[change][1:])
    covariates = design(years, break_years)[0][:, columns]
    spread = covariates.std(axis=0)
    standardised = (covariates - covariates.mean(axis=0)) / spread
    measurement = LatentRegression(
        LIKELIHOODS[fit.likelihood], Priors(**fit.priors), *_prior_scales(fit, years, columns, spread, priors)
    )
    with jax.enable_x64(True):
        clock = Clock()
        problem = prepare(matrix, measurement, method, clock, standardised)

        def scale_of(draws: Parameters) -> Scale:
            anchors = fit.scale.anchors
            return make_scale(draws.ability, matrix.models, anchors, standard=not anchors)

        def to_points(draws: Parameters) -> dict[str, FloatArray]:
            scale = scale_of(draws)
            coefficients = draws.shared["coefficients"] / spread * scale.slope[:, None]
            points = dict(zip(columns, coefficients.T, strict=True))
            zero = np.zeros(len(scale.slope))
            slope, slope_change, jump = (points.get(column, zero) for column in (SLOPE, SLOPE_CHANGE, JUMP))
            return {
                "slope_before": slope,
                "slope_after": slope + slope_change,
                "jump": jump,
                "residual_sd": draws.shared["residual_sd"] * scale.slope,
            }

        def check(draws: Parameters) -> tuple[Check, ...]:
            varying = {name: x for name, x in to_points(draws).items() if np.ptp(x) > 0}
            quantities = {"trend": (np.column_stack(list(varying.values())), list(varying))}
            return check_convergence(quantities, method.n_chains)

        draws, _, checks = sample(problem, method, check, jax.random.key(seed), clock, progress)
    checks += check_scale(scale_of(draws))
    return JointTrend(change, break_date, **to_points(draws), diagnostics=Diagnostics(checks))


def _method_of(fit: Fit) -> Nuts:
    options = dict(fit.method)
    return Nuts(**options) if options.pop("name") == Nuts.name else Nuts()


def _prior_scales(
    fit: Fit, years: FloatArray, columns: list[int], spread: FloatArray, priors: TrendPriors | None
) -> tuple[tuple[float, ...], float]:
    """Prior sds of the coefficients of standardised covariates, and of the residual, in logits."""
    resolved = (priors or TrendPriors()).resolve(least_squares(fit.index[None], years))
    change, jump = float(resolved.slope_change_sd[0]), float(resolved.jump_sd[0])
    sds = {SLOPE: FLAT * change, SLOPE_CHANGE: change, JUMP: jump}  # points a year, or points
    points = float(fit.scale.slope.mean())
    scales = tuple(float(sds[column] * spread[i] / points) for i, column in enumerate(columns))
    return scales, float(resolved.residual_sd[0]) / points


def _check_break(
    change: ChangeModel, break_at: np.datetime64 | str | None, dates: NDArray[np.datetime64]
) -> np.datetime64 | None:
    if change not in COLUMNS:
        raise DataError(f"change is {change!r}. A latent regression knows {', '.join(COLUMNS)}.")
    if (change == "none") != (break_at is None):
        need = "has no break: leave break_at out" if change == "none" else "needs a break_at, a date"
        raise DataError(f"The change model {change!r} {need}. Given: {break_at!r}.")
    if break_at is None:
        return None
    try:
        date = np.datetime64(str(break_at), "D")
    except ValueError as error:
        raise DataError(
            f"break_at is {break_at!r}, which is no date. Give one such as 2024-09-12."
        ) from error
    if not dates.min() < date <= dates.max():
        raise DataError(
            f"The break {date} lies outside the releases, {dates.min()} to {dates.max()}. Move it inside."
        )
    return date
