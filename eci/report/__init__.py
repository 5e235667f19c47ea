"""Tables, words, pictures and the page of a fit: `eci.report.tables`, `words`, `plots`, `html`."""

from importlib import import_module
from types import ModuleType

_ROOMS = ("tables", "words", "plots", "html")

__all__ = [*_ROOMS]  # noqa: PLE0604 - the names are modules, imported on first use


def __getattr__(name: str) -> ModuleType:
    """Import a module of this package on first use, so that tables do not load matplotlib."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'eci.report' has no attribute {name!r}")
    return import_module(f"eci.report.{name}")
