"""Models compared, and which of three lies between, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from eci.report.text import align, paragraph

if TYPE_CHECKING:
    from eci.queries.between import Between, Count, Null
    from eci.queries.compare import Comparison
    from eci.queries.kinship import Kinship
    from eci.queries.metrics import MetricCount

_SMALLEST = 1e-4  # one replication in 10,000


def describe_comparison(comparison: Comparison) -> str:
    """Say what ranks are counted among, and by what rule models are told apart."""
    apart, n = int(comparison.pairs["apart"].sum()), len(comparison.pairs)
    return paragraph(
        f"Ranks are among the {comparison.n_models} models of the fit. Two models are told apart where the "
        f"{comparison.interval_prob:.0%} interval of their difference, from the joint draws, leaves out 0: "
        f"{apart} of {n} pair{'' if n == 1 else 's'}. Models that share a letter cannot be told apart."
    )


def describe_between(between: Between) -> str:
    """Say on how many benchmarks the middle model lies between, and whether abilities alone would do it."""
    count, (first, middle, last) = between.count, between.models
    table = between.benchmarks
    outside = [str(name) for name in table["benchmark"][table["between"] == 0]]
    said = paragraph(
        f"Between: by index {middle} is the middle one of the three, below {first} and above {last}. It lies "
        f"between them on {count.between:.3g} of the {count.n} benchmarks of the fit that all three have "
        f"sat. {_say_nulls(count, between.kinship)}",
        f"Not between on {_list(outside)}." if outside else "",
    )
    models = align(_rows("in the middle", ((c.model, c) for c in between.counts)), _SIDES)
    domains = align(_rows("by domain", ((d or "unknown", c) for d, c in between.by_domain.items())), _SIDES)
    return f"{said}\n\n{models}\n\n{domains}"


def describe_metrics(metrics: MetricCount) -> str:
    """Say the same of a table of metrics, and what its metrics were compared with."""
    count = metrics.count
    said = [
        f"Metrics: {count.model} lies between on {count.between:.3g} of {count.n}, whether high or low is "
        f"better. {_say_nulls(count, metrics.kinship)}"
    ]
    if metrics.known:
        pairs = [f"“{m}”" if m == b else f"“{m}” as {b}" for m, b in metrics.known.items()]
        said.append(f"Of the fit, and replicated on their own curves: {_list(pairs)}.")
    if metrics.unknown:
        said.append(
            f"Not in the fit: {_list(_quote(metrics.unknown))}; in each replication they are different "
            f"benchmarks drawn at random from {metrics.n_drawn_from} that one of the three has sat."
        )
    if metrics.dropped:
        said.append(f"Without a value for each of the three, left out: {_list(_quote(metrics.dropped))}.")
    said.append(
        f"Were all orders equally likely, whatever the abilities, so many or more would have probability "
        f"{_chance(metrics.p_equal_orders)}. If these metrics were chosen because {count.model} lies between "
        "on them, none of these probabilities means anything."
    )
    return paragraph(*said)


def _say_nulls(count: Count, kinship: Kinship | None) -> str:
    alone = count.independent
    said = (
        f"If abilities alone decided and scores scattered independently, {_expected(alone)} would be "
        f"expected, and so many or more in {_chance(alone.p_at_least)} of the replications."
    )
    if count.shared is None or kinship is None:
        return said + (
            " What models of one lab share could not be estimated (other labs, or too few scores of others)."
        )
    return said + (
        f" Other models of {kinship.lab} released within {kinship.days} days of each other share "
        f"{kinship.share:.0%} of that scatter ({kinship.n_pairs} pairs of scores); if these three do, "
        f"{_expected(count.shared)} and {_chance(count.shared.p_at_least)}."
    )


def _expected(null: Null) -> str:
    return f"{null.expected:.1f} ({null.low:.3g} to {null.high:.3g})"


_SIDES = "<>>>>>>"


def _rows(title: str, counts: Iterable[tuple[str, Count]]) -> list[tuple[str, ...]]:
    heading = ("expected", "P(as many)")
    rows: list[tuple[str, ...]] = [
        (title, "benchmarks", "times", *heading, *(f"shared: {h}" for h in heading))
    ]
    for name, count in counts:
        cells = [_expected(count.independent), _chance(count.independent.p_at_least)]
        cells += (
            ["", ""] if count.shared is None else [_expected(count.shared), _chance(count.shared.p_at_least)]
        )
        rows.append((name, str(count.n), f"{count.between:.3g}", *cells))
    return rows


def _chance(prob: float) -> str:
    if prob < _SMALLEST:
        return f"<{_SMALLEST:g}"
    return f"{prob:.2f}" if prob >= 0.095 else f"{prob:.2g}"


def _quote(names: Iterable[str]) -> list[str]:
    return [f"“{name}”" for name in names]


def _list(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
