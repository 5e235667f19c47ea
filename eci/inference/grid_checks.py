"""Whether to trust the approximate posterior of a grid. Free of jax."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eci.fitted import Check
from eci.inference.items import ItemPrior, Items, tabulate
from eci.inference.marginal import MarginalMode
from eci.inference.quadrature import EDGE, observed_information
from eci.inference.responses import Responses

FloatArray = NDArray[np.float64]

MAX_DECREMENT = 1.0
MAX_DEPARTURE = 5.0  # in log density; up to there intervals cover as they should (docs/scale.md)
_FAR = 2.0  # posterior sds


def check_grid(
    mode: MarginalMode,
    responses: Responses,
    prior: ItemPrior,
    draws: Items,
    names: tuple[str, ...],
    *,
    decrement: float,
    definite: bool,
) -> tuple[Check, ...]:
    """Mode reached, curvature that of a maximum, no ability cut off, and items normal enough."""
    departure = depart_from_normal(mode, responses, prior, draws)
    worst = int(np.argmax(np.where(np.isnan(departure), np.inf, departure)))
    edge, value = mode.expectation.edge, float(departure[worst])
    return (
        Check(
            "mode_gradient", decrement, MAX_DECREMENT, decrement <= MAX_DECREMENT, "",
            "The mode was not reached (norm in posterior sds). Use --method nuts.",
        ),
        Check(
            "hessian_positive_definite", float(definite), 1.0, definite, "",
            "The curvature at the mode is not that of a maximum; the common sds of the items were held at "
            "theirs, so that intervals are too narrow. Use --method nuts.",
        ),
        Check(
            "window_edge", edge, EDGE, edge <= EDGE, "",
            "The grid of ability ends where a model still has weight, so that its index is wrong. Use "
            "--method nuts, and please report this with the data.",
        ),
        Check(
            "item_normality", value, MAX_DEPARTURE, value <= MAX_DEPARTURE, names[worst],
            "The named item has too few answers, or nearly all alike, for a normal approximation of its "
            "intercept and log slope: its interval is not to be trusted, nor are others' that rest on it. "
            "Leave such items out, or use --method nuts.",
        ),
    )  # fmt: skip


def depart_from_normal(
    mode: MarginalMode, responses: Responses, prior: ItemPrior, draws: Items
) -> FloatArray:
    """Departure of each item's log density from a parabola two posterior sds from the mode, (item,).

    The larger over four points, two along each principal axis of the item's (intercept, log slope). The
    density is that with abilities distributed as at the mode and shared parameters held.
    """
    around = np.stack(
        [draws.intercept - mode.items.intercept, draws.log_slope - mode.items.log_slope], axis=2
    )
    covariance = np.einsum("dia,dib->iab", around, around) / len(around)
    variance, axes = np.linalg.eigh(covariance)
    seen, precision = mode.expectation, precision_of_items(prior, mode)

    def log_density(items: Items) -> FloatArray:
        tables = tabulate(items, mode.nodes.ability, responses.lower, responses.upper)
        of_answers = (seen.right * tables.log_odds + seen.trials * tables.log_wrong).sum(axis=0)
        return np.asarray(of_answers + prior.item_log_density(items))

    here, worst = log_density(mode.items), np.zeros(responses.n_items)
    for axis in (0, 1):
        for far in (-_FAR, _FAR):
            step = far * np.sqrt(variance[:, axis, None]) * axes[:, :, axis]
            there = mode.items._replace(
                intercept=mode.items.intercept + step[:, 0], log_slope=mode.items.log_slope + step[:, 1]
            )
            parabola = here - 0.5 * np.einsum("ia,iab,ib->i", step, precision, step)
            worst = np.maximum(worst, np.abs(log_density(there) - parabola))
    return worst


def precision_of_items(prior: ItemPrior, mode: MarginalMode) -> FloatArray:
    """Negative Hessian in each item's coordinates were abilities known, (item, 2, 2)."""
    by_answers = observed_information(mode.items, mode.tables, mode.expectation)
    return by_answers + prior.precision(mode.items, mode.known, exact=True).block
