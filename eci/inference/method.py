"""Methods of inference as frozen option objects. Free of jax."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from eci.errors import DataError

MethodName = Literal["map", "laplace", "nuts"]


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

    def as_dict(self) -> dict[str, Any]:
        """Name and options."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Laplace(Map):
    """A normal approximation around the mode. A preview: too narrow for benchmarks with few scores.

    Parameters
    ----------
    n_draws
        Draws from the approximation.
    """

    name: ClassVar[MethodName] = "laplace"
    n_draws: int = 4000

    def __post_init__(self) -> None:
        """Refuse impossible options."""
        _require_at_least(self, n_draws=10)


@dataclass(frozen=True)
class Nuts(Map):
    """The exact posterior by the no-U-turn sampler on whitened coordinates. The default.

    Parameters
    ----------
    n_chains
        Independent chains, one a thread; R-hat needs at least two and is trustworthy from four.
    n_draws
        Kept draws of each chain before the checks are looked at.
    n_warmup
        Steps in which the step size adapts; the metric is fixed before sampling, so few are needed.
    target_accept
        Mean acceptance the step size aims at. On the bundled scores 0.9 costs as many leapfrogs as 0.8 and
        leaves no divergences where 0.8 leaves some in a hundred draws.
    max_tree_depth
        A trajectory has at most 2**max_tree_depth leapfrogs.
    max_doublings
        How often the number of draws is doubled while a check on R-hat or effective sample size fails.
    kernel
        "lean", the package's own kernel, or "numpyro", NumPyro's on the same whitened posterior (one
        chain after the other, several times slower, to check against).
    """

    name: ClassVar[MethodName] = "nuts"
    n_chains: int = 4
    n_draws: int = 1000
    n_warmup: int = 200
    target_accept: float = 0.9
    max_tree_depth: int = 10
    max_doublings: int = 2
    kernel: Literal["lean", "numpyro"] = "lean"

    def __post_init__(self) -> None:
        """Refuse impossible options."""
        _require_at_least(self, n_chains=1, n_draws=10, n_warmup=20, max_tree_depth=1, max_doublings=0)
        if not 0.0 < self.target_accept < 1.0:
            raise DataError(f"Nuts(target_accept={self.target_accept!r}): it must lie between 0 and 1.")
        if self.kernel not in ("lean", "numpyro"):
            raise DataError(f"Nuts(kernel={self.kernel!r}): known kernels are 'lean' and 'numpyro'.")


Method = Map | Laplace | Nuts
METHODS: dict[MethodName, type[Map]] = {"map": Map, "laplace": Laplace, "nuts": Nuts}
