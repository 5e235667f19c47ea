"""Charts of the HTML report, as specifications: axes that hold what is drawn, and ticks at round places."""

import numpy as np
import pytest

import eci
from eci.report import plots, tables
from eci.report.layout import frame_trend, round_dates, to_years
from eci.report.page import trend_charts
from eci.report.page.chart_style import NARROW, WIDE, Sheets


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
