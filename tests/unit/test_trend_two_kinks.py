"""Two breaks: evidence and slopes against brute force, recovery, and no second break where there is one."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import halfnorm, multivariate_normal

from eci.errors import IdentificationError
from eci.trend import IndexSeries, TrendPriors, fit_trend
from eci.trend.two_kinks import fit_two_kinks, lay_pairs

START = np.datetime64("2022-01-01")


def series_of(x, years, covariance=None):
    dates = START + np.round(365.25 * years).astype("timedelta64[D]")
    covariance = np.zeros((x.size, x.size)) if covariance is None else covariance
    return IndexSeries.from_moments(
        x, covariance, models=[f"m{i}" for i in range(x.size)], release_date=dates
    )


def bent_line(years, breaks, slopes):
    changes = np.diff(slopes)
    return 100 + slopes[0] * years + np.maximum(years[:, None] - np.asarray(breaks), 0.0) @ changes


def admissible(years, min_segment, n_cells):
    """Pairs of cell midpoints, one by one, that leave enough models in each segment."""
    ordered = sorted(years)
    low, high = ordered[min_segment - 1], ordered[-min_segment]
    middles = [low + (k + 0.5) * (high - low) / n_cells for k in range(n_cells)]
    for first in middles:
        for second in middles:
            between = sum(first < t < second for t in years)
            before, after = sum(t < first for t in years), sum(t > second for t in years)
            if first < second and min(before, between, after) >= min_segment:
                yield first, second


def dense_evidence(x, covariance, columns, sds, residual_scale):
    """Log evidence and posterior mean of the coefficients by a dense Gaussian on a fine grid of tau.

    Level and first slope get a normal prior so wide that it is flat, and its density is divided out.
    """
    wide = 1e3
    prior = np.diag([wide**2, wide**2, *np.square(sds)])
    taus = np.geomspace(0.01, 30, 160) * residual_scale / 2
    log_mass = halfnorm(scale=residual_scale).logpdf(taus) + np.log(np.gradient(taus))
    terms, means = [], []
    for tau, log_prior in zip(taus, log_mass, strict=True):
        noise = covariance + tau**2 * np.eye(x.size)
        total = noise + columns @ prior @ columns.T
        terms.append(multivariate_normal(cov=total).logpdf(x) + log_prior)
        means.append(prior @ columns.T @ np.linalg.solve(total, x))
    return np.array(terms), np.array(means)


def test_evidence_and_slopes_agree_with_dense_gaussians_over_every_pair():
    rng = np.random.default_rng(3)
    years = np.sort(rng.uniform(0, 3, 10))
    root = rng.normal(0, 0.4, (10, 3))
    covariance = root @ root.T + 0.1 * np.eye(10)
    x = bent_line(years, (1.0, 2.0), (4.0, 16.0, 8.0)) + rng.normal(0, 0.7, 10)
    priors = TrendPriors(slope_change_sd=9.0, jump_sd=3.0, residual_sd=1.5)
    trend = fit_trend(series_of(x, years, covariance), priors=priors)
    ours = fit_two_kinks(trend)
    days = trend.series.release_date.astype(float)
    years, x = (days - days.mean()) / 365.25, x - x.mean()

    line = np.column_stack([np.ones(10), years])
    flat = logsumexp(dense_evidence(x, covariance, line, [], 1.5)[0])
    pairs = list(admissible(years, 3, 24))
    terms, slopes = [], []
    for pair in pairs:
        columns = np.column_stack([line, np.maximum(years[:, None] - pair, 0.0)])
        log_evidence, means = dense_evidence(x, covariance, columns, [9.0, 9.0], 1.5)
        terms.append(log_evidence)
        slopes.append(np.cumsum(means[:, 1:], axis=1))
    log_joint = np.array(terms) - np.log(len(pairs))
    assert ours.log_bayes_factor_none == pytest.approx(logsumexp(log_joint) - flat, abs=0.05)
    weight = np.exp(log_joint - logsumexp(log_joint))
    expected = np.einsum("pt,ptk->k", weight, np.array(slopes))
    for slope, mean in zip(ours.slopes, expected, strict=True):
        assert slope.mean == pytest.approx(mean, abs=0.1 * slope.sd)


def test_pairs_are_those_that_leave_three_models_in_each_segment():
    years = np.array([0.0, 0.1, 0.5, 0.9, 0.9, 1.2, 1.7, 2.0, 2.2, 2.9, 3.0])
    pairs = lay_pairs(years, 3, 25)
    np.testing.assert_allclose(pairs.years, list(admissible(years, 3, 25)))
    assert lay_pairs(years[:8], 3) is None
    assert lay_pairs(np.array([0, 0, 0, 0, 1, 1, 1, 1, 1.0]), 3) is None


def test_two_true_kinks_are_found_with_their_dates_and_slopes():
    rng = np.random.default_rng(5)
    years = np.sort(rng.uniform(0, 5, 60))
    x = bent_line(years, (1.5, 3.5), (4.0, 20.0, 8.0)) + rng.normal(0, 1.5, 60)
    found = fit_two_kinks(fit_trend(series_of(x, years)))
    assert found.log_bayes_factor_kink > np.log(150)
    assert found.log_bayes_factor_none > np.log(150)
    for slope, truth in zip(found.slopes, (4.0, 20.0, 8.0), strict=True):
        assert slope.low - slope.sd < truth < slope.high + slope.sd
        assert slope.sd < 3
    for date, truth in zip(found.break_dates, (1.5, 3.5), strict=True):
        assert abs((date.median - START).astype(float) / 365.25 - truth) < 0.25


def test_under_one_kink_a_second_is_seldom_announced():
    """Odds of 20 against one kink are exceeded in at most 1 of 20 series by Markov's inequality."""
    factors = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        years = np.sort(rng.uniform(0, 4, 30))
        x = bent_line(years, (2.0,), (8.0, 18.0)) + rng.normal(0, 1.5, 30)
        factors.append(fit_two_kinks(fit_trend(series_of(x, years))).log_bayes_factor_kink)
    assert np.median(factors) < 0
    assert np.mean(np.array(factors) > np.log(20)) <= 0.05


