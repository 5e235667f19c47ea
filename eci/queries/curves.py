"""Response curves of chosen benchmarks, draw by draw: what every question about scores is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eci import noise
from eci.errors import DataError
from eci.scores.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eci.fitted import Fit, Parameters

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

MAX_DRAWS = 4000  # more change no printed digit and cost time in proportion


@dataclass(frozen=True, eq=False)
class Curves:
    """Joint posterior draws of some benchmarks.

    E[score] = lower + (upper - lower) * logistic(discrimination * (ability - difficulty))

    Abilities given to the methods have shape (draw, n) and meet the benchmark axis by broadcasting: n is 1
    or the number of benchmarks, or anything where there is one benchmark.

    Parameters
    ----------
    likelihood
        Name of the likelihood.
    difficulty, discrimination
        Logits and per logit, shape (draw, benchmark).
    noise
        As `eci.noise.select_noise` gives it, shape (draw, benchmark).
    lower, upper
        Chance level and ceiling, fraction, shape (benchmark,).
    n_items
        Items behind a score, shape (benchmark,), nan where unknown.
    """

    likelihood: str
    difficulty: FloatArray
    discrimination: FloatArray
    noise: FloatArray
    lower: FloatArray
    upper: FloatArray
    n_items: FloatArray

    @classmethod
    def of_fit(
        cls, fit: Fit, benchmark_index: ArrayLike, rows: IndexArray, n_items: ArrayLike | None = None
    ) -> Self:
        """Take benchmarks (repeats allowed) and draws of a fit.

        Parameters
        ----------
        fit
            A fit with draws.
        benchmark_index
            Which benchmarks.
        rows
            Which draws, from `choose_rows`.
        n_items
            Items behind each score; None for those that the fit's scores of the benchmark have (their
            median).
        """
        j, draws = np.asarray(benchmark_index, dtype=np.int64), require_draws(fit)
        shared = {name: value[rows] for name, value in draws.shared.items()}
        items = known_items(fit)[j] if n_items is None else np.asarray(n_items, dtype=np.float64)
        return cls(
            likelihood=fit.likelihood,
            difficulty=draws.difficulty[np.ix_(rows, j)],
            discrimination=draws.discrimination[np.ix_(rows, j)],
            noise=noise.select_noise(fit.likelihood, shared, j),
            lower=fit.matrix.lower[j],
            upper=fit.matrix.upper[j],
            n_items=items,
        )

    def take(self, at: int, rows: IndexArray | slice = slice(None)) -> Self:
        """One of the benchmarks, its axis kept, in some of the draws."""
        one = slice(at, at + 1)
        return type(self)(
            self.likelihood,
            self.difficulty[rows, one],
            self.discrimination[rows, one],
            self.noise[rows, one],
            self.lower[one],
            self.upper[one],
            self.n_items[one],
        )

    def at(self, difficulty: FloatArray) -> Self:
        """The same curves with another difficulty, shape (draw, benchmark)."""
        return replace(self, difficulty=difficulty)

    def repeat(self, n: int) -> Self:
        """One benchmark `n` times, for `n` models that take it."""
        names = ("difficulty", "discrimination", "noise", "lower", "upper", "n_items")
        repeated: dict[str, Any] = {name: np.repeat(getattr(self, name), n, axis=-1) for name in names}
        return replace(self, **repeated)

    def __len__(self) -> int:
        """Number of benchmarks."""
        return len(self.lower)

    def expect(self, ability: FloatArray) -> FloatArray:
        """Expected scores, fraction."""
        return expected_score(ability, self.difficulty, self.discrimination, self.lower, self.upper)

    def log_prob(self, score: ArrayLike, ability: FloatArray) -> FloatArray:
        """Log density of scores; `score` broadcasts against (draw, n)."""
        return noise.log_prob(self.likelihood, score, self.expect(ability), self.noise, self.n_items)

    def sample(self, rng: np.random.Generator, ability: FloatArray) -> FloatArray:
        """Draw a score for every draw, as the likelihood has it: those of `normal` may leave [0, 1]."""
        return noise.sample(self.likelihood, rng, self.expect(ability), self.noise, self.n_items)

    def variance(self, ability: FloatArray) -> FloatArray:
        """Variance of a score about its expected value."""
        return noise.variance(self.likelihood, self.expect(ability), self.noise, self.n_items)


def expected_score(
    ability: FloatArray,
    difficulty: FloatArray,
    discrimination: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
) -> FloatArray:
    """Expected scores of the response curve, fraction: `eci.irt.curve.expected_score` in NumPy.

    E[score] = lower + (upper - lower) * logistic(discrimination * (ability - difficulty))
    """
    from scipy.special import expit

    return np.asarray(lower + (upper - lower) * expit(discrimination * (ability - difficulty)))


def require_draws(fit: Fit) -> Parameters:
    """Joint posterior draws of a fit, or say that it has none."""
    name = fit.method["name"]
    if fit.draws is None:
        raise DataError(
            f"This fit was made with the method {name}, which has a point and no posterior draws, so nothing "
            "can be said of new scores. Fit again with the method nuts."
        )
    if name == "bootstrap":
        raise DataError(
            "This fit was made with the method bootstrap, whose draws are refits of resampled scores: they "
            "say how far an estimate moves, not how likely a new score is. Fit again with the method nuts."
        )
    return fit.draws


def choose_rows(fit: Fit, max_draws: int = MAX_DRAWS) -> IndexArray:
    """Choose which draws to use: evenly over all chains, at most `max_draws`.

    Draws of the method laplace can overflow; those are left out.
    """
    whole = require_draws(fit).finite_rows()
    return np.asarray(whole[np.linspace(0, len(whole) - 1, min(max_draws, len(whole))).astype(int)])


def known_items(fit: Fit) -> FloatArray:
    """Items of every benchmark: the median over its scores in the fit, nan where none has a count."""
    matrix = fit.matrix
    items = np.full(matrix.n_benchmarks, np.nan)
    known = ~np.isnan(matrix.n_items)
    for j in np.unique(matrix.benchmark_index[known]):
        items[j] = np.rint(np.median(matrix.n_items[known & (matrix.benchmark_index == j)]))
    return items


def find_names(names: Sequence[str], known: Sequence[str], what: str) -> IndexArray:
    """Positions of names among those of a fit.

    Raises
    ------
    DataError
        Where a name is not known, with what it may have meant.
    """
    place = {name: at for at, name in enumerate(known)}
    for name in names:
        if name not in place:
            hint = did_you_mean(name, known) or f"`eci show DIR` lists the {what}s."
            raise DataError(f"The {what} {name!r} is not among the {len(known)} of this fit. {hint}")
    return np.array([place[name] for name in names], dtype=np.int64)
