"""The line with errors on both axes, against brute force and against least squares."""

import numpy as np
import pytest
from scipy import stats

from eci.errors import IdentificationError
from eci.linking import line
from eci.linking.line import fit_line
from eci.linking.points import Points, check_points, moment_line


def make_points(n=9, x_sd=0.5, y_sd=0.6, corr=0.3, seed=0):
    rng = np.random.default_rng(seed)
    true = np.linspace(125, 158, n)
    e = rng.standard_normal(n)
    f = corr * e + np.sqrt(1 - corr**2) * rng.standard_normal(n)
    y = -12 + 1.1 * true + 0.8 * rng.standard_normal(n) + y_sd * f
    eye = np.eye(n)
    return Points(true + x_sd * e, y, x_sd**2 * eye, y_sd**2 * eye, corr * x_sd * y_sd * eye)


def brute_force_slope(points):
    """Distribution function of the slope with every parameter on a grid, intercept and μ included."""
    z, _, (sx, sy) = points.standardised()
    n = z.x.size
    error = np.sqrt(
        np.median(np.diagonal(z.y_cov) + moment_line(z, np.ones(n))[0] ** 2 * np.diagonal(z.x_cov))
    )
    log_slope, log_tau = np.linspace(-0.6, 0.6, 49), np.linspace(np.log(1e-3), np.log(4.0), 30)
    omega = np.geomspace(0.4, 3.0, 7)
    shift, mu = np.linspace(-0.9, 0.9, 37), np.linspace(-3, 3, 25)
    logs = []
    for ls in log_slope:
        b = np.exp(ls)
        for lt in log_tau:
            for w in omega:
                cov = np.block(
                    [
                        [w**2 * np.eye(n) + z.x_cov, b * w**2 * np.eye(n) + z.cross_cov],
                        [b * w**2 * np.eye(n) + z.cross_cov.T, (b * w) ** 2 * np.eye(n) + z.y_cov],
                    ]
                )
                cov[n:, n:] += np.exp(2 * lt) * np.eye(n)
                inverse = np.linalg.inv(cov)
                design = np.kron(np.eye(2), np.ones((n, 1)))
                data = np.concatenate([z.x, z.y])
                grid = np.stack(np.meshgrid(mu, shift), axis=-1).reshape(-1, 2)
                grid[:, 1] += b * grid[:, 0]  # the two levels go together: a square grid would miss the ridge
                gap = data - grid @ design.T
                log_like = -0.5 * np.einsum("gi,ij,gj->g", gap, inverse, gap)
                log_like = np.log(np.exp(log_like - log_like.max()).sum()) + log_like.max()
                prior = -0.5 * ls**2 + lt - np.log(max(0.25 * error, 1e-3) + np.exp(lt))
                logs.append((log_like - 0.5 * np.linalg.slogdet(cov)[1] + prior, b))
    log_post, b = np.array(logs).T
    mass = np.exp(log_post - log_post.max()).reshape(log_slope.size, -1).sum(axis=1)
    edges = np.exp(log_slope + (log_slope[1] - log_slope[0]) / 2) * sy / sx
    return edges, np.cumsum(mass) / mass.sum()


def test_posterior_is_that_of_a_brute_force_grid():
    points = make_points(n=6, x_sd=1.0, y_sd=1.5)
    edges, expected = brute_force_slope(points)
    draws = fit_line(points, n_draws=40_000, rng=np.random.default_rng(1))
    found = np.searchsorted(np.sort(draws.slope), edges) / 40_000
    # four standard errors of a share of 40,000 draws is 0.01
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert expected[0] < 0.01 and expected[-2] > 0.99


def test_without_errors_the_line_is_the_regression_with_its_t_interval():
    points = make_points(n=12)
    exact = Points(points.x, points.y, *(np.zeros((12, 12)),) * 3)
    found = stats.linregress(points.x, points.y)
    draws = fit_line(exact, n_draws=40_000, rng=np.random.default_rng(1))
    low, high = np.quantile(draws.slope, [0.05, 0.95])
    half = stats.t.ppf(0.95, 10) * found.stderr
    # the prior on log slope is weak, not absent
    assert draws.slope.mean() == pytest.approx(found.slope, abs=0.02 * half)
    assert (high - low) / 2 == pytest.approx(half, rel=0.03)


