"""All change models on one set of models: probabilities and draws of slopes, jump and break date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eci.trend.basis import (
    CHANGE_MODELS,
    COLUMNS,
    JUMP,
    SLOPE,
    SLOPE_CHANGE,
    Array,
    BreakNodes,
    ChangeModel,
    design,
    free_break,
    line_at,
)
from eci.trend.priors import RESIDUAL_FACTOR, ResolvedPriors
from eci.trend.regress import (
    GridPosterior,
    Statistics,
    accumulate,
    check_edges,
    marginalise,
    tau_grid,
)
from eci.trend.sampling import project, sample

MIN_SEGMENT = 3
NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class TrendDraws:
    """Independent posterior draws of a trend, one row per draw.

    Parameters
    ----------
    coefficients
        Level at the time origin, slope before, change of slope, jump: shape (draw, 4), zero where the change
        model has no such term.
    break_years
        Break date in years from the origin, nan without a change.
    residual_sd
        Shape (draw,).
    n_after
        Models after the break, all of them without a change.
    shared
        The standard normal draw that scales the error common to all models.
    """

    coefficients: Array
    break_years: Array
    residual_sd: Array
    n_after: NDArray[np.int64]
    shared: Array

    def __len__(self) -> int:
        """Return the number of draws."""
        return self.break_years.size

    @property
    def before(self) -> Array:
        """Slope before the break."""
        return self.coefficients[:, SLOPE]

    @property
    def after(self) -> Array:
        """Slope after the break."""
        return self.coefficients[:, SLOPE] + self.coefficients[:, SLOPE_CHANGE]

    @property
    def jump(self) -> Array:
        """Jump at the break."""
        return self.coefficients[:, JUMP]

    def line(self, years: Array) -> Array:
        """Evaluate the line at dates (date,) -> (draw, date)."""
        return line_at(self.coefficients, self.break_years, years)

    def slope_at(self, years: float) -> Array:
        """Return the slope in force at a date."""
        past = np.nan_to_num(self.break_years, nan=np.inf) < years
        return self.coefficients[:, SLOPE] + self.coefficients[:, SLOPE_CHANGE] * past

    def rows(self, index: NDArray[np.int64] | slice) -> TrendDraws:
        """Take some draws."""
        return TrendDraws(
            self.coefficients[index],
            self.break_years[index],
            self.residual_sd[index],
            self.n_after[index],
            self.shared[index],
        )

    def in_points(self, slope: Array, origin: Array) -> TrendDraws:
        """Map working units to points, draw by draw."""
        scaled = self.coefficients * slope[:, None]
        scaled[:, 0] += origin
        return TrendDraws(scaled, self.break_years, self.residual_sd * slope, self.n_after, self.shared)


def join_draws(parts: Sequence[TrendDraws]) -> TrendDraws:
    """Stack draws of several posteriors."""
    return TrendDraws(
        np.concatenate([part.coefficients for part in parts]),
        np.concatenate([part.break_years for part in parts]),
        np.concatenate([part.residual_sd for part in parts]),
        np.concatenate([part.n_after for part in parts]),
        np.concatenate([part.shared for part in parts]),
    )


@dataclass(frozen=True)
class Layout:
    """Rows of the regression, which usually are the models, and the design at every break date.

    Parameters
    ----------
    rows
        Position of each row's model (row,); a break model shared by both segments has two rows.
    design
        Shape (node, row, 4).
    breaks
        The break dates.
    """

    rows: NDArray[np.int64]
    design: Array
    breaks: BreakNodes

    @classmethod
    def plain(cls, years: Array, breaks: BreakNodes | None = None) -> Layout:
        """One row per model, break date free unless given."""
        nodes = free_break(years) if breaks is None else breaks
        at = nodes.years if nodes.years.size else np.array([years.max()])
        return cls(np.arange(years.size), design(years, at), nodes)

    @classmethod
    def separate(cls, years: Array, breaks: BreakNodes, shared_row: int) -> Layout:
        """Two segments that both hold the break model, as the system cards fit them."""
        matrix = design(years, breaks.years)
        earlier = matrix.copy()
        earlier[:, shared_row, JUMP] = 0.0
        stacked = np.concatenate([earlier, matrix[:, [shared_row]]], axis=1)
        return cls(np.append(np.arange(years.size), shared_row), stacked, breaks)


@dataclass(frozen=True)
class Analysis:
    """Posteriors of the change models for a batch of series that share dates and covariance."""

    layout: Layout
    statistics: Statistics
    posteriors: dict[ChangeModel, GridPosterior]
    change_prob: Array
    shared_moment: Array | None

    @property
    def log_evidence(self) -> Array:
        """Log marginal likelihoods (series, 4), as in CHANGE_MODELS; -inf where a model was not fitted."""
        n_series = self.statistics.moment.shape[1]
        absent = np.full(n_series, -np.inf)
        columns = [self.posteriors[c].log_evidence if c in self.posteriors else absent for c in CHANGE_MODELS]
        return np.stack(columns, axis=1)

    @property
    def probabilities(self) -> Array:
        """Posterior probabilities of the change models (series, 4)."""
        with np.errstate(divide="ignore"):
            log_joint = self.log_evidence + np.log(self.change_prob)
        weight = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    def draw(
        self, change: ChangeModel, n_draws: int, rng: np.random.Generator, series_index: int = 0
    ) -> TrendDraws:
        """Draw from the posterior of one change model, in working units."""
        return self.draw_grid(change, n_draws, rng, series_index)[0]

    def draw_grid(
        self, change: ChangeModel, n_draws: int, rng: np.random.Generator, series_index: int = 0
    ) -> tuple[TrendDraws, NDArray[np.int64], Array]:
        """Draw, and return also each draw's break node and its coefficients before the shared error."""
        posterior = self.posteriors[change]
        grid = sample(posterior, self.statistics.taus, n_draws, rng, series_index)
        columns = list(COLUMNS[change])
        own = np.zeros((n_draws, 4))
        own[:, columns] = grid.coefficients
        shared = rng.standard_normal(n_draws)
        shifted = own
        if self.shared_moment is not None:
            moments = [self.shared_moment[column, 0, grid.node_index, grid.tau_index] for column in columns]
            shifted = own.copy()
            # the regression saw index = true + shared error: take its projection off the line
            shifted[:, columns] -= shared[:, None] * project(posterior, moments, grid, series_index)
        breaks = self.layout.breaks
        if change == "none":
            break_years = np.full(n_draws, np.nan)
            n_after = np.full(n_draws, self.statistics.n_models)
        else:
            within = rng.uniform(-0.5, 0.5, n_draws)
            break_years = breaks.years[grid.node_index] + within * breaks.widths[grid.node_index]
            n_after = breaks.n_after[grid.node_index]
        draws = TrendDraws(shifted, break_years, grid.residual_sd, n_after, shared)
        return draws, grid.node_index, own


