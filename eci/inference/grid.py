"""The approximate posterior of a grid of item responses: abilities exact given the items, items normal.

Items and shared parameters eta are normal around the mode with abilities integrated out. Their precision H is
what the answers would say were abilities known, D, less what is lost to not knowing them: for every model the
covariance, over its ability, of its score in eta (Louis 1982). In polynomials phi_q of the ability,
orthonormal under the model's posterior, that covariance is a sum of squares,

    H = D - sum_m sum_q b_mq b_mq',    b_mq = E_m[phi_q(ability) score_m(eta)],

whose first term is all where the posterior of an ability is narrow. Given the items an ability has the
posterior that the quadrature finds, whatever its shape. A change delta of the items moves its mean by sd_m
b_m1' delta, exactly the derivative of the mean; the shape is taken along. So, with Q_m the quantile function
at the mode,

    ability_m = Q_m(Phi(e_m)) + sd_m b_m1' delta,    delta ~ N(0, H^-1),  e_m ~ N(0, 1),

has the right conditional shape, and, where posteriors are normal, is the full Laplace approximation of
abilities and items together. H is factored on the smaller side: over the items, or over the models after the
items (an arrow) have been eliminated.

References
----------
Louis (1982), Finding the observed information matrix when using the EM algorithm,
doi:10.1111/j.2517-6161.1982.tb01203.x. Tierney and Kadane (1986), Accurate approximations for posterior
moments and marginal densities, doi:10.1080/01621459.1986.10478240.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError
from eci.fitted import Check, Parameters
from eci.inference.conditional import Conditional, condition, look_up
from eci.inference.diagnose import check_finite
from eci.inference.estimate import Estimate
from eci.inference.itemfactor import ItemFactor, factor_over_items, factor_over_models
from eci.inference.items import ItemPrior, Items, choose_prior, tabulate
from eci.inference.marginal import MarginalMode, find_marginal_mode
from eci.inference.method import Quadrature
from eci.inference.provenance import Clock
from eci.inference.quadrature import EDGE, item_gradient, observed_information
from eci.inference.responses import Responses
from eci.irt.priors import Priors
from eci.scores import ScoreMatrix

FloatArray = NDArray[np.float64]

MAX_ITEM_SIDE = 4100  # item coordinates: 134 MB a matrix
MAX_MODEL_SIDE = 10_000  # models: 800 MB a matrix
N_POLYNOMIALS = 4  # of ability, where H is factored over items
MAX_DECREMENT = 1.0
MAX_DEPARTURE = 1.0
_FAR = 2.0  # posterior sds


@dataclass(frozen=True, eq=False)
class GridPosterior:
    """The approximate posterior of abilities, items and shared parameters.

    Parameters
    ----------
    responses
        The answers, and the order of the models that `conditional` follows.
    prior
        Prior of the items.
    mode
        Where items are centred.
    conditional
        Abilities given the items.
    factor
        Precision of the items, factored.
    decrement
        Length of the Newton step from the mode, in posterior sds: 0 at the exact mode.
    """

    responses: Responses
    prior: ItemPrior
    mode: MarginalMode
    conditional: Conditional
    factor: ItemFactor
    decrement: float

    def ability_covariance(self) -> tuple[FloatArray, FloatArray]:
        """Covariance of the abilities as diag(d) + F F': d (model,) and F (model, rank), in logits.

        Models are in the order of the matrix. The rank is the smaller of about the number of models and twice
        that of items, so that 100,000 models on 100 items take 160 MB and not the 80 GB of a dense matrix.
        """
        own, loading = self.factor.spread_models(self.conditional.pull)
        diagonal, factor = np.empty(len(loading)), np.empty_like(loading)
        sd = self.conditional.sd
        diagonal[self.responses.order] = own * sd**2
        factor[self.responses.order] = sd[:, None] * loading
        return diagonal, factor

    def draw(self, rng: np.random.Generator, n_draws: int) -> tuple[FloatArray, Items]:
        """Joint draws: abilities (draw, model) in the order of the matrix, items (draw, item)."""
        delta = self.factor.draw(rng, n_draws)
        n = self.responses.n_items
        ability = np.empty((self.responses.n_models, n_draws))
        for pull, rows in zip(self.conditional.pull, self.responses.rows, strict=True):
            shift = self.conditional.sd[rows, None] * (pull @ delta[: 2 * n])
            e = rng.standard_normal(shift.shape)
            ability[self.responses.order[rows]] = shift + look_up(self.conditional.quantile[rows], e)
        at = self.mode.items
        intercept, log_slope, shared = np.split(delta.T, [n, 2 * n], axis=1)
        items = Items(at.intercept + intercept, at.log_slope + log_slope, at.shared + shared, at.reference)
        return ability.T, items


def approximate_grid(
    matrix: ScoreMatrix, *, priors: Priors | None = None, method: Quadrature | None = None
) -> GridPosterior:
    """Approximate the posterior of the likelihood `binomial` on a matrix of any size.

    Parameters
    ----------
    matrix
        Scores with n_items behind every one; for single questions 0 or 1 with n_items 1.
    priors
        Prior scales; the default is `Priors()`. Only those of items are used, and only if `method` says so.
    method
        Options; the default is `Quadrature()`.

    Returns
    -------
    GridPosterior
        `draw` gives joint draws, `ability_covariance` the covariance in factor form. `eci.fit` with
        `method=Quadrature()` puts the draws on a scale and into a `Fit`.

    Raises
    ------
    DataError
        Where a score has no n_items or lies outside [0, 1], and where neither models nor items are few enough
        for a matrix over them.
    ConvergenceError
        Where the curvature at the mode is not that of a maximum.
    """
    method = method or Quadrature()
    prior = choose_prior(method.items, priors or Priors())
    over_items = 2 * matrix.n_benchmarks <= MAX_ITEM_SIDE or prior.common_slope
    if not over_items and matrix.n_models > MAX_MODEL_SIDE:
        raise DataError(
            f"The grid has {matrix.n_models} models and {matrix.n_benchmarks} items. The method quadrature "
            f"needs at most {MAX_MODEL_SIDE} models or at most {MAX_ITEM_SIDE // 2} items. Fit part of the "
            "items at a time and link the fits, or leave out models."
        )
    responses = Responses.from_matrix(matrix)
    mode = find_marginal_mode(responses, prior)
    conditional, loss = condition(responses, mode, N_POLYNOMIALS if over_items else 0)
    own = prior.precision(mode.items, mode.known, exact=True)
    precision = own._replace(block=_item_precision(prior, mode))
    if over_items:
        factor: ItemFactor = factor_over_items(precision, loss, common_slope=prior.common_slope)
    else:
        factor = factor_over_models(precision, conditional.pull, matrix.n_models)
    gradient = _gradient(prior, mode)
    decrement = float(np.sqrt(np.maximum(gradient @ factor.solve(gradient), 0.0)))
    return GridPosterior(responses, prior, mode, conditional, factor, decrement)


def _item_precision(prior: ItemPrior, mode: MarginalMode) -> FloatArray:
    """Negative Hessian in each item's coordinates were abilities known, (item, 2, 2)."""
    by_answers = observed_information(mode.items, mode.tables, mode.expectation)
    return by_answers + prior.precision(mode.items, mode.known, exact=True).block


