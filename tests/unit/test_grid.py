"""The parts of the method quadrature against finite differences, brute force and each other."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import integrate as scipy_integrate
from scipy import stats
from scipy.special import expit

import eci
from eci.errors import DataError
from eci.inference import responses as responses_module
from eci.inference.conditional import NORMAL_SCORES, condition, look_up, polynomials, tabulate_quantiles
from eci.inference.grid import approximate_grid
from eci.inference.itemfactor import factor_over_items, factor_over_models
from eci.inference.items import Items, choose_prior
from eci.inference.marginal import find_marginal_mode
from eci.inference.quadrature import integrate, item_gradient, observed_information
from eci.inference.responses import DenseBlock, Responses, SparseBlock
from eci.scores import ScoreMatrix

ROOT = Path(__file__).parents[2]
N_MODELS, N_ITEMS = 40, 12


def draw_matrix(seed=0, *, n_items=1, lower=0.0, upper=1.0, fill=0.7, shape=(N_MODELS, N_ITEMS)):
    rng = np.random.default_rng(seed)
    ability, b, a = rng.normal(size=shape[0]), rng.normal(size=shape[1]), rng.uniform(0.6, 2.0, shape[1])
    m, j = np.nonzero(rng.random(shape) < fill)
    p = lower + (upper - lower) * expit(a[j] * (ability[m] - b[j]))
    right = rng.binomial(n_items, p)
    return ScoreMatrix.from_arrays(
        [f"m{i:03d}" for i in range(shape[0])],
        [f"i{i:03d}" for i in range(shape[1])],
        m,
        j,
        right / n_items,
        n_items=np.full(len(m), n_items),
        lower=np.full(shape[1], lower),
        upper=np.full(shape[1], upper),
    )


@pytest.fixture(scope="module", params=["single", "counts", "asymptotes"])
def case(request):
    options = {
        "single": {},
        "counts": {"n_items": 7},
        "asymptotes": {"n_items": 4, "lower": 0.2, "upper": 0.95},
    }
    matrix = draw_matrix(**options[request.param])
    responses, prior = Responses.from_matrix(matrix), choose_prior("hierarchical", eci.Priors())
    mode = find_marginal_mode(responses, prior)
    return SimpleNamespace(matrix=matrix, responses=responses, prior=prior, mode=mode)


def value_at(case, x):
    """Log marginal density of (intercepts, log slopes, shared) at a flat vector."""
    n, at = case.responses.n_items, case.mode.items
    items = Items(x[:n], x[n : 2 * n], x[2 * n :], at.reference)
    _, seen = integrate(case.responses, items, case.mode.nodes)
    return seen.value + case.prior.value_and_gradient(items, case.mode.known)[0]


def gradient_at(case, x):
    n, at = case.responses.n_items, case.mode.items
    items = Items(x[:n], x[n : 2 * n], x[2 * n :], at.reference)
    tables, seen = integrate(case.responses, items, case.mode.nodes)
    by_intercept, by_slope = item_gradient(tables, seen)
    _, own = case.prior.value_and_gradient(items, case.mode.known)
    return np.concatenate([by_intercept + own.intercept, by_slope + own.log_slope, own.shared])


def flatten(items):
    return np.concatenate([items.intercept, items.log_slope, items.shared])


def test_marginal_likelihood_by_adaptive_integration(case):
    """One model at a time, with SciPy's integration and the curve written out again."""
    matrix, items = case.matrix, case.mode.items
    total = 0.0
    for model in range(matrix.n_models):
        rows = matrix.model_index == model
        j, n = matrix.benchmark_index[rows], matrix.n_items[rows]
        right = matrix.score[rows] * n

        def density(x, j=j, n=n, right=right):
            z = items.slope[j] * (x - items.difficulty[j])
            p = matrix.lower[j] + (matrix.upper[j] - matrix.lower[j]) * expit(z)
            return np.exp(np.sum(right * np.log(p) + (n - right) * np.log1p(-p))) * stats.norm.pdf(x)

        total += np.log(scipy_integrate.quad(density, -9, 9, epsabs=0, epsrel=1e-9, limit=200)[0])
    assert case.mode.expectation.value == pytest.approx(total, abs=1e-4)


