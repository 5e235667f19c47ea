"""A link in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from eci.linking import Link
    from eci.trend.quantity import Quantity
    from eci.trend.series import IndexSeries


def describe_link(link: Link) -> str:
    """Say what a link is, how sure, and what it rests on."""
    quantities = link.quantities()
    percent = f"{100 * link.interval_prob:g}%"
    low, high = link.range
    lines = [
        f"Old scale: {link.scales[0]}",
        f"New scale: {link.scales[1]}",
        f"{len(link)} common {'models and benchmarks' if link.common == 'both' else link.common}, "
        f"from {low:.1f} to {high:.1f} old points; method {link.method}.",
        "",
        "The free line: new = intercept + slope × old",
        f"  slope        {_of(quantities['slope'], '.3f')}   ({percent} interval)",
        f"  intercept    {_of(quantities['intercept'], '.2f')} points",
        f"  at old {np.mean(link.range):.0f}   {_line_at(link, float(np.mean(link.range)))} points",
        f"  residual sd  {_of(quantities['residual_sd'], '.2f')} points",
    ]
    if link.identity_residual_sd is not None:
        difference = link.units.y - link.units.x
        scatter = np.quantile(
            link.identity_residual_sd, [0.5 - link.interval_prob / 2, 0.5, 0.5 + link.interval_prob / 2]
        )
        lines += [
            "The identity: new = old, where both scales pin the same two anchors",
            f"  new minus old runs from {difference.min():+.1f} to {difference.max():+.1f} points, mean "
            f"{difference.mean():+.2f}",
            f"  residual sd  {scatter[1]:.2f} ({scatter[0]:.2f} to {scatter[2]:.2f}) points",
        ]
    drift = link.drift()
    if drift is not None:
        lines.append(
            f"Drift of the residual about the free line: {drift[0]:+.2f} points a year (standard error "
            f"{drift[1]:.2f})."
        )
    if link.sensitivity and np.any(link.units.x_sd) and np.any(link.units.y_sd):
        lines += ["", "Correlation of the errors of one model in the two indices:"]
        lines += [
            f"  {row['error_corr']:.1f}   slope {row['slope']['median']:.3f} ({row['slope']['low']:.3f} to "
            f"{row['slope']['high']:.3f})   residual sd {row['residual_sd']['median']:.2f}"
            for row in link.sensitivity
        ]
    if link.dropped:
        lines += ["", f"Left out: {', '.join(f'{name} ({reason})' for name, reason in link.dropped)}."]
    if link.warnings:
        lines += ["", *link.warnings]
    return "\n".join(lines) + "\n"


def describe_moved(series: IndexSeries, reading: str) -> str:
    """List a series carried across, highest first."""
    order = np.argsort(-series.index, kind="stable")
    width = max(len(name) for name in series.models)
    rows = [
        f"  {series.models[i]:<{width}}  {series.index[i]:6.1f}  sd {series.index_sd[i]:.2f}" for i in order
    ]
    return "\n".join([f"Carried to the new scale ({reading} reading):", *rows]) + "\n"


def _of(quantity: Quantity, spec: str) -> str:
    return f"{quantity.median:{spec}} ({quantity.low:{spec}} to {quantity.high:{spec}})"


def _line_at(link: Link, value: float) -> str:
    tail = 0.5 - link.interval_prob / 2
    low, median, high = np.quantile(link.line(np.array([value]))[:, 0], [tail, 0.5, 1 - tail])
    return f"{median:.2f} ({low:.2f} to {high:.2f})"