def count_admitted(breaks: BreakNodes, change: ChangeModel, min_segment: int) -> int:
    """Count the break nodes a change model may take: the first so many, since fewer models follow later ones.

    A slope needs `min_segment` models on or after the break, a jump needs one.
    """
    if change == "none":
        return 1
    return int(np.sum(breaks.n_after >= (1 if change == "jump" else min_segment)))


def analyse(
    x: Array,
    covariance: Array,
    layout: Layout,
    priors: ResolvedPriors,
    *,
    changes: Sequence[ChangeModel] = CHANGE_MODELS,
    min_segment: int = MIN_SEGMENT,
    shared: Array | None = None,
    residual_sd: float | None = None,
    check: bool = True,
) -> Analysis:
    """Fit change models to a batch of series.

    Parameters
    ----------
    x
        Values, shape (series, model).
    covariance
        Shape (model, model).
    layout
        Rows and design.
    priors
        In working units.
    changes
        Change models to fit; one without an admissible break date is left out.
    min_segment
        Least number of models after the break of a kink or both.
    shared
        Loadings (model,) of the error common to all models.
    residual_sd
        A residual sd the grid must reach besides half the prior's, such as that of the least-squares line.
    check
        Whether to refuse a residual sd that runs off the grid.
    """
    rows = layout.rows
    usual = float(np.median(priors.residual_sd)) / RESIDUAL_FACTOR
    other = usual if residual_sd is None or residual_sd <= 0 else residual_sd
    taus = tau_grid(min(usual, other), max(usual, other), rows.size)
    covariance = covariance[np.ix_(rows, rows)]
    statistics = accumulate(x[:, rows], covariance, layout.design, taus)
    shared_moment = None
    if shared is not None and np.any(shared):
        shared_moment = accumulate(shared[None, rows], covariance, layout.design, taus).moment
    bare = Analysis(layout, statistics, {}, priors.change_prob, shared_moment)
    analysis = weigh(bare, priors, changes=changes, min_segment=min_segment)
    if check and analysis.posteriors:
        for change, probability in zip(CHANGE_MODELS, analysis.probabilities.max(axis=0), strict=True):
            if probability > NEGLIGIBLE:
                check_edges(analysis.posteriors[change], taus, priors.log_tau_mass(taus))
    return analysis


def weigh(
    analysis: Analysis,
    priors: ResolvedPriors,
    *,
    changes: Sequence[ChangeModel] = CHANGE_MODELS,
    min_segment: int = MIN_SEGMENT,
    kept: Sequence[ChangeModel] = (),
) -> Analysis:
    """Apply priors to collected statistics: what a sensitivity table repeats with other priors.

    Change models in `kept` rest on no prior that differs, and keep the posterior they have.
    """
    coefficient_prior = priors.coefficients()
    log_tau = priors.log_tau_mass(analysis.statistics.taus)
    posteriors: dict[ChangeModel, GridPosterior] = {}
    for change in changes:
        if change in kept and change in analysis.posteriors:
            posteriors[change] = analysis.posteriors[change]
            continue
        n_nodes = count_admitted(analysis.layout.breaks, change, min_segment)
        if n_nodes == 0:
            continue
        posterior = marginalise(
            analysis.statistics,
            columns=COLUMNS[change],
            nodes=slice(n_nodes),
            prior=coefficient_prior.restrict(COLUMNS[change]),
            log_prior_node=_log_uniform(analysis.layout.breaks, n_nodes),
            log_prior_tau=log_tau,
        )
        posteriors[change] = posterior
    return Analysis(
        analysis.layout, analysis.statistics, posteriors, priors.change_prob, analysis.shared_moment
    )


def _log_uniform(breaks: BreakNodes, n_nodes: int) -> Array:
    """Return the log prior mass of the first nodes: uniform in time over their cells."""
    if n_nodes == 1:
        return np.zeros(1)
    widths = breaks.widths[:n_nodes]
    return np.asarray(np.log(widths / widths.sum()))
