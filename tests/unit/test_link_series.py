"""Links of published series: inputs, readings, transforms, vintages."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import eci
from eci.errors import DataError, EciWarning, IdentificationError
from eci.linking import leave_one_out
from eci.linking.series import read_index
from eci.scores.load import bundled_data

NAMES = [f"m{i}" for i in range(8)]
UP_TO_4_6 = [
    "Claude 3 Opus",
    "Claude 3.5 Sonnet",
    "Claude 3.5 Sonnet (Oct 2024)",
    "Claude 3.7 Sonnet",
    "Claude Opus 4",
    "Claude Sonnet 4.5",
    "Claude Opus 4.5",
    "Claude Opus 4.6",
]


def table(index, names=NAMES, half=2.0, **columns):
    index = np.asarray(index, dtype=float)
    dates = [f"2024-{1 + i % 12:02d}-15" for i in range(len(index))]
    frame = pd.DataFrame({"model": list(names)[: len(index)], "release_date": dates, "index": index})
    if half is not None:
        frame = frame.assign(low=index - half, high=index + half, interval_prob=0.9)
    return frame.assign(**columns)


def two_tables(seed=0, slope=1.1, intercept=-12.0):
    rng = np.random.default_rng(seed)
    old = np.linspace(125, 155, 8)
    return table(old), table(intercept + slope * old + rng.normal(0, 0.6, 8))


@pytest.fixture(scope="module")
def published():
    folder = bundled_data() / "published"
    aeci = read_index(pd.read_csv(folder / "aeci.csv"), vintage="2026-05-28")
    epoch = read_index(pd.read_csv(folder / "epoch_eci.csv"), vintage="2026-07-07")
    return aeci, epoch


def test_the_published_differences_are_those_of_the_issue(published):
    found = eci.link(*published)
    difference = found.units.y - found.units.x
    assert len(found) == 10
    assert (difference.min(), difference.max()) == pytest.approx((0.0, 3.7))
    assert found.record()["identity"]["residual"]["Claude Opus 4.6"] == pytest.approx(3.7)


def test_line_of_the_eight_models_agrees_with_weighted_least_squares(published):
    """AECI has no intervals, so the line is a regression whose weights differ little."""
    found = eci.link(*published, models=UP_TO_4_6)
    plain = np.polyfit(found.units.x, found.units.y, 1)
    assert found.slope.mean() == pytest.approx(plain[0], abs=0.5 * found.slope.std())
    assert "states no intervals" in found.warnings[0]


def test_leaving_each_model_out_links_the_other_seven(published):
    without = leave_one_out(*published, models=UP_TO_4_6)
    assert list(without) == UP_TO_4_6
    assert all(len(other) == 7 and name not in other.units.names for name, other in without.items())


def test_a_series_linked_to_itself_is_the_identity():
    old = read_index(two_tables()[0])
    found = eci.link(old, old)
    np.testing.assert_allclose(found.slope, 1, atol=1e-9)
    np.testing.assert_allclose(found.intercept, 0, atol=1e-9)
    assert not found.residual_sd.any()


def test_there_and_back_is_the_identity_within_its_error():
    old, new = (read_index(frame) for frame in two_tables())
    there, back = eci.link(old, new), eci.link(new, old, seed=1)
    slope = there.slope * back.slope
    assert abs(slope.mean() - 1) < slope.std()
    at = np.array([140.0])
    returned = back.intercept + back.slope * there.line(at)[:, 0]
    assert abs(returned.mean() - 140) < returned.std()


def test_the_inverse_undoes_the_link_draw_by_draw():
    old, new = (read_index(frame) for frame in two_tables())
    found = eci.link(old, new)
    inverse = found.inverse()
    np.testing.assert_allclose(found.slope * inverse.slope, 1)
    np.testing.assert_allclose(inverse.intercept + inverse.slope * found.intercept, 0, atol=1e-9)


def test_transform_adds_link_residual_and_measurement_error():
    old, new = (read_index(frame) for frame in two_tables())
    found = eci.link(old, new)
    moved = found.transform(old)
    expected = (
        (found.slope[:, None] * old.index + found.intercept[:, None]).var(axis=0)
        + np.mean(found.residual_sd**2)
        + np.mean(found.slope**2) * old.index_sd**2
    )
    np.testing.assert_allclose(moved.index_sd**2, expected)
    np.testing.assert_allclose(moved.index, found.line(old.index).mean(axis=0))
    assert moved.scale.startswith(found.scales[1])


def test_a_trend_of_a_transformed_series_has_the_slope_times_the_link():
    old, new = (read_index(frame) for frame in two_tables())
    found = eci.link(old, new)
    before, after = eci.fit_trend(old, change="none"), eci.fit_trend(found.transform(old), change="none")
    ratio = after.slope_before.mean / before.slope_before.mean
    assert ratio == pytest.approx(found.slope.mean(), rel=0.03)


def test_the_identity_reading_keeps_the_values_and_adds_its_scatter():
    old, new = (read_index(frame) for frame in two_tables(slope=1.0, intercept=1.0))
    found = eci.link(old, new)
    moved = found.transform(old, reading="identity")
    np.testing.assert_allclose(moved.index, old.index)
    scatter = np.mean(found.identity_residual_sd**2)
    np.testing.assert_allclose(moved.index_sd**2, old.index_sd**2 + scatter)


def test_a_model_beyond_the_linked_range_is_named():
    old, new = (read_index(frame) for frame in two_tables())
    far = read_index(table([130.0, 161.0], names=["inside", "outside"]))
    with pytest.warns(EciWarning, match=r"1 of 2 models, by up to 6\.0 points.*outside"):
        moved = eci.link(old, new).transform(far)
    assert "extrapolated" in moved.notes[-1]


def test_robust_link_names_the_model_that_drifted_and_moves_less():
    frame, other = two_tables()
    moved = other.assign(
        **{name: other[name] + np.where(other["model"] == "m3", 12.0, 0) for name in ("index", "low", "high")}
    )
    old, new, off = (read_index(t) for t in (frame, other, moved))
    plain = np.abs(eci.link(old, off).line(old.index).mean(0) - eci.link(old, new).line(old.index).mean(0))
    clean = eci.link(old, new, robust=True)
    robust = eci.link(old, off, robust=True)
    shift = np.abs(robust.line(old.index).mean(0) - clean.line(old.index).mean(0))
    assert shift.max() < plain.max() / 3
    assert robust.units.down_weighted == ("m3",)
    assert any("m3" in warning for warning in robust.warnings)


def test_an_anchor_with_an_interval_on_one_side_only_is_legal():
    frame, other = two_tables()
    frame.loc[1, ["low", "high"]] = frame.loc[1, "index"]
    found = eci.link(read_index(frame), read_index(other))
    assert found.units.x_sd[1] == 0 and found.units.y_sd[1] > 0


def test_error_corr_has_its_table_and_changes_the_residual():
    old, new = (read_index(frame, error_corr=0.3) for frame in two_tables())
    found = eci.link(old, new, error_corr=0.4)
    assert [row["error_corr"] for row in found.sensitivity] == [0.0, 0.4, 0.8]
    assert found.sensitivity[1]["slope"] == found.record()["slope"]
    assert found.sensitivity[2]["residual_sd"]["median"] != found.sensitivity[0]["residual_sd"]["median"]


def test_models_without_a_date_stay_in_a_link():
    frame, other = two_tables()
    frame["release_date"] = frame["release_date"].astype(object)
    frame.loc[2, "release_date"] = None
    other = other.drop(columns="release_date")
    found = eci.link(read_index(frame), read_index(other))
    assert len(found) == 8
    assert np.isnat(found.units.dates[2]) and not np.isnat(found.units.dates[1])


def test_undated_models_are_kept_or_dropped_as_asked():
    frame = two_tables()[0]
    frame["release_date"] = frame["release_date"].astype(object)
    frame.loc[2, "release_date"] = None
    dropped, kept = (eci.IndexSeries.from_table(frame, undated=rule) for rule in ("drop", "keep"))
    assert dropped.dropped == (("m2", "no release date"),) and len(dropped) == 7
    assert kept.models == tuple(NAMES) and np.isnat(kept.release_date[2]) and not kept.dropped


def test_an_undated_model_of_a_fit_is_linked_to_a_table(invented_fit):
    matrix = invented_fit.matrix
    dates = matrix.release_date.copy()
    dates[3] = np.datetime64("NaT", "D")
    fit = replace(invented_fit, matrix=replace(matrix, release_date=dates))
    other = read_index(table(100 + 2 * fit.index, names=matrix.models))
    assert matrix.models[3] in eci.link(fit, other).units.names


def test_record_is_json_with_the_keys_of_the_contract():
    old, new = (read_index(frame) for frame in two_tables())
    record = json.loads(json.dumps(eci.link(old, new, models=NAMES[:6]).record(), allow_nan=False))
    keys = {
        "schema",
        "slope",
        "intercept",
        "residual_sd",
        "common",
        "residual",
        "dropped",
        "error_corr",
        "warnings",
    }
    assert keys <= set(record)
    assert set(record["slope"]) == {"mean", "sd", "low", "median", "high"}
    assert record["dropped"] == [{"name": n, "reason": "not chosen"} for n in NAMES[6:]]


def test_few_common_models_are_said_to_lean_on_the_priors():
    old, new = (read_index(frame) for frame in two_tables())
    assert any("assumptions decide" in w for w in eci.link(old, new, models=NAMES[:3]).warnings)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"new": table([1.0, 2, 3], names=["x", "y", "z"])}, IdentificationError, "share no model"),
        ({"new": table([140.0, 141], names=["m0", "z"])}, IdentificationError, "Common models: 1"),
        ({"new": table(np.full(8, 140.0))}, IdentificationError, "one level in the second"),
        ({"new": table(np.linspace(155, 125, 8))}, IdentificationError, "different directions"),
        ({"error_corr": 1.0}, DataError, "outside"),
        ({"models": ["m0", "m1", "m22"]}, DataError, "Did you mean 'm2'|No model 'm22'"),
        ({"method": "haebara"}, DataError, "needs two fits"),
        ({"common": "benchmarks"}, DataError, "needs two fits"),
        ({"errors": "joint"}, DataError, "error_corr"),
        ({"method": "magic"}, DataError, "not an option"),
        ({"interval_prob": 1.0}, DataError, "outside"),
        ({"old_sd": 2.0}, DataError, "states its errors"),
    ],
)
def test_bad_input_is_refused_in_words(change, error, words):
    frame, other = two_tables()
    old, new = read_index(frame), read_index(change.pop("new", other))
    with pytest.raises(error, match=words):
        eci.link(old, new, **change)


def test_names_that_differ_in_spelling_alone_are_named_and_not_linked():
    frame, other = two_tables()
    other["model"] = ["M0", "m 1", *NAMES[2:]]
    found = eci.link(read_index(frame), read_index(other))
    assert found.units.names == tuple(NAMES[2:])
    assert found.warnings[0].startswith("2 names differ only in capitals, blanks or hyphens: 'm0' and 'M0'")
    other["model"] = [name.upper() for name in NAMES]
    with pytest.raises(IdentificationError, match=r"8 names differ only .* and 5 more"):
        eci.link(read_index(frame), read_index(other))


def test_a_fraction_beside_points_is_linked_and_the_identity_is_no_reading():
    frame, other = two_tables()
    for column in ("index", "low", "high"):
        other[column] /= 100
    old = read_index(frame)
    found = eci.link(old, read_index(other))
    assert any("not in the same units" in warning for warning in found.warnings)
    assert found.record()["identity"] is None
    with pytest.raises(DataError, match="identity is no reading"):
        found.transform(old, reading="identity")


def test_an_assumed_error_is_stated():
    frame, other = two_tables()
    bare = read_index(frame.drop(columns=["low", "high", "interval_prob"]))
    found = eci.link(bare, read_index(other), old_sd=1.5)
    assert any("sd of 1.5 points is assumed" in warning for warning in found.warnings)
    assert (found.units.x_sd == 1.5).all()


def test_vintages_are_not_mixed():
    frame, other = two_tables()
    mixed = pd.concat([frame.assign(vintage="2025-01"), other.assign(vintage="2025-02")])
    with pytest.raises(DataError, match="mixes 2 vintages"):
        read_index(mixed)


def test_an_affine_move_between_vintages_is_told_from_a_change_of_order():
    base = np.linspace(120, 150, 8)
    swapped = base.copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    frame = pd.concat(
        [
            table(base, vintage="2025-01"),
            table(2 + 1.05 * base, vintage="2025-02"),
            table(2 + 1.05 * swapped, vintage="2025-03"),
        ]
    )
    scaled, ordered = eci.compare_vintages(frame)
    assert scaled.affine_share == pytest.approx(1.0)
    assert scaled.order_changed == ()
    np.testing.assert_allclose(scaled.moved, 2 + 0.05 * base)
    assert ordered.order_changed == (("m3", "m4"),)
    assert ordered.affine_share < 0.2
    json.dumps([change.record() for change in (scaled, ordered)], allow_nan=False)


def test_vintages_that_share_too_few_models_have_moves_and_no_line():
    frame = pd.concat([table([130.0, 140], vintage="a"), table([131.0, 141.5], vintage="b")])
    (change,) = eci.compare_vintages(frame)
    np.testing.assert_allclose(change.moved, [1.0, 1.5])
    assert change.line is None and "needs 3" in change.why_no_line


def test_vintages_at_one_level_have_no_line():
    frame = pd.concat([table(np.full(4, 130.0), vintage="a"), table([131.0, 132, 133, 134], vintage="b")])
    (change,) = eci.compare_vintages(frame)
    assert change.line is None and "one level" in change.why_no_line


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (table([1.0, 2]), "no column `vintage`"),
        (table([1.0, 2], vintage="a"), "needs two different"),
        (table([1.0, 2], vintage=["a", None]), "Row 3 has no vintage"),
        (
            pd.concat([table([1.0], names=["x"], vintage="a"), table([1.0], names=["y"], vintage="b")]),
            "share a model",
        ),
    ],
)
def test_tables_without_vintages_to_compare_are_refused(frame, words):
    with pytest.raises(DataError, match=words):
        eci.compare_vintages(frame)
