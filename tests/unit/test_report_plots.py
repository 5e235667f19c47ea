"""Pictures hold the numbers of their tables, name without collisions, and take any name as text."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

import eci
from eci.fitted import Parameters
from eci.report import plots, tables
from eci.report.axes import set_headline
from eci.report.html import render_report
from eci.report.repeat import fit_frontier


@pytest.fixture(scope="module")
def fit(invented_fit):
    """Names that matplotlib would read as mathematics."""
    matrix = invented_fit.matrix
    models = ("$x^2$ 50% _a", *matrix.models[1:15], "model é$")
    return replace(invented_fit, matrix=replace(matrix, models=models))


@pytest.fixture(scope="module")
def trend(invented_fit):
    return eci.fit_trend(eci.IndexSeries.from_fit(invented_fit, frontier=True), n_draws=1000)


def boxes(ax):
    """Names beside points with their extents on the drawn figure."""
    ax.figure.draw_without_rendering()
    notes = [note for note in ax.texts if isinstance(note, Annotation) and note.get_text()]
    return [(note.get_text(), Text.get_window_extent(note)) for note in notes]  # without the leading line


def collisions(ax):
    return [
        (a, b)
        for (a, p), (b, q) in combinations(boxes(ax), 2)
        if min(p.x1, q.x1) - max(p.x0, q.x0) > 1 and min(p.y1, q.y1) - max(p.y0, q.y0) > 1
    ]


def test_the_ranking_draws_every_model_with_its_interval(invented_fit):
    ax = plots.index(invented_fit, top=10)
    table = tables.abilities(invented_fit, top=10)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), table["index"])
    segments = np.array(ax.collections[0].get_segments())
    np.testing.assert_allclose(segments[:, 0, 0], table["low"])
    np.testing.assert_allclose(segments[:, 1, 0], table["high"])
    assert [label.get_text().split("  ")[0] for label in ax.get_yticklabels()] == table["model"].tolist()
    assert "90%" in ax.get_xlabel()
    assert len(plots.index(invented_fit, labs=["North"]).get_yticklabels()) == 6


def test_a_saved_fit_is_ranked_from_its_folder(invented_fit, tmp_path):
    folder = invented_fit.save(tmp_path / "fit")
    drawn = plots.index(folder).lines[0].get_xdata()
    np.testing.assert_allclose(drawn, tables.abilities(invented_fit)["index"], rtol=1e-5)


def test_benchmarks_stand_at_difficulty_and_slope_with_the_frontier(invented_fit):
    ax = plots.benchmarks(invented_fit)
    table = tables.at_frontier(invented_fit)
    drawn = np.concatenate([part.get_offsets() for part in ax.collections])
    expected = table[["difficulty", "discrimination"]].to_numpy()
    np.testing.assert_allclose(drawn[np.argsort(drawn[:, 0])], expected[np.argsort(expected[:, 0])])
    line = next(line for line in ax.lines if len(line.get_xdata()) == 2)
    assert line.get_xdata()[0] == pytest.approx(tables.frontier(invented_fit)["index"][0])


def test_information_draws_every_curve(invented_fit):
    ax = plots.information(invented_fit)
    curves = tables.information(invented_fit)
    drawn = [line for line in ax.lines if len(line.get_xdata()) == 100]
    assert len(drawn) == 8 + 8  # all, and the most telling over them
    first = curves[curves["benchmark"] == "bench 0"]
    np.testing.assert_allclose(drawn[0].get_ydata(), first["information"])


def test_residuals_draw_every_model_in_every_domain(invented_fit):
    ax = plots.residuals(invented_fit)
    drawn = np.sort(np.concatenate([part.get_offsets()[:, 0] for part in ax.collections]))
    np.testing.assert_allclose(drawn, np.sort(tables.residuals_by_domain(invented_fit)["z"]))
    assert {label.get_text() for label in ax.get_yticklabels()} == {"math", "code"}


def test_change_models_and_break_date_draw_their_probabilities(trend):
    bars = [bar.get_width() for bar in plots.changes(trend).patches]
    assert bars == pytest.approx(tables.changes(trend)["posterior"].tolist())
    heights = [bar.get_height() for bar in plots.break_date(trend).patches]
    assert heights == pytest.approx(tables.break_dates(trend)["probability"].tolist())
    straight = eci.fit_trend(trend.series, change="none", n_draws=200)
    assert plots.break_date(straight).get_title(loc="left") == "This trend has no change."
    assert plots.changes(replace(trend, identified=False)).texts[-1].get_text() == "not identified"


@pytest.mark.parametrize("draw", [plots.index, plots.benchmarks, plots.information, plots.residuals])
def test_a_picture_of_a_fit_takes_axes_and_any_name(fit, draw):
    ax = Figure(figsize=(7, 6)).add_subplot()
    assert draw(fit, ax=ax) is ax
    assert collisions(ax) == []
    if draw is plots.index:
        assert any("$x^2$ 50% _a" in label.get_text() for label in ax.get_yticklabels())


@pytest.mark.parametrize(
    "text",
    [
        "The trend changed (probability 0.99), between May 2023 and October 2024 (90% interval)",
        "Likeliest, with probability 0.70: one line, no change in the slope or in the level, so to say twice",
        "$x$ leads",
    ],
)
def test_a_headline_leaves_no_word_alone(text):
    ax = Figure(figsize=(8.0, 4), layout="constrained").add_subplot()
    set_headline(ax, text)
    ax.figure.draw_without_rendering()
    lines = ax.get_title(loc="left").split("\n")
    assert " ".join(lines) == text and len(lines) <= 2
    assert len(lines) == 1 or min(map(len, lines)) > 0.5 * max(map(len, lines))
    assert ax._left_title.get_window_extent().x1 <= ax.bbox.x1


def test_a_long_name_leaves_the_ranking_its_room(invented_fit):
    long = replace(invented_fit.matrix, models=("m" * 60, *invented_fit.matrix.models[1:]))
    widths = []
    for matrix in (invented_fit.matrix, long):
        ax = plots.index(replace(invented_fit, matrix=matrix))
        ax.figure.draw_without_rendering()
        widths.append(ax.bbox.width)
    assert widths[1] > 0.6 * widths[0]


def test_no_name_touches_the_word_frontier(invented_fit):
    for draw in (plots.benchmarks, plots.information):
        names = [text for text, _ in boxes(draw(invented_fit))]
        assert "frontier" in names and len(names) > 2
        assert collisions(draw(invented_fit)) == []


def test_names_beside_points_do_not_collide(trend, invented_fit):
    one = [np.repeat(part[:1], 60, axis=0) for part in invented_fit.draws[:3]]
    sure = Parameters(*one, shared={"noise_sd": np.full(60, 0.05)})  # so that many scores surprise
    surprising = replace(invented_fit, draws=sure)
    for ax in (plots.timeline(trend), plots.benchmarks(invented_fit), plots.residuals(surprising)):
        assert boxes(ax) and collisions(ax) == []


def test_a_headline_stays_inside_its_figure(trend):
    for draw in (plots.timeline, plots.changes, plots.break_date):
        ax = draw(trend)
        ax.figure.draw_without_rendering()
        assert ax._left_title.get_window_extent().x1 <= ax.figure.bbox.x1


def test_a_fit_without_an_index_is_refused_in_words(invented_fit):
    nan = np.full_like(invented_fit.scale.slope, np.nan)
    empty = replace(invented_fit, scale=replace(invented_fit.scale, slope=nan, origin=nan, anchors={}))
    for show in (plots.index, render_report):
        with pytest.raises(eci.DataError, match=r"No model of this fit has an index: all 16 values are nan"):
            show(empty)
    with pytest.raises(eci.DataError, match=r"at least 3 frontier models.* found none\. "):
        fit_frontier(empty)
