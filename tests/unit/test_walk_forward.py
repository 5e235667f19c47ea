"""Walk-forward back-test: the index of an origin holds nothing of later models, and is carried affinely."""

from dataclasses import replace

import numpy as np
import pytest

from eci.errors import DataError, IdentificationError
from eci.fitted import Parameters
from eci.scale import Scale
from eci.scores.released import released_by
from eci.trend import IndexSeries
from eci.trend.backtest import backtest
from eci.trend.walk_forward import carry, restrict_to, walk_forward

FIRST = np.datetime64("2022-01-15")
DAY = FIRST + np.timedelta64(500, "D")


def steady(fit, slope=12.0, noise=0.3, seed=0):
    """A fit whose models come out every 60 days and lie on a line, known to about `noise` points."""
    n, n_draws = fit.matrix.n_models, 400
    dates = FIRST + (60 * np.arange(n)).astype("timedelta64[D]")
    points = 100 + slope * 60 * np.arange(n) / 365.25
    ability = (points - points.mean()) / points.std()
    rng = np.random.default_rng(seed)
    draws = ability + noise / points.std() * rng.standard_normal((n_draws, n))
    own = fit.draws.difficulty[:1].repeat(n_draws, 0), fit.draws.discrimination[:1].repeat(n_draws, 0)
    scale = Scale(np.full(n_draws, points.std()), np.full(n_draws, points.mean()), "points", {})
    matrix = replace(fit.matrix, release_date=dates)
    return replace(fit, matrix=matrix, draws=Parameters(draws, *own, shared={}), scale=scale)


def cut_fit(fit, day, slope=1.0, shift=0.0):
    """The draws of a fit for the models of a day, in other logits, on the standard scale."""
    matrix = released_by(fit.matrix, day)
    columns = [fit.matrix.models.index(name) for name in matrix.models]
    ability = shift + slope * fit.draws.ability[:, columns]
    draws = fit.draws._replace(ability=ability)
    return replace(fit, matrix=matrix, draws=draws, scale=Scale.standard(ability))


@pytest.fixture
def asked(monkeypatch):
    """Refits replaced by cuts of the fit at hand; the days asked for are returned."""
    days = []

    def refit_until(fit, day, *, method=None, progress=None):
        days.append(str(day))
        return cut_fit(fit, day, slope=0.5, shift=3.0)

    monkeypatch.setattr("eci.inference.refit.refit_until", refit_until)
    return days


def test_carried_draws_have_the_mean_and_spread_of_today(invented_fit):
    today = steady(invented_fit)
    past = cut_fit(today, DAY, slope=0.5, shift=3.0)
    carried = carry(past, today).index_draws
    now = today.index_draws[:, [today.matrix.models.index(name) for name in past.matrix.models]]
    np.testing.assert_allclose(carried.mean(axis=1), now.mean())
    np.testing.assert_allclose(carried.std(axis=1), now.std(axis=1).mean())
    np.testing.assert_allclose(carried.mean(axis=0), now.mean(axis=0), atol=0.2)


def test_the_unit_of_the_refit_changes_no_forecast(invented_fit, asked, monkeypatch):
    today = steady(invented_fit)
    series = IndexSeries.from_fit(today)
    distorted = walk_forward(series, today, months=(3, 6), n_draws=500)
    monkeypatch.setattr("eci.inference.refit.refit_until", lambda fit, day, method: cut_fit(fit, day))
    plain = walk_forward(series, today, months=(3, 6), n_draws=500)
    for one, other in zip(distorted.trials, plain.trials, strict=True):
        assert one.median == pytest.approx(other.median, abs=1e-6)
        assert one.crps == pytest.approx(other.crps, abs=1e-6)


def test_a_steady_line_is_forecast_where_it_goes(invented_fit, asked):
    today = steady(invented_fit)
    tested = walk_forward(IndexSeries.from_fit(today), today, months=(6,), n_draws=500)
    assert tested.kind == "index refitted at each origin"
    late = tested.trials[3:]
    assert late and all(abs(t.median - t.index) < 1.5 for t in late)
    assert asked == [day for day, _ in tested.skipped] + [refit.origin for refit in tested.refits]
    # a forecast is of the first model 6 months on: 183 days are more than three steps of 60
    assert all(
        (np.datetime64(t.released) - np.datetime64(t.origin)).astype(int) == 240 for t in tested.trials
    )


def test_a_later_model_cannot_move_the_index_of_an_origin(invented_fit, asked):
    """Whatever becomes of the models after an origin, its series is the same; only the outcome moves."""
    today = steady(invented_fit)
    surprise = today.draws.ability.copy()
    surprise[:, 12:] += 2.0
    other = replace(today, draws=today.draws._replace(ability=surprise))
    day = today.matrix.release_date[10]
    same = [
        restrict_to(IndexSeries.from_fit(fit), IndexSeries.from_fit(carry(cut_fit(fit, day), fit)))
        for fit in (today, other)
    ]
    np.testing.assert_array_equal(same[0].values, same[1].values)
    np.testing.assert_allclose(same[0].index, same[1].index)
    before, after = (
        walk_forward(IndexSeries.from_fit(fit), fit, months=(3,), n_draws=500).trials
        for fit in (today, other)
    )
    early = [k for k, t in enumerate(before) if np.datetime64(t.origin) <= day]
    assert early
    for k in early:  # a draw on the edge of two grid cells may change sides by rounding
        assert after[k].median == pytest.approx(before[k].median, abs=0.01)
    assert any(after[k].index > before[k].index + 5 for k in early)


