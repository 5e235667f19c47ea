"""How often one of three models scores between the other two, and how often it would by ability alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eci import noise
from eci.errors import DataError
from eci.queries.compare import find_different
from eci.queries.curves import Curves, FloatArray, IndexArray, choose_rows, require_draws
from eci.queries.kinship import Kinship, find_kinship, shrink_noise

if TYPE_CHECKING:
    from eci.fitted import Fit

N_REPLICATIONS = 10_000
COUNT_PROB = 0.9


@dataclass(frozen=True)
class Null:
    """The count in replications: mean, central 90 % interval, and the share with at least as many."""

    expected: float
    low: float
    high: float
    p_at_least: float

    @classmethod
    def of(cls, observed: float, replicated: FloatArray) -> Null:
        """Set a count against replicated ones, shape (replication,)."""
        ends = [(1 - COUNT_PROB) / 2, (1 + COUNT_PROB) / 2]
        low, high = np.quantile(replicated, ends, method="inverted_cdf")
        at_least = float(np.mean(replicated >= observed - 1e-9))
        return cls(float(replicated.mean()), float(low), float(high), at_least)


@dataclass(frozen=True)
class Count:
    """On how many benchmarks a model lies between two others, and on how many it would by ability alone.

    Parameters
    ----------
    model
        The model in question.
    n
        Benchmarks.
    between
        On how many it lies between the others. Ties are broken at random, in expectation: a tie with one of
        the others counts 1/2, with both 1/3.
    independent
        Replications in which every score scatters by itself, as in the fit.
    shared
        Replications in which the three share scatter as other models of their lab do; None where that is
        not known.
    """

    model: str
    n: int
    between: float
    independent: Null
    shared: Null | None

    @classmethod
    def of(cls, model: str, observed: FloatArray, replicated: Sequence[FloatArray]) -> Count:
        """Count over benchmarks: `observed` (benchmark,), `replicated` (replication, benchmark) each."""
        seen = float(observed.sum())
        independent, *shared = (Null.of(seen, drawn.sum(axis=1)) for drawn in replicated)
        return cls(model, observed.size, seen, independent, shared[0] if shared else None)


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
    kinship
        What the three share, None where that is not known.
    benchmarks
        One row a shared benchmark: benchmark, domain, the score of each model under its name (fraction, the
        mean where it has several), between (1, 0, or what a tie counts); p_between and p_between_shared, the
        probabilities of the two nulls. All of the middle model.
    """

    models: tuple[str, ...]
    counts: tuple[Count, ...]
    by_domain: Mapping[str, Count]
    kinship: Kinship | None
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
            "counts": [asdict(count) for count in self.counts],
            "by_domain": {domain: asdict(count) for domain, count in self.by_domain.items()},
            "kinship": None if self.kinship is None else asdict(self.kinship),
            "benchmarks": self.benchmarks.to_dict(orient="records"),
        }


