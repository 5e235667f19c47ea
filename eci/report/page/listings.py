"""Tables of the HTML report, but for the trend: which columns of the twins a reader sees, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eci.report.layout import span
from eci.report.page.cells import Column, PageTable, build_table

if TYPE_CHECKING:
    from eci.trend import Trend

N_FIRST = 50  # rows of the ranking shown at first, for which the axis of the intervals is enlarged
MOST_SCORES = 10_000  # rows of the table of scores, the most surprising first: the file stays under 5 MB


def table_ranking(abilities: pd.DataFrame, interval_prob: float) -> PageTable:
    """Ranking, with the intervals drawn on a common axis."""
    low, high = span(abilities[["low", "high"]], include=abilities["index"])
    top = abilities[:N_FIRST]
    near = span(top[["low", "high"]], include=top["index"])
    near = min(near[0], near[1] - 0.05 * (high - low)), near[1]  # equal indices are not blown up

    def percent(values: Any) -> Any:
        return (values - low) / (high - low) * 100

    ends = [percent(abilities[name].fillna(abilities["index"])) for name in ("low", "index", "high")]
    ticks = [(tick, float(percent(tick))) for tick in _round_ticks(low, high)]
    near_ticks = [(tick, float(percent(tick))) for tick in _round_ticks(*near)]
    frame = abilities.assign(interval=pd.Series(list(zip(*ends, strict=True)), dtype=object))
    percentage = f"{interval_prob:.0%}"
    columns = (
        Column("rank", "Rank", "number", "d"),
        Column("model", "Model"),
        Column("lab", "Lab", "fixed", minor=True),
        Column("release_date", "Released", "fixed", minor=True),
        Column("interval", f"Index with {percentage} interval", "interval"),
        Column("index", "Index", "number", ".1f"),
        Column("low", "Low", "number", ".1f", minor=True),
        Column("high", "High", "number", ".1f", minor=True),
        Column("n_benchmarks", "Scores on", "number", "d", minor=True),
    )
    return build_table(
        "ranking",
        f"Models by index, in points, with {percentage} intervals",
        frame,
        columns,
        group="lab",
        limit=N_FIRST,
        searchable=True,
        ticks=ticks,
        near_ticks=near_ticks,
        near=(float(percent(near[0])), float(percent(near[1]))),
    )


def table_benchmarks(standing: pd.DataFrame, interval_prob: float) -> PageTable:
    """Difficulty and slope, hardest first."""
    frame = standing.sort_values(["difficulty", "benchmark"], ascending=[False, True])
    percentage = f"{interval_prob:.0%}"
    columns = (
        Column("benchmark", "Benchmark"),
        Column("domain", "Domain", "fixed", minor=True),
        Column("difficulty", "Difficulty", "number", ".1f"),
        Column("difficulty_low", f"{percentage} low", "number", ".1f", minor=True),
        Column("difficulty_high", "High", "number", ".1f", minor=True),
        Column("discrimination", "Slope per point", "number", ".3f"),
        Column("discrimination_low", f"{percentage} low", "number", ".3f", minor=True),
        Column("discrimination_high", "High", "number", ".3f", minor=True),
        Column("frontier_score", "Score expected of the frontier", "number", ".2f"),
        Column("p_harder", "P(harder than the frontier)", "number", ".2f", minor=True),
        Column("n_models", "Models", "number", "d", minor=True),
    )
    caption = "Benchmarks, hardest first, and where the best model stands on them"
    return build_table("benchmarks", caption, frame, columns, group="domain", limit=15, searchable=True)


def table_information(standing: pd.DataFrame) -> PageTable:
    """What one score tells about a model at the frontier."""
    columns = (
        Column("benchmark", "Benchmark"),
        Column("domain", "Domain", "fixed", minor=True),
        Column("information", "Information at the frontier, 1/points²", "number", ".3g"),
        Column("single_score_sd", "Error of one score, points", "number", ".1f"),
        Column("frontier_score", "Score expected of the frontier", "number", ".2f"),
    )
    caption = "How much one score tells about a model at the frontier"
    return build_table("information", caption, standing, columns, group="domain", limit=15, searchable=True)


def table_residuals(by_domain: pd.DataFrame) -> PageTable:
    """Model by domain, the most surprising first."""
    frame = by_domain.assign(domain=by_domain["domain"].replace("", "no domain"))
    columns = (
        Column("model", "Model"),
        Column("lab", "Lab", minor=True),
        Column("domain", "Domain"),
        Column("n_scores", "Scores", "number", "d", minor=True),
        Column("residual", "Mean of score minus expected", "number", "+.3f"),
        Column("sd", "Sd", "number", ".3f", minor=True),
        Column("z", "In sd", "number", "+.1f"),
    )
    caption = "Models by domain against what their index says, the most surprising first"
    return build_table("residuals", caption, frame, columns, group="domain", limit=15, searchable=True)


def table_scores(scores: pd.DataFrame, sources: pd.DataFrame | None) -> PageTable:
    """Every score with its expectation and its source, the most surprising first."""
    columns = [
        Column("model", "Model"),
        Column("benchmark", "Benchmark"),
        Column("score", "Score", "number", ".3f"),
        Column("expected", "Expected", "number", ".3f"),
        Column("z", "In sd", "number", "+.1f"),
    ]
    frame = scores[:MOST_SCORES]
    if sources is not None:
        frame = frame.join(sources, on="score_index")
        columns += [
            Column("conditions", "Conditions", minor=True),
            Column("source_kind", "Kind", "fixed", minor=True),
            Column("source_url", "Source", "link"),
        ]
    caption = "Scores and what the fit expects of them, the most surprising first"
    if len(scores) > MOST_SCORES:
        caption += f"; {MOST_SCORES:,} of {len(scores):,}"
    return build_table("scores", caption, frame, columns, group="lab", limit=15, searchable=True)


def table_sources(sources: pd.DataFrame) -> PageTable:
    """Sources by the number of scores taken from them."""
    counted = sources.groupby(["source_url", "source_kind"], sort=True).size().rename("n").reset_index()
    counted = counted.sort_values("n", ascending=False, kind="stable").assign(address=counted["source_url"])
    columns = (
        Column("address", "Address"),
        Column("source_url", "Site", "link"),
        Column("source_kind", "Kind"),
        Column("n", "Scores", "number", "d"),
    )
    return build_table("sources", "Sources by number of scores", counted, columns, limit=10, searchable=True)


def table_checks(diagnostics: pd.DataFrame) -> PageTable:
    """Checks of the fit."""
    frame = diagnostics.assign(result=np.where(diagnostics["ok"].astype(bool), "passed", "FAILED"))
    frame["advice"] = frame["advice"].where(~diagnostics["ok"].astype(bool), "")
    columns = (
        Column("name", "Check"),
        Column("value", "Value", "number", ".4g"),
        Column("limit", "Limit", "number", "g"),
        Column("result", "Result"),
        Column("worst", "Worst at", minor=True),
        Column("advice", "Advice", minor=True),
    )
    return build_table("checks", "Checks of the fit", frame, columns, limit=40)


def table_data(coverage: pd.DataFrame) -> PageTable:
    """What the scores cover."""
    columns = (
        Column("domain", "Domain"),
        Column("n_benchmarks", "Benchmarks", "number", "d"),
        Column("n_models", "Models", "number", "d"),
        Column("n_scores", "Scores", "number", "d"),
        Column("share", "Share of pairs with a score", "number", ".3f"),
        Column("first_date", "First model", "fixed", minor=True),
        Column("last_date", "Last model", "fixed", minor=True),
    )
    frame = coverage.assign(domain=coverage["domain"].replace("", "no domain"))
    return build_table("data", "What the scores cover", frame, columns, limit=40)


def table_choices(facts: Mapping[str, Any], trend: Trend | None) -> PageTable:
    """Every choice of the analyst, of the fit and of the trend."""
    rows: list[tuple[str, str, Any]] = [("scale", "points", facts["scale"]["label"])]
    rows += [("scale", f"anchor {name}", value) for name, value in facts["scale"]["anchors"].items()]
    rows += [("data", name, facts[name]) for name in ("n_models", "n_benchmarks", "n_scores", "data_digest")]
    rows += [("rules", name, value) for name, value in facts["rules"].items()]
    rows += _list_dropped(facts["dropped"])
    rows += [("model", "likelihood", facts["likelihood"])]
    rows += [("priors", name, value) for name, value in facts["priors"].items()]
    rows += [("method", _say_asked(name, facts["method"]), value) for name, value in facts["method"].items()]
    rows += [("fit", "chains in all", facts["n_chains"]), ("fit", "draws in all, kept", facts["n_draws"])]
    rows += [("fit", name, facts[name]) for name in ("seed", "interval_prob")]
    if trend is not None:
        record = trend.record()
        rows += [("trend", name, value) for name, value in record["selection"].items()]
        rows += [("trend", name, value) for name, value in record["choices"].items()]
        rows += [("trend priors", name, value) for name, value in record["priors"].items()]
    rows += [("versions", name, value) for name, value in facts["versions"].items()]
    rows += [("machine", "device", facts["device"])]
    rows += [("machine", f"seconds, {name}", value) for name, value in facts["seconds"].items()]
    shown = [(part, name.replace("_", " "), _show(value)) for part, name, value in rows]
    frame = pd.DataFrame(shown, columns=["part", "choice", "value"])
    columns = (Column("part", "Of"), Column("choice", "Choice"), Column("value", "Value"))
    return build_table("choices", "Every choice behind these numbers", frame, columns, limit=500)


def _say_asked(name: str, method: Mapping[str, Any]) -> str:
    """Name a setting of the method; with chains, draws are those of one chain before any extension."""
    if name != "n_draws" or "n_chains" not in method:
        return name
    return "draws of a chain, before extensions" if "max_extensions" in method else "draws of a chain"


def _list_dropped(dropped: Sequence[Mapping[str, str]]) -> list[tuple[str, str, str]]:
    """What the rules left out: models and benchmarks by name, rows (other values of a pair) by number."""
    counts = Counter((item["kind"], item["rule"]) for item in dropped)
    rows = []
    for (kind, rule), count in sorted(counts.items()):
        named = [item["name"] for item in dropped if (item["kind"], item["rule"]) == (kind, rule)]
        rows.append(
            ("dropped", f"{kind}s by {rule}", f"{count}" if kind == "row" else f"{count}: {', '.join(named)}")
        )
    return rows


def _show(value: Any) -> str:
    if value is None or value in ([], ()):
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_show(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _round_ticks(low: float, high: float) -> list[float]:
    """Up to five round numbers inside an axis, clear of its ends, where text would touch its neighbours."""
    step = next(step for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1e9) if (high - low) / step <= 5)
    room = 0.05 * (high - low)
    ticks = np.arange(np.ceil(low / step) * step, high, step)
    return [float(tick) for tick in ticks if low + room <= tick <= high - room]
