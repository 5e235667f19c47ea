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

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eci.errors import ConvergenceError, DataError
from eci.fitted import Parameters
from eci.inference.conditional import Conditional, condition, look_up, tabulate_quantiles
from eci.inference.diagnose import check_finite
from eci.inference.estimate import Estimate
from eci.inference.grid_checks import check_grid, precision_of_items
from eci.inference.itemfactor import ItemFactor, factor_over_items, factor_over_models
from eci.inference.items import ItemPrior, Items, choose_prior
from eci.inference.marginal import MarginalMode, find_marginal_mode
from eci.inference.method import Quadrature
from eci.inference.quadrature import item_gradient, weigh
from eci.inference.responses import Responses
from eci.irt.priors import Priors
from eci.scores import ScoreMatrix

if TYPE_CHECKING:
    from eci.inference.provenance import Clock  # which needs jax, to name the device

FloatArray = NDArray[np.float64]

MAX_ITEM_SIDE = 4100  # item coordinates: 134 MB a matrix
MAX_MODEL_SIDE = 10_000  # models: 800 MB a matrix
N_POLYNOMIALS = 4  # of ability, where H is factored over items
N_KNOWN, N_KNOWN_DRAWS = 2, 1000  # renewals of what is known of items, draws for each
MAX_KNOWN_ERROR = 1e-3
HELD = 1e12  # precision of what is held


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
    definite
        Whether the curvature was that of a maximum; if not, the common sds of the items are held at theirs.
    """

    responses: Responses
    prior: ItemPrior
    mode: MarginalMode
    conditional: Conditional
    factor: ItemFactor
    decrement: float
    definite: bool

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
        nodes, parts = self.mode.nodes, self.responses
        for block, rows, window, pull in zip(
            parts.blocks, parts.rows, nodes.windows, self.conditional.pull, strict=True
        ):
            weight, _ = weigh(block, self.mode.tables, nodes, window)
            quantile = tabulate_quantiles(weight, nodes.ability[window])
            shift = self.conditional.sd[rows, None] * (pull @ delta[: 2 * n])
            shift += look_up(quantile, rng.standard_normal(shift.shape))
            ability[parts.order[rows]] = shift
        return ability.T, self.place_items(delta)

    def place_items(self, delta: FloatArray) -> Items:
        """Items (draw, item) at changes (coordinate, draw) from the mode."""
        n, at = self.responses.n_items, self.mode.items
        intercept, log_slope, shared = np.split(delta.T, [n, 2 * n], axis=1)
        return Items(at.intercept + intercept, at.log_slope + log_slope, at.shared + shared, at.reference)


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
        Where a score has no n_items or lies outside [0, 1], where items without a prior were answered right
        by all or none, and where neither models nor items are few enough for a matrix over them.
    ConvergenceError
        Where the curvature of the items at their mode is not that of a maximum.
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
    if not prior.sds:
        _require_mixed_answers(responses, matrix.benchmarks)
    mode = find_marginal_mode(responses, prior, hold_sds=True)
    known = None
    for _ in range(N_KNOWN if _depends_on_known(prior, mode) else 0):
        held = _factor(responses, prior, mode, over_items=over_items, hold_sds=True)
        known = _know_without_abilities(held)
        mode = find_marginal_mode(responses, prior, start=mode, known=known)
    if known is None:
        mode = find_marginal_mode(responses, prior, start=mode)
    try:
        return _factor(responses, prior, mode, over_items=over_items, hold_sds=False)
    except ConvergenceError:
        held = _factor(responses, prior, mode, over_items=over_items, hold_sds=True)
        return replace(held, definite=False)


def _require_mixed_answers(responses: Responses, names: tuple[str, ...]) -> None:
    """Refuse items that all or none answered right."""
    right, trials = responses.n_right, responses.n_trials
    alike = [name for name, r, n in zip(names, right, trials, strict=True) if r in (0.0, n)]
    if alike:
        raise DataError(
            f"{len(alike)} of {len(names)} items were answered right by all models or by none "
            f"({', '.join(alike[:3])}), and without a prior such an item has no difficulty. Leave them out, "
            'or use Quadrature(items="hierarchical").'
        )


def _factor(
    responses: Responses, prior: ItemPrior, mode: MarginalMode, *, over_items: bool, hold_sds: bool
) -> GridPosterior:
    """Condition the abilities on the items and factor the items' precision."""
    conditional, loss = condition(responses, mode, N_POLYNOMIALS if over_items else 0)
    own = prior.precision(mode.items, mode.known, exact=True)
    precision = own._replace(block=precision_of_items(prior, mode))
    gradient = _gradient(prior, mode)
    if hold_sds:
        sds = list(prior.sds)
        precision.border[:, :, sds] = precision.shared[sds] = precision.shared[:, sds] = 0.0
        precision.shared[sds, sds] = HELD
        gradient[2 * responses.n_items :][sds] = 0.0
    if over_items:
        factor: ItemFactor = factor_over_items(precision, loss, common_slope=prior.common_slope)
    else:
        factor = factor_over_models(precision, conditional.pull, responses.n_models)
    decrement = float(np.sqrt(np.maximum(gradient @ factor.solve(gradient), 0.0)))
    return GridPosterior(responses, prior, mode, conditional, factor, decrement, definite=True)


def _depends_on_known(prior: ItemPrior, mode: MarginalMode) -> bool:
    """Whether not knowing abilities takes enough from what is known of items to move their common sds.

    That is the product of two shares: of the items' prior variance that the answers leave, and of the
    abilities' (a measure of how much of the information on items is missing).
    """
    if not prior.sds:
        return False
    sd = np.exp(mode.items.shared[list(prior.sds)])
    left = 1.0 / (1.0 + mode.known * sd**2)
    return bool(left.mean(axis=0).max() * (mode.expectation.sd**2).mean() > MAX_KNOWN_ERROR)


def _know_without_abilities(posterior: GridPosterior) -> FloatArray:
    """Precision that the answers give difficulty and log slope, (item, 2), the prior's taken off.

    From draws of the items around their common mean, which the prior does not tie down.
    """
    items = posterior.place_items(posterior.factor.draw(np.random.default_rng(0), N_KNOWN_DRAWS))
    sd = np.exp(posterior.mode.items.shared[list(posterior.prior.sds)])
    values = np.stack([items.difficulty, items.log_slope], axis=2)
    variance = (values - values.mean(axis=1, keepdims=True)).var(axis=0)
    return np.asarray(np.maximum(1.0 / variance - sd**-2.0, 1e-3))


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
    checks = check_grid(
        posterior.mode,
        posterior.responses,
        posterior.prior,
        items,
        matrix.benchmarks,
        decrement=posterior.decrement,
        definite=posterior.definite,
    )
    clock.lap("check")
    return Estimate(mode, draws, 1, {}, checks + check_finite(draws))
