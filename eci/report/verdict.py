"""Whether to trust a fit, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PREVIEWS = {
    "map": "the method map gives points without intervals.",
    "least_squares": "the method least_squares gives points without intervals.",
    "laplace": "laplace approximates the posterior; intervals of benchmarks with few scores may be far off.",
    "quadrature": "it approximates the posterior; with few answers an item, intervals of discriminations are "
    "too narrow.",
    "bootstrap": "intervals hold refits to resampled scores, not a posterior, and cover the truth less often "
    "than they say.",
}


def verdict(facts: Mapping[str, Any]) -> str:
    """Say whether a fit passed its checks, what to do where it did not, and what its scale is.

    Parameters
    ----------
    facts
        As `eci.report.tables.facts` gives them.
    """
    method, anchors = facts["method"]["name"], facts["scale"]["anchors"]
    failed = [check for check in facts["diagnostics"] if not check["ok"]]
    lines = [tell_failure(check) for check in failed]
    if not failed:
        n = len(facts["diagnostics"])
        passed = "The one check" if n == 1 else f"All {n} checks"
        lines.append(f"{passed} passed ({method}, {facts['likelihood']}).")
    if facts["preview"]:
        lines.append(f"A preview: {_PREVIEWS[method]}")
    unit = " in every draw, so these two have no interval of their own" if anchors else ""
    lines.append(f"Scale: {facts['scale']['label']}{unit}.")
    return "\n".join(lines)


def tell_failure(check: Mapping[str, Any]) -> str:
    """Say which check failed, by how much, where, and what to do.

    Parameters
    ----------
    check
        The fields of an `eci.fitted.Check`; value None where it is not a number.
    """
    value = "not a number" if check["value"] is None else f"{check['value']:.4g}"
    where = f", worst at {check['worst']}" if check["worst"] else ""
    return f"CHECK FAILED: {check['name']} is {value}, limit {check['limit']:g}{where}. {check['advice']}"
