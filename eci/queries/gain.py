"""What scores not yet measured would tell of a quantity: preposterior analysis from joint draws.

A quantity t (an index, a difference) and the scores y of candidates have a joint posterior, known by draws.
If the candidates of a set S are measured, the variance of t that is left is expected to be

    E over y_S of Var(t | y_S),    Var(t | y_S) from weights p(y_S | draw) on the draws,

which is computed for outcomes y_S drawn from draws of their own, each left out of its own weights. Beside it
stands the best linear prediction of t from y_S, which needs covariances alone and leaves at least that
variance: it picks the candidates worth the longer computation.

References
----------
Raiffa and Schlaifer (1961), Applied Statistical Decision Theory, chapter 4 (preposterior analysis). Strong,
Oakley and Brennan (2014), Estimating multiparameter partial expected value of perfect information from a
probabilistic sensitivity analysis sample, doi:10.1177/0272989X13505910. van der Linden and Pashley (2009),
Item selection and ability estimation in adaptive testing, doi:10.1007/978-0-387-85461-8_1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.queries.curves import Curves

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

N_OUTCOMES = 128
N_SHORTLIST = 40


class Expected(NamedTuple):
    """Expected variance of the quantity after measuring, and the standard error of that number."""

    variance: float
    error: float


@dataclass(frozen=True, eq=False)
class Candidates:
    """Scores that could be measured, in joint draws with the quantity.

    Parameters
    ----------
    target
        The quantity, shape (draw,).
    curves
        The benchmark of every candidate, shape (draw, candidate).
    ability
        Ability of the model that would be measured, logits, shape (draw, candidate).
    outcomes
        Which draws the outcomes come from, shape (outcome,).
    score
        Outcomes, shape (outcome, candidate).
    """

    target: FloatArray
    curves: Curves
    ability: FloatArray
    outcomes: IndexArray
    score: FloatArray

    @classmethod
    def draw(
        cls, target: FloatArray, curves: Curves, ability: FloatArray, rng: np.random.Generator
    ) -> Candidates:
        """Draw the outcomes, spread evenly over the quantity (systematic sampling along its order)."""
        n = len(target)
        step = n / min(N_OUTCOMES, n)
        at = np.floor(np.arange(0.0, n - step / 2, step) + step * rng.random()).astype(np.int64)
        outcomes = np.argsort(target, kind="stable")[at]
        score = curves.sample(rng, ability)[outcomes]
        return cls(target - target.mean(), curves, ability, outcomes, score)

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.curves)

    @property
    def variance(self) -> float:
        """Variance of the quantity now."""
        return float(self.target.var(ddof=1))

    def log_weights(self, at: int) -> FloatArray:
        """Log density of every outcome of one candidate in every draw, shape (draw, outcome)."""
        return self.curves.take(at).log_prob(self.score[:, at], self.ability[:, [at]])

    def start(self) -> FloatArray:
        """Log weights before anything is measured: an outcome's own draw does not count for it."""
        weights = np.zeros((len(self.target), len(self.outcomes)))
        weights[self.outcomes, np.arange(len(self.outcomes))] = -np.inf
        return weights

    def expect_variance(self, log_weights: FloatArray) -> Expected:
        """Average over outcomes of the weighted variance of the quantity.

        The mean of its weighted square is known to be its variance now, and serves as control variate.
        """
        weights = np.exp(log_weights - log_weights.max(axis=0))
        weights /= weights.sum(axis=0)
        mean, square = self.target @ weights, self.target**2 @ weights
        # a score so telling that one draw is left says: next to nothing, and not 0 / 0
        variance = (square - mean**2) / np.maximum(1.0 - np.sum(weights**2, axis=0), 1e-9)
        excess = square - np.mean(self.target**2)
        slope = float(excess @ (variance - variance.mean())) / max(float(excess @ excess), 1e-300)
        variance = variance - slope * excess
        return Expected(float(variance.mean()), float(variance.std(ddof=1) / np.sqrt(len(variance))))

    def measure_each(self) -> list[Expected]:
        """Measure one candidate alone, for every candidate."""
        start = self.start()
        return [self.expect_variance(start + self.log_weights(at)) for at in range(len(self))]

    def choose_set(self, first: int, size: int) -> list[tuple[int, Expected]]:
        """Choose candidates one after the other, each the best beside those chosen before; `first` is given.

        The candidates with the largest linear reduction are computed in full.
        """
        linear = Linear.of(self)
        base = self.start() + self.log_weights(first)
        chosen = [(first, self.expect_variance(base))]
        while len(chosen) < min(size, len(self)):
            linear = linear.given(chosen[-1][0])
            open_to = np.setdiff1d(np.arange(len(self)), [at for at, _ in chosen])
            shortlist = open_to[np.argsort(-linear.reduction[open_to], kind="stable")[:N_SHORTLIST]]
            weights = {int(at): base + self.log_weights(int(at)) for at in shortlist}
            found = {at: self.expect_variance(value) for at, value in weights.items()}
            best = min(found, key=lambda at: found[at].variance)
            base = weights[best]
            chosen.append((best, found[best]))
        return chosen


class Linear(NamedTuple):
    """Best linear prediction: covariances of the quantity and the expected scores, and noise variances.

    variance: of the quantity; with_target (candidate,); between (candidate, candidate); noise (candidate,).
    """

    variance: float
    with_target: FloatArray
    between: FloatArray
    noise: FloatArray

    @classmethod
    def of(cls, candidates: Candidates) -> Linear:
        """Covariances over the draws."""
        expected = candidates.curves.expect(candidates.ability)
        joint = np.cov(np.column_stack([candidates.target, expected]), rowvar=False)
        noise = candidates.curves.variance(candidates.ability).mean(axis=0)
        return cls(float(joint[0, 0]), joint[0, 1:], joint[1:, 1:], noise)

    @property
    def reduction(self) -> FloatArray:
        """Variance of the quantity that one score more takes away, shape (candidate,)."""
        return np.asarray(self.with_target**2 / (np.diag(self.between) + self.noise))

    def given(self, at: int) -> Linear:
        """Covariances once this candidate is measured."""
        gain = self.between[at] / (self.between[at, at] + self.noise[at])
        return Linear(
            self.variance - float(self.reduction[at]),
            self.with_target - gain * self.with_target[at],
            self.between - np.outer(gain, self.between[at]),
            self.noise,
        )
