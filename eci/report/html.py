"""The report: one HTML file that needs no server and no network, from a fit and its trend."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eci.report import findings, tables
from eci.report.page import fit_charts, trend_charts
from eci.report.page.chart_style import NARROW, WIDE, Sheets
from eci.report.page.listings import (
    table_benchmarks,
    table_checks,
    table_choices,
    table_data,
    table_information,
    table_ranking,
    table_residuals,
    table_scores,
    table_sources,
)
from eci.report.page.trend_listings import (
    table_breaks,
    table_changes,
    table_line,
    table_sensitivity,
    table_timeline,
)
from eci.report.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from jinja2 import Environment

    from eci.fitted import Fit
    from eci.trend import Trend

TEMPLATES = Path(__file__).parent / "templates"


def render_report(
    fit: Fit,
    *,
    trend: Trend | None = None,
    compare: Sequence[str] = (),
    no_trend: str = "",
    sources: pd.DataFrame | None = None,
    title: str = "AI capability index",
) -> str:
    """Write a report as the text of one HTML file.

    It holds its charts, their script and their data, and forbids itself the network (content security
    policy). Every chart has a table beside it with the same numbers, from `eci.report.tables`.

    Parameters
    ----------
    fit
        The fit.
    trend
        A trend of this fit; None leaves the section with `no_trend`, the reason.
    compare
        Models to compare with the trend of the others.
    sources
        As `find_sources` gives them, one row for each score; None where they are not known.
    title
        Heading of the page.

    Returns
    -------
    str
        HTML. It depends on the arguments alone, so the same fit gives the same bytes.

    Raises
    ------
    DataError
        Where a model of `compare` is not in the fit, or no model has a finite index.
    """
    facts = tables.facts(fit)
    abilities = tables.abilities(fit)
    tables.require_index(abilities)
    frontier = tables.frontier(fit)
    standing, curves = tables.at_frontier(fit), tables.information(fit)
    by_domain, scores = tables.residuals_by_domain(fit), tables.residuals(fit)
    told = {
        "leader": findings.tell_leader(abilities, frontier, facts),
        "benchmarks": findings.tell_benchmarks(standing),
        "placed": findings.tell_placed(standing),
        "information": findings.tell_information(standing),
        "residuals": findings.tell_residuals(by_domain),
    }
    drawn: dict[str, Any] = {
        "benchmarks": partial(fit_charts.benchmarks, standing, frontier),
        "information": partial(fit_charts.information, curves, standing, frontier),
        "residuals": partial(fit_charts.residuals, by_domain),
    }
    shown = {
        "ranking": table_ranking(abilities, facts["interval_prob"]),
        "benchmarks": table_benchmarks(standing, facts["interval_prob"]),
        "information": table_information(standing),
        "residuals": table_residuals(by_domain),
        "scores": table_scores(scores, sources),
        "checks": table_checks(tables.diagnostics(fit)),
        "data": table_data(tables.coverage(fit)),
        "choices": table_choices(facts, trend),
    }
    if sources is not None:
        shown["sources"] = table_sources(sources)
    paragraphs: list[str] = []
    if trend is not None:
        told |= {"pace": findings.tell_pace(trend), "changes": findings.tell_changes(trend)}
        drawn["timeline"] = partial(trend_charts.timeline, trend)
        shown |= {"timeline": table_timeline(trend), "line": table_line(trend), "break": table_breaks(trend)}
        shown["changes"] = table_changes(trend)
        if trend.automatic:
            drawn["changes"] = partial(trend_charts.change_models, trend)
            shown["sensitivity"] = table_sensitivity(trend)
        paragraphs = _tell_trend(trend, compare)
    specifications = {name: _draw(chart, told[_HEADINGS[name]]) for name, chart in drawn.items()}
    script, page = _load_vega(), (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return str(
        _environment()
        .get_template("report.html.jinja")
        .render(
            title=title,
            facts=facts,
            told=told,
            tables=shown,
            charts=specifications,
            paragraphs=paragraphs,
            warnings=() if trend is None else trend.warnings,
            no_trend=no_trend,
            verdict=verdict(facts).splitlines(),
            passed=all(check["ok"] for check in facts["diagnostics"]),
            latest=max((date for date in abilities["release_date"] if date), default=""),
            style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
            scripts=(script, page),
            hashes=[_hash(script), _hash(page)],
        )
    )


# The finding that is heading and alternative text of each chart.
_HEADINGS = {
    "timeline": "pace",
    "changes": "changes",
    "benchmarks": "benchmarks",
    "information": "information",
    "residuals": "residuals",
}


def _draw(chart: Callable[..., dict[str, Any]], description: str) -> dict[str, Any]:
    sheets = Sheets()
    sizes = {"wide": chart(sheets, WIDE, description), "narrow": chart(sheets, NARROW, description)}
    return {**sizes, "datasets": sheets.rows}


def _tell_trend(trend: Trend, compare: Sequence[str]) -> list[str]:
    from eci.report.words import describe_on_trend, summarise_trend

    answers = [trend.on_trend(name) for name in compare]
    return [summarise_trend(trend), *(describe_on_trend(answer, trend.interval_prob) for answer in answers)]


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,  # every name in a fit may have been typed by a stranger
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _load_vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the vl-convert package."""
    import altair as alt
    import vl_convert

    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return bundle.replace("</script", "<\\/script")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