def _gradient(prior: ItemPrior, mode: MarginalMode) -> FloatArray:
    """Derivatives of the log marginal density, in the order of the factor."""
    by_intercept, by_slope = item_gradient(mode.tables, mode.expectation)
    _, by_prior = prior.value_and_gradient(mode.items, mode.known)
    return np.concatenate([by_intercept + by_prior.intercept, by_slope + by_prior.log_slope, by_prior.shared])


def fit_grid(matrix: ScoreMatrix, priors: Priors, method: Quadrature, seed: int, clock: Clock) -> Estimate:
    """Approximate, draw and check; arguments as of `eci.fit`."""
    posterior = approximate_grid(matrix, priors=priors, method=method)
    clock.lap("mode")
    ability, items = posterior.draw(np.random.default_rng(seed), method.n_draws)
    draws = Parameters(ability, items.difficulty, items.slope, posterior.prior.name_shared(items.shared))
    clock.lap("draw")
    center, mean = posterior.mode.items, np.empty(matrix.n_models)
    mean[posterior.responses.order] = posterior.conditional.mean
    mode = Parameters(mean, center.difficulty, center.slope, posterior.prior.name_shared(center.shared))
    checks = (*check_grid(posterior, items, matrix.benchmarks), *check_finite(draws))
    clock.lap("check")
    return Estimate(mode, draws, 1, {}, checks)


def check_grid(posterior: GridPosterior, draws: Items, names: tuple[str, ...]) -> tuple[Check, ...]:
    """Mode reached, no ability cut off, and items normal enough."""
    departure = depart_from_normal(posterior, draws)
    worst = int(np.argmax(np.where(np.isnan(departure), np.inf, departure)))
    edge, decrement = posterior.mode.expectation.edge, posterior.decrement
    value = float(departure[worst])
    return (
        Check(
            "mode_gradient", decrement, MAX_DECREMENT, decrement <= MAX_DECREMENT, "",
            "The mode was not reached (norm in posterior sds). Use the method nuts.",
        ),
        Check(
            "window_edge", edge, EDGE, edge <= EDGE, "",
            "Nodes of ability were cut off where a model still has weight. Please report this with the data.",
        ),
        Check(
            "item_normality", value, MAX_DEPARTURE, value <= MAX_DEPARTURE, names[worst],
            "The named item has too few answers, or nearly all alike, for a normal approximation of its "
            "intercept and log slope: its interval is not to be trusted, nor are others' that rest on it. "
            "Leave such items out, or use the method nuts.",
        ),
    )  # fmt: skip


def depart_from_normal(posterior: GridPosterior, draws: Items) -> FloatArray:
    """Departure of each item's log density from a parabola two posterior sds from the mode, (item,).

    The larger over four points, two along each principal axis of the item's (intercept, log slope). The
    density is that with abilities distributed as at the mode and shared parameters held.
    """
    mode, prior, responses = posterior.mode, posterior.prior, posterior.responses
    around = np.stack(
        [draws.intercept - mode.items.intercept, draws.log_slope - mode.items.log_slope], axis=2
    )
    covariance = np.einsum("dia,dib->iab", around, around) / len(around)
    variance, axes = np.linalg.eigh(covariance)
    seen, precision = mode.expectation, _item_precision(prior, mode)

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
