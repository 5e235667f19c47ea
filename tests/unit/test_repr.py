"""What a session prints of a result: one line that says what it is, and no arrays."""

from dataclasses import replace

import numpy as np
import pytest

import eci
from eci.trend import IndexSeries


def dated(matrix):
    days = np.datetime64("2022-01-15") + (60 * np.arange(matrix.n_models)).astype("timedelta64[D]")
    return replace(matrix, release_date=days)


@pytest.fixture(scope="module")
def series(invented_fit):
    return IndexSeries.from_fit(replace(invented_fit, matrix=dated(invented_fit.matrix)))


def test_a_fit_says_its_size_method_scale_and_checks(invented_fit):
    assert repr(invented_fit) == (
        "Fit(16 models x 8 benchmarks, 96 scores; normal, by nuts, 60 draws; "
        "points (model 01 = 130, model 14 = 150); checks failed: ess_bulk_index)"
    )
    good = eci.fitted.Diagnostics(invented_fit.diagnostics.checks[:1])
    method = {"name": "map"}
    point = replace(invented_fit, method=method, diagnostics=good, draws=None).rescale(standard=True)
    assert "normal, by map, a preview, no draws; " in repr(point)
    assert repr(point).endswith("; 1 checks passed)")


def test_scores_say_how_much_of_the_grid_is_known(small_matrix):
    digest = small_matrix.digest[:12]
    assert repr(small_matrix) == (
        f"ScoreMatrix(16 models x 8 benchmarks, 96 scores, 75.0% of all pairs; digest {digest})"
    )


def test_a_series_and_its_trend(series):
    assert repr(series).startswith("IndexSeries(16 models, 2022-01-15 to 2024-07-03; points (model 01 = 130")
    assert repr(series).endswith("with joint errors)")
    trend = eci.fit_trend(series, n_draws=200)
    shown = repr(trend)
    assert shown.startswith("Trend(16 models, 2022-01-15 to 2024-07-03; slope ")
    assert f"P(change) {trend.p_any_change:.2f}" in shown
    assert f"after a change {trend.slope_after.median:.3g} (" in shown
    plain = repr(eci.fit_trend(series, change="none", n_draws=200))
    assert "P(change)" not in plain and "after" not in plain


def test_a_link_says_its_line(series):
    link = eci.link(series, replace(series, index=2.0 * series.index))
    slope = link.quantities()["slope"]
    assert f"+ {slope.mean:.4g} (sd {slope.sd:.2g}) x old" in repr(link)
    assert f"by {link.method} on 16 common models" in repr(link)


@pytest.mark.parametrize("name", ["invented_fit", "small_matrix", "series"])
def test_no_array_is_printed(request, name):
    shown = repr(request.getfixturevalue(name))
    assert "array" not in shown and "\n" not in shown and len(shown) < 250
