"""Placing: against integrals done by SciPy, and laws."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import eci
from eci.queries.curves import Curves, choose_rows
from eci.queries.grid import AbilityPrior, PointMap, posteriors_on_grid
from eci.queries.place import place

NEW = pd.DataFrame(
    {
        "model": ["new A"] * 3 + ["new B"] * 2,
        "benchmark": ["bench 0", "bench 3", "bench 6", "bench 1", "bench 3"],
        "score": [0.8, 0.6, 0.3, 0.2, 0.1],
        "release_date": ["2024-06-01"] * 3 + [""] * 2,
    }
)


@pytest.fixture(scope="module")
def anchored(small_fit):
    return small_fit.rescale({"model 01": 130.0, "model 14": 150.0})


def integrate(fit, table, k):
    """Integrals over ability of posterior density times points to the power 0, 1 and 2, in one draw."""
    j = [fit.matrix.benchmarks.index(name) for name in table["benchmark"]]
    slope, origin = fit.scale.slope[k], fit.scale.origin[k]

    def density(x, power):
        mean = 1 / (1 + np.exp(-fit.draws.discrimination[k, j] * (x - fit.draws.difficulty[k, j])))
        likelihood = np.prod(norm.pdf(table["score"], mean, fit.draws.shared["noise_sd"][k]))
        return norm.pdf(x) * likelihood * (origin + slope * x) ** power

    grid = np.linspace(-6, 6, 400)
    peak = grid[np.argmax([density(x, 0) for x in grid])]
    return [
        quad(density, peak - 1.5, peak + 1.5, (power,), points=[peak], epsabs=0, limit=200)[0]
        for power in range(3)
    ]


def by_quadrature(fit, table, rows):
    """Posterior mean and sd in points and draw weights: one integral after the other."""
    integrals = np.array([integrate(fit, table, k) for k in rows])
    total = integrals.sum(axis=0)
    mean, square = total[1:] / total[0]
    return mean, np.sqrt(square - mean**2), integrals[:, 0] / total[0]


def test_the_grid_gives_what_quadrature_gives(anchored):
    rows = choose_rows(anchored, 12)
    table = NEW[NEW["model"] == "new A"]
    mean, sd, weights = by_quadrature(anchored, table, rows)
    (one, _) = place(anchored, table, max_draws=12)
    assert one.index == pytest.approx(mean, abs=1e-4 * sd)
    assert one.sd == pytest.approx(sd, rel=1e-4)
    assert one.effective_draws == pytest.approx(1 / np.sum(weights**2), rel=1e-6)


def test_quantiles_are_those_of_the_mixture(anchored):
    """Against draws of the same posterior, 20,000 of them: standard error of a 5 % quantile 0.015 sd."""
    rows = choose_rows(anchored, 200)
    curves = Curves.of_fit(anchored, [0, 3], rows)
    scale = PointMap(anchored.scale.slope, anchored.scale.origin).take(rows)
    prior = AbilityPrior(np.zeros(200), np.ones(200))
    (posterior,) = posteriors_on_grid(curves, np.array([0.8, 0.6]), scale, [prior])
    drawn_rows, points = posterior.sample(np.random.default_rng(1), 20_000)
    mean, sd = posterior.moments()
    probs = np.array([0.05, 0.5, 0.95])
    np.testing.assert_allclose(posterior.quantiles(probs), np.quantile(points, probs), atol=0.06 * sd)
    assert points.mean() == pytest.approx(mean, abs=0.02 * sd)
    assert points.std() == pytest.approx(sd, rel=0.02)
    counts = np.bincount(drawn_rows, minlength=200)
    assert np.abs(counts - 20_000 * posterior.weights).max() <= 1.0  # systematic sampling


def test_without_information_the_prior_comes_back(invented_fit):
    """A benchmark without slope: 1e-9 logits. The mean is flat, so the prior is the posterior."""
    draws = invented_fit.draws
    flat, noise = np.full_like(draws.discrimination, 1e-9), np.full(len(draws.ability), 0.1)
    draws = draws._replace(discrimination=flat, shared={"noise_sd": noise})
    fit = dataclasses.replace(invented_fit, draws=draws)
    for one in place(fit, NEW):
        assert one.index == pytest.approx(one.prior_mean, abs=1e-6 * one.prior_sd)
        assert one.sd == pytest.approx(one.prior_sd, rel=1e-6)
        assert one.effective_draws == pytest.approx(one.n_draws, rel=1e-6)


def test_each_model_stands_for_itself_and_rows_may_come_in_any_order(anchored):
    together = place(anchored, NEW).table()
    shuffled = place(anchored, NEW.sample(frac=1, random_state=3)).table()
    alone = pd.concat([place(anchored, part).table() for _, part in NEW.groupby("model")], ignore_index=True)
    pd.testing.assert_frame_equal(together, shuffled)
    pd.testing.assert_frame_equal(together, alone)
    assert together["prior"].tolist() == ["standard", "dated", "standard"]  # new B has no date


def test_more_scores_say_more(anchored):
    """Where they agree: of the third, 0.82 is what the curve that was simulated has at the first two."""
    new = pd.concat([NEW[:2], NEW[2:3].assign(benchmark="bench 2", score=0.82)])
    sds = [next(iter(place(anchored, new[:n]))).sd for n in (1, 2, 3)]
    prior_sd = next(iter(place(anchored, NEW[:1]))).prior_sd
    assert prior_sd > sds[0] > sds[1] > sds[2]


def test_the_dated_prior_is_the_line_of_abilities_at_the_date(anchored):
    date = np.datetime64("2024-06-01")
    years = (anchored.matrix.release_date - date).astype(float) / 365.25
    lines = [np.polyfit(years, index, 1, full=True) for index in anchored.index_draws]
    expected = np.mean([line[0][1] for line in lines])
    (dated,) = [one for one in place(anchored, NEW) if one.prior == "dated"]
    assert dated.prior_mean == pytest.approx(expected, rel=1e-9)
    spread = np.mean([line[1][0] / (len(years) - 2) for line in lines]) + np.var(
        [line[0][1] for line in lines]
    )
    assert dated.prior_sd == pytest.approx(np.sqrt(spread), rel=1e-9)


def test_what_is_left_out_is_named(anchored):
    extra = pd.DataFrame(
        {
            "model": ["new A", "model 03", "new A", "lonely"],
            "benchmark": ["Bench 5", "bench 2", "bench 0", "own test"],
            "score": [0.5, 0.5, 0.75, 0.1],
            "release_date": "",
        }
    )
    placement = place(anchored, pd.concat([NEW, extra], ignore_index=True))
    found = {item.name: item[:1] + item[2:] for item in placement.left_out}
    assert set(found) == {"model 03", "lonely", "Bench 5", "own test"}
    assert found["model 03"] == ("model", "in the fit already", "")
    assert found["lonely"] == ("model", "without a score on a benchmark of the fit", "")
    assert found["Bench 5"][2].startswith("Did you mean 'bench 5'")
    assert [item.name for item in placement.dropped] == ["new A on bench 0"]  # the higher of two stands
    assert placement.table().equals(place(anchored, NEW).table())


def test_chance_and_ceiling_are_those_of_the_fit(anchored):
    stated = place(anchored, NEW.assign(chance=0.05, ceiling=0.9))
    assert stated.table().equals(place(anchored, NEW).table())
    assert sum("is not that of the fit" in said for said in stated.warnings) == 2 * NEW["benchmark"].nunique()
    assert not place(anchored, NEW.assign(chance=0.0, ceiling=1.0)).warnings


def test_percent_is_a_unit(anchored):
    percent = place(anchored, NEW.assign(score=NEW["score"] * 100), unit="percent")
    pd.testing.assert_frame_equal(percent.table(), place(anchored, NEW).table())


def test_few_effective_draws_advise_a_refit(anchored):
    """Scores that no draw explains: perfect on all benchmarks but hopeless on two easy ones."""
    odd = pd.DataFrame({"model": "odd", "benchmark": list(anchored.matrix.benchmarks), "score": 0.99})
    odd.loc[[0, 1], "score"] = 0.0
    placement = place(anchored, odd, max_draws=150)
    (one,) = placement
    assert one.effective_draws < 100
    assert any("Fit again with the model in the data" in said for said in placement.warnings)
    best = NEW[:1].assign(score=1.0)
    assert not any("Fit again" in said for said in place(anchored, best).warnings)


def test_a_model_above_all_others_is_called_so(anchored):
    best = pd.DataFrame({"model": "best", "benchmark": list(anchored.matrix.benchmarks), "score": 1.0})
    placement = place(anchored, best)
    assert any("above all 16 models" in said for said in placement.warnings)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (NEW.assign(model="model 03"), "in the fit already: model 03"),
        (NEW.assign(benchmark="bench"), "No new model has a score on one of the 8 benchmarks"),
        (NEW.assign(benchmark="Bench-3"), r"are on Bench-3\. Bench-3: Did you mean 'bench 3'"),
        (NEW.assign(score=1.2), "score"),
        (NEW[:0], "no row"),
    ],
)
def test_what_cannot_be_placed_is_refused(anchored, table, message):
    with pytest.raises(eci.DataError, match=message):
        place(anchored, table)


def test_a_fit_without_draws_is_refused(invented_fit):
    fit = dataclasses.replace(invented_fit, draws=None, method={"name": "map"})
    with pytest.raises(eci.DataError, match="method map"):
        fit.place(NEW)


def test_items_of_the_fit_stand_in_for_blank_ones(small_matrix, invented_fit):
    """The likelihood beta widens a score of 0 by half an item, so the count matters there."""
    n_items = np.where(small_matrix.benchmark_index == 3, 40.0, np.nan)
    matrix = dataclasses.replace(small_matrix, n_items=n_items)
    n = len(invented_fit.draws.ability)
    shared = {"precision": np.full((n, matrix.n_benchmarks), 20.0)}
    fit = dataclasses.replace(
        invented_fit, matrix=matrix, likelihood="beta", draws=invented_fit.draws._replace(shared=shared)
    )
    zero = pd.DataFrame({"model": ["z"], "benchmark": ["bench 3"], "score": [0.0]})
    (blank,), (same,), (other,) = (
        place(fit, table) for table in (zero, zero.assign(n_items=40), zero.assign(n_items=4000))
    )
    assert blank.index == same.index != other.index
