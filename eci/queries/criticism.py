"""Does the model fit the scores, and what does the index rest on? Asked of the draws, without refitting.

Three questions that no sampler settles: which scores hold the fit by themselves, which benchmarks scatter
otherwise than the noise says, and how far prior and scores each move the index. Answers are reports, not
checks: what they find is remedied by other data or another model, not by more computing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from eci.psis import max_pareto_k, smooth_weights
from eci.queries.curves import Curves, choose_rows
from eci.queries.power_scaling import log_prior, measure_sensitivity

if TYPE_CHECKING:
    from eci.fitted import Fit

FloatArray = NDArray[np.float64]

MAX_DRAWS = 1000  # memory and time grow with draws times scores; more moves no conclusion
UNLIKELY = 0.01  # two-sided, of a benchmark's scatter
SENSITIVE = 0.05  # cumulative Jensen-Shannon distance for each doubling of a power


@dataclass(frozen=True)
class LeftOut:
    """Prediction of one score from all others: log density, and the Pareto k of the weights it rests on."""

    model: str
    benchmark: str
    score: float
    log_density: float
    pareto_k: float


@dataclass(frozen=True)
class Scatter:
    """Scatter of a benchmark's scores about the curve, over what the noise says; `p`: the share above it.

    `p` near 0 says more scatter than expected, near 1 less.
    """

    benchmark: str
    ratio: float
    p: float
    n_scores: int


@dataclass(frozen=True)
class Sensitivity:
    """How far the index of a model moves when prior or likelihood is raised to a power."""

    model: str
    prior: float
    likelihood: float


@dataclass(frozen=True)
class Criticism:
    """What the scores say about the model of them; see `criticise`.

    Parameters
    ----------
    likelihood
        Of the fit.
    n_draws, n_scores
        Draws used, and scores.
    elpd, elpd_se
        Expected log predictive density of all scores, each predicted from the others, and its standard error.
    p_loo
        Effective number of parameters.
    max_k
        Pareto k up to which a score can be left out by weights alone.
    influential
        Scores above it, largest k first.
    scatter
        Every benchmark, most unlikely first.
    sensitivity
        Every model whose index varies, most sensitive to the prior first.
    """

    likelihood: str
    n_draws: int
    n_scores: int
    elpd: float
    elpd_se: float
    p_loo: float
    max_k: float
    influential: tuple[LeftOut, ...]
    scatter: tuple[Scatter, ...]
    sensitivity: tuple[Sensitivity, ...]

    @cached_property
    def unlikely(self) -> tuple[Scatter, ...]:
        """Benchmarks whose scatter has a p-value below 0.005 or above 0.995."""
        return tuple(one for one in self.scatter if min(one.p, 1.0 - one.p) < UNLIKELY / 2.0)

    def record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def criticise(fit: Fit, *, max_draws: int = MAX_DRAWS, seed: int = 0) -> Criticism:
    """Examine a fit: influential scores, scatter by benchmark, sensitivity of the index.

    Parameters
    ----------
    fit
        A fit with posterior draws.
    max_draws
        Draws to use at most, evenly over all chains.
    seed
        Seed of the simulated scores.

    Raises
    ------
    DataError
        For a fit without posterior draws.

    Notes
    -----
    Left out: importance weights 1 / p(score | draw), Pareto-smoothed (Vehtari, Gelman and Gabry 2017,
    doi:10.1007/s11222-016-9696-4). Scatter: the mean of (score - expected)^2 / variance over the scores of a
    benchmark, against that of scores simulated from the same draw (Gelman, Meng and Stern 1996, Statistica
    Sinica 6, 733-807); such p-values lean towards 1/2. Sensitivity: `eci.queries.power_scaling`.
    """
    matrix, rows = fit.matrix, choose_rows(fit, max_draws)
    curves = Curves.of_fit(fit, matrix.benchmark_index, rows, matrix.n_items)
    ability = fit.ability_draws[np.ix_(rows, matrix.model_index)]
    log_prob = curves.log_prob(matrix.score, ability)
    log_weights, k = smooth_weights(-log_prob)
    log_density = logsumexp(log_weights + log_prob, axis=0)
    fitted = logsumexp(log_prob, axis=0) - np.log(len(rows))
    max_k = max_pareto_k(len(rows))
    return Criticism(
        likelihood=fit.likelihood,
        n_draws=len(rows),
        n_scores=matrix.n_scores,
        elpd=float(log_density.sum()),
        elpd_se=float(np.sqrt(matrix.n_scores) * log_density.std(ddof=1)),
        p_loo=float(np.sum(fitted - log_density)),
        max_k=max_k,
        influential=_influential(fit, log_density, k, max_k),
        scatter=_scatter(fit, curves, ability, np.random.default_rng(seed)),
        sensitivity=_sensitivity(fit, rows, log_prob.sum(axis=1)),
    )


def _influential(fit: Fit, log_density: FloatArray, k: FloatArray, max_k: float) -> tuple[LeftOut, ...]:
    matrix = fit.matrix
    order = [i for i in np.argsort(-k, kind="stable") if k[i] > max_k]
    return tuple(
        LeftOut(
            matrix.models[matrix.model_index[i]],
            matrix.benchmarks[matrix.benchmark_index[i]],
            float(matrix.score[i]),
            float(log_density[i]),
            float(k[i]),
        )
        for i in order
    )


def _scatter(fit: Fit, curves: Curves, ability: FloatArray, rng: np.random.Generator) -> tuple[Scatter, ...]:
    matrix = fit.matrix
    expected, variance = curves.expect(ability), curves.variance(ability)
    member = np.equal.outer(matrix.benchmark_index, np.arange(matrix.n_benchmarks)) * 1.0
    n = member.sum(axis=0)
    seen, drawn = (
        ((score - expected) ** 2 / variance) @ member / n
        for score in (matrix.score, curves.sample(rng, ability))
    )
    p = np.mean(drawn > seen, axis=0) + 0.5 * np.mean(drawn == seen, axis=0)
    found = [
        Scatter(name, float(ratio), float(at), int(count))
        for name, ratio, at, count in zip(
            matrix.benchmarks, seen.mean(axis=0) / drawn.mean(axis=0), p, n, strict=True
        )
    ]
    return tuple(sorted(found, key=lambda one: (min(one.p, 1 - one.p), -abs(np.log(one.ratio)))))


def _sensitivity(fit: Fit, rows: NDArray[np.int64], log_likelihood: FloatArray) -> tuple[Sensitivity, ...]:
    index = fit.index_draws[rows]
    free = [i for i, model in enumerate(fit.matrix.models) if model not in fit.scale.anchors]
    prior = log_prior(fit.draws.shared, fit.priors) if fit.draws else np.zeros(0)
    by_prior = measure_sensitivity(index[:, free], prior[rows])
    by_likelihood = measure_sensitivity(index[:, free], log_likelihood)
    found = [
        Sensitivity(fit.matrix.models[i], float(a), float(b))
        for i, a, b in zip(free, by_prior, by_likelihood, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-one.prior, one.model)))
