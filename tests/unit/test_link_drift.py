"""Drift of common units: its estimate, its confidence, and the tails it gives a link."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

from eci.linking.common import Abilities, Curves
from eci.linking.concurrent import find_drift_influence
from eci.linking.drift import Drift, estimate_drift
from eci.linking.points import Points
from eci.linking.propagate import add_drift, constants_at, coordinates, find_influence

PEOPLE = Abilities.normal(0.0, 1.0)


def make_points(n=8, drift_sd=0.4, seed=0):
    """Points with errors of unequal size about a line of slope 1.2."""
    rng = np.random.default_rng(seed)
    true, x_sd, y_sd = rng.normal(0, 1, n), rng.uniform(0.02, 0.3, n), rng.uniform(0.02, 0.4, n)
    x = true + x_sd * rng.standard_normal(n)
    y = 0.5 + 1.2 * true + drift_sd * rng.standard_normal(n) + y_sd * rng.standard_normal(n)
    return Points(x, y, np.diag(x_sd**2), np.diag(y_sd**2), np.zeros((n, n)))


def restricted_likelihood(points, variance):
    """Write the criterion down once more, with matrices, the slope found by an independent minimiser."""
    x_var, y_var = np.diagonal(points.x_cov), np.diagonal(points.y_cov)

    def total(constants):
        intercept, slope = constants
        gap = points.y - intercept - slope * points.x
        return np.sum(gap**2 / (y_var + slope**2 * x_var + variance))

    best = minimize(total, [0.5, 1.2], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    v = np.diag(y_var + best.x[1] ** 2 * x_var + variance)
    design = np.column_stack([np.ones(points.x.size), points.x])
    information = design.T @ np.linalg.inv(v) @ design
    return -0.5 * (np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + best.fun)


@pytest.mark.parametrize("seed", range(4))
def test_the_estimate_is_the_maximum_of_the_restricted_likelihood(seed):
    points = make_points(seed=seed)
    found = estimate_drift(points, weights=np.ones(8), n_draws=10, rng=np.random.default_rng(0))
    grid = np.linspace(0.0, 1.0, 401) ** 2
    brute = np.sqrt(grid[np.argmax([restricted_likelihood(points, v) for v in grid])])
    assert found.sd == pytest.approx(brute, abs=0.004)


def test_without_errors_the_estimate_is_the_residual_sd_and_its_draws_are_chi_squared():
    points = make_points()
    nothing = (np.zeros((8, 8)),) * 3
    found = estimate_drift(
        Points(points.x, points.y, *nothing), weights=np.ones(8), n_draws=20_000, rng=np.random.default_rng(1)
    )
    line = np.polyfit(points.x, points.y, 1)
    squares = np.sum((points.y - np.polyval(line, points.x)) ** 2)
    # the grid has steps of 15 % in the variance, and a parabola between them is good to 1 % of it
    assert found.sd**2 == pytest.approx(squares / 6, rel=0.01)
    assert found.variance_var == pytest.approx(2 * found.sd**4 / 6, rel=5e-3)
    for prob in (0.05, 0.5, 0.95):
        expected = np.sqrt(squares / stats.chi2.ppf(1 - prob, 6))
        assert np.quantile(found.draws, prob) == pytest.approx(expected, rel=0.03)


def test_draws_of_the_sd_hold_the_truth_as_often_as_they_say():
    below = [
        np.mean(
            estimate_drift(p, weights=np.ones(8), n_draws=400, rng=np.random.default_rng(seed)).draws < 0.4
        )
        for seed, p in ((seed, make_points(seed=seed)) for seed in range(200))
    ]
    # uniform if calibrated; 0.115 is the 1 % point of the Kolmogorov-Smirnov distance of 200
    assert stats.kstest(below, "uniform").statistic < 0.115


def test_errors_that_explain_the_scatter_leave_no_drift():
    points = make_points(drift_sd=0.0, seed=3)
    wide = Points(points.x, points.y, 9 * points.x_cov, 9 * points.y_cov, points.cross_cov)
    found = estimate_drift(wide, weights=np.ones(8), n_draws=1000, rng=np.random.default_rng(0))
    assert found.sd == 0.0 and np.mean(found.draws == 0.0) > 0.5


@pytest.mark.parametrize(
    ("known_sd", "drift", "law"),
    [
        (0.0, Drift(0.5, 2 * 0.5**4 / 6, 6, np.empty(0)), stats.t(6, scale=0.5)),
        (0.5, Drift(0.0, 1e-9, 6, np.empty(0)), stats.norm(scale=0.5)),
    ],
)
def test_all_drift_has_t_tails_and_none_has_normal_ones(known_sd, drift, law):
    rng = np.random.default_rng(2)
    deviation = known_sd * rng.standard_normal((40_000, 2))
    by_drift = np.full((4, 2), 0.5)  # four units: sum of squares 1
    found = add_drift(deviation, by_drift, drift, rng)
    for prob in (0.05, 0.25, 0.95):
        assert np.quantile(found[:, 0], prob) == pytest.approx(law.ppf(prob), rel=0.05)


def make_curves(spread, slope=1.0, shift=0.0, n=6, n_draws=400, seed=0):
    truth = np.random.default_rng(9)
    log_a, b = truth.normal(0.3, 0.3, n) - np.log(slope), shift + slope * truth.normal(0, 1, n)
    rng = np.random.default_rng(seed)
    e, f = rng.standard_normal((2, n_draws, n))
    e, f = e - e.mean(axis=0), f - f.mean(axis=0)
    return Curves(np.exp(log_a + spread * e), b + spread * slope * f, np.zeros(n), np.ones(n))


@pytest.mark.parametrize("method", ["mean-mean", "mean-sigma", "haebara", "stocking-lord"])
def test_draws_by_influence_are_the_links_of_the_draws_where_errors_are_small(method):
    from eci.linking.common import link_curves

    old, new = make_curves(0.01), make_curves(0.01, 1.3, 0.4, seed=1)
    abilities = PEOPLE, Abilities.normal(0.4, 1.3)
    found = find_influence(old, new, method=method, abilities=abilities, weights=np.ones(6))
    errors = [side - side.mean(axis=0) for side in (coordinates(old), coordinates(new))]
    ours = constants_at(found.link + errors[0] @ found.old + errors[1] @ found.new, found.centre)
    drawn = link_curves(old, new, method=method, abilities=abilities)
    np.testing.assert_allclose(ours.slope, drawn.slope, rtol=2e-3)
    np.testing.assert_allclose(ours.intercept, drawn.intercept, atol=2e-3)


def test_influence_of_a_drift_on_a_concurrent_link_is_that_of_weighted_least_squares():
    """Move one difficulty and minimise the squared differences of both curves again."""
    old, new = make_curves(0.1), make_curves(0.1, 1.3, 0.4, seed=1)
    centre = float(old.difficulty.mean())
    first, second = (np.log(c.discrimination).mean(axis=0) for c in (old, new))
    b_old, b_new = old.difficulty.mean(axis=0), new.difficulty.mean(axis=0)
    both = [np.stack([np.log(c.discrimination), u * c.difficulty]) for c, u in ((old, 1.3), (new, 1.0))]
    precision = np.stack([np.linalg.inv(sum(np.cov(side[:, :, j]) for side in both)) for j in range(6)])

    def link(moved):
        def total(theta):
            gap = np.stack(
                [second - first + theta[0], moved - theta[1] - np.exp(theta[0]) * (b_old - centre)]
            )
            return np.einsum("kj,jkl,lj->", gap, precision, gap)

        options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000}
        return minimize(total, [np.log(1.3), 0.4], method="Nelder-Mead", options=options).x

    found = find_drift_influence(old, new, slope=1.3, centre=centre)
    step = 1e-3
    for j in (0, 3):
        moved = b_new + step * (np.arange(6) == j)
        np.testing.assert_allclose((link(moved) - link(b_new)) / step, found[j], atol=0.01)