def test_a_shared_error_widens_the_slopes_only_where_it_differs():
    import pandas as pd

    rng = np.random.default_rng(2)
    years = np.sort(rng.uniform(0, 4, 24))
    x = bent_line(years, (1.5, 3.0), (5.0, 15.0, 8.0)) + rng.normal(0, 1, 24)
    dates = START + np.round(365.25 * years).astype("timedelta64[D]")
    table = pd.DataFrame({"model": [f"m{i}" for i in range(24)], "release_date": dates, "index": x})
    plain = fit_two_kinks(fit_trend(IndexSeries.from_table(table.assign(sd=0.01), error_corr=0.99)))
    scale = fit_two_kinks(
        fit_trend(IndexSeries.from_table(table.assign(sd=0.1 * (x - 90)), error_corr=0.9999))
    )
    # an error proportional to the distance from 90 is a scale error of 10 %: it multiplies every slope
    assert scale.slopes[1].sd ** 2 == pytest.approx(plain.slopes[1].sd ** 2 + (0.1 * 15) ** 2, rel=0.25)


def test_too_few_models_or_a_fixed_break_is_refused():
    years = np.linspace(0, 2, 8)
    x = bent_line(years, (1.0,), (5.0, 10.0)) + np.random.default_rng(1).normal(0, 1, 8)
    with pytest.raises(IdentificationError, match=r"not identified.*rests on 8 models"):
        fit_two_kinks(fit_trend(series_of(x, years)))
    with pytest.raises(IdentificationError, match="break is fixed at"):
        fit_two_kinks(fit_trend(series_of(x, years), change="kink", break_at="2023-01-01"))
