"""The exact regression against brute force, hand values and its own laws."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import logsumexp

from eci.errors import ConvergenceError
from eci.trend.analysis import Layout, analyse
from eci.trend.basis import CHANGE_MODELS, COLUMNS, design, fixed_break, free_break, line_at
from eci.trend.priors import ResolvedPriors, TrendPriors, least_squares
from eci.trend.regress import accumulate, tau_grid

YEARS = np.array([-0.9, -0.55, -0.2, 0.0, 0.3, 0.55, 0.8])
VALUES = np.array([1.0, 3.9, 8.2, 10.5, 15.2, 21.0, 27.5])
COVARIANCE = 0.3 * np.exp(-np.abs(YEARS[:, None] - YEARS[None, :]))


def resolved(slope_change_sd=8.0, jump_sd=3.0, residual_sd=1.5, slope=(10.0, 6.0)):
    one = np.ones(1)
    return ResolvedPriors(
        one * slope_change_sd, one * jump_sd, one * residual_sd, slope, np.array([0.25, 0.25, 0.25, 0.25])
    )


def test_design_columns_by_hand():
    matrix = design(np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.5]))
    np.testing.assert_allclose(matrix[0], [[1, 0, 0, 0], [1, 1, 0, 1], [1, 2, 1, 1]])
    np.testing.assert_allclose(matrix[1], [[1, 0, 0, 0], [1, 1, 0, 0], [1, 2, 0.5, 1]])


def test_break_cells_cover_second_to_last_release_and_never_cross_one():
    years = np.array([0.0, 0.0, 1.0, 1.0, 1.7, 3.0])
    nodes = free_break(years, n_cells=7)
    assert nodes.widths.sum() == pytest.approx(2.0)
    starts, ends = nodes.years - nodes.widths / 2, nodes.years + nodes.widths / 2
    assert starts[0] == pytest.approx(1.0) and ends[-1] == pytest.approx(3.0)
    np.testing.assert_allclose(starts[1:], ends[:-1])
    for release in (1.7,):
        assert not np.any((starts < release - 1e-12) & (ends > release + 1e-12))
    np.testing.assert_array_equal(nodes.n_after, np.where(nodes.years < 1.7, 2, 1))


def test_line_without_break_ignores_change_columns():
    coefficients = np.array([[1.0, 2.0, 5.0, 7.0], [1.0, 2.0, 5.0, 7.0]])
    line = line_at(coefficients, np.array([np.nan, 1.0]), np.array([0.0, 2.0]))
    np.testing.assert_allclose(line, [[1.0, 5.0], [1.0, 17.0]])


def test_least_squares_by_hand():
    line = least_squares(np.array([[0.0, 1.0, 3.0]]), np.array([0.0, 1.0, 2.0]))
    assert line.slope[0] == pytest.approx(1.5)
    assert line.level[0] == pytest.approx(4 / 3)
    assert line.residual_sd[0] == pytest.approx(np.sqrt(1 / 6))
    assert line.slope_se[0] == pytest.approx(np.sqrt(1 / 12))


def test_no_change_integral_by_nested_quadrature():
    """Two coefficients and tau integrated by adaptive quadrature on four points, S = 0."""
    years, values = YEARS[:4] - YEARS[:4].mean(), VALUES[:4]
    priors = resolved()
    result = analyse(values[None], np.zeros((4, 4)), Layout.plain(years), priors, changes=["none"])
    taus = result.statistics.taus

    def joint(level, slope, tau):
        likelihood = stats.norm.pdf(values, level + slope * years, tau).prod()
        return likelihood * stats.norm.pdf(slope, 10.0, 6.0) * stats.halfnorm.pdf(tau, scale=1.5)

    def over_slope(level, tau, power):
        return integrate.quad(lambda b: b**power * joint(level, b, tau), -30, 50, points=[9.3])[0]

    # Gauss-Legendre in level and log tau keeps the triple integral quick
    nodes, weights = np.polynomial.legendre.leggauss(24)
    log_low, log_high = np.log(taus[0]), np.log(taus[-1])
    total, first = 0.0, 0.0
    prior_mass = np.diff(stats.halfnorm.cdf([taus[0], taus[-1]], scale=1.5))[0]
    for u, wu in zip(nodes, weights, strict=True):
        tau = np.exp(0.5 * (log_high + log_low) + 0.5 * (log_high - log_low) * u)
        span = 8 * tau / 2
        for v, wv in zip(nodes, weights, strict=True):
            level = values.mean() + span * v
            weight = wu * wv * span * tau * 0.5 * (log_high - log_low)
            total += weight * over_slope(level, tau, 0)
            first += weight * over_slope(level, tau, 1)
    posterior = result.posteriors["none"]
    assert np.exp(posterior.log_evidence[0]) == pytest.approx(total / prior_mass, rel=5e-3)
    slope = np.sum(posterior.weight[0][..., None] * posterior.mean[0], axis=(0, 1))[1]
    assert slope == pytest.approx(first / total, rel=2e-3)


@pytest.mark.parametrize("change", CHANGE_MODELS)
def test_evidence_and_moments_against_dense_gaussians(change):
    """Each grid point against a dense Gaussian that holds the coefficients as covariance.

    A flat level is a normal with a huge sd times its normalising constant.
    """
    priors = resolved()
    layout = Layout.plain(YEARS, free_break(YEARS, n_cells=15))
    result = analyse(VALUES[None], COVARIANCE, layout, priors, changes=[change])
    columns = list(COLUMNS[change])
    huge = 1e4
    prior_sd = np.array([huge, 6.0, 8.0, 3.0])[columns]
    prior_mean = np.array([0.0, 10.0, 0.0, 0.0])[columns]
    nodes = np.arange(result.posteriors[change].weight.shape[1])
    widths = layout.breaks.widths[nodes]
    prior_node = np.ones(1) if change == "none" else widths / widths.sum()
    taus = result.statistics.taus
    mass = stats.halfnorm.pdf(taus, scale=1.5) * taus * np.log(taus[1] / taus[0])
    mass[0] = stats.halfnorm.cdf(taus[0] * np.exp(0.5 * np.log(taus[1] / taus[0])), scale=1.5)
    prior_tau = mass / mass.sum()
    log_joint = np.empty((nodes.size, taus.size))
    means = np.empty((nodes.size, taus.size, len(columns)))
    for i, node in enumerate(nodes):
        matrix = layout.design[node][:, columns]
        for j, tau in enumerate(taus):
            noise = COVARIANCE + tau**2 * np.eye(7)
            total = noise + matrix * prior_sd**2 @ matrix.T
            residual = VALUES - matrix @ prior_mean
            log_joint[i, j] = (
                -0.5 * residual @ np.linalg.solve(total, residual)
                - 0.5 * np.linalg.slogdet(2 * np.pi * total)[1]
                + np.log(huge * np.sqrt(2 * np.pi))
                + np.log(prior_node[i] * prior_tau[j])
            )
            means[i, j] = prior_mean + (prior_sd[:, None] ** 2 * matrix.T) @ np.linalg.solve(total, residual)
    posterior = result.posteriors[change]
    assert posterior.log_evidence[0] == pytest.approx(logsumexp(log_joint), abs=1e-4)
    weight = np.exp(log_joint - logsumexp(log_joint))
    np.testing.assert_allclose(posterior.weight[0], weight, atol=1e-5)
    np.testing.assert_allclose(posterior.mean[0], means, rtol=1e-4, atol=1e-4)


def test_flat_prior_reproduces_the_student_t_of_least_squares():
    """With S = 0 and a prior that is flat in log tau, the slope is t with n - 2 degrees of freedom."""
    years = YEARS - YEARS.mean()
    line = least_squares(VALUES[None], years)
    taus = np.geomspace(0.02, 200, 3000) * line.residual_sd[0]
    statistics = accumulate(VALUES[None], np.zeros((7, 7)), design(years, np.zeros(1)), taus)
    from eci.trend.regress import CoefficientPrior, marginalise
    from eci.trend.sampling import sample

    posterior = marginalise(
        statistics,
        columns=[0, 1],
        nodes=slice(1),
        prior=CoefficientPrior(np.zeros((1, 2)), np.zeros((1, 2))),
        log_prior_node=np.zeros(1),
        log_prior_tau=np.full((1, taus.size), -np.log(taus.size)),
    )
    draws = sample(posterior, taus, 200_000, np.random.default_rng(3)).coefficients[:, 1]
    scaled = (draws - line.slope[0]) / line.slope_se[0]
    for prob in (0.05, 0.25, 0.5, 0.75, 0.95):
        expected = stats.t(5).ppf(prob)
        error = np.sqrt(prob * (1 - prob) / 200_000) / stats.t(5).pdf(expected)
        assert np.quantile(scaled, prob) == pytest.approx(expected, abs=5 * error)


def test_residual_sd_is_a_scaled_inverse_chi_without_errors():
    """S = 0 and a flat prior: RSS / tau² is chi-squared with n - 3 degrees, not seen in steps of the grid."""
    priors = resolved(residual_sd=1e3, slope=None)
    plain = Layout.plain(YEARS)
    result = analyse(VALUES[None], np.zeros((7, 7)), plain, priors, changes=["none"], residual_sd=1.0)
    draws = result.draw("none", 100_000, np.random.default_rng(0)).residual_sd
    rss = least_squares(VALUES[None], YEARS).residual_sd[0] ** 2 * 5
    for prob in (0.1, 0.5, 0.9):
        expected = np.sqrt(rss / stats.chi2(4).ppf(1 - prob))
        assert np.quantile(draws, prob) == pytest.approx(expected, rel=5e-3)
    assert np.unique(draws).size > 90_000


def test_break_grid_is_fine_enough():
    """Four times the cells moves log evidences by less than 0.01."""
    coarse = analyse(VALUES[None], COVARIANCE, Layout.plain(YEARS, free_break(YEARS, 200)), resolved())
    fine = analyse(VALUES[None], COVARIANCE, Layout.plain(YEARS, free_break(YEARS, 800)), resolved())
    np.testing.assert_allclose(coarse.log_evidence, fine.log_evidence, atol=0.01)


def test_batch_equals_one_at_a_time():
    rng = np.random.default_rng(1)
    batch = VALUES + rng.normal(0, 1, (3, 7))
    line = least_squares(batch, YEARS)
    scales = TrendPriors(residual_sd=2.0).resolve(line)
    layout = Layout.plain(YEARS)
    together = analyse(batch, COVARIANCE, layout, scales)
    for k in range(3):
        one = TrendPriors(residual_sd=2.0).resolve(least_squares(batch[[k]], YEARS))
        alone = analyse(batch[[k]], COVARIANCE, layout, one)
        np.testing.assert_allclose(together.log_evidence[k], alone.log_evidence[0], rtol=1e-10)
        np.testing.assert_allclose(together.posteriors["both"].mean[k], alone.posteriors["both"].mean[0])


def test_residual_sd_on_an_edge_is_refused():
    with pytest.raises(ConvergenceError, match="highest value"):
        analyse(VALUES[None], np.zeros((7, 7)), Layout.plain(YEARS), resolved(residual_sd=0.02))


def test_errors_that_explain_all_the_scatter_are_no_edge():
    """Exact values on a line, with errors of 1: the residual sd is near 0 and that is an answer."""
    line = analyse(
        (10 * YEARS + 100)[None],
        np.eye(7),
        Layout.plain(YEARS),
        resolved(residual_sd=100.0),
        residual_sd=1.0,
    )
    tau = line.posteriors["none"].weight[0].sum(axis=0) @ line.statistics.taus
    assert tau < 1.0


def test_jump_at_a_named_date_counts_that_model_after():
    layout = Layout.plain(YEARS, fixed_break(YEARS, YEARS[4]))
    np.testing.assert_array_equal(layout.design[0, :, 3], [0, 0, 0, 0, 1, 1, 1])
    assert layout.breaks.n_after[0] == 3


def test_tau_grid_resolves_the_posterior():
    for n in (4, 30, 300):
        taus = tau_grid(1.0, 1.0, n)
        assert np.diff(np.log(taus)).max() <= 1.001 / np.sqrt(2 * n) or taus.size == 48
