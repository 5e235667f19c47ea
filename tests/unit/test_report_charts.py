"""Charts of the HTML report, as specifications: axes that hold what is drawn, and ticks at round places."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import eci
from eci.fitted import Parameters
from eci.report import findings, plots, tables
from eci.report.html import render_report
from eci.report.layout import frame_trend, list_slopes, place_benchmarks, round_dates, to_years
from eci.report.page import fit_charts, trend_charts
from eci.report.page.chart_style import NARROW, WIDE, Sheets
from eci.report.page.listings import table_choices, table_ranking


def years(*dates):
    days = np.array(dates, dtype="datetime64[D]").astype(np.float64)
    return tuple((1970.0 + days / 365.25).tolist())


def follow(end, *, low=()):
    """Trend of ten models from January 2024 to `end`; those of `low` come far below the frontier."""
    days = np.linspace(0, (np.datetime64(end) - np.datetime64("2024-01-03")).astype(int), 10).astype(int)
    index = np.arange(10.0) + 100
    index[list(low)] -= 40
    series = eci.IndexSeries.from_moments(
        index,
        0.04 * np.eye(10),
        models=[f"m{i}" for i in range(10)],
        release_date=np.datetime64("2024-01-03") + days.astype("timedelta64[D]"),
    )
    return eci.fit_trend(series.select(frontier=True), n_draws=200)


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        ("2022-04-01", "2026-10-01", ["2023", "2024", "2025", "2026"]),
        ("2023-12-20", "2024-12-30", ["Jan 2024", "Apr 2024", "Jul 2024", "Oct 2024"]),
        ("2023-12-31", "2024-03-28", ["Jan 2024", "Feb 2024", "Mar 2024"]),
        ("2024-03-05", "2024-03-12", ["2024-03-05", "2024-03-07", "2024-03-09", "2024-03-11"]),
        ("1905-01-01", "1931-01-01", ["1910", "1920", "1930"]),
    ],
)
def test_ticks_of_time_stand_where_their_labels_say(start, end, labels):
    ticks = round_dates(years(start, end), 5)
    assert list(ticks.values()) == labels
    forms = {4: "{}-01-01", 10: "{}"}
    for at, label in ticks.items():
        if len(label) in forms:
            assert at == pytest.approx(years(forms[len(label)].format(label))[0], abs=1e-9)
    if "Apr 2024" in labels:
        assert list(ticks)[1] == pytest.approx(years("2024-04-01")[0], abs=1e-9)


@pytest.mark.parametrize("canvas", [WIDE, NARROW])
def test_a_short_series_has_months_on_its_axis_and_no_bar_beyond_it(canvas):
    sheets = Sheets()
    chart = trend_charts.timeline(follow("2024-03-25"), sheets, canvas, "a chart")
    axis = chart["vconcat"][0]["layer"][0]["encoding"]["x"]
    assert axis["axis"]["values"] == pytest.approx(years("2024-01-01", "2024-02-01", "2024-03-01"))
    assert "'Mar 2024'" in axis["axis"]["labelExpr"]
    bars = next(rows for rows in sheets.rows.values() if "probability" in rows[0])
    low, high = axis["scale"]["domain"]
    assert len(bars) == 3
    assert all(low - 1e-3 <= bar["start"] < bar["end"] <= high + 1e-3 for bar in bars)


def test_every_model_of_a_trend_is_on_the_page_and_above_the_strip_of_the_picture():
    trend = follow("2024-12-20", low=(3, 6))
    models = tables.trend_models(trend)
    across, (low, high) = frame_trend(models, tables.trend_line(trend))
    assert models["index"].between(low, high).all()
    assert all(across[0] <= year <= across[1] for year in to_years(models["release_date"]))
    sheets = Sheets()
    trend_charts.timeline(trend, sheets, WIDE, "a chart")
    drawn = next(rows for rows in sheets.rows.values() if "on_line" in rows[0])
    assert {row["model"] for row in drawn} == set(models["model"])
    ax = plots.timeline(trend)
    ax.figure.draw_without_rendering()
    top = ax.child_axes[0].get_window_extent().y1
    assert ax.transData.transform((0, models["index"].min()))[1] > top


@pytest.fixture(scope="module")
def wild_fit(invented_fit):
    """A fit with one wild draw, such as laplace makes of a slope that may be 0."""
    draws = invented_fit.draws
    difficulty, slope = draws.difficulty.copy(), draws.discrimination.copy()
    difficulty[3, 2], slope[5, 4] = 1e60, 1e20
    return replace(invented_fit, draws=Parameters(draws.ability, difficulty, slope, draws.shared))


def test_a_wild_draw_moves_no_benchmark_off_the_picture(wild_fit, invented_fit):
    standing, frontier = tables.at_frontier(wild_fit), tables.frontier(wild_fit)
    assert standing["difficulty"].max() > 1e50  # what is drawn is not what is listed
    placed = place_benchmarks(standing).set_index("benchmark")
    calm = tables.at_frontier(invented_fit).set_index("benchmark")
    assert len(placed) == 8
    calm = calm.loc[placed.index]
    assert placed["x"].between(calm["difficulty_low"], calm["difficulty_high"]).all()
    assert placed["y"].between(calm["discrimination_low"], calm["discrimination_high"]).all()
    assert findings.tell_placed(standing).startswith("2 of 8 benchmarks stand at the medians")
    assert findings.tell_placed(calm.reset_index()) == ""
    x = fit_charts.benchmarks(standing, frontier, Sheets(), WIDE, "a chart")["layer"][1]["encoding"]["x"]
    assert max(map(abs, x["scale"]["domain"])) < 1000
    ax = plots.benchmarks(wild_fit)
    assert max(map(abs, ax.get_xlim())) < 1000 and "2 of 8 benchmarks" in " ".join(ax.get_xlabel().split())
    page = render_report(wild_fit)
    assert "2 of 8 benchmarks stand at the medians" in page and "0" * 30 + ".0" not in page


def test_benchmarks_without_a_finite_place_are_counted(invented_fit):
    standing = tables.at_frontier(invented_fit)
    unknown = [f"difficulty{end}" for end in ("", "_low", "_high", "_median")]
    standing.loc[0, unknown] = np.nan
    assert "1 of 8 benchmarks have no finite difficulty" in findings.tell_placed(standing)
    standing[unknown] = np.nan
    chart = fit_charts.benchmarks(standing, tables.frontier(invented_fit), Sheets(), WIDE, "a chart")
    assert np.isfinite(chart["layer"][0]["encoding"]["x"]["scale"]["domain"]).all()


def test_the_band_of_the_frontier_ends_with_the_axis(invented_fit):
    """Vega draws what lies outside an axis, and shrinks the plot to make room for it."""
    standing, curves = tables.at_frontier(invented_fit), tables.information(invented_fit)
    frontier = tables.frontier(invented_fit)
    frontier[["low", "index", "high"]] = [standing["difficulty"].max(), curves["index"].max() + 20, 9e9]
    for draw in (
        lambda sheets: fit_charts.benchmarks(standing, frontier, sheets, WIDE, "a chart"),
        lambda sheets: fit_charts.information(curves, standing, frontier, sheets, WIDE, "a chart"),
    ):
        sheets = Sheets()
        low, high = draw(sheets)["layer"][0]["encoding"]["x"]["scale"]["domain"]
        best = next(rows for rows in sheets.rows.values() if "words" in rows[0])[0]
        assert low <= best["low"] < best["index"] < best["high"] <= high + 1e-3
        assert best["index"] == pytest.approx(frontier["index"][0], rel=1e-6)


def test_nothing_of_a_curve_that_leaves_the_picture_is_drawn_outside_it(invented_fit):
    standing, curves = tables.at_frontier(invented_fit), tables.information(invented_fit)
    frontier = tables.frontier(invented_fit)
    curves.loc[curves.groupby("benchmark")["information"].idxmax().iloc[0], "information"] *= 1e9
    sheets = Sheets()
    chart = fit_charts.information(curves, standing, frontier, sheets, WIDE, "a chart")
    top = chart["layer"][3]["encoding"]["y"]["scale"]["domain"][1]
    tall = [rows for rows in sheets.rows.values() if any(row.get("error", 1) < 1e-3 for row in rows)]
    assert top < 1e3 and len(tall) == 1  # the line alone, which is clipped
    assert any("cut off at the top" in str(row.get("line")) for rows in sheets.rows.values() for row in rows)


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0.012, 0.9), [0.02, 0.05, 0.1, 0.2, 0.5]),
        ((0.004, 90.0), [0.01, 0.1, 1, 10]),
        ((0.1803, 0.1958), [0.185, 0.19, 0.195]),
    ],
)
def test_an_axis_of_slopes_has_ticks(ends, ticks):
    assert list_slopes(*ends) == ticks


def test_the_axis_of_the_ranking_is_enlarged_for_the_rows_shown_first():
    index = np.r_[np.linspace(170, 150, 50), np.linspace(149, 70, 100)]
    abilities = pd.DataFrame({"index": index, "low": index - 2, "high": index + 2, "rank": range(1, 151)})
    for name in ("model", "lab", "release_date"):
        abilities[name] = "x"
    abilities["n_benchmarks"] = 3
    table = table_ranking(abilities, 0.9)
    places = [row[4].value for row in table.rows]
    low, high = table.near
    assert all(low < ends[0] < ends[2] < high for ends in places[: table.limit])
    assert high - low < 27 and places[table.limit + 5][0] < low
    room = 0.05 * (high - low)
    assert len(table.near_ticks) > 2
    assert all(low + room <= at <= high - room for _, at in table.near_ticks)
    assert all(5 <= at <= 95 for _, at in table.ticks)


@pytest.mark.parametrize("method", [eci.Nuts(), eci.Laplace()])
def test_draws_of_a_chain_and_in_all_are_told_apart(invented_fit, method):
    facts = tables.facts(invented_fit) | {"method": {"name": "m", **vars(method)}, "n_draws": 8000}
    said = [(row[1].text, row[2].text) for row in table_choices(facts, None).rows]
    assert ("draws in all, kept", "8000") in said
    asked = "draws of a chain, before extensions" if isinstance(method, eci.Nuts) else "n draws"
    assert (asked, str(method.n_draws)) in said