def count_between(fit: Fit, models: Sequence[str], *, seed: int = 0) -> Between:
    """Count the shared benchmarks on which one of three models lies between the other two.

    The null: abilities alone decide. In a replication, abilities, benchmarks and noise are one joint draw of
    the posterior, and every score of the three models on the shared benchmarks is drawn again from

    score ~ noise(lower + (upper - lower) * logistic(discrimination * (ability - difficulty)))

    so that nothing relates two models but their abilities. p = P(count of a replication >= count observed),
    a posterior predictive p-value (Rubin 1984, doi:10.1214/aos/1176346785). There are two readings of the
    noise. `independent`: every score scatters by itself, as the fit assumes. `shared`: where the three are of
    one lab, they have as much of the scatter in common as its other models do (`find_kinship`); what they
    share does not change their order, so they lie in the order of ability more often.

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
    more so the fewer models sat a benchmark.
    """
    columns = sort_three(fit, models)
    matrix, names = fit.matrix, tuple(fit.matrix.models[m] for m in columns)
    sat = [set(matrix.benchmark_index[matrix.model_index == m]) for m in columns]
    shared = np.array(sorted(set.intersection(*sat)), dtype=np.int64)
    if not len(shared):
        raise DataError(
            f"{', '.join(names)} share no benchmark of this fit, so nothing can lie between. Name three "
            "models with a benchmark in common."
        )
    rows = np.flatnonzero(np.isin(matrix.model_index, columns) & np.isin(matrix.benchmark_index, shared))
    taker = np.argsort(columns)[np.searchsorted(np.sort(columns), matrix.model_index[rows])]
    cell = np.searchsorted(shared, matrix.benchmark_index[rows]) * 3 + taker
    average = np.zeros((len(rows), 3 * len(shared)))
    average[np.arange(len(rows)), cell] = 1.0 / np.bincount(cell)[cell]
    scores = (matrix.score[rows] @ average).reshape(-1, 3)
    observed = share_middle(scores)
    kinship = find_kinship(fit, columns)
    nulls = []
    for share in list_shares(kinship):
        drawn = _replicate_rows(fit, rows, columns[taker], cell, share, np.random.default_rng(seed))
        nulls.append(share_middle((drawn @ average).reshape(-1, len(shared), 3)))
    domains = np.array([matrix.domain[j] for j in shared])

    def count(k: int, chosen: NDArray[np.bool_]) -> Count:
        return Count.of(names[k], observed[chosen, k], [null[:, chosen, k] for null in nulls])

    table = pd.DataFrame({"benchmark": [matrix.benchmarks[j] for j in shared], "domain": domains})
    table[list(names)] = scores
    table["between"] = observed[:, 1]
    for column, null in zip(("p_between", "p_between_shared"), nulls, strict=False):
        table[column] = null[:, :, 1].mean(axis=0)
    return Between(
        models=names,
        counts=tuple(count(k, np.ones(len(shared), dtype=bool)) for k in range(3)),
        by_domain={str(domain): count(1, domains == domain) for domain in _by_size(domains)},
        kinship=kinship,
        benchmarks=table,
    )


def _by_size(domains: NDArray[np.str_]) -> list[str]:
    names, counts = np.unique(domains, return_counts=True)
    return [str(names[k]) for k in np.lexsort((names, -counts))]


def list_shares(kinship: Kinship | None) -> tuple[float, ...]:
    """Shares of the scatter in common: none, and that of the lab where it is known."""
    return (0.0,) if kinship is None else (0.0, kinship.share)


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
    fit: Fit,
    rows: IndexArray,
    takers: IndexArray,
    cell: IndexArray,
    share: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Draw some scores of the matrix again, shape (replication, row).

    Rows of one pair are runs of the same model on the same benchmark: what the fit knows as the effect of
    the pair they have in common.
    """
    matrix, chosen = fit.matrix, choose_replications(fit, rng)
    j = matrix.benchmark_index[rows]
    curves = Curves.of_fit(fit, j, chosen, matrix.n_items[rows])
    ability = fit.ability_draws[np.ix_(chosen, takers)]
    shared = dict(require_draws(fit).shared)
    pair_sd = shared.pop("pair_sd", None)
    if pair_sd is None or len(np.unique(cell)) == len(cell):
        own = replace(curves, noise=shrink_noise(fit.likelihood, curves.noise, share))
        return own.sample(rng, ability)
    alone = {name: value[chosen] for name, value in shared.items()}
    own_noise = shrink_noise(fit.likelihood, noise.select_noise(fit.likelihood, alone, j), share)
    sd = np.sqrt(1 - share) * pair_sd[chosen, None]
    effect = sd * rng.standard_normal((len(chosen), int(cell.max()) + 1))
    mean = curves.expect(ability) + effect[:, cell]
    return np.clip(noise.sample(fit.likelihood, rng, mean, own_noise, curves.n_items), 0.0, 1.0)