def test_gradient_by_finite_differences(case):
    rng = np.random.default_rng(1)
    x = flatten(case.mode.items) + 0.1 * rng.normal(size=2 * N_ITEMS + 4)
    gradient, step = gradient_at(case, x), 1e-5
    numeric = [
        (value_at(case, x + step * unit) - value_at(case, x - step * unit)) / (2 * step)
        for unit in np.eye(len(x))
    ]
    assert gradient == pytest.approx(np.array(numeric), abs=1e-4)


def test_precision_by_finite_differences(case):
    """Louis' identity with four polynomials, border and prior included, is the Hessian."""
    x, step = flatten(case.mode.items), 1e-4
    hessian = -np.array(
        [
            (gradient_at(case, x + step * unit) - gradient_at(case, x - step * unit)) / (2 * step)
            for unit in np.eye(len(x))
        ]
    )
    factor = factor_over_items(*exact_precision(case, 4), common_slope=False)
    scale = np.sqrt(np.diag(hessian))
    found = factor.chol @ factor.chol.T
    assert np.abs((found - hessian) / np.outer(scale, scale)).max() < 2e-3


def exact_precision(case, n_polynomials):
    _, loss = condition(case.responses, case.mode, n_polynomials)
    own = case.prior.precision(case.mode.items, case.mode.known, exact=True)
    block = own.block + observed_information(case.mode.items, case.mode.tables, case.mode.expectation)
    return own._replace(block=block), loss


def test_both_factorisations_are_one(case):
    precision, loss = exact_precision(case, 1)
    conditional, _ = condition(case.responses, case.mode, 1)
    by_items = factor_over_items(precision, loss, common_slope=False)
    by_models = factor_over_models(precision, conditional.pull, N_MODELS)
    rhs = np.random.default_rng(2).normal(size=2 * N_ITEMS + 4)
    assert by_items.solve(rhs) == pytest.approx(by_models.solve(rhs), rel=1e-8)
    own, first = by_items.spread_models(conditional.pull)
    none, second = by_models.spread_models(conditional.pull)
    assert (own, none) == (1.0, 0.0)
    assert np.eye(N_MODELS) + first @ first.T == pytest.approx(second @ second.T, abs=1e-8)
    exact = np.linalg.inv(by_items.chol @ by_items.chol.T)
    scale = np.sqrt(np.diag(exact))
    for factor in (by_items, by_models):
        draws = factor.draw(np.random.default_rng(3), 40_000)
        assert np.abs((np.cov(draws) - exact) / np.outer(scale, scale)).max() < 0.03


def test_dense_and_sparse_blocks_are_one(monkeypatch):
    matrix = draw_matrix(n_items=3, fill=0.5)
    dense = Responses.from_matrix(matrix)
    monkeypatch.setattr(responses_module, "DENSE_FILL", 2.0)
    sparse = Responses.from_matrix(matrix)
    assert isinstance(dense.blocks[0], DenseBlock)
    assert isinstance(sparse.blocks[0], SparseBlock)
    rng = np.random.default_rng(0)
    odds, wrong = rng.normal(size=(5, N_ITEMS)), rng.normal(size=(5, N_ITEMS))
    for one, other in zip(dense.blocks, sparse.blocks, strict=True):
        assert one.log_likelihood(odds, wrong) == pytest.approx(other.log_likelihood(odds, wrong))
        weight = rng.random((one.right.shape[0], 5))
        for a, b in zip(one.count_expected(weight), other.count_expected(weight), strict=True):
            assert a == pytest.approx(b)
        assert one.project(weight, odds, wrong) == pytest.approx(other.project(weight, odds, wrong).toarray())


