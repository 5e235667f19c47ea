"""How often one of three models scores between the other two, and how often it would by ability alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eci import noise
from eci.errors import DataError
from eci.queries.compare import find_different
from eci.queries.curves import Curves, FloatArray, IndexArray, choose_rows, require_draws

if TYPE_CHECKING:
    from eci.fitted import Fit

N_REPLICATIONS = 10_000
COUNT_PROB = 0.9


@dataclass(frozen=True)
class Count:
    """On how many benchmarks a model lies between two others, and how many abilities alone would give.

    Parameters
    ----------
    model
        The model in question.
    n
        Benchmarks.
    between
        On how many it lies between the others. Ties are broken at random, in expectation: a tie with one of
        the others counts 1/2, with both 1/3.
    expected, low, high
        Mean and central 90 % interval of the same count in replications.
    p_at_least
        Share of replications with at least as many.
    """

    model: str
    n: int
    between: float
    expected: float
    low: float
    high: float
    p_at_least: float

    @classmethod
    def of(cls, model: str, observed: FloatArray, replicated: FloatArray) -> Count:
        """Count over benchmarks: `observed` has shape (benchmark,), `replicated` (replication, benchmark)."""
        counts, seen = replicated.sum(axis=1), float(observed.sum())
        low, high = np.quantile(counts, [(1 - COUNT_PROB) / 2, (1 + COUNT_PROB) / 2], method="inverted_cdf")
        at_least = float(np.mean(counts >= seen - 1e-9))
        return cls(model, observed.size, seen, float(counts.mean()), float(low), float(high), at_least)


@dataclass(frozen=True, eq=False)
class Between:
    """Three models on the benchmarks of a fit that all three have sat.

    Parameters
    ----------
    models
        The three from the highest posterior mean index to the lowest; the second is the middle one.
    counts
        One for each of the three, on all shared benchmarks: a benchmark has one model in the middle.
    by_domain
        Count of the middle model by domain, domains with most benchmarks first; "" is an unknown domain.
    benchmarks
        One row a shared benchmark: benchmark, domain, the score of each model under its name (fraction, the
        mean where it has several), between (1, 0, or what a tie counts), p_between: of the middle model.
    """

    models: tuple[str, ...]
    counts: tuple[Count, ...]
    by_domain: Mapping[str, Count]
    benchmarks: pd.DataFrame

    @property
    def middle(self) -> str:
        """The model with the middle index."""
        return self.models[1]

    @property
    def count(self) -> Count:
        """Count of the middle model on all shared benchmarks."""
        return self.counts[1]

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "middle": self.middle,
            "counts": [vars(count) for count in self.counts],
            "by_domain": {domain: vars(count) for domain, count in self.by_domain.items()},
            "benchmarks": self.benchmarks.to_dict(orient="records"),
        }


def count_between(fit: Fit, models: Sequence[str], *, seed: int = 0) -> Between:
    """Count the shared benchmarks on which one of three models lies between the other two.

    The null: abilities alone decide. In a replication, abilities, benchmarks and noise are one joint draw of
    the posterior, and every score of the three models on the shared benchmarks is drawn again from

    score ~ noise(lower + (upper - lower) * logistic(discrimination * (ability - difficulty)))

    so that nothing relates two models but their abilities. p = P(count of a replication >= count observed),
    a posterior predictive p-value (Rubin 1984, doi:10.1214/aos/1176346785; Gelman, Meng and Stern 1996).

    Parameters
    ----------
    fit
        A fit with draws.
    models
        Three models, in any order.
    seed
        Seed of the replications.

    Raises
    ------
    DataError
        For a fit without draws, other than three different models of it, or no shared benchmark.

    Notes
    -----
    The posterior has seen the scores it is asked about, so p is drawn towards 1/2: it is conservative, the
    more so the fewer models sat a benchmark. The noise of a fit holds differences of protocol between
    sources, which scores measured side by side share.
    """
    columns = sort_three(fit, models)
    rng = np.random.default_rng(seed)
    matrix = fit.matrix
    sat = [set(matrix.benchmark_index[matrix.model_index == m]) for m in columns]
    shared = np.array(sorted(set.intersection(*sat)), dtype=np.int64)
    if not len(shared):
        raise DataError(
            f"{', '.join(matrix.models[m] for m in columns)} share no benchmark of this fit, so nothing can "
            "lie between. Name three models with a benchmark in common."
        )
    wanted = np.isin(matrix.model_index, columns) & np.isin(matrix.benchmark_index, shared)
    rows = np.flatnonzero(wanted)
    taker = np.argsort(columns)[np.searchsorted(np.sort(columns), matrix.model_index[rows])]
    cell = np.searchsorted(shared, matrix.benchmark_index[rows]) * 3 + taker
    average = np.zeros((len(rows), 3 * len(shared)))
    average[np.arange(len(rows)), cell] = 1.0 / np.bincount(cell)[cell]
    observed = (matrix.score[rows] @ average).reshape(-1, 3)
    drawn = _replicate_rows(fit, rows, columns[taker], cell, rng)
    in_middle = share_middle(observed)
    replicated = share_middle((drawn @ average).reshape(-1, len(shared), 3))
    names = tuple(matrix.models[m] for m in columns)
    domains = np.array([matrix.domain[j] for j in shared])
    by_size = sorted(set(domains), key=lambda domain: (-int(np.sum(domains == domain)), domain))
    table = pd.DataFrame({"benchmark": [matrix.benchmarks[j] for j in shared], "domain": domains})
    table[list(names)] = observed
    table["between"], table["p_between"] = in_middle[:, 1], replicated[:, :, 1].mean(axis=0)
    return Between(
        models=names,
        counts=tuple(Count.of(name, in_middle[:, k], replicated[:, :, k]) for k, name in enumerate(names)),
        by_domain={
            str(domain): Count.of(
                names[1], in_middle[domains == domain, 1], replicated[:, domains == domain, 1]
            )
            for domain in by_size
        },
        benchmarks=table,
    )


def sort_three(fit: Fit, models: Sequence[str]) -> IndexArray:
    """Positions of three different models, the highest posterior mean index first."""
    columns = find_different(fit, models)
    if len(columns) != 3:
        raise DataError(f"Which model lies between two others takes three models; {len(columns)} given.")
    require_draws(fit)
    return np.asarray(columns[np.lexsort((columns, -fit.index[columns]))])


def choose_replications(fit: Fit, rng: np.random.Generator) -> IndexArray:
    """Draws of the fit behind the replications, each about equally often."""
    rows = choose_rows(fit)
    return np.asarray(rng.permutation(np.resize(rows, max(N_REPLICATIONS, len(rows)))))


def share_middle(scores: FloatArray) -> FloatArray:
    """Which of three scores is the middle one, shape (..., 3): 1 or 0, its chance where a tie is broken."""
    sign = np.sign(scores[..., :, None] - scores[..., None, :])  # 0 on the diagonal
    total, n_ties = sign.sum(axis=-1), np.sum(sign == 0, axis=-1) - 1
    return np.select([n_ties == 2, n_ties == 1], [1 / 3, 1 / 2], np.where(total == 0, 1.0, 0.0))


def _replicate_rows(
    fit: Fit, rows: IndexArray, takers: IndexArray, cell: IndexArray, rng: np.random.Generator
) -> FloatArray:
    """Draw some scores of the matrix again, shape (replication, row).

    Rows of one pair are runs of the same model on the same benchmark: what the fit knows as the effect of
    the pair they have in common.
    """
    matrix, chosen = fit.matrix, choose_replications(fit, rng)
    curves = Curves.of_fit(fit, matrix.benchmark_index[rows], chosen, matrix.n_items[rows])
    ability = fit.ability_draws[np.ix_(chosen, takers)]
    shared = dict(require_draws(fit).shared)
    pair_sd = shared.pop("pair_sd", None)
    if pair_sd is None or len(np.unique(cell)) == len(cell):
        return curves.sample(rng, ability)
    alone = {name: value[chosen] for name, value in shared.items()}
    own = replace(curves, noise=noise.select_noise(fit.likelihood, alone, matrix.benchmark_index[rows]))
    effect = pair_sd[chosen, None] * rng.standard_normal((len(chosen), int(cell.max()) + 1))
    drawn = noise.sample(fit.likelihood, rng, own.expect(ability) + effect[:, cell], own.noise, own.n_items)
    return np.clip(drawn, 0.0, 1.0)
