"""How a fit came about: versions, device, seconds."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version

import jax

import eci
from eci.fitted import Provenance

_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "pandas")


class Clock:
    """Seconds by stage, from the moment it is made."""

    def __init__(self) -> None:
        self._laps: dict[str, float] = {}
        self._last = self._first = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap to `stage`."""
        now = time.perf_counter()
        self._laps[stage] = self._laps.get(stage, 0.0) + now - self._last
        self._last = now

    def seconds(self) -> dict[str, float]:
        """Give seconds by stage and in all."""
        laps = {**self._laps, "total": time.perf_counter() - self._first}
        return {stage: round(value, 3) for stage, value in laps.items()}


def describe_run(clock: Clock) -> Provenance:
    """Collect versions, device and seconds."""
    return Provenance(versions(), describe_device(), clock.seconds())


def describe_device() -> str:
    """What the numbers are computed on."""
    device = jax.devices()[0]
    return f"{device.platform}: {device.device_kind}, {platform.machine()}, {os.cpu_count()} cores"


def versions() -> dict[str, str]:
    """Versions of the packages that the numbers may depend on."""
    found = {"eci": eci.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # vendored or built without metadata
            found[name] = "unknown"
    return found
