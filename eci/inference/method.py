"""Methods of inference as frozen option objects. Free of jax."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from eci.errors import DataError

if TYPE_CHECKING:
    from eci.irt.observation import LikelihoodName

MethodName = Literal["map", "laplace", "nuts", "quadrature", "least_squares", "bootstrap"]


def _require_at_least(method: object, **minima: int) -> None:
    for name, least in minima.items():
        value = getattr(method, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise DataError(
                f"{type(method).__name__}({name}={value!r}): {name} must be a whole number from {least}."
            )


@dataclass(frozen=True)
class Map:
    """The mode with abilities integrated out: a point, no intervals. A preview."""

    name: ClassVar[MethodName] = "map"
    default_likelihood: ClassVar[LikelihoodName] = "beta"

    def as_dict(self) -> dict[str, Any]:
        """Name and options."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Laplace(Map):
    """A normal approximation around the mode. A preview: most intervals are somewhat too narrow.

    Parameters
    ----------
    n_draws
        Draws from the approximation.
    n_weighed
        Draws whose densities are compared with those of the posterior, for the Pareto k of the checks; 0
        leaves these checks out.
    """

    name: ClassVar[MethodName] = "laplace"
    n_draws: int = 4000
    n_weighed: int = 1000

    def __post_init__(self) -> None:
        """Refuse impossible options."""
        _require_at_least(self, n_draws=10, n_weighed=0)


@dataclass(frozen=True)
class Nuts(Map):
    """The exact posterior by the no-U-turn sampler on whitened coordinates. The default.

    Parameters
    ----------
    n_chains
        Independent chains, one a thread; R-hat is trustworthy from four. Of one chain it compares the
        halves, and cannot see a region that the chain never visits.
    n_draws
        Draws of each chain before the checks are looked at, and again of each extension.
    n_warmup
        Steps in which the step size adapts; the metric is fixed before sampling, so few are needed.
    target_accept
        Mean acceptance the step size aims at. On the bundled scores lower values begin to diverge, and a run
        that starts again with half the step costs more than they gain.
    max_tree_depth
        A trajectory has at most 2**max_tree_depth steps, of two gradients each.
    max_extensions
        How often chains go on for n_draws more while a check on R-hat or effective sample size fails, counted
        anew after each halving.
    max_halvings
        How often sampling starts again with half the step size, from where the chains stand, while more than
        one transition in a thousand diverges. Few scores leave necks in the posterior that large steps miss.
    kernel
        "lean", the package's own kernel, or "numpyro", NumPyro's on the same whitened posterior (one
        chain after the other, several times slower, never extended or halved, to check against).
    """

    name: ClassVar[MethodName] = "nuts"
    n_chains: int = 4
    n_draws: int = 1000
    n_warmup: int = 150
    target_accept: float = 0.9
    max_tree_depth: int = 10
    max_extensions: int = 7
    max_halvings: int = 3
    kernel: Literal["lean", "numpyro"] = "lean"

    def __post_init__(self) -> None:
        """Refuse impossible options."""
        _require_at_least(self, n_chains=1, n_draws=10, n_warmup=20, max_tree_depth=1)
        _require_at_least(self, max_extensions=0, max_halvings=0)
        if not 0.0 < self.target_accept < 1.0:
            raise DataError(f"Nuts(target_accept={self.target_accept!r}): it must lie between 0 and 1.")
        if self.kernel not in ("lean", "numpyro"):
            raise DataError(f"Nuts(kernel={self.kernel!r}): known kernels are 'lean' and 'numpyro'.")


