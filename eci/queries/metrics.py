"""Which of three models lies between, asked of a table of metrics as a system card prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eci.errors import DataError
from eci.queries.between import Count, choose_replications, list_shares, share_middle, sort_three
from eci.queries.curves import Curves, find_names
from eci.queries.kinship import Kinship, find_kinship, shrink_noise
from eci.scores.names import did_you_mean

if TYPE_CHECKING:
    from eci.fitted import Fit


@dataclass(frozen=True, eq=False)
class MetricCount:
    """Three models on metrics of a table of their own.

    Parameters
    ----------
    count
        Of the middle model, as in `Between`.
    known
        Metric -> benchmark of the fit whose curve predicts it.
    unknown
        Metrics that are no benchmark of the fit: each is replicated on a benchmark drawn at random.
    n_drawn_from
        Benchmarks of the fit they are drawn from: all that one of the three has sat.
    kinship
        What the three share, None where that is not known.
    p_equal_orders
        P(at least as many) if all orders of the three were equally likely, whatever their abilities.
    dropped
        Metrics without a value for each of the three.
    metrics
        One row a metric: metric, benchmark ("" where unknown), value of each model under its name, between.
    """

    count: Count
    known: Mapping[str, str]
    unknown: tuple[str, ...]
    n_drawn_from: int
    kinship: Kinship | None
    p_equal_orders: float
    dropped: tuple[str, ...]
    metrics: pd.DataFrame

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "count": asdict(self.count),
            "known": dict(self.known),
            "unknown": list(self.unknown),
            "n_drawn_from": self.n_drawn_from,
            "kinship": None if self.kinship is None else asdict(self.kinship),
            "p_equal_orders": self.p_equal_orders,
            "dropped": list(self.dropped),
            "metrics": self.metrics.to_dict(orient="records"),
        }


def count_metrics(
    fit: Fit,
    models: Sequence[str],
    table: pd.DataFrame,
    *,
    same: Mapping[str, str] | None = None,
    seed: int = 0,
) -> MetricCount:
    """Count the metrics of a table on which the middle of three models lies between the other two.

    The null is that of `count_between`. A metric that is a benchmark of the fit is replicated on its curve.
    What no curve is known of cannot be predicted; such metrics are taken to be like benchmarks of the fit:
    in each replication they are different benchmarks, drawn at random from those that one of the three has
    sat. Between is between whether high or low is better.

    Parameters
    ----------
    fit
        A fit with draws.
    models
        Three models, in any order.
    table
        Columns metric and one for each model, under its name, any unit.
    same
        Metric -> benchmark of the fit, where the names differ.
    seed
        Seed of the replications.

    Raises
    ------
    DataError
        As `count_between`; for columns that are missing or hold no numbers, repeated metrics, and names in
        `same` that are not known.

    Notes
    -----
    Neither null knows why these metrics were chosen. Where they were chosen because the model lies between,
    the p-value means nothing.
    """
    columns = sort_three(fit, models)
    names = [fit.matrix.models[m] for m in columns]
    values, dropped = read_metrics(table, names)
    known = match_metrics(list(values.index), fit.matrix.benchmarks, same or {})
    unknown = tuple(name for name in values.index if name not in known)
    own = find_names(list(known.values()), fit.matrix.benchmarks, "benchmark")
    of_the_three = np.isin(fit.matrix.model_index, columns)
    others = np.setdiff1d(fit.matrix.benchmark_index[of_the_three], own)
    if len(unknown) > len(others):
        raise DataError(
            f"{len(unknown)} metrics are not in the fit, and only {len(others)} benchmarks of these models "
            "to stand for them. Name fewer metrics, or their benchmarks with same."
        )
    rng = np.random.default_rng(seed)
    chosen = choose_replications(fit, rng)
    picked = rng.random((len(chosen), len(others))).argsort(axis=1)[:, : len(unknown)]
    curves = Curves.of_fit(fit, np.concatenate([own, others]), chosen)
    ability = fit.ability_draws[np.ix_(chosen, columns)]
    kinship = find_kinship(fit, columns)
    nulls = []
    for share in list_shares(kinship):
        shrunk = replace(curves, noise=shrink_noise(fit.likelihood, curves.noise, share))
        drawn = np.stack([shrunk.sample(rng, ability[:, [k]]) for k in range(3)], axis=-1)
        middle = share_middle(drawn)[:, :, 1]
        random = np.take_along_axis(middle[:, len(own) :], picked, axis=1)
        nulls.append(np.hstack([middle[:, : len(own)], random]))
    observed = share_middle(values.to_numpy())[:, 1]
    count = Count.of(names[1], observed, nulls)
    shown = values.reset_index()
    shown.insert(1, "benchmark", [known.get(name, "") for name in values.index])
    return MetricCount(
        count=count,
        known=known,
        unknown=unknown,
        n_drawn_from=len(others) if unknown else 0,
        kinship=kinship,
        p_equal_orders=_at_least(count.between, count.n),
        dropped=dropped,
        metrics=shown.assign(between=observed),
    )


def _at_least(between: float, n: int) -> float:
    """P(a binomial count of n trials with chance 1/3 is at least `between`)."""
    from scipy.special import bdtrc

    fewer = int(np.ceil(between - 1e-9)) - 1
    return 1.0 if fewer < 0 else float(bdtrc(fewer, n, 1 / 3))


def read_metrics(table: pd.DataFrame, models: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Take the values of some models, shape (metric, model), and the metrics that lack one of them.

    Raises
    ------
    DataError
        For a missing column, a value that is no number, a metric named twice or not at all, or no
        metric left.
    """
    for name in ("metric", *models):
        if name not in table.columns:
            hint = did_you_mean(name, map(str, table.columns)) or f"It has {', '.join(table.columns)}."
            raise DataError(
                f"The table of metrics has no column {name!r}. {hint} It needs `metric` and one column for "
                "each model, under its name in the fit."
            )
    unnamed = np.flatnonzero(table["metric"].isna())
    if len(unnamed):
        raise DataError(f"Row {unnamed[0] + 2} of the table of metrics has no name. Name the metric.")
    values = table.assign(metric=table["metric"].map(str)).set_index("metric")[list(models)]
    repeated = values.index[values.index.duplicated()]
    if len(repeated):
        raise DataError(f"The metric {repeated[0]!r} is in the table twice. Keep one row.")
    for model in models:
        numbers = pd.to_numeric(values[model], errors="coerce")
        bad = values[model].notna() & ~np.isfinite(numbers)
        if bad.any():
            raise DataError(
                f"{values.index[bad][0]!r} of {model!r} is {values[model][bad].iloc[0]!r}, which is no "
                "number. Write the bare number; leave unknown ones blank."
            )
        values = values.assign(**{model: numbers.astype(np.float64)})
    whole = values.notna().all(axis=1)
    if not whole.any():
        raise DataError(f"No metric of the table has a value for each of {', '.join(models)}.")
    return values[whole], tuple(values.index[~whole])


def match_metrics(
    metrics: Sequence[str], benchmarks: Sequence[str], same: Mapping[str, str]
) -> dict[str, str]:
    """Find the benchmark of a fit that a metric is: by its name, or as `same` says.

    Raises
    ------
    DataError
        Where `same` names a metric or benchmark that is not known, or a benchmark stands for two metrics.
    """
    for metric, benchmark in same.items():
        for what, name, known in (("metric", metric, metrics), ("benchmark", benchmark, benchmarks)):
            if name not in known:
                hint = did_you_mean(name, known) or f"There are {len(known)}, such as {known[0]!r}."
                raise DataError(f"{metric!r} = {benchmark!r}: no {what} is called {name!r}. {hint}")
    matched = {name: same.get(name, name) for name in metrics if name in same or name in benchmarks}
    for benchmark in matched.values():
        twice = [metric for metric, other in matched.items() if other == benchmark]
        if len(twice) > 1:
            raise DataError(f"{' and '.join(twice)} are both said to be the benchmark {benchmark!r}.")
    return matched
