"""The picture of a trend holds the models, the line with its band, and the break date."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eci.report import plots
from eci.trend import IndexSeries, fit_trend

AECI = Path(__file__).parents[2] / "benchmarks_data/published/aeci.csv"


def series():
    return IndexSeries.from_table(pd.read_csv(AECI), vintage="2026-05-28", frontier=True, until="2026-04-10")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_an_unknown_break_is_drawn_as_a_posterior_along_the_axis():
    ax = plots.timeline(fit_trend(series()))
    assert {text.get_text() for text in ax.texts} == {series().models[i] for i in series().point_frontier()}
    assert legend(ax) == ["90% interval of the line", "break date, P(any change) = 0.84"]
    strip = ax.child_axes[0]
    assert sum(bar.get_height() for bar in strip.patches) == pytest.approx(1)
    line = ax.lines[0].get_ydata()
    assert np.all(np.diff(line) > 0)


def test_a_fixed_break_is_a_line_at_its_date():
    ax = plots.timeline(fit_trend(series(), change="kink", break_at="Claude Opus 4.5"))
    assert "break, fixed" in legend(ax)
    at = next(line for line in ax.lines if line.get_label() == "break, fixed").get_xdata()[0]
    assert at == np.datetime64("2025-11-24").astype(int)


def test_it_draws_on_the_axes_given_and_without_a_change():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert plots.timeline(fit_trend(series(), change="none"), ax) is ax
    assert legend(ax) == ["90% interval of the line"]
    assert not ax.child_axes


@pytest.mark.parametrize("n", [40])
def test_crowds_are_not_labelled(n):
    rng = np.random.default_rng(0)
    days = np.arange(n) * 20
    crowd = IndexSeries.from_moments(
        days / 30 + rng.normal(0, 1, n),
        np.eye(n),
        models=[f"m{i}" for i in range(n)],
        release_date=np.datetime64("2023-01-01") + days.astype("timedelta64[D]"),
    )
    assert not plots.timeline(fit_trend(crowd)).texts
