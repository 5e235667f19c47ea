"""Links of two fits: by benchmarks, by models, by both; the same scores; a benchmark that drifted."""

from dataclasses import replace

import numpy as np
import pytest

import eci
from eci.errors import DataError, EciWarning, IdentificationError
from eci.fitted import Parameters, make_scale
from eci.linking.common import Abilities, Curves, link_curves
from eci.linking.fits import shared_cells
from eci.scores import ScoreMatrix

ITEM_METHODS = ("mean-mean", "mean-sigma", "haebara", "stocking-lord")
SLOPE, SHIFT = 1.25, 0.6  # of the new ability scale
AT = np.array([90.0, 100.0, 110.0])


def matrix_of(side, benchmarks, n_models):
    m, j = np.divmod(np.arange(n_models * len(benchmarks)), len(benchmarks))
    score = np.random.default_rng(len(side)).random(m.size)
    return ScoreMatrix.from_arrays(
        [f"{side} {i:02d}" for i in range(5, n_models)] + [f"shared {i:02d}" for i in range(5)],
        benchmarks,
        m,
        j,
        score,
    )


def make_fit(base, side, *, moved=None, n_draws=200, seed=0):
    """Make a fit with invented draws about known curves; side 1 measures ability as (θ - SHIFT) / SLOPE."""
    n_models, names = 25, [f"b{i:02d}" for i in range(10)]
    truth = np.random.default_rng(99)
    b, log_a = truth.normal(0, 1.2, 10), truth.normal(0.4, 0.3, 10)
    common = truth.normal(0, 1, 5)
    rng = np.random.default_rng([seed, side])
    ability = np.concatenate([rng.normal(0.5 * side, 1.0, n_models - 5), common])
    if moved is not None:
        b = b.copy()
        b[moved] -= 3.0
    slope, shift = (1.0, 0.0) if side == 0 else (SLOPE, SHIFT)

    def noisy(values, sd):
        centre = values + sd * rng.standard_normal(values.size)
        return centre + sd * rng.standard_normal((n_draws, values.size))

    # the scale of a fit is its own: here logits of side 1 are smaller by SLOPE
    draws = Parameters(
        (noisy(ability, 0.1) - shift) / slope,
        (noisy(b, 0.1) - shift) / slope,
        np.exp(noisy(log_a, 0.1)) * slope,
        {},
    )
    matrix = matrix_of("old" if side == 0 else "new", names, n_models)
    mode = Parameters(*(part.mean(axis=0) for part in draws[:3]), {})
    scale = make_scale(draws.ability, matrix.models, None)
    return replace(base, matrix=matrix, mode=mode, draws=draws, scale=scale, n_chains=1, sample_stats={})


@pytest.fixture(scope="module")
def pair(invented_fit):
    return make_fit(invented_fit, 0), make_fit(invented_fit, 1)


def truth_line(old, new):
    """Slope between the published points of the two fits, from their logits."""
    per_old, per_new = np.mean(old.scale.slope), np.mean(new.scale.slope)
    return per_new / per_old / SLOPE


@pytest.mark.parametrize("method", [*ITEM_METHODS, "regression"])
def test_every_method_finds_the_relation_of_the_scales(pair, method):
    found = eci.link(*pair, method=method, common="benchmarks")
    assert abs(found.slope.mean() - truth_line(*pair)) < 3 * found.slope.std()
    assert found.units.names == tuple(f"b{i:02d}" for i in range(10))


@pytest.mark.parametrize("common", ["models", "both"])
def test_common_models_and_both_find_it_too(pair, common):
    found = eci.link(*pair, common=common)
    assert found.method == "regression"
    assert len(found) == (5 if common == "models" else 15)
    assert abs(found.slope.mean() - truth_line(*pair)) < 3 * found.slope.std()


@pytest.mark.parametrize("method", [*ITEM_METHODS, "regression"])
def test_a_fit_linked_to_itself_is_the_identity(pair, method):
    found = eci.link(pair[0], pair[0], method=method, common="benchmarks")
    np.testing.assert_allclose(found.slope, 1, atol=1e-9)
    np.testing.assert_allclose(found.intercept, 0, atol=1e-9)
    assert "jackknife" in found.warnings[0]


def test_fits_of_the_same_scores_are_resampled_jointly(pair):
    old = pair[0]
    again = replace(old, draws=replace_noise(old.draws), seed=old.seed + 1)
    assert shared_cells(old, again) == 1
    assert shared_cells(*pair) < 0.5
    joint = eci.link(old, again, method="mean-sigma")
    apart = eci.link(old, again, method="mean-sigma", errors="independent")
    assert joint.slope.std() < apart.slope.std() / 3


def replace_noise(draws):
    rng = np.random.default_rng(5)
    return draws._replace(
        difficulty=draws.difficulty + 0.005 * rng.standard_normal(draws.difficulty.shape[1])
    )


@pytest.mark.parametrize("method", ITEM_METHODS)
def test_rescaling_either_side_rescales_the_link(pair, method):
    old, new = pair
    wider = replace(new, scale=replace(new.scale, slope=3 * new.scale.slope, origin=3 * new.scale.origin + 7))
    found, other = (eci.link(old, n, method=method, seed=3) for n in (new, wider))
    np.testing.assert_allclose(other.slope, 3 * found.slope, rtol=1e-6)
    np.testing.assert_allclose(other.line(AT), 7 + 3 * found.line(AT), rtol=1e-6)


