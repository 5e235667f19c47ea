"""Tables of the HTML report on the trend: which columns of the twins a reader sees, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from eci.report.page.cells import Column, PageTable, build_table
from eci.report.timeline import break_dates, changes, trend_line, trend_models
from eci.report.trend_tables import PRIOR_WORDS

if TYPE_CHECKING:
    from eci.trend import Trend


def table_timeline(trend: Trend) -> PageTable:
    """Models of the trend, the latest first."""
    frame = trend_models(trend).iloc[::-1]
    frame = frame.assign(release_date=frame["release_date"].dt.strftime("%Y-%m-%d"))
    columns = [
        Column("model", "Model"),
        Column("lab", "Lab", minor=True),
        Column("release_date", "Released", "fixed"),
        Column("index", "Index", "number", ".1f"),
        Column("low", f"{trend.interval_prob:.0%} low", "number", ".1f", minor=True),
        Column("high", "High", "number", ".1f", minor=True),
    ]
    if trend.series.frontier:
        columns.append(Column("p_frontier", "P(on the frontier)", "number", ".2f"))
    return build_table(
        "timeline", "Models by release date", frame, columns, group="lab", limit=15, searchable=True
    )


def table_line(trend: Trend) -> PageTable:
    """The line at the first day of each quarter."""
    line = trend_line(trend)
    dates = line["date"].to_numpy().astype("datetime64[D]")
    days, ends = dates.astype(np.int64), dates[[0, -1]].astype("datetime64[M]").astype(np.int64)
    months = np.arange(ends[0] + 1, ends[1] + 1)
    quarters = months[months % 3 == 0].astype("datetime64[M]").astype("datetime64[D]")
    at = {name: np.interp(quarters.astype(np.int64), days, line[name]) for name in ("low", "median", "high")}
    frame = pd.DataFrame({"date": quarters.astype(str), **at})
    columns = (
        Column("date", "Date"),
        Column("median", "Line, points", "number", ".1f"),
        Column("low", f"{trend.interval_prob:.0%} low", "number", ".1f"),
        Column("high", "High", "number", ".1f"),
    )
    return build_table("line", "The line, by quarter", frame, columns, limit=40)


def table_breaks(trend: Trend) -> PageTable:
    """Posterior of the break date by month."""
    frame = break_dates(trend)
    frame = frame.assign(month=frame["month"].dt.strftime("%Y-%m"))
    columns = (Column("month", "Month"), Column("probability", "Probability", "number", ".3f"))
    return build_table("break", "Break date by month, given any change", frame, columns, limit=60)


def table_changes(trend: Trend) -> PageTable:
    """Change models."""
    columns = (
        Column("change", "Change"),
        Column("meaning", "Meaning"),
        Column("prior", "Prior", "number", ".2f"),
        Column("posterior", "Posterior", "number", ".3f"),
        Column("log_bayes_factor", "Log Bayes factor against none", "number", "+.2f", minor=True),
    )
    return build_table("changes", "Probabilities of the change models", changes(trend), columns)


def table_sensitivity(trend: Trend) -> PageTable:
    """Probabilities under other prior scales."""
    known = trend.identified
    frame = pd.DataFrame(
        [
            {
                "prior": PRIOR_WORDS.get(row.prior, row.prior),
                "factor": row.factor,
                **{c: p if known or c == "none" else np.nan for c, p in row.change_models.items()},
                "p_any_change": row.p_any_change,
                "p_ratio_gt_2": row.p_ratio_gt_2 if known else np.nan,
            }
            for row in trend.sensitivity
        ]
    )
    columns = (
        Column("prior", "Prior scale"),
        Column("factor", "Times", "number", "g"),
        *(Column(change, f"P({change})", "number", ".2f", minor=True) for change in trend.change_models),
        Column("p_any_change", "P(any change)", "number", ".2f"),
        Column("p_ratio_gt_2", "P(pace at least doubled)", "number", ".2f"),
    )
    return build_table("sensitivity", "How far the prior decides", frame, columns, limit=20)