def test_a_whole_grid_of_single_answers_needs_no_trials():
    whole, counted = draw_matrix(fill=2.0), draw_matrix(fill=2.0, n_items=2)
    assert Responses.from_matrix(whole).blocks[0].trials is None
    assert Responses.from_matrix(counted).blocks[0].trials is not None


def test_quantiles_of_coarse_weights():
    """A normal and a skewed density on nodes 1.2 sds apart, against their quantile functions."""
    shape = 30.0
    laws = stats.norm(0.3, 0.1), stats.gamma(shape, scale=0.1 / np.sqrt(shape))
    for law in laws:
        x = np.arange(law.mean() - 4 * 0.12, law.mean() + 9 * 0.12, 0.12)
        weight = law.pdf(x) / law.pdf(x).sum()
        table = tabulate_quantiles(weight[None], x)
        scores = np.linspace(-3, 3, 41)[None]
        assert look_up(table, scores)[0] == pytest.approx(
            law.ppf(stats.norm.cdf(scores[0])), abs=0.002
        )  # 0.02 sds
    assert NORMAL_SCORES[0] == -NORMAL_SCORES[-1]


def test_polynomials_are_orthonormal():
    rng = np.random.default_rng(0)
    weight = rng.dirichlet(np.ones(9), size=3)
    basis = polynomials(weight, np.linspace(-2, 2, 9), 3)
    for a, one in enumerate(basis):
        assert (weight * one).sum(axis=1) == pytest.approx(np.zeros(3), abs=1e-10)
        for b, other in enumerate(basis):
            assert (weight * one * other).sum(axis=1) == pytest.approx(np.full(3, float(a == b)), abs=1e-9)


def test_prior_is_that_of_the_measurement_program():
    """Differences of the log prior of `eci.irt`, with the items' integral taken off."""
    import jax
    import jax.numpy as jnp

    from eci.irt.measurement import Coordinates, Measurement
    from eci.irt.observation import LIKELIHOODS

    rng, priors = np.random.default_rng(4), eci.Priors()
    measurement, prior = Measurement(LIKELIHOODS["binomial"], priors), choose_prior("hierarchical", priors)
    reference, known = rng.normal(size=6), rng.uniform(1, 9, (6, 2))
    apart = []
    with jax.enable_x64(True):
        at = Coordinates(jnp.asarray(reference), jnp.ones((6, 2)))
        for _ in range(4):
            items = Items(rng.normal(size=6), 0.3 * rng.normal(size=6), 0.3 * rng.normal(size=4), reference)
            position = jnp.stack([jnp.asarray(items.intercept), jnp.asarray(items.log_slope)], axis=1)
            shared = jnp.concatenate([jnp.asarray(items.shared), jnp.zeros(2)])
            ours = prior.value_and_gradient(items, known)[0]
            integral = -0.5 * np.log(known + np.exp(-2 * items.shared[1::2])).sum()
            theirs = jnp.sum(jax.vmap(measurement.benchmark_log_prior, (0, None, 0))(position, shared, at))
            theirs += measurement.shared_log_prior(shared)
            apart.append(float(ours - integral - theirs))
    assert apart == pytest.approx([apart[0]] * 4, abs=1e-9)


def test_order_of_rows_and_models_does_not_matter():
    matrix = draw_matrix()
    flipped = ScoreMatrix.from_arrays(
        matrix.models,
        matrix.benchmarks,
        N_MODELS - 1 - matrix.model_index[::-1],
        matrix.benchmark_index[::-1],
        matrix.score[::-1],
        n_items=matrix.n_items[::-1],
    )
    first, second = approximate_grid(matrix), approximate_grid(flipped)
    assert second.mode.items.difficulty == pytest.approx(first.mode.items.difficulty, abs=0.02)
    a, b = np.empty(N_MODELS), np.empty(N_MODELS)
    a[first.responses.order], b[second.responses.order] = first.conditional.mean, second.conditional.mean
    assert b[::-1] == pytest.approx(a, abs=0.02)