def test_covariance_path_equals_the_path_for_independent_errors():
    rng = np.random.default_rng(1)
    n = 6
    diagonals = np.diag(rng.random(n)), np.diag(rng.random(n)), 0.02 * np.eye(n)
    points = Points(rng.normal(size=n), rng.normal(size=n), *diagonals)
    grid = np.exp(np.linspace(-0.5, 0.5, 4)), np.array([0.1, 0.3, 1.0]), np.array([0.5, 1.0])
    weights = rng.random(n) + 0.3
    by_unit = line._information_by_unit(points, weights, *grid)
    for one, other in zip(by_unit, line._information(points, weights, *grid), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_errors_in_x_do_not_shrink_the_slope_as_they_do_in_least_squares():
    slopes, plain = [], []
    for seed in range(60):
        points = make_points(n=20, x_sd=4.0, y_sd=0.5, corr=0.0, seed=seed)
        slopes.append(fit_line(points, n_draws=400, rng=np.random.default_rng(seed)).slope.mean())
        plain.append(stats.linregress(points.x, points.y).slope)
    error = np.std(slopes) / np.sqrt(60)
    assert abs(np.mean(slopes) - 1.1) < 4 * error
    assert np.mean(plain) < 1.1 - 4 * error


@pytest.mark.parametrize(("scale", "shift"), [(0.01, 3.0), (250.0, -40.0)])
def test_rescaling_either_side_rescales_the_line(scale, shift):
    points = make_points()
    draws = fit_line(points, n_draws=500, rng=np.random.default_rng(3))
    of_y = Points(
        points.x, shift + scale * points.y, points.x_cov, scale**2 * points.y_cov, scale * points.cross_cov
    )
    moved = fit_line(of_y, n_draws=500, rng=np.random.default_rng(3))
    np.testing.assert_allclose(moved.slope, scale * draws.slope, rtol=1e-8)
    np.testing.assert_allclose(moved.intercept, shift + scale * draws.intercept, rtol=1e-6)
    np.testing.assert_allclose(moved.residual_sd, scale * draws.residual_sd, rtol=1e-8)


def test_an_affine_copy_is_linked_without_error():
    points = make_points()
    copy = Points(points.x, 7 + 2 * points.x, points.x_cov, 4 * points.x_cov, 2 * points.x_cov)
    draws = fit_line(copy, n_draws=50, rng=np.random.default_rng(0))
    np.testing.assert_allclose(draws.slope, 2, atol=1e-9)
    np.testing.assert_allclose(draws.intercept, 7, atol=1e-7)
    assert not draws.residual_sd.any()


def test_robust_weights_name_the_point_that_is_off():
    points = make_points()
    y = points.y.copy()
    y[4] += 15.0
    off = Points(points.x, y, points.x_cov, points.y_cov, points.cross_cov)
    draws = fit_line(off, n_draws=500, rng=np.random.default_rng(3), robust=True)
    assert draws.weights[4] < 0.1
    assert np.delete(draws.weights, 4).min() > 0.5


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([1.0, 2.0], [1.0, 2.0], r"Common models: 2 \(m0, m1\)"),
        ([5.0, 5.0, 5.0], [1.0, 2.0, 3.0], "one level in the first"),
        ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0], "one level in the second"),
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], "different directions"),
    ],
)
def test_points_without_a_rising_line_are_refused(x, y, words):
    n = len(x)
    points = Points(np.array(x), np.array(y), *(np.zeros((n, n)),) * 3)
    with pytest.raises(IdentificationError, match=words):
        check_points(points, "models", [f"m{i}" for i in range(n)])


def test_a_spread_no_larger_than_the_errors_is_one_level():
    points = make_points(n=5)
    eye = np.eye(5)
    flat = Points(130 + 0.1 * np.arange(5), points.y, eye, points.y_cov, 0 * eye)
    with pytest.raises(IdentificationError, match="one level in the first"):
        check_points(flat, "models", list("abcde"))
