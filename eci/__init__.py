"""Bayesian capability indices for AI models: item-response fits, trend breaks and linking.

Names are loaded on first use: `import eci` imports neither jax nor arviz nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eci.errors import ConvergenceError as ConvergenceError
    from eci.errors import DataError as DataError
    from eci.errors import EciError as EciError
    from eci.errors import EciWarning as EciWarning
    from eci.errors import IdentificationError as IdentificationError
    from eci.scores import ScoreMatrix as ScoreMatrix
    from eci.scores import load_scores as load_scores

__version__ = "0.1.0"

_HOMES = {
    "ConvergenceError": "eci.errors",
    "DataError": "eci.errors",
    "EciError": "eci.errors",
    "EciWarning": "eci.errors",
    "IdentificationError": "eci.errors",
    "ScoreMatrix": "eci.scores",
    "load_scores": "eci.scores",
}

__all__ = ["__version__", *sorted(_HOMES)]  # pyright: ignore


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'eci' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
