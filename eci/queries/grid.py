"""Posterior of one ability given its scores and joint draws of the benchmarks: exact up to a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.queries.curves import Curves

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

N_NODES = 81
_N_COARSE, _N_SCOUTS = 401, 200  # nodes and draws that find where the posterior lies
_REACH = 8.0  # prior sds that the coarse grid extends to either side
_NEGLIGIBLE = 25.0  # log density below the highest at which the fine grid ends


class AbilityPrior(NamedTuple):
    """Normal prior of an ability in every draw: mean and sd in logits, shape (draw,)."""

    mean: FloatArray
    sd: FloatArray

    def take(self, rows: IndexArray) -> AbilityPrior:
        """Some of the draws."""
        return AbilityPrior(self.mean[rows], self.sd[rows])

    def log_density(self, ability: FloatArray) -> FloatArray:
        """Log density of abilities (draw, node), up to a constant."""
        z = (ability - self.mean[:, None]) / self.sd[:, None]
        return np.asarray(-0.5 * z**2 - np.log(self.sd)[:, None])


class PointMap(NamedTuple):
    """Points = origin + slope * logits in every draw, shape (draw,)."""

    slope: FloatArray
    origin: FloatArray

    def take(self, rows: IndexArray) -> PointMap:
        """Some of the draws."""
        return PointMap(self.slope[rows], self.origin[rows])

    def logits(self, points: FloatArray) -> FloatArray:
        """Abilities (draw, node) that have these points (node,)."""
        return np.asarray((points - self.origin[:, None]) / self.slope[:, None])


class GridPosterior(NamedTuple):
    """Posterior probability of every draw of the benchmarks and every node of the index.

    nodes (node,): points, evenly spaced; mass (draw, node): sums to 1.
    """

    nodes: FloatArray
    mass: FloatArray

    @property
    def weights(self) -> FloatArray:
        """Probability of every draw: how well it explains the scores, shape (draw,)."""
        return np.asarray(self.mass.sum(axis=1))

    @property
    def effective_draws(self) -> float:
        """Effective number of draws, 1 / sum(weight²) (Kong, Liu and Wong 1994)."""
        return float(1.0 / np.sum(self.weights**2))

    def moments(self) -> tuple[float, float]:
        """Mean and sd of the index, points."""
        marginal = self.mass.sum(axis=0)
        mean = float(marginal @ self.nodes)
        return mean, float(np.sqrt(marginal @ (self.nodes - mean) ** 2))

    def quantiles(self, probs: FloatArray) -> FloatArray:
        """Quantiles of the index, points."""
        step = self.nodes[1] - self.nodes[0]
        ends = np.append(self.nodes - step / 2, self.nodes[-1] + step / 2)
        reached = np.append(0.0, np.cumsum(self.mass.sum(axis=0)))
        return np.asarray(np.interp(probs, reached, ends))

    def sample(self, rng: np.random.Generator, n: int) -> tuple[IndexArray, FloatArray]:
        """Draw jointly: rows of the benchmarks' draws, and the index in points, shape (n,).

        Systematic sampling (Kitagawa 1996, doi:10.1080/10618600.1996.10474692): each row comes as often as
        its probability times `n`, rounded up or down.
        """
        reached = np.cumsum(self.mass, axis=None)
        at = np.searchsorted(reached / reached[-1], (np.arange(n) + rng.random()) / n)
        rows, columns = np.divmod(at, len(self.nodes))
        step = self.nodes[1] - self.nodes[0]
        order = rng.permutation(n)
        index = self.nodes[columns] + step * (rng.random(n) - 0.5)
        return rows[order].astype(np.int64), index[order]


def posteriors_on_grid(
    curves: Curves, score: FloatArray, scale: PointMap, priors: Sequence[AbilityPrior]
) -> tuple[GridPosterior, ...]:
    """Posterior of an ability and of the benchmarks' draws, given scores on these benchmarks.

    p(draw, ability | score) is proportional to p(ability | draw) times the product over the scores of
    p(score | ability, draw): draws of the posterior without the model, weighted by the marginal likelihood of
    its scores, give the posterior with the model. The sum over nodes that stands for the integral is exact to
    rounding where nodes are closer than a posterior sd (trapezoidal rule on a smooth density).

    Parameters
    ----------
    curves
        The benchmark of every score, shape (draw, score).
    score
        Fractions, shape (score,).
    scale
        Logits to points in every draw.
    priors
        Priors of the ability; there is one answer for each, from one evaluation of the likelihood.
    """

    def log_likelihood(ability: FloatArray, rows: IndexArray | slice) -> FloatArray:
        value = np.zeros_like(ability)
        for at in range(len(curves)):
            value += curves.take(at, rows).log_prob(score[at], ability)
        return value

    n_draws = len(scale.slope)
    scouts = np.unique(np.linspace(0, n_draws - 1, min(_N_SCOUTS, n_draws)).astype(np.int64))
    wide = _spread_nodes(scale, priors)
    ability = scale.take(scouts).logits(wide)
    likelihood = log_likelihood(ability, scouts)
    inside = np.zeros(len(wide), dtype=bool)
    for prior in priors:
        pooled = np.logaddexp.reduce(likelihood + prior.take(scouts).log_density(ability), axis=0)
        inside |= pooled > pooled.max() - _NEGLIGIBLE
    first, last = np.flatnonzero(inside)[[0, -1]]
    nodes = np.linspace(wide[max(first - 1, 0)], wide[min(last + 1, len(wide) - 1)], N_NODES)
    ability = scale.logits(nodes)
    likelihood = log_likelihood(ability, slice(None))
    found = []
    for prior in priors:
        value = likelihood + prior.log_density(ability) - np.log(scale.slope)[:, None]
        mass = np.exp(value - value.max())
        found.append(GridPosterior(nodes, mass / mass.sum()))
    return tuple(found)


def _spread_nodes(scale: PointMap, priors: Sequence[AbilityPrior]) -> FloatArray:
    """Nodes that reach all that any prior allows."""
    reach = [
        scale.origin + scale.slope * (prior.mean + side * _REACH * prior.sd)
        for prior in priors
        for side in (-1.0, 1.0)
    ]
    return np.linspace(np.min(reach), np.max(reach), _N_COARSE)