@dataclass(frozen=True)
class Quadrature(Map):
    """Item responses in any number: abilities exact given the items, items normal. Approximate.

    For the likelihood `binomial`; a benchmark is then an item, answered once (n_items 1) or more often. It
    approximates the posterior that `Nuts` samples, compiles nothing, and takes about 40 passes over the
    answers. `docs/scale.md` has its coverage, its time, and how it compares with NUTS.

    Parameters
    ----------
    n_draws
        Independent joint draws; with 400 the ends of a 90 % interval have a standard error of 0.1
        posterior sds, and 100,000 models take 0.3 GB.
    items
        Prior of the items: "hierarchical", that of `Priors`; "flat", none, so that the mode is the marginal
        maximum-likelihood estimate; "rasch", none and one discrimination for all items. Without a prior,
        items that all or none answered right have no mode and are refused.
    """

    name: ClassVar[MethodName] = "quadrature"
    default_likelihood: ClassVar[LikelihoodName] = "binomial"
    n_draws: int = 400
    items: Literal["hierarchical", "flat", "rasch"] = "hierarchical"

    def __post_init__(self) -> None:
        """Refuse impossible options."""
        _require_at_least(self, n_draws=10)
        if self.items not in ("hierarchical", "flat", "rasch"):
            raise DataError(
                f"Quadrature(items={self.items!r}): known priors are 'hierarchical', 'flat' and 'rasch'."
            )


@dataclass(frozen=True)
class LeastSquares(Map):
    """The least-squares estimator of the Epoch Capabilities Index: a point, no intervals. A preview.

    1/2 sum_i (logistic(a_j (C_m - D_j)) - x_i)^2 + 1/2 ridge / n_parameters (|C|^2 + |D|^2 + |a|^2)

    with x the score as a fraction of the way from chance level to ceiling, clipped to [0.001, 0.999];
    abilities C and difficulties D within [-10, 10], slopes a within [0.1, 10]. It takes no priors.

    Parameters
    ----------
    ridge
        Strength of the penalty, from 0. Epoch's 0.1 keeps models and benchmarks with one-sided scores finite.
        It is not without effect on the others: see docs/bootstrap.md.
    anchor_benchmark
        Benchmark whose slope is 1 in the estimator's unit; Epoch's is Winogrande. Without one the penalty
        fixes the unit. Points do not depend on the unit, but the penalty does.

    References
    ----------
    Ho et al. (2025), A Rosetta Stone for AI Benchmarks, arXiv:2512.00193.
    """

    name: ClassVar[MethodName] = "least_squares"
    default_likelihood: ClassVar[LikelihoodName] = "normal"
    ridge: float = 0.1
    anchor_benchmark: str | None = None

    def __post_init__(self) -> None:
        """Refuse impossible options."""
        number = isinstance(self.ridge, int | float) and not isinstance(self.ridge, bool)
        if not number or not 0.0 < self.ridge < float("inf"):
            raise DataError(
                f"LeastSquares(ridge={self.ridge!r}): the penalty must be a finite number above 0, such as "
                "0.1. Without it, models that beat all others run to the bounds."
            )


@dataclass(frozen=True)
class Bootstrap(Map):
    """Least-squares refits of resampled scores: draws with percentile intervals. A preview.

    Parameters
    ----------
    n_refits
        Refits; Epoch publishes 500, Anthropic 100.
    resample
        "scores" draws each model's scores with replacement (Epoch); "benchmarks" leaves out a random fifth of
        the benchmarks (Anthropic).
    estimator
        The least squares that are refitted.

    Notes
    -----
    Draws are refits, not a posterior: `docs/coverage.md` says what their intervals cover. A resample that
    leaves a model without scores, or the scores in groups without a common scale, is drawn again and counted.
    A benchmark without scores in a refit gets the curve that its own scores give with that refit's abilities.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, doi:10.1007/978-1-4899-4541-9.
    """

    name: ClassVar[MethodName] = "bootstrap"
    default_likelihood: ClassVar[LikelihoodName] = "normal"
    n_refits: int = 500
    resample: Literal["scores", "benchmarks"] = "scores"
    estimator: LeastSquares = field(default_factory=LeastSquares)

    def __post_init__(self) -> None:
        """Refuse impossible options."""
        _require_at_least(self, n_refits=10)
        if self.resample not in ("scores", "benchmarks"):
            raise DataError(
                f"Bootstrap(resample={self.resample!r}): known resamples are 'scores' and 'benchmarks'."
            )


Method = Map | Laplace | Nuts | Quadrature | LeastSquares | Bootstrap
METHODS: dict[MethodName, type[Map]] = {
    "map": Map,
    "laplace": Laplace,
    "nuts": Nuts,
    "quadrature": Quadrature,
    "least_squares": LeastSquares,
    "bootstrap": Bootstrap,
}
