"""Abilities integrated out on a grid of nodes. Free of jax.

The marginal log likelihood of the items (Bock and Aitkin 1981) is a sum over models m of

    log sum_k  h N(x_k; 0, 1) prod_i p_i(x_k)^right_mi (1 - p_i(x_k))^wrong_mi

over equally spaced nodes x_k with spacing h. For a smooth integrand that vanishes at both ends this rule
converges faster than any power of h: with h at the sd of a normal integrand its relative error is 5e-9
(Trefethen and Weideman 2014). So h follows the least posterior sd that the items allow. Models are sorted by
ability in blocks, and a block looks at the nodes within reach of its models only, so that with many items a
model, where posteriors are narrow and nodes many, the cost for each answer stays that of about 20 nodes.

References
----------
Bock and Aitkin (1981), Marginal maximum likelihood estimation of item parameters: application of an EM
algorithm, doi:10.1007/BF02293801. Trefethen and Weideman (2014), The exponentially convergent trapezoidal
rule, doi:10.1137/130932132.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eci.inference.items import Items, Tables, tabulate
from eci.inference.responses import Block, Responses

FloatArray = NDArray[np.float64]

REACH = 6.0  # nodes run from -6 to 6, in sds of the prior of abilities: beyond lie 2e-9 of it
MAX_SPACING = 0.25  # 49 nodes where models have few items
SPACING = 1.2  # of the least posterior sd of an ability: the rule's relative error is then 2e-6
WINDOW = 7.0  # a block's nodes reach this many posterior sds beyond its outermost models
EDGE = 1e-5  # the most that a model may have on the outermost node of its block's window


class Nodes(NamedTuple):
    """Nodes of ability (node,), log weights under the prior, and the window of nodes of every block."""

    ability: FloatArray
    log_weight: FloatArray
    windows: tuple[slice, ...]


class Expectation(NamedTuple):
    """Posterior of the abilities given the items.

    value: marginal log likelihood; right, trials (node, item): expected answers; mean, sd (model,): of each
    ability, in the order of the responses; edge: the most weight on the inner end of a window.
    """

    value: float
    right: FloatArray
    trials: FloatArray
    mean: FloatArray
    sd: FloatArray
    edge: float


def choose_nodes(responses: Responses, items: Items, seen: Expectation | None, room: float) -> Nodes:
    """Nodes as close as the narrowest posterior needs; windows around the models as they were last seen.

    Windows leave `room` for models to move. Before any model was seen, all nodes in every window.
    """
    ability = place_nodes(MAX_SPACING)
    if seen is None:
        return _weigh_nodes(ability, tuple(slice(0, len(ability)) for _ in responses.rows))
    tables = tabulate(items, ability, responses.lower, responses.upper)
    information = -tables.right_slope * tables.wrong_slope @ (items.slope**2 * responses.n_trials)
    most = responses.most_trials / responses.n_trials.sum() * information.max()
    least_sd = (1.0 + most) ** -0.5
    ability = place_nodes(min(MAX_SPACING, SPACING * least_sd))
    margin = WINDOW * seen.sd + room
    low, high = seen.mean - margin, seen.mean + margin
    first, last = _between(ability, low.min(), high.max())
    ability = ability[first:last]
    windows = tuple(slice(*_between(ability, low[rows].min(), high[rows].max())) for rows in responses.rows)
    return _weigh_nodes(ability, windows)


def _between(ability: FloatArray, low: float, high: float) -> tuple[int, int]:
    """First and one past the last node from `low` to `high`."""
    return int(np.searchsorted(ability, low)), int(np.searchsorted(ability, high, side="right"))


def place_nodes(spacing: float) -> FloatArray:
    """Equally spaced nodes over the reach of the abilities' prior, at most `spacing` apart."""
    return np.linspace(-REACH, REACH, 2 * int(np.ceil(REACH / spacing)) + 1)


def _weigh_nodes(ability: FloatArray, windows: tuple[slice, ...]) -> Nodes:
    log_weight = -0.5 * ability**2 - 0.5 * np.log(2 * np.pi) + np.log(ability[1] - ability[0])
    return Nodes(ability, log_weight, windows)


