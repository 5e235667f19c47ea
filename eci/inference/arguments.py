"""What `fit` refuses before it computes anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from eci.errors import DataError, IdentificationError
from eci.inference.method import METHODS, Bootstrap, LeastSquares, Map, Method, Nuts
from eci.irt.observation import LikelihoodName
from eci.irt.priors import Priors
from eci.scores import ScoreMatrix


def check_types(matrix: object, method: object, priors: object, anchors: object) -> None:
    """Refuse arguments of another type: a table for a matrix, the name or class of a method for a method."""
    if not isinstance(matrix, ScoreMatrix):
        raise DataError(
            f"fit takes a ScoreMatrix; given {_name(matrix)}. Make one of a table or a file: "
            "eci.ScoreMatrix.from_table(eci.load_scores(...))."
        )
    if not isinstance(method, Map):  # the base of all methods
        named = method.__name__ if isinstance(method, type) else str(method)
        meant = next((known.__name__ for name, known in METHODS.items() if _fold(named) == _fold(name)), None)
        advice = (
            f"Write method=eci.{meant}()."
            if meant
            else "Known: " + ", ".join(f"eci.{known.__name__}()" for known in METHODS.values()) + "."
        )
        raise DataError(
            f"method takes an object with the options of a method; given {_name(method)}. {advice}"
        )
    if priors is not None and not isinstance(priors, Priors):
        raise DataError(
            f"priors takes an eci.Priors; given {_name(priors)}. Write priors=eci.Priors(...), or "
            "eci.Priors.from_toml(FILE)."
        )
    if anchors is not None and not isinstance(anchors, Mapping):
        raise DataError(
            f"anchors takes the points of two models by name; given {_name(anchors)}. Write "
            'anchors={"Model A": 130, "Model B": 150}.'
        )


def _name(value: object) -> str:
    """Name a value by its type, and by itself where that is short."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    shown = repr(value)
    return f"a {type(value).__name__}" + (f", {shown}" if len(shown) <= 60 and "\n" not in shown else "")


def _fold(name: str) -> str:
    return name.replace("_", "").casefold()


def require_several(models: tuple[str, ...]) -> None:
    """Refuse a single model, which no scale has a unit for: points compare models."""
    if len(models) < 2:
        raise IdentificationError(
            f"{models[0]!r} is the only model of the matrix: one model has no scale, whose unit is how far "
            "models differ. Add scores of other models on these benchmarks, or loosen the rules that drop "
            "them (`eci check` lists what each rule drops)."
        )


def require_pieces(method: Method) -> None:
    """Refuse a checkpoint of a method that does not run in pieces."""
    if not isinstance(method, Nuts) or method.kernel == "numpyro":
        kind = f"The kernel {method.kernel}" if isinstance(method, Nuts) else f"The method {method.name}"
        raise DataError(
            f"{kind} does not run in pieces, so it keeps no checkpoint. Leave checkpoint out, or use the "
            "method nuts with a kernel of the package."
        )


def require_counts(likelihood: str) -> None:
    """Refuse a likelihood that is not one of right and wrong answers."""
    if likelihood != "binomial":
        raise DataError(
            f"The method quadrature counts right answers: its likelihood is binomial, not {likelihood!r}. "
            "Leave the likelihood out; every score needs its n_items. Or use the method nuts."
        )


def require_least_squares(likelihood: str, priors: Priors | None, method: LeastSquares | Bootstrap) -> None:
    """Refuse options that least squares does not have."""
    if likelihood != "normal":
        raise DataError(
            f"The method {method.name} is least squares: its likelihood is normal, not {likelihood!r}. Leave "
            "the likelihood out, or use the method nuts."
        )
    if priors is not None:
        raise DataError(
            f"The method {method.name} is least squares, which takes no priors: its penalty is the option "
            "ridge. Leave the priors out, or use the method nuts."
        )


def check_options(likelihood: str, seed: int, interval_prob: float) -> None:
    """Refuse options outside their range."""
    if likelihood not in get_args(LikelihoodName):
        raise DataError(f"likelihood is {likelihood!r}. Known: {', '.join(get_args(LikelihoodName))}.")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise DataError(f"seed is {seed!r}. It must be a whole number from 0.")
    if not 0.0 < interval_prob < 1.0:
        raise DataError(f"interval_prob is {interval_prob!r}. It must lie between 0 and 1, such as 0.9.")
