"""Laws of a fit: order of rows, scales, anchors, and the way through a folder."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eci
from eci.fitted import Fit, make_scale
from eci.folder.load import load_fit
from eci.scale import Scale
from eci.scores import ScoreMatrix

points = st.floats(-1e4, 1e4, allow_nan=False).map(lambda x: round(x, 3))


@pytest.fixture(scope="module")
def saved(small_fit, tmp_path_factory):
    return small_fit.save(tmp_path_factory.mktemp("laws") / "fit")


def csv_bytes(folder):
    return [(folder / name).read_bytes() for name in ("abilities.csv", "benchmarks.csv")]


def test_the_same_seed_gives_the_same_bytes(small_matrix, saved, tmp_path):
    again = eci.fit(small_matrix, seed=1, likelihood="normal").save(tmp_path / "fit")
    assert csv_bytes(again) == csv_bytes(saved)


def test_permuting_the_rows_changes_no_byte(small_table, saved, tmp_path):
    shuffled = small_table.sample(frac=1.0, random_state=3)
    again = eci.fit(ScoreMatrix.from_table(shuffled), seed=1, likelihood="normal").save(tmp_path / "fit")
    assert csv_bytes(again) == csv_bytes(saved)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_permuting_the_rows_changes_no_mode(small_table, seed):
    shuffled = small_table.sample(frac=1.0, random_state=seed)
    modes = [
        eci.fit(ScoreMatrix.from_table(table), method=eci.Map(), likelihood="normal")
        for table in (small_table, shuffled)
    ]
    np.testing.assert_array_equal(*(fit.index for fit in modes))


@settings(deadline=None, max_examples=50)
@given(low=points, high=points, first=st.integers(0, 15), second=st.integers(0, 15))
def test_anchors_have_exactly_their_points_in_every_draw(invented_fit, low, high, first, second):
    models = invented_fit.matrix.models
    first, second = sorted((first, second))
    low, high = sorted((low, high))
    if second - first < 8 or high - low < 1e-3:  # nearer ones change places in some draws
        return
    fit = invented_fit.rescale({models[first]: low, models[second]: high})
    assert (fit.index_draws[:, first] == low).all()
    assert (fit.index_draws[:, second] == high).all()
    table = fit.abilities().set_index("model").loc[[models[first], models[second]]]
    assert (table["sd"] == 0).all()
    assert (table["low"] == table["high"]).all()


def test_default_anchors_are_exactly_130_and_150(small_matrix, small_fit):
    models = ("Claude 3.5 Sonnet", "GPT-5", *small_matrix.models[2:])
    fit = replace(small_fit, matrix=replace(small_matrix, models=models))
    ability = fit.draws.ability[:, [0, 15, *range(1, 15)]]  # the weakest and the strongest first
    fit = replace(fit, draws=fit.draws._replace(ability=ability)).rescale()
    assert fit.scale.anchors == {"Claude 3.5 Sonnet": 130.0, "GPT-5": 150.0}
    assert (fit.index_draws[:, :2] == [130.0, 150.0]).all()
    assert fit.index_draws[:, 2:].std(axis=0).min() > 0.01


@settings(deadline=None, max_examples=50)
@given(
    slope=st.floats(0.01, 100), shift=st.floats(-100, 100), seed=st.integers(0, 100), standard=st.booleans()
)
def test_points_do_not_depend_on_the_unit_of_the_logits(invented_fit, slope, shift, seed, standard):
    """Stretch and shift the logits, differently in every draw: nothing published moves."""
    draws, models = invented_fit.draws, invented_fit.matrix.models
    rng = np.random.default_rng(seed)
    stretch = slope * rng.uniform(0.5, 2, (len(draws.ability), 1))
    move = shift * rng.normal(size=stretch.shape)
    moved = draws._replace(
        ability=move + stretch * draws.ability,
        difficulty=move + stretch * draws.difficulty,
        discrimination=draws.discrimination / stretch,
    )
    anchors = None if standard else invented_fit.scale.anchors
    one, other = (
        replace(invented_fit, draws=d, scale=make_scale(d.ability, models, anchors, standard=standard))
        for d in (draws, moved)
    )
    size = 1e-9 * (1 + abs(shift) / slope) * np.abs(one.difficulty_draws).max()
    np.testing.assert_allclose(other.index_draws, one.index_draws, atol=size, rtol=1e-9)
    np.testing.assert_allclose(other.difficulty_draws, one.difficulty_draws, atol=size, rtol=1e-9)
    np.testing.assert_allclose(other.discrimination_draws, one.discrimination_draws, rtol=1e-9)


@settings(deadline=None, max_examples=50)
@given(low=points, step=st.floats(0.5, 1e3), origin=points, slope=st.floats(0.1, 10))
def test_rescaling_is_affine_in_the_anchors_points(invented_fit, low, step, origin, slope):
    """Anchors moved by an affine map move everything by it, and the order of rescalings does not matter."""
    one = invented_fit.rescale({"model 01": low, "model 14": low + step})
    map_ = {"model 01": origin + slope * low, "model 14": origin + slope * (low + step)}
    for other in (invented_fit.rescale(map_), one.rescale(map_), one.rescale(standard=True).rescale(map_)):
        size = 1e-9 * (abs(origin) + slope * np.abs(one.difficulty_draws).max() + 1)
        np.testing.assert_allclose(other.index_draws, origin + slope * one.index_draws, atol=size)
        np.testing.assert_allclose(other.difficulty_draws, origin + slope * one.difficulty_draws, atol=size)
        np.testing.assert_allclose(other.discrimination_draws, one.discrimination_draws / slope, rtol=1e-6)


def test_the_standard_scale_has_mean_100_and_sd_10_in_every_draw(small_fit):
    assert small_fit.scale.anchors == {}
    np.testing.assert_allclose(small_fit.index_draws.mean(axis=1), 100, rtol=1e-12)
    np.testing.assert_allclose(small_fit.index_draws.std(axis=1), 10, rtol=1e-12)


def test_expected_scores_do_not_depend_on_the_scale(small_fit):
    """discrimination * (ability - difficulty) is the same number in logits and in points."""
    draws, fit = small_fit.draws, small_fit.rescale({"model 00": 1.0, "model 15": 2.0})
    logits = draws.discrimination[:, :, None] * (draws.ability[:, None] - draws.difficulty[:, :, None])
    points = fit.discrimination_draws[:, :, None] * (
        fit.index_draws[:, None] - fit.difficulty_draws[:, :, None]
    )
    np.testing.assert_allclose(points, logits, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("which", ["small_fit", "invented_fit"])
def test_save_load_save_gives_the_same_bytes(request, which, tmp_path):
    fit: Fit = request.getfixturevalue(which)
    first = fit.save(tmp_path / "first")
    second = load_fit(first).save(tmp_path / "second")
    assert csv_bytes(second) == csv_bytes(first)
    assert (second / "fit.json").read_bytes() == (first / "fit.json").read_bytes()
    third = load_fit(second)
    assert third.digest == fit.digest
    np.testing.assert_array_equal(third.index_draws, fit.index_draws)


def test_a_loaded_fit_rescales_as_the_original(small_fit, saved):
    anchors = {"model 00": 130.0, "model 15": 150.0}
    one, other = small_fit.rescale(anchors), load_fit(saved).rescale(anchors)
    np.testing.assert_array_equal(one.index_draws, other.index_draws)
    assert (one.index_draws[:, [0, 15]] == [130.0, 150.0]).all()


def test_a_scale_needs_anchors_that_the_scores_tell_apart():
    rng = np.random.default_rng(0)
    ability = rng.normal(size=(200, 2))
    with pytest.raises(eci.IdentificationError, match="not the more able"):
        Scale.anchored(ability, ("a", "b"), {"a": 130.0, "b": 150.0})
