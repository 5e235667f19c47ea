"""An index over time: values, dates and joint measurement error, from a fit or from a published table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from eci.trend import build
from eci.trend.basis import DAYS_PER_YEAR, Array
from eci.trend.labels import Dates
from eci.trend.measurement import Measurement, Units, divide_out_prior, draw_errors
from eci.trend.selection import Selection, SelectionRules, frontier_members


@dataclass(frozen=True)
class IndexSeries:
    """Index values of AI models over time with their joint uncertainty.

    Build one with `from_fit`, `from_table`, `from_draws` or `from_moments`, and narrow it with `select`.

    Parameters
    ----------
    models
        Names.
    release_date
        datetime64[D], shape (model,).
    index, index_sd
        Published value and its standard deviation in points, shape (model,); sd 0 where none is known.
    labs, open_weights, reasoning
        What is known of each model, None where unknown.
    values, covariance, shared
        The same index in working units, with the errors that differ between models and the loading of the one
        they share.
    draws
        Joint draws in working units, shape (draw, model), where there are any.
    units
        Map from working units to points.
    ability_prior
        Whether `values` carry a standard normal prior that the regression must divide out.
    frontier
        Whether the running maximum of the true abilities is asked for, rather than all the models.
    scale, vintage, error_corr
        Labels and the assumed common-error correlation (None where the errors come as draws).
    reference, labels_from
        In words, what the draws were standardised over, and where labs and flags were looked up.
    selection, dropped, notes
        The record: rules applied, models dropped with the reason, stated consequences.
    pool
        The series before any selection, for questions about models outside it; None where nothing was
        selected.
    context
        The models a frontier must exceed: those of the selection and, where it starts at a date, those
        before.
    """

    models: tuple[str, ...]
    release_date: Dates
    index: Array
    index_sd: Array
    labs: tuple[str | None, ...]
    open_weights: tuple[bool | None, ...]
    reasoning: tuple[bool | None, ...]
    values: Array
    covariance: Array
    shared: Array
    draws: Array | None = None
    units: Units = field(default_factory=Units)
    ability_prior: bool = False
    frontier: bool = False
    scale: str = "points"
    vintage: str | None = None
    error_corr: float | None = None
    reference: str | None = None
    labels_from: str | None = None
    selection: Mapping[str, Any] = field(default_factory=dict)
    dropped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    pool: IndexSeries | None = None
    context: IndexSeries | None = None

    # builders

    from_fit = classmethod(build.from_fit)
    from_draws = classmethod(build.from_draws)
    from_moments = classmethod(build.from_moments)
    from_table = classmethod(build.from_table)

    # selection

    def __len__(self) -> int:
        """Return the number of models."""
        return len(self.models)

    def __repr__(self) -> str:
        """Return what it holds in one line: models, dates, scale, errors."""
        known = self.release_date[~np.isnat(self.release_date)]
        dates = f", {known.min()} to {known.max()}" if known.size else ""
        errors = "joint errors" if self.draws is not None else "errors" if self.has_errors else "no errors"
        return f"IndexSeries({len(self)} models{dates}; {self.scale}, with {errors})"

    def select(self, **selection: Unpack[SelectionRules]) -> IndexSeries:
        """Keep the models that meet every rule of a `Selection`; what is kept and why is recorded.

        Parameters
        ----------
        **selection
            frontier, labs, models, since, until, through, reasoning, weights: see `Selection`.
        """
        rules = Selection(**selection)
        frontier = self.frontier or rules.frontier
        context = None
        if frontier:
            # a window must not reset the running maximum: what came before its first day still has to be
            # exceeded
            everyone = self.context or self
            context = replace(everyone, frontier=False, context=None)
            context = context.take(replace(rules, since=None).choose(context))
        return replace(
            self.take(rules.choose(self)),
            frontier=frontier,
            selection={**self.selection, **rules.record()},
            pool=self.pool or self,
            context=context,
        )

    def take(self, rows: NDArray[np.int64]) -> IndexSeries:
        """Keep the models in `rows`, in that order; the others leave the context of a frontier as well."""
        context = self.context
        if context is not None:
            gone = set(self.models).difference(self.models[i] for i in rows)
            if gone:
                kept = [i for i, model in enumerate(context.models) if model not in gone]
                context = context.take(np.array(kept, dtype=np.int64))
        return replace(
            self,
            models=tuple(self.models[i] for i in rows),
            release_date=self.release_date[rows],
            index=self.index[rows],
            index_sd=self.index_sd[rows],
            labs=tuple(self.labs[i] for i in rows),
            open_weights=tuple(self.open_weights[i] for i in rows),
            reasoning=tuple(self.reasoning[i] for i in rows),
            values=self.values[rows],
            covariance=self.covariance[np.ix_(rows, rows)],
            shared=self.shared[rows],
            draws=None if self.draws is None else self.draws[:, rows],
            context=context,
        )

    def of_lab(self, lab: str) -> IndexSeries:
        """Keep the models of one lab; a frontier is then that lab's own."""

        def rows(series: IndexSeries) -> NDArray[np.int64]:
            return np.array([i for i, known in enumerate(series.labs) if known == lab], dtype=np.int64)

        context = None if self.context is None else self.context.take(rows(self.context))
        return replace(replace(self, context=None).take(rows(self)), context=context)

    def without(self, name: str) -> IndexSeries:
        """Leave one model out."""
        return self.take(
            np.array([i for i, model in enumerate(self.models) if model != name], dtype=np.int64)
        )

    # what the regression needs

    @property
    def has_errors(self) -> bool:
        """Whether any measurement error is known."""
        return bool(np.any(self.index_sd > 0))

    def years(self, origin: np.datetime64) -> Array:
        """Return release dates in years of 365.25 days from `origin`."""
        days = (self.release_date - origin.astype("datetime64[D]")).astype(np.float64)
        return np.asarray(days / DAYS_PER_YEAR)

    def measure(self, rows: NDArray[np.int64] | None = None) -> Measurement:
        """Return what enters the regression for some models, the ability prior divided out."""
        rows = np.arange(len(self)) if rows is None else rows
        values, covariance = self.values[rows], self.covariance[np.ix_(rows, rows)]
        if not self.ability_prior:
            return Measurement(values, covariance, self.shared[rows])
        values, covariance, n_capped = divide_out_prior(values, covariance)
        return Measurement(values, covariance, self.shared[rows], n_capped)

    def draw_values(self, n_draws: int, rng: np.random.Generator) -> Array:
        """Draw true values in working units (draw, model), less the shared error, which changes no order."""
        if self.draws is not None:
            rows = (
                np.linspace(0, self.draws.shape[0] - 1, min(n_draws, self.draws.shape[0])).round().astype(int)
            )
            return np.asarray(self.draws[rows])
        if not np.any(self.covariance):
            return self.values[None, :]
        return self.values + draw_errors(self.covariance, n_draws, rng)

    def memberships(self, n_draws: int, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Array]:
        """Draw frontiers of the true values: distinct membership masks (set, model) and their weights (set,).

        A series that is not a frontier has one set, everyone.
        """
        if not self.frontier:
            return np.ones((1, len(self)), dtype=bool), np.ones(1)
        context, own = self._in_context()
        members = frontier_members(context.release_date, context.draw_values(n_draws, rng))[:, own]
        masks, counts = np.unique(members, axis=0, return_counts=True)
        return masks, counts / counts.sum()

    def point_frontier(self) -> NDArray[np.int64]:
        """Return the rows on the running maximum of the published values; all of them if not a frontier."""
        if not self.frontier:
            return np.arange(len(self))
        context, own = self._in_context()
        return np.flatnonzero(frontier_members(context.release_date, context.index[None, :])[0, own])

    def _in_context(self) -> tuple[IndexSeries, NDArray[np.int64]]:
        """Return the models a frontier must exceed, and where those of this series stand among them."""
        context = self.context or self
        place = {model: i for i, model in enumerate(context.models)}
        return context, np.array([place[model] for model in self.models], dtype=np.int64)
