"""The mode of the items with abilities integrated out. Free of jax.

After a few steps of Fisher scoring for each item by itself, L-BFGS finds the mode, in coordinates scaled by
the information that known abilities would leave, which makes it EM with acceleration (Jamshidian and Jennrich
1997). Two directions along which all abilities move or stretch are added; there EM is slow.

Common sds of the items have no mode jointly with the items; the items are integrated out of their density by
a normal approximation (`known`), as `eci.inference.mode` does by an EM update.

References
----------
Jamshidian and Jennrich (1997), Acceleration of the EM algorithm by using quasi-Newton methods,
doi:10.1111/1467-9868.00083.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.inference.items import ItemPrior, Items, Precision, Tables, tabulate
from eci.inference.quadrature import (
    EDGE,
    MAX_SPACING,
    Expectation,
    Nodes,
    choose_nodes,
    integrate,
    item_gradient,
    item_information,
)
from eci.inference.responses import Responses

FloatArray = NDArray[np.float64]

N_SCORING = 4  # steps of item-wise scoring before the search
GRADIENT = 0.003  # where the search ends, for every parameter in its own posterior sd
MAX_ROUNDS = 8


class MarginalMode(NamedTuple):
    """The items at the mode, abilities integrated out, and what describes it.

    known (item, 2): precision that the answers give difficulty and log slope, abilities known; value: log
    marginal density there; n_evaluations: passes over the data.
    """

    items: Items
    nodes: Nodes
    tables: Tables
    expectation: Expectation
    known: FloatArray
    value: float
    n_evaluations: int


class _Search(NamedTuple):
    """The function that L-BFGS minimises: x holds every free parameter in its own unit, from `origin`.

    The last two move and stretch the abilities of all models at once. They are redundant where every item
    has its own slope, but spare the optimiser finding these two long directions by itself.
    """

    responses: Responses
    prior: ItemPrior
    origin: Items
    nodes: Nodes
    known: FloatArray
    units: FloatArray

    def items_at(self, x: FloatArray) -> Items:
        """Items at a point of the optimiser."""
        n = self.responses.n_items
        n_slopes = 0 if self.prior.common_slope else n
        *own, (move, stretch) = np.split(x * self.units, [n, n + n_slopes, len(x) - 2])
        intercept, log_slope, shared = own
        ridge = self.origin.slope * (move + self.origin.reference * stretch)
        return self.origin._replace(
            intercept=self.origin.intercept + intercept + ridge,
            log_slope=self.origin.log_slope + (log_slope if n_slopes else 0.0) + stretch,
            shared=self.origin.shared + shared,
        )

    def fall(self, x: FloatArray) -> tuple[float, FloatArray]:
        """Negative log marginal density and its derivatives."""
        items = self.items_at(x)
        tables, seen = integrate(self.responses, items, self.nodes)
        value, by_prior = self.prior.value_and_gradient(items, self.known)
        by_intercept, by_slope = item_gradient(tables, seen)
        by_intercept, by_slope = by_intercept + by_prior.intercept, by_slope + by_prior.log_slope
        own_slopes = by_slope[:0] if self.prior.common_slope else by_slope
        lifted = by_intercept * self.origin.slope
        ridge = [lifted.sum(), by_slope.sum() + lifted @ self.origin.reference]
        gradient = np.concatenate([by_intercept, own_slopes, by_prior.shared, ridge])
        return -(seen.value + value), -gradient * self.units


def find_marginal_mode(
    responses: Responses,
    prior: ItemPrior,
    *,
    start: MarginalMode | None = None,
    known: FloatArray | None = None,
    hold_sds: bool = False,
) -> MarginalMode:
    """Maximise the marginal posterior density of the items.

    Rounds of L-BFGS. Between rounds nodes, windows, reference abilities and units are renewed, until the
    gradient then vanishes and no window cuts off a model.

    Parameters
    ----------
    responses, prior
        The answers and the prior of the items.
    start
        Where to start; by default from the shares of right answers, with a few steps of scoring.
    known
        Precision that the answers give difficulty and log slope, (item, 2); by default what they would give
        were abilities known, renewed in every round.
    hold_sds
        Leave the common sds of the items as they are.
    """
    from scipy.optimize import minimize

    if start is None:
        start = _score(responses, prior)
    items, nodes, mean, n_evaluations = start.items, start.nodes, start.expectation.mean, start.n_evaluations
    free = np.ones(len(items.shared))
    free[list(prior.sds if hold_sds else ())] = 0.0
    for _ in range(MAX_ROUNDS):
        tables, seen = integrate(responses, items, nodes)
        moved, mean = float(np.abs(seen.mean - mean).max()), seen.mean
        items = items.move_reference(_balance(tables, seen, nodes))
        nodes = choose_nodes(responses, items, seen, 0.2 * moved)
        tables, seen = integrate(responses, items, nodes)
        information = item_information(tables, seen)
        at_hand = _known(items, information) if known is None else known
        units = _units(responses, information, prior.precision(items, at_hand, exact=False), free, prior)
        search = _Search(responses, prior, items, nodes, at_hand, units)
        found = minimize(
            search.fall,
            np.zeros(len(units)),
            jac=True,
            method="L-BFGS-B",
            options={"maxcor": 20, "maxiter": 40, "ftol": 1e-13, "gtol": 0.1 if hold_sds else GRADIENT},
        )
        items = search.items_at(found.x)
        n_evaluations += found.nfev + 2
        if hold_sds or (found.nit == 0 and seen.edge < EDGE):
            break
    tables, seen = integrate(responses, items, nodes)
    return MarginalMode(items, nodes, tables, seen, at_hand, -float(found.fun), n_evaluations)


def _score(responses: Responses, prior: ItemPrior) -> MarginalMode:
    """First items: intercepts from the share of right answers, slopes of 1, and a few steps of scoring."""
    rate = (responses.n_right + 0.5) / (responses.n_trials + 1.0)
    share = np.clip((rate - responses.lower) / (responses.upper - responses.lower), 0.01, 0.99)
    zero = np.zeros(responses.n_items)
    items = Items(1.2 * np.log(share / (1.0 - share)), zero, prior.start_shared(), zero)
    nodes = choose_nodes(responses, items, None, 0.0)
    tables, seen = integrate(responses, items, nodes)
    nodes = choose_nodes(responses, items, seen, 2.0 * MAX_SPACING)
    for _ in range(N_SCORING):
        items = _score_items(responses, prior, items, nodes)
    return MarginalMode(items, nodes, tables, seen, np.ones((len(zero), 2)), -np.inf, N_SCORING + 1)


def _score_items(responses: Responses, prior: ItemPrior, items: Items, nodes: Nodes) -> Items:
    """One step of Fisher scoring for every item by itself, then for each common mean."""
    tables, seen = integrate(responses, items, nodes)
    items = items.move_reference(_balance(tables, seen, nodes))
    tables = tabulate(items, nodes.ability, responses.lower, responses.upper)
    information = item_information(tables, seen)
    known = _known(items, information)
    own, (_, by_prior) = prior.precision(items, known, exact=False), prior.value_and_gradient(items, known)
    by_intercept, by_slope = item_gradient(tables, seen)
    gradient = np.stack([by_intercept + by_prior.intercept, by_slope + by_prior.log_slope], axis=1)
    precision = information + own.block
    if prior.common_slope:
        gradient[:, 1], precision[:, 1, 1] = gradient[:, 1].mean(), precision[:, 1, 1].mean()
        precision[:, 0, 1] = precision[:, 1, 0] = 0.0
    step = np.clip(np.linalg.solve(precision, gradient[..., None])[..., 0], -1.0, 1.0)
    shared = np.clip(by_prior.shared / np.diagonal(own.shared), -0.5, 0.5)
    shared[list(prior.sds)] = 0.0
    return items._replace(
        intercept=items.intercept + step[:, 0],
        log_slope=items.log_slope + step[:, 1],
        shared=items.shared + shared,
    )


def _balance(tables: Tables, seen: Expectation, nodes: Nodes) -> FloatArray:
    """Reference ability of each item that makes intercept and log slope independent, abilities known."""
    weight = -seen.trials * tables.right_slope * tables.wrong_slope
    return np.asarray(nodes.ability @ weight / np.maximum(weight.sum(axis=0), 1e-300))


def _known(items: Items, information: FloatArray) -> FloatArray:
    """Precision that the answers give difficulty and log slope, abilities known, (item, 2)."""
    covariance = np.linalg.inv(information + 1e-8 * np.eye(2))  # nothing is known of an item all got right
    to_difficulty = np.stack([-1.0 / items.slope, items.intercept / items.slope], axis=1)
    difficulty = np.einsum("ik,ikl,il->i", to_difficulty, covariance, to_difficulty)
    return 1.0 / np.stack([difficulty, covariance[:, 1, 1]], axis=1)


def _units(
    responses: Responses, information: FloatArray, own: Precision, free: FloatArray, prior: ItemPrior
) -> FloatArray:
    """Posterior sd of each free parameter by itself (of the last two, were abilities seen); 0 if held."""
    diagonal = np.diagonal(information + own.block, axis1=1, axis2=2)
    slopes, n_models = diagonal[:, 1], float(responses.n_models)
    ridge = np.array([n_models, slopes.sum() if prior.common_slope else 2.0 * n_models])
    own_slopes = slopes[:0] if prior.common_slope else slopes
    precision = np.concatenate([diagonal[:, 0], own_slopes, np.diagonal(own.shared), ridge])
    units = np.maximum(precision, 1e-3) ** -0.5
    units[len(units) - 2 - len(free) : len(units) - 2] *= free
    return np.asarray(units)
