"""Items in the quadrature: curves at nodes of ability, and the priors that items may have. Free of jax.

Coordinates are those of `eci.irt.measurement`, fully centred: z = slope * (ability - reference) + intercept,
with the log of the slope, so that difficulty = reference - intercept / slope.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from eci.irt.priors import Priors

FloatArray = NDArray[np.float64]
ItemPriorName = Literal["hierarchical", "flat", "rasch"]

MAX_LOGIT = 300.0  # beyond it a curve is flat to the last bit, and products with 0 must not be nan


class Items(NamedTuple):
    """Intercept and log slope, (..., item), at a reference ability (item,), and shared parameters."""

    intercept: FloatArray
    log_slope: FloatArray
    shared: FloatArray
    reference: FloatArray

    @property
    def slope(self) -> FloatArray:
        """Discrimination per logit."""
        return np.exp(self.log_slope)

    @property
    def difficulty(self) -> FloatArray:
        """Difficulty in logits."""
        return np.asarray(self.reference - self.intercept / self.slope)

    def move_reference(self, reference: FloatArray) -> Items:
        """Return the same curves written at other reference abilities."""
        return self._replace(
            intercept=self.intercept + self.slope * (reference - self.reference), reference=reference
        )


class Tables(NamedTuple):
    """Curves of all items at all nodes, (node, item).

    Log odds of a right answer, log probability of a wrong one, derivatives of the two log probabilities in
    the logit, and the derivative of the logit in the log slope.
    """

    log_odds: FloatArray
    log_wrong: FloatArray
    right_slope: FloatArray
    wrong_slope: FloatArray
    lever: FloatArray


def tabulate(items: Items, nodes: FloatArray, lower: FloatArray, upper: FloatArray) -> Tables:
    """Tabulate the four-parameter logistic curve with known asymptotes."""
    lever = items.slope * (nodes[:, None] - items.reference)
    z = np.clip(lever + items.intercept, -MAX_LOGIT, MAX_LOGIT)
    tail = np.exp(-np.abs(z))
    near, far = 1.0 / (1.0 + tail), tail / (1.0 + tail)
    rising, falling = np.where(z > 0, near, far), np.where(z > 0, far, near)
    if not lower.any() and (upper == 1.0).all():
        return Tables(z, np.log(near) - np.maximum(z, 0.0), falling, -rising, lever)
    right, wrong = lower + (upper - lower) * rising, 1.0 - upper + (upper - lower) * falling
    slope = (upper - lower) * rising * falling
    log_wrong = np.log(wrong)
    return Tables(np.log(right) - log_wrong, log_wrong, slope / right, -slope / wrong, lever)


class Precision(NamedTuple):
    """Negative Hessian of a log density in (intercept, log slope) of every item and the shared parameters.

    block (item, 2, 2), border (item, 2, n_shared), shared (n_shared, n_shared).
    """

    block: FloatArray
    border: FloatArray
    shared: FloatArray


class ItemPrior(Protocol):
    """Prior of the items' coordinates and of the parameters they share.

    `known` (item, 2) is the precision that the answers give difficulty and log slope: common sds have a mode
    only with the items integrated out, at least approximately. `common_slope`: all items have one slope;
    `sds`: the shared parameters that are logarithms of common sds.
    """

    common_slope: bool
    sds: tuple[int, ...]

    def start_shared(self) -> FloatArray:
        """First values of the shared parameters."""
        ...

    def value_and_gradient(self, items: Items, known: FloatArray) -> tuple[float, Items]:
        """Log density, up to a constant, and its derivatives (in an `Items` whose reference is unused)."""
        ...

    def precision(self, items: Items, known: FloatArray, *, exact: bool) -> Precision:
        """Negative Hessian of the log density, or (not exact) its Gauss-Newton part."""
        ...

    def item_log_density(self, items: Items) -> FloatArray:
        """Log density of each item given the shared parameters, up to a constant, (item,)."""
        ...

    def name_shared(self, shared: FloatArray) -> dict[str, FloatArray]:
        """Shared parameters (..., n_shared) by name, as in `Fit`."""
        ...


class Flat:
    """No prior: the mode is the marginal maximum-likelihood estimate."""

    common_slope = False
    sds: tuple[int, ...] = ()

    def start_shared(self) -> FloatArray:
        """Nothing is shared."""
        return np.empty(0)

    def value_and_gradient(self, items: Items, known: FloatArray) -> tuple[float, Items]:
        """Zero everywhere."""
        del known
        zero = np.zeros_like(items.intercept)
        return 0.0, Items(zero, zero, items.shared, zero)

    def precision(self, items: Items, known: FloatArray, *, exact: bool) -> Precision:
        """Zero everywhere."""
        del known, exact
        n = len(items.intercept)
        return Precision(np.zeros((n, 2, 2)), np.zeros((n, 2, 0)), np.zeros((0, 0)))

    def item_log_density(self, items: Items) -> FloatArray:
        """Zero everywhere."""
        return np.zeros_like(items.intercept)

    def name_shared(self, shared: FloatArray) -> dict[str, FloatArray]:
        """Nothing is shared."""
        del shared
        return {}


class Rasch(Flat):
    """No prior, and one slope for all items (Rasch 1960, with the abilities' sd as unit)."""

    common_slope = True


class Hierarchical:
    """The priors of `eci.Priors`; shared parameters are m_b, log s_b, m_a and log s_a."""

    common_slope = False
    sds: tuple[int, ...] = (1, 3)

    def __init__(self, priors: Priors) -> None:
        self._means = np.array([0.0, priors.log_discrimination_mean])
        self._mean_sds = np.array([priors.difficulty_mean_sd, priors.log_discrimination_mean_sd])
        self._sd_scales = np.array([priors.difficulty_sd_scale, priors.log_discrimination_sd_scale])

    def start_shared(self) -> FloatArray:
        """Means at their priors', sds of one half to one."""
        return np.array([0.0, 0.0, 0.0, np.log(0.5)])

    def _residuals(self, items: Items) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Standardised difficulty and log slope (item, 2), their common means and sds (2,)."""
        mean, sd = items.shared[0::2], np.exp(items.shared[1::2])
        values = np.stack([items.difficulty, items.log_slope], axis=1)
        return (values - mean) / sd, mean, sd

    def value_and_gradient(self, items: Items, known: FloatArray) -> tuple[float, Items]:
        """Density in the coordinates intercept and log slope: minus the log slope is the Jacobian."""
        residual, mean, sd = self._residuals(items)
        open_share = 1.0 / (1.0 + known * sd**2)  # of each item's prior variance, left by the answers
        off, wide = (mean - self._means) / self._mean_sds, sd / self._sd_scales
        value = (
            -0.5 * (residual**2).sum()
            - items.log_slope.sum()
            - 0.5 * np.log1p(known * sd**2).sum()  # n log sd and the integral over the items together
            - 0.5 * (off**2).sum()
            + (items.shared[1::2] - 0.5 * wide**2).sum()
        )
        pull = residual / sd
        shared = np.empty(4)
        shared[0::2] = pull.sum(axis=0) - off / self._mean_sds
        shared[1::2] = (residual**2 + open_share - 1.0).sum(axis=0) + 1.0 - wide**2
        by_slope = pull[:, 0] / items.slope
        gradient = Items(by_slope, -by_slope * items.intercept - pull[:, 1] - 1.0, shared, items.reference)
        return float(value), gradient

    def precision(self, items: Items, known: FloatArray, *, exact: bool) -> Precision:
        """Not exact: without the curvature of the difficulty in its coordinates, positive definite."""
        residual, _, sd = self._residuals(items)
        open_share = 1.0 / (1.0 + known * sd**2)
        n = len(residual)
        to_residual = np.zeros((n, 2, 2))  # item, coordinate, residual
        to_residual[:, 0, 0] = -1.0 / (items.slope * sd[0])
        to_residual[:, 1, 0] = items.intercept / (items.slope * sd[0])
        to_residual[:, 1, 1] = 1.0 / sd[1]
        block = to_residual @ to_residual.transpose(0, 2, 1)
        if exact:
            bend = residual[:, 0] / (items.slope * sd[0])
            block[:, 0, 1] += bend
            block[:, 1, 0] += bend
            block[:, 1, 1] -= bend * items.intercept
        border = np.empty((n, 2, 4))
        border[:, :, 0::2] = -to_residual / sd
        border[:, :, 1::2] = -2.0 * to_residual * residual[:, None, :]
        shared = np.zeros((4, 4))
        means, sds = np.arange(0, 4, 2), np.arange(1, 4, 2)
        shared[means, means] = n / sd**2 + self._mean_sds**-2.0
        shared[sds, sds] = 2.0 * (residual**2 + open_share * (1.0 - open_share)).sum(axis=0)
        shared[sds, sds] += 2.0 * (sd / self._sd_scales) ** 2
        shared[means, sds] = shared[sds, means] = 2.0 * residual.sum(axis=0) / sd
        return Precision(block, border, shared)

    def item_log_density(self, items: Items) -> FloatArray:
        """Normal in difficulty and log slope, with the Jacobian of the coordinates."""
        residual, _, _ = self._residuals(items)
        return np.asarray(-0.5 * (residual**2).sum(axis=1) - items.log_slope)

    def name_shared(self, shared: FloatArray) -> dict[str, FloatArray]:
        """Means and sds by the names of `Measurement.constrain`."""
        return {
            "difficulty_mean": shared[..., 0],
            "difficulty_sd": np.exp(shared[..., 1]),
            "log_discrimination_mean": shared[..., 2],
            "log_discrimination_sd": np.exp(shared[..., 3]),
        }


def choose_prior(name: ItemPriorName, priors: Priors) -> ItemPrior:
    """Make the prior of that name."""
    if name == "flat":
        return Flat()
    return Rasch() if name == "rasch" else Hierarchical(priors)