def weigh(block: Block, tables: Tables, nodes: Nodes, window: slice) -> tuple[FloatArray, FloatArray]:
    """Posterior weight of each node of a window, (model, node), and the log likelihood of each model."""
    weight = block.log_likelihood(tables.log_odds[window], tables.log_wrong[window])
    weight += nodes.log_weight[window]
    top = weight.max(axis=1)
    weight -= top[:, None]
    np.exp(weight, out=weight)
    total = weight.sum(axis=1)
    weight /= total[:, None]
    return weight, top + np.log(total)


def expect(responses: Responses, tables: Tables, nodes: Nodes) -> Expectation:
    """Take expectations over the abilities of all models."""
    right, trials = np.zeros_like(tables.lever), np.zeros_like(tables.lever)
    mean, sd = np.empty(responses.n_models), np.empty(responses.n_models)
    value, edge, spacing = 0.0, 0.0, nodes.ability[1] - nodes.ability[0]
    for block, rows, window in zip(responses.blocks, responses.rows, nodes.windows, strict=True):
        weight, log_likelihood = weigh(block, tables, nodes, window)
        value += float(log_likelihood.sum())
        more_right, more_trials = block.count_expected(weight)
        right[window] += more_right
        trials[window] += more_trials
        x = nodes.ability[window]
        mean[rows] = weight @ x
        sd[rows] = np.sqrt(np.maximum(weight @ x**2 - mean[rows] ** 2, spacing**2 / 12.0))
        if window.start > 0:
            edge = max(edge, float(weight[:, 0].max()))
        if window.stop < len(nodes.ability):
            edge = max(edge, float(weight[:, -1].max()))
    return Expectation(value, right, trials, mean, sd, edge)


def integrate(responses: Responses, items: Items, nodes: Nodes) -> tuple[Tables, Expectation]:
    """Tabulate the items and take expectations over the abilities."""
    tables = tabulate(items, nodes.ability, responses.lower, responses.upper)
    return tables, expect(responses, tables, nodes)


def item_gradient(tables: Tables, seen: Expectation) -> tuple[FloatArray, FloatArray]:
    """Derivatives of the marginal log likelihood in intercept and log slope, (item,) each."""
    pull = _pull(tables, seen)
    return pull.sum(axis=0), np.einsum("ki,ki->i", pull, tables.lever)


def item_information(tables: Tables, seen: Expectation) -> FloatArray:
    """Information on (intercept, log slope) were abilities known, (item, 2, 2): positive definite."""
    return _square(-seen.trials * tables.right_slope * tables.wrong_slope, tables.lever)


def observed_information(items: Items, tables: Tables, seen: Expectation) -> FloatArray:
    """Negative Hessian of the expected log likelihood in (intercept, log slope), (item, 2, 2)."""
    # In the logit, (log p)'' = p'' / p - (p' / p)^2 with p'' = p' (1 - 2 logistic); and the log slope bends
    # the logit itself, by its lever.
    pull, wrong = _pull(tables, seen), seen.trials - seen.right
    curvature = seen.right * tables.right_slope**2 + wrong * tables.wrong_slope**2
    curvature += pull * np.tanh(0.5 * (tables.lever + items.intercept))
    information = _square(curvature, tables.lever)
    information[:, 1, 1] -= np.einsum("ki,ki->i", pull, tables.lever)
    return information


def _pull(tables: Tables, seen: Expectation) -> FloatArray:
    """Derivative of the expected log likelihood in the logit, (node, item)."""
    return seen.right * (tables.right_slope - tables.wrong_slope) + seen.trials * tables.wrong_slope


def _square(curvature: FloatArray, lever: FloatArray) -> FloatArray:
    """Curvature in the logit carried to (intercept, log slope) and summed over nodes, (item, 2, 2)."""
    levered = curvature * lever
    own, mixed, by_slope = curvature.sum(axis=0), levered.sum(axis=0), np.einsum("ki,ki->i", levered, lever)
    return np.stack([own, mixed, mixed, by_slope], axis=1).reshape(-1, 2, 2)