@pytest.mark.parametrize("method", ["haebara", "stocking-lord"])
def test_the_curve_criteria_are_symmetric(method):
    rng = np.random.default_rng(3)
    n = 8
    limits = np.zeros(n), np.ones(n)
    one = Curves(np.exp(rng.normal(0, 0.3, (1, n))), rng.normal(0, 1, (1, n)), *limits)
    two = Curves(np.exp(rng.normal(0, 0.3, (1, n))), rng.normal(1, 2, (1, n)), *limits)
    people = Abilities.normal(0, 1), Abilities.normal(1, 2)
    there = link_curves(one, two, method=method, abilities=people)
    back = link_curves(two, one, method=method, abilities=people[::-1])
    assert there.slope * back.slope == pytest.approx(1, abs=1e-6)
    assert back.intercept + back.slope * there.intercept == pytest.approx(0, abs=1e-6)


def test_weights_of_one_benchmark_alone_leave_the_others_out():
    rng = np.random.default_rng(3)
    n = 6
    limits = np.zeros(n), np.ones(n)
    old = Curves(np.ones((1, n)), rng.normal(0, 1, (1, n)), *limits)
    difficulty = 2 + 1.5 * old.difficulty
    difficulty[0, 5] += 4
    new = Curves(np.ones((1, n)) / 1.5, difficulty, *limits)
    people = Abilities.normal(0, 1), Abilities.normal(2, 1.5)
    for method in ITEM_METHODS:
        found = link_curves(old, new, method=method, abilities=people, weights=np.array([1, 1, 1, 1, 1, 0.0]))
        assert found.slope == pytest.approx(1.5, abs=1e-6)
        assert found.intercept == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("method", [*ITEM_METHODS, "regression"])
def test_a_benchmark_made_three_logits_easier_is_named_and_moves_the_robust_link_by_less_than_a_third(
    invented_fit, pair, method
):
    old, new = pair
    off = make_fit(invented_fit, 1, moved=4)
    options = {"method": method, "common": "benchmarks"}
    plain = eci.link(old, off, **options).line(AT).mean(0) - eci.link(old, new, **options).line(AT).mean(0)
    robust_off, robust = (eci.link(old, n, robust=True, **options) for n in (off, new))
    moved = robust_off.line(AT).mean(0) - robust.line(AT).mean(0)
    assert np.abs(moved).max() < np.abs(plain).max() / 3
    assert robust_off.units.down_weighted == ("b04",)
    assert any("b04" in warning for warning in robust_off.warnings)


def test_a_transformed_fit_is_on_the_other_scale_and_wider_by_the_link(pair):
    old, new = pair
    found = eci.link(old, new)
    with pytest.warns(EciWarning, match="extrapolated"):
        moved = found.transform(old)
    expected = found.intercept[:, None] + found.slope[:, None] * old.index_draws
    np.testing.assert_allclose(moved.index_draws, expected)
    common = [i for i, name in enumerate(old.matrix.models) if name.startswith("shared")]
    other = [new.matrix.models.index(old.matrix.models[i]) for i in common]
    gap = moved.index[common] - new.index[other]
    assert (
        np.abs(gap).max()
        < 4 * np.hypot(moved.index_draws.std(0)[common], new.index_draws.std(0)[other]).max()
    )


def test_common_models_by_name(pair):
    found = eci.link(*pair, common="models", models=[f"shared 0{i}" for i in range(4)])
    assert len(found) == 4


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"common": "models", "models": ["shared 00", "x"]}, DataError, "No model 'x'"),
        ({"common": "models", "models": ["shared 00"]}, IdentificationError, "Common models: 1"),
        ({"common": "benchmarks", "models": ["shared 00"]}, DataError, "by benchmarks"),
        ({"common": "models", "method": "haebara"}, DataError, "common benchmarks"),
        ({"error_corr": 0.4}, DataError, "does not apply"),
        ({"old_sd": 1.0}, DataError, "does not apply"),
        ({"method": "concurrent", "robust": True}, DataError, "does not apply"),
        ({"method": "concurrent", "common": "models"}, DataError, "by benchmarks"),
        ({"method": "concurrent", "models": ["shared 00"]}, DataError, "models does not apply"),
        ({"method": "concurrent", "errors": "joint"}, DataError, "which is one fit"),
    ],
)
def test_bad_options_are_refused(pair, options, error, words):
    with pytest.raises(error, match=words):
        eci.link(*pair, **options)


def test_fits_that_share_nothing_are_refused(pair):
    old, new = pair
    names = [f"other {name}" for name in new.matrix.models]
    tests = [f"other {name}" for name in new.matrix.benchmarks]
    strange = replace(new, matrix=replace(new.matrix, models=tuple(names), benchmarks=tuple(tests)))
    with pytest.raises(IdentificationError, match="share no"):
        eci.link(old, strange)
    with pytest.raises(IdentificationError, match="at least 3 common benchmarks"):
        eci.link(old, strange, method="concurrent")


def test_a_fit_without_draws_is_refused(pair):
    old, new = pair
    with pytest.raises(DataError, match="no posterior draws"):
        eci.link(replace(old, draws=None), new)


def test_concurrent_calibration_of_a_fit_with_itself_is_the_identity_within_its_error(small_fit):
    """Both sides are one set of scores, each model entered twice: the joint scale must tell none apart."""
    found = eci.link(small_fit, small_fit, method="concurrent")
    assert found.units.names == small_fit.matrix.benchmarks
    assert "too narrow" in found.warnings[1]  # eight benchmarks
    assert "count twice" in found.warnings[2]
    for at in (80.0, 100.0, 120.0):
        value = found.line(np.array([at]))[:, 0]
        assert abs(value.mean() - at) < 3 * value.std() / np.sqrt(400) + 0.1 * value.std()
        assert 0 < value.std() < 5
