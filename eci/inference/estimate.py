"""What every method hands to `eci.inference.run`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from eci.fitted import Check, Parameters


class Estimate(NamedTuple):
    """The numbers of a fit before they are put on a scale: fields as in `eci.fitted.Fit`."""

    mode: Parameters
    draws: Parameters | None
    n_chains: int
    stats: Mapping[str, NDArray[Any]]
    checks: tuple[Check, ...]