def test_covariance_in_factor_form_is_that_of_the_draws():
    posterior = approximate_grid(draw_matrix(fill=2.0, shape=(60, 40)))
    ability, _ = posterior.draw(np.random.default_rng(0), 40_000)
    diagonal, factor = posterior.ability_covariance()
    covariance = np.diag(diagonal) + factor @ factor.T
    scale = np.sqrt(np.diag(covariance))
    assert np.abs((np.cov(ability.T) - covariance) / np.outer(scale, scale)).max() < 0.05


def test_a_fit_repeats_saves_and_loads(tmp_path):
    matrix = draw_matrix(fill=2.0, shape=(60, 40))
    fit = eci.fit(matrix, likelihood="binomial", method=eci.Quadrature(n_draws=100), seed=3)
    again = eci.fit(matrix, likelihood="binomial", method=eci.Quadrature(n_draws=100), seed=3)
    other = eci.fit(matrix, likelihood="binomial", method=eci.Quadrature(n_draws=100), seed=4)
    assert (fit.draws.ability == again.draws.ability).all()
    assert (fit.draws.ability != other.draws.ability).any()
    assert fit.is_preview
    loaded = eci.load_fit(fit.save(tmp_path / "fit"))
    assert loaded.method == {"name": "quadrature", "n_draws": 100, "items": "hierarchical"}
    assert (loaded.draws.ability == fit.draws.ability).all()
    assert set(loaded.draws.shared) == set(fit.mode.shared)


def test_an_item_that_is_not_normal_is_named(monkeypatch):
    matrix = draw_matrix(fill=2.0, shape=(60, 40))
    fit = eci.fit(matrix, likelihood="binomial", method=eci.Quadrature())
    assert fit.diagnostics.ok
    departure = next(check for check in fit.diagnostics.checks if check.name == "item_normality")
    monkeypatch.setattr("eci.inference.grid_checks.MAX_DEPARTURE", 0.99 * departure.value)
    again = eci.fit(matrix, likelihood="binomial", method=eci.Quadrature())
    assert [(check.name, check.worst) for check in again.diagnostics.failed] == [
        ("item_normality", departure.worst)
    ]
    assert departure.worst in matrix.benchmarks


def test_what_it_refuses(monkeypatch):
    matrix = draw_matrix()
    with pytest.raises(DataError, match="its likelihood is binomial"):
        eci.fit(matrix, likelihood="beta", method=eci.Quadrature())
    unknown = ScoreMatrix.from_arrays(
        matrix.models, matrix.benchmarks, matrix.model_index, matrix.benchmark_index, matrix.score
    )
    with pytest.raises(DataError, match="n_items nan is no share"):
        approximate_grid(unknown)
    with pytest.raises(DataError, match="known priors"):
        eci.Quadrature(items="none")
    monkeypatch.setattr("eci.inference.grid.MAX_ITEM_SIDE", 4)
    monkeypatch.setattr("eci.inference.grid.MAX_MODEL_SIDE", 4)
    with pytest.raises(DataError, match="needs at most 4 models or at most 2 items"):
        approximate_grid(matrix)


def test_it_needs_no_jax():
    code = "import sys, eci; eci.approximate_grid; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"


def test_an_item_that_all_answered_right_has_no_mode_without_a_prior():
    matrix = draw_matrix(fill=2.0)
    score = np.where(matrix.benchmark_index == 3, 1.0, matrix.score)
    easy = ScoreMatrix.from_arrays(
        matrix.models,
        matrix.benchmarks,
        matrix.model_index,
        matrix.benchmark_index,
        score,
        n_items=matrix.n_items,
    )
    with pytest.raises(
        DataError, match=r"1 of 12 items were answered right by all models or by none \(i003\)"
    ):
        approximate_grid(easy, method=eci.Quadrature(items="flat"))
    fit = eci.fit(easy, likelihood="binomial", method=eci.Quadrature())
    assert np.isfinite(fit.difficulty_draws).all()
