"""What the draws say about the model: planted faults are named, distances are those of their formula."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats
from scipy.special import logsumexp

import eci
from eci.cli.main import main
from eci.queries.criticism import criticise
from eci.queries.power_scaling import distance, log_prior, measure_sensitivity
from eci.report.check_words import describe_criticism


@pytest.fixture(scope="module")
def faulty(small_table):
    """One score 0.5 off, and the scores of one benchmark with ten times the noise of the others."""
    table, rng = small_table.copy(), np.random.default_rng(5)
    noisy = table["benchmark"] == "bench 6"
    moved = (table["score"] + rng.normal(0, 0.3, len(table))).clip(0, 1)
    table["score"] = table["score"].mask(noisy, moved)
    at = table.index[(table["model"] == "model 09") & (table["benchmark"] == "bench 1")][0]
    table.loc[at, "score"] -= 0.5
    return eci.fit(
        eci.ScoreMatrix.from_table(table), seed=1, method=eci.Nuts(max_extensions=0), likelihood="normal"
    )


def test_a_planted_mistake_has_the_least_density_and_a_noisy_benchmark_scatters_most(faulty):
    found = criticise(faulty)
    assert (found.scatter[0].benchmark, found.scatter[0].p) == ("bench 6", pytest.approx(0, abs=0.01))
    assert found.scatter[0].ratio > 2
    assert found.unlikely[0].benchmark == "bench 6"
    assert "bench 6" in describe_criticism(found)
    worst = min(criticise(faulty).influential, key=lambda one: one.log_density, default=None)
    assert worst is None or worst.benchmark in {"bench 6", "bench 1"}


def test_the_sums_are_those_of_leave_one_out(small_fit):
    """Less than the density of the fitted scores by the effective parameters, more than without smoothing."""
    found = criticise(small_fit, max_draws=4000)
    draws, matrix = small_fit.draws, small_fit.matrix
    m, j = matrix.model_index, matrix.benchmark_index
    z = draws.discrimination[:, j] * (draws.ability[:, m] - draws.difficulty[:, j])
    log_prob = stats.norm.logpdf(matrix.score, 1 / (1 + np.exp(-z)), draws.shared["noise_sd"][:, None])
    fitted = logsumexp(log_prob, axis=0) - np.log(len(log_prob))
    assert found.elpd + found.p_loo == pytest.approx(fitted.sum(), rel=1e-9)
    harmonic = -(logsumexp(-log_prob, axis=0) - np.log(len(log_prob)))  # without smoothing
    assert harmonic.sum() < found.elpd < fitted.sum()
    assert 16 < found.p_loo < 40  # 16 abilities and 16 benchmark parameters, partly pooled, and a noise


def test_scores_of_the_model_scatter_as_it_says():
    """p-values of simulated data are not extreme, and the index rests on its 480 scores."""
    matrix = eci.simulate(40, 12, seed=8, likelihood="normal").matrix
    found = criticise(eci.fit(matrix, method=eci.Laplace(n_weighed=0), likelihood="normal"))
    assert len(found.unlikely) <= 1
    by_prior, by_scores = np.transpose([(one.prior, one.likelihood) for one in found.sensitivity])
    assert np.median(by_prior) < 0.5 * np.median(by_scores)


def test_distances_are_the_integral():
    """Between two normal distributions, by quadrature over the range of the draws."""
    shift = 0.4
    x = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    found = distance(x, stats.norm.pdf(x[:, 0], shift) / stats.norm.pdf(x[:, 0]))[0]

    def one_sided(sign):
        grid = np.linspace(x[0, 0], x[-1, 0], 40_001)
        p, q = stats.norm.cdf(grid), stats.norm.cdf(grid - sign * shift)
        middle = 0.5 * (p + q)
        divergence = np.trapezoid(p * np.log2(p / middle) + q * np.log2(q / middle), grid)
        return np.sqrt(divergence / np.trapezoid(p + q, grid))

    assert found == pytest.approx(max(one_sided(1), one_sided(-1)), rel=0.01)
    assert distance(x, np.ones(len(x)))[0] == pytest.approx(0.0, abs=1e-9)


def test_a_tight_prior_in_conflict_is_found():
    """Conjugate normal mean: a prior as strong as the data moves the posterior, a vague one does not."""
    rng = np.random.default_rng(2)
    moved = {}
    for prior_sd in (1.0, 50.0):
        precision = 1.0 + prior_sd**-2  # one observation at 3 with sd 1
        x = rng.normal(3.0 / precision, precision**-0.5, size=(4000, 1))
        moved[prior_sd] = [
            measure_sensitivity(x, stats.norm.logpdf(x[:, 0], at, sd))[0]
            for at, sd in ((0.0, prior_sd), (3.0, 1.0))
        ]
    assert moved[1.0][0] > 0.05
    assert moved[1.0][1] > 0.05
    assert moved[50.0][0] < 0.01
    assert moved[50.0][1] > 0.05


def test_the_prior_is_that_of_the_program(small_fit):
    """Top level only: the common means and spreads, and the noise."""
    shared, priors = small_fit.draws.shared, small_fit.priors
    expected = (
        stats.norm.logpdf(shared["difficulty_mean"], 0, priors["difficulty_mean_sd"])
        + stats.halfnorm.logpdf(shared["difficulty_sd"], scale=priors["difficulty_sd_scale"])
        + stats.norm.logpdf(
            shared["log_discrimination_mean"],
            priors["log_discrimination_mean"],
            priors["log_discrimination_mean_sd"],
        )
        + stats.halfnorm.logpdf(shared["log_discrimination_sd"], scale=priors["log_discrimination_sd_scale"])
        + stats.halfnorm.logpdf(shared["noise_sd"], scale=priors["noise_sd_scale"])
    )
    found = log_prior(shared, priors)
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=1e-9)


def test_show_checks(faulty, tmp_path):
    folder = faulty.save(tmp_path / "fit")
    result = CliRunner().invoke(main, ["show", str(folder), "--checks"])
    assert result.exit_code == 0, result.output
    for words in ("rhat_index", "PSIS-LOO", "benchmarks scatter more", "power-scaling", "bench 6"):
        assert words in result.stdout
    result = CliRunner().invoke(main, ["show", str(folder), "--checks", "--json"])
    record = json.loads(result.stdout)
    assert record["criticism"]["scatter"][0]["benchmark"] == "bench 6"
    assert {check["name"] for check in record["diagnostics"]} >= {"rhat_index", "divergences"}
    refused = CliRunner().invoke(main, ["show", str(folder), "--checks", "--top", "3"])
    assert refused.exit_code == 2
    assert "leave out --lab, --benchmarks and --top" in refused.stderr


def test_a_fit_without_posterior_draws_shows_its_checks_alone(small_matrix, tmp_path):
    folder = eci.fit(small_matrix, method=eci.LeastSquares()).save(tmp_path / "fit")
    result = CliRunner().invoke(main, ["show", str(folder), "--checks"])
    assert result.exit_code == 0, result.output
    assert "optimum_reached" in result.stdout
    assert "PSIS" not in result.stdout
    with pytest.raises(eci.DataError, match="no posterior draws"):
        criticise(eci.load_fit(folder))


def test_tables_of_many_are_cut(small_fit):
    from dataclasses import replace

    found = criticise(small_fit, max_draws=200)
    many = replace(found, scatter=tuple(replace(one, p=0.0) for one in found.scatter))
    text = " ".join(describe_criticism(many).split())
    assert "and 3 more (--json lists all)" in text
    assert "noise of each benchmark's own may fit better: fit with --likelihood beta and compare" in text
    own = " ".join(describe_criticism(replace(many, likelihood="beta")).split())
    assert "Each has a noise of its own already" in own
    assert isinstance(pd.DataFrame(many.record()["scatter"]), pd.DataFrame)
