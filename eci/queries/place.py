"""Place new models on a fitted scale without refitting."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.queries.curves import (
    MAX_DRAWS,
    Curves,
    IndexArray,
    choose_rows,
    known_items,
    require_draws,
)
from eci.queries.grid import AbilityPrior, PointMap, posteriors_on_grid
from eci.queries.placement import LeftOut, Placed, Placement, PriorName
from eci.scores import Rules, load_scores
from eci.scores.names import Hints
from eci.scores.rules import apply_rules
from eci.scores.schema import Unit

if TYPE_CHECKING:
    from eci.fitted import Fit

MIN_EFFECTIVE = 100
LEAST_EFFECTIVE = 10  # an interval of fewer says nothing
MIN_DATED = 10  # models with a date that a trend of abilities needs
N_KEPT = 2000
_YEAR = np.timedelta64(1, "D") * 365.25
_SEED = 0


def place(
    fit: Fit,
    scores: str | os.PathLike[str] | pd.DataFrame,
    *,
    unit: Unit = "fraction",
    format: str = "auto",  # noqa: A002 - as load_scores has it
    aliases: str | os.PathLike[str] | Mapping[str, str] | None = None,
    max_draws: int = MAX_DRAWS,
) -> Placement:
    """Place new models on a fitted scale, the benchmarks held at their joint posterior.

    p(ability, draw | new scores) is proportional to p(ability) p(new scores | ability, draw): every posterior
    draw of the benchmarks counts by how well it explains the new scores, and within a draw the ability has a
    posterior on a grid. That is the posterior of a fit with the model in it, on the scale of the fit without
    it.

    Parameters
    ----------
    fit
        A fit with draws.
    scores
        Scores of the new models: whatever `load_scores` takes. Chance levels and ceilings are those of the
        fit. Several rows of one model on one benchmark are reduced by the rule of the fit.
    unit, format, aliases
        How to read the scores, as for `load_scores`.
    max_draws
        Draws of the fit to use at most, evenly over its chains.

    Returns
    -------
    Placement
        Every model under the prior of the fit, N(0, 1) logits, and those with a release date also under a
        prior around the straight line of abilities on date, with the spread of models about it.

    Raises
    ------
    DataError
        For a fit without draws, faulty scores, and where no new model has a score on a benchmark of the fit.

    Notes
    -----
    An interval of fewer than 10 effective draws says nothing, and `eci place` exits with 3.

    Standard scales (mean 100, sd 10) are those of the models of the fit; a refit would count the new model
    among them. Few effective draws (under 100) mean that the new scores change what is known of the
    benchmarks: fit again with the model in the data.

    References
    ----------
    Bock and Mislevy (1982), Adaptive EAP estimation of ability in a microcomputer environment,
    doi:10.1177/014662168200600405, for the grid; here the benchmarks are uncertain as well.
    """
    return place_table(fit, load_scores(scores, unit, format, aliases), max_draws=max_draws)


def place_table(fit: Fit, table: pd.DataFrame, *, max_draws: int = MAX_DRAWS) -> Placement:
    """Place the new models of a long table, as `load_scores` returns it; see `place`."""
    require_draws(fit)
    kept, left_out = _select(fit, table)
    rules = Rules(duplicates=fit.matrix.rules.duplicates, min_benchmarks=1, min_models=1)
    kept, dropped = apply_rules(kept, rules)
    rows = choose_rows(fit, max_draws)
    scale = PointMap(fit.scale.slope, fit.scale.origin).take(rows)
    placed: list[Placed] = []
    for model, scores in kept.groupby("model", sort=True):
        priors = _priors(fit, rows, scores["release_date"].iloc[0])
        placed += _place_one(fit, str(model), scores, rows, scale, priors)
    warnings = (*_warn_of_limits(fit, kept), *_warn(fit, placed))
    return Placement(tuple(placed), left_out, dropped, warnings)


def _select(fit: Fit, table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[LeftOut, ...]]:
    """Rows of new models on benchmarks of the fit, and what is left out."""
    models, benchmarks = fit.matrix.models, fit.matrix.benchmarks
    is_old, is_known = table["model"].isin(models), table["benchmark"].isin(benchmarks)
    new, kept = table[~is_old], table[~is_old & is_known]
    if new.empty:
        raise DataError(
            f"All models of these scores are in the fit already: {_shorten(set(table['model']))}. Their "
            "scores have shaped it, and placing would count them twice. `eci show DIR` has their index; give "
            "a changed version a name of its own."
        )
    hints = Hints(benchmarks)
    if kept.empty:
        unknown = sorted(set(new["benchmark"]))[:3]
        meant = " ".join(f"{name}: {hints[name]}" for name in unknown if hints[name])
        raise DataError(
            f"No new model has a score on one of the {len(benchmarks)} benchmarks of the fit; these scores "
            f"are on {_shorten(set(new['benchmark']))}. {meant}{' ' if meant else ''}Names must be equal "
            "to the letter: `eci show DIR --benchmarks` lists them."
        )
    without = set(new["model"]) - set(kept["model"])
    left_out = [LeftOut("model", name, "in the fit already") for name in sorted(set(table["model"][is_old]))]
    left_out += [
        LeftOut("model", name, "without a score on a benchmark of the fit") for name in sorted(without)
    ]
    for name in sorted(set(new["benchmark"][~is_known])):
        left_out.append(LeftOut("benchmark", name, "not in the fit", hints[name]))
    return kept, tuple(left_out)


def _priors(fit: Fit, rows: IndexArray, date: Any) -> dict[PriorName, AbilityPrior]:
    """N(0, 1), and where the model has a date the trend of abilities at it, both draw by draw."""
    n = len(rows)
    priors: dict[PriorName, AbilityPrior] = {"standard": AbilityPrior(np.zeros(n), np.ones(n))}
    dated = ~np.isnat(fit.matrix.release_date)
    if pd.isna(date) or dated.sum() < MIN_DATED:
        return priors
    years = (fit.matrix.release_date[dated] - np.datetime64(date, "D")) / _YEAR
    ability = fit.ability_draws[np.ix_(rows, np.flatnonzero(dated))]
    design = np.column_stack([np.ones(len(years)), years])
    coefficients, *_ = np.linalg.lstsq(design, ability.T)
    residual = ability.T - design @ coefficients
    priors["dated"] = AbilityPrior(coefficients[0], np.sqrt((residual**2).sum(axis=0) / (len(years) - 2)))
    return priors


def _place_one(
    fit: Fit,
    model: str,
    table: pd.DataFrame,
    rows: IndexArray,
    scale: PointMap,
    priors: Mapping[PriorName, AbilityPrior],
) -> Iterator[Placed]:
    """Place one model under each prior."""
    j = pd.Index(fit.matrix.benchmarks).get_indexer(pd.Index(table["benchmark"]))
    stated = table["n_items"].to_numpy()
    items = np.where(np.isnan(stated), known_items(fit)[j], stated)
    curves = Curves.of_fit(fit, j, rows, items)
    posteriors = posteriors_on_grid(curves, table["score"].to_numpy(), scale, list(priors.values()))
    tail = (1.0 - fit.interval_prob) / 2.0
    for (name, prior), posterior in zip(priors.items(), posteriors, strict=True):
        index, sd = posterior.moments()
        low, high = posterior.quantiles(np.array([tail, 1.0 - tail]))
        drawn, index_draws = posterior.sample(np.random.default_rng(_SEED), N_KEPT)
        centre = scale.origin + scale.slope * prior.mean
        yield Placed(
            model=model,
            prior=name,
            index=index,
            sd=sd,
            low=float(low),
            high=float(high),
            prior_mean=float(centre.mean()),
            prior_sd=float(np.sqrt(np.mean((scale.slope * prior.sd) ** 2) + centre.var())),
            benchmarks=tuple(sorted(set(table["benchmark"]))),
            n_draws=len(rows),
            effective_draws=posterior.effective_draws,
            rows=rows[drawn],
            index_draws=index_draws,
        )


def _warn_of_limits(fit: Fit, table: pd.DataFrame) -> Iterator[str]:
    """Say where the new scores state another chance level or ceiling than the fit has."""
    for name, column, known in (
        ("chance level", "chance", fit.matrix.lower),
        ("ceiling", "ceiling", fit.matrix.upper),
    ):
        if column not in table:
            continue
        stated = table.drop_duplicates("benchmark").set_index("benchmark")[column].dropna()
        for benchmark, value in stated.items():
            own = known[fit.matrix.benchmarks.index(str(benchmark))]
            if abs(float(value) - own) > 1e-9:
                yield (
                    f"{benchmark}: the {name} {value:g} stated with the new scores is not that of the fit, "
                    f"{own:g}, which was used."
                )


def _warn(fit: Fit, placed: list[Placed]) -> Iterator[str]:
    ends = fit.index.min(), fit.index.max()
    for one in placed:
        if one.effective_draws < MIN_EFFECTIVE:
            yield (
                f"{one.model}, {one.prior} prior: its scores agree with few draws of the benchmarks "
                f"(effective number {one.effective_draws:.0f} of {one.n_draws}, {MIN_EFFECTIVE} wanted). Fit "
                "again with the model in the data."
            )
        if not ends[0] <= one.index <= ends[1]:
            side = "above" if one.index > ends[1] else "below"
            yield (
                f"{one.model}, {one.prior} prior: {one.index:.1f} lies {side} all {fit.matrix.n_models} "
                "models of the fit, where no other model holds the curves of the benchmarks."
            )


def _shorten(names: set[str]) -> str:
    shown = sorted(names)[:3]
    return ", ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