def test_selection_and_frontier_are_those_of_the_series(invented_fit):
    today = steady(invented_fit)
    names = today.matrix.models
    series = IndexSeries.from_fit(today, frontier=True, since=str(today.matrix.release_date[4]))
    past = restrict_to(series, IndexSeries.from_fit(cut_fit(today, today.matrix.release_date[9])))
    assert past.frontier and past.models == names[4:10]
    assert past.context.models == names[:10]  # what came before the window still has to be exceeded
    odd = restrict_to(series.take(np.array([1, 3])), IndexSeries.from_fit(today))
    assert odd.models == (names[5], names[7])
    with pytest.raises(DataError, match="None of the models selected was out"):
        restrict_to(series.select(models=[names[15]]), IndexSeries.from_fit(cut_fit(today, DAY)))


def test_origins_that_cannot_be_refitted_are_named(invented_fit, asked, monkeypatch):
    today = steady(invented_fit)
    days = [str(day) for day in today.matrix.release_date]

    def refit_until(fit, day, *, method=None, progress=None):
        if str(day) == days[9]:
            raise IdentificationError("Two groups.")
        return cut_fit(fit, day)

    monkeypatch.setattr("eci.inference.refit.refit_until", refit_until)
    tested = walk_forward(IndexSeries.from_fit(today), today, months=(3,), n_draws=500)
    assert dict(tested.skipped)[days[9]] == "Two groups."
    assert days[0] in dict(tested.skipped)  # one model: no score is left
    assert days[9] not in {trial.origin for trial in tested.trials}
    assert tested.record()["skipped"][days[9]] == "Two groups."


def test_progress_counts_origins(invented_fit, asked):
    today = steady(invented_fit)
    seen = []
    walk_forward(
        IndexSeries.from_fit(today),
        today,
        months=(3,),
        since=str(today.matrix.release_date[8]),
        n_draws=100,
        progress=lambda *told: seen.append(told),
    )
    assert seen[0] == (f"refitting as of {asked[0]}", 0, 8)
    assert [done for _, done, _ in seen] == list(range(len(seen)))


def test_a_series_of_another_fit_is_refused(invented_fit):
    today = steady(invented_fit)
    stranger = replace(IndexSeries.from_fit(today), models=("X", *today.matrix.models[1:]))
    with pytest.raises(DataError, match="1 models of the series are not in the fit, 'X' first"):
        walk_forward(stranger, today)


def test_todays_index_names_what_it_could_not_fit(invented_fit, monkeypatch):
    today = steady(invented_fit)
    monkeypatch.setattr("eci.trend.backtest.LEAST_MODELS", 2)  # two models make no line
    tested = backtest(IndexSeries.from_fit(today), months=(3,), n_draws=100)
    assert [day for day, _ in tested.skipped] == [str(day) for day in today.matrix.release_date[1:2]]


@pytest.fixture(scope="module")
def refitted(small_fit):
    """The small problem refitted as of a day by the default method, and the same from its table."""
    from eci.inference.refit import refit_until

    return refit_until(small_fit, np.datetime64("2024-09-15"))


def test_a_refit_is_the_fit_of_the_table_of_that_day(refitted, small_fit, small_table):
    import eci

    table = small_table[small_table["release_date"] <= "2024-09-15"]
    expected = eci.fit(
        eci.ScoreMatrix.from_table(table), method=eci.Laplace(), seed=small_fit.seed, likelihood="normal"
    )
    assert refitted.matrix.models == expected.matrix.models and refitted.matrix.n_models == 13
    np.testing.assert_array_equal(refitted.index_draws, expected.index_draws)
    assert refitted.scale.anchors == {}
    assert (refitted.likelihood, refitted.priors, refitted.method["name"]) == (
        small_fit.likelihood,
        small_fit.priors,
        "laplace",
    )


def test_anchors_are_kept_once_both_are_out(refitted, small_fit):
    from eci.inference.refit import refit_until

    day = np.datetime64("2024-09-15")
    both = refit_until(small_fit.rescale({"model 01": 90.0, "model 08": 110.0}), day)
    assert both.scale.anchors == {"model 01": 90.0, "model 08": 110.0}
    np.testing.assert_allclose(both.rescale(standard=True).index_draws, refitted.index_draws, atol=1e-9)
    missing = refit_until(small_fit.rescale({"model 01": 90.0, "model 10": 110.0}), day)
    np.testing.assert_array_equal(missing.index_draws, refitted.index_draws)
