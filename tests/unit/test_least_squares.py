"""Least squares of many weightings at once: the optima of SciPy's solver, inside and at the bounds."""

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.special import expit

import eci
from eci.inference.arrow_solve import Side, step_down
from eci.inference.least_squares import BOUNDS, Rows, first_guess, solve
from eci.scores import ScoreMatrix

EPOCH = Path(__file__).parents[3] / "shared/data/epoch_2025_11/scores.csv"


def solve_with_scipy(matrix, options, weights, start, tolerance=1e-15):
    """The same objective with one residual for each score and each parameter, solved tightly."""
    m, j = matrix.model_index, matrix.benchmark_index
    fraction = (matrix.score - matrix.lower[j]) / (matrix.upper[j] - matrix.lower[j])
    x = np.clip(fraction, 0.001, 0.999)
    ends = np.cumsum([matrix.n_models, matrix.n_benchmarks])
    is_free = np.ones(ends[1] + matrix.n_benchmarks, dtype=bool)
    if options.anchor_benchmark:
        is_free[ends[1] + matrix.benchmarks.index(options.anchor_benchmark)] = False
    ridge = np.sqrt(options.ridge / is_free.sum())

    def whole(free):
        values = np.ones(len(is_free))
        values[is_free] = free
        return np.split(values, ends)

    def residuals(free):
        ability, difficulty, slope = whole(free)
        return np.r_[np.sqrt(weights) * (expit(slope[j] * (ability[m] - difficulty[j])) - x), ridge * free]

    def jacobian(free):
        ability, difficulty, slope = whole(free)
        p = expit(slope[j] * (ability[m] - difficulty[j]))
        rise, rows = np.sqrt(weights) * p * (1 - p), np.arange(len(x))
        dense = np.zeros((len(x), len(is_free)))
        dense[rows, m] = rise * slope[j]
        dense[rows, ends[0] + j] = -rise * slope[j]
        dense[rows, ends[1] + j] = rise * (ability[m] - difficulty[j])
        return np.vstack([dense[:, is_free], ridge * np.eye(is_free.sum())])

    bounds = np.array(
        [BOUNDS[0]] * matrix.n_models + [BOUNDS[1]] * matrix.n_benchmarks + [BOUNDS[2]] * matrix.n_benchmarks
    )[is_free].T
    begin = np.clip(np.concatenate([part[0] for part in start])[is_free], *bounds)
    tight = dict.fromkeys(["ftol", "xtol", "gtol"], tolerance)
    found = least_squares(residuals, begin, jac=jacobian, bounds=bounds, max_nfev=5000, **tight)
    return whole(found.x), found.cost


def cost(options, n_free, solution, refit=0):
    point = [part[refit] for part in solution.point]
    size = sum(part @ part for part in point) - (1.0 if options.anchor_benchmark else 0.0)
    return 0.5 * (solution.squares[refit] + options.ridge / n_free * size)


@pytest.mark.parametrize(("n_models", "n_benchmarks"), [(7, 3), (4, 5)], ids=["models", "benchmarks"])
def test_steps_are_those_of_the_dense_system(n_models, n_benchmarks):
    """Whichever side is eliminated."""
    rng = np.random.default_rng(3)
    n, n_refits = n_models + 2 * n_benchmarks, 4
    cross = rng.normal(size=(2, n_refits, n_models, n_benchmarks))
    own, pair = rng.uniform(20, 30, (3, n_refits, n_models)), rng.uniform(20, 30, (2, n_refits, n_benchmarks))
    mixed = rng.normal(size=(n_refits, n_benchmarks))
    models = Side(rng.normal(size=(1, n_refits, n_models)), own[None, :1])
    blocks = np.stack([np.stack([pair[0], mixed]), np.stack([mixed, pair[1]])])
    benchmarks = Side(rng.normal(size=(2, n_refits, n_benchmarks)), blocks)
    to_models, to_benchmarks, definite = step_down(models, benchmarks, cross)
    assert definite.all()
    for r in range(n_refits):
        dense = np.zeros((n, n))
        dense[:n_models, :n_models] = np.diag(own[0, r])
        for k in range(2):
            at = slice(n_models + k * n_benchmarks, n_models + (k + 1) * n_benchmarks)
            dense[:n_models, at], dense[at, :n_models] = cross[k, r], cross[k, r].T
            for other in range(2):
                to = slice(n_models + other * n_benchmarks, n_models + (other + 1) * n_benchmarks)
                dense[at, to] = np.diag(blocks[k, other, r])
        gradient = np.concatenate([models.gradient[0, r], *benchmarks.gradient[:, r]])
        step = np.concatenate([to_models[0, r], *to_benchmarks[:, r]])
        np.testing.assert_allclose(dense @ step, -gradient, atol=1e-12)


def test_a_curvature_that_is_not_positive_is_named():
    """One refit good, one with a saddle."""
    models = Side(np.ones((1, 2, 3)), np.ones((1, 1, 2, 3)))
    blocks = np.stack(
        [np.stack([np.ones((2, 1)), np.zeros((2, 1))]), np.stack([np.zeros((2, 1)), np.ones((2, 1))])]
    )
    cross = np.zeros((2, 2, 3, 1))
    cross[0, 1] = 2.0
    *_, definite = step_down(models, Side(np.ones((2, 2, 1)), blocks), cross)
    assert definite.tolist() == [True, False]


@pytest.mark.parametrize("anchor", [None, "bench 3"])
def test_optima_are_scipys(small_matrix, anchor):
    """For resampled weights, many of them zero."""
    options = eci.LeastSquares(anchor_benchmark=anchor)
    rows = Rows.of(small_matrix, options)
    weights = np.random.default_rng(5).poisson(1.0, (6, small_matrix.n_scores)).astype(float)
    center = solve(rows, np.ones((1, small_matrix.n_scores)), first_guess(rows))
    found = solve(rows, weights, center.point)
    assert found.converged.all()
    n_free = small_matrix.n_models + 2 * small_matrix.n_benchmarks - bool(anchor)
    for refit, w in enumerate(weights):
        exact, least = solve_with_scipy(small_matrix, options, w, center.point)
        assert cost(options, n_free, found, refit) == pytest.approx(least, rel=1e-9)
        for mine, theirs in zip(found.point, exact, strict=True):
            np.testing.assert_allclose(mine[refit], theirs, atol=2e-4)


def test_optima_at_the_bounds_are_scipys():
    """Hardly a penalty, a model with full marks, one with none, and a step-like benchmark."""
    rng = np.random.default_rng(1)
    ability = np.linspace(-2, 2, 8)
    score = expit(2.0 * (ability[:, None] - np.linspace(-1, 1, 5)) + 0.2 * rng.normal(size=(8, 5)))
    score[0], score[-1], score[:, 2] = 0.0, 1.0, ability > 0.1
    m, j = np.indices(score.shape).reshape(2, -1)
    names = [f"m{i}" for i in range(8)], [f"b{i}" for i in range(5)]
    matrix = ScoreMatrix.from_arrays(*names, m, j, score.ravel())
    options = eci.LeastSquares(ridge=1e-6)
    rows = Rows.of(matrix, options)
    found = solve(rows, np.ones((1, matrix.n_scores)), first_guess(rows))
    exact, least = solve_with_scipy(matrix, options, np.ones(matrix.n_scores), first_guess(rows))
    at_bound = sum(np.isclose(np.abs(part), 10.0).sum() for part in found.point)
    assert found.converged.all()
    assert at_bound >= 1
    assert cost(options, 18, found) <= least * (1 + 1e-6)
    np.testing.assert_allclose(found.point.ability[0, 1:-1], exact[0][1:-1], atol=0.01)


def test_a_weight_of_two_is_the_row_twice(small_matrix):
    options = eci.LeastSquares()
    whole, twice = np.ones((1, small_matrix.n_scores)), np.ones((1, small_matrix.n_scores))
    twice[0, 7] = 2.0
    repeated = [
        np.r_[x, x[7]] for x in (small_matrix.model_index, small_matrix.benchmark_index, small_matrix.score)
    ]
    longer = ScoreMatrix.from_arrays(small_matrix.models, small_matrix.benchmarks, *repeated)
    results = []
    for matrix, weights in ((small_matrix, twice), (longer, np.ones((1, longer.n_scores)))):
        rows = Rows.of(matrix, options)
        results.append(solve(rows, weights, first_guess(rows)).point)
    np.testing.assert_allclose(results[0].ability, results[1].ability, atol=1e-6)
    rows = Rows.of(small_matrix, options)
    assert np.abs(solve(rows, whole, first_guess(rows)).point.ability - results[0].ability).max() > 1e-3


def test_many_refits_are_the_single_ones(small_matrix):
    """In chunks and threads, together and alone."""
    options = eci.LeastSquares()
    rows = Rows.of(small_matrix, options)
    weights = np.random.default_rng(6).poisson(1.0, (5, small_matrix.n_scores)).astype(float)
    together = solve(rows, weights, first_guess(rows))
    for i in range(5):
        alone = solve(rows, weights[i : i + 1], first_guess(rows))
        np.testing.assert_allclose(alone.point.ability[0], together.point.ability[i], atol=1e-9)


def test_chance_and_ceiling_make_the_fraction(small_matrix):
    """Scores squeezed between chance and ceiling give the fit of the scores themselves."""
    lower, upper = np.full(8, 0.25), np.full(8, 0.75)
    squeezed = ScoreMatrix.from_arrays(
        small_matrix.models,
        small_matrix.benchmarks,
        small_matrix.model_index,
        small_matrix.benchmark_index,
        0.25 + 0.5 * small_matrix.score,
        lower=lower,
        upper=upper,
    )
    plain, moved = (eci.fit(x, method=eci.LeastSquares()) for x in (small_matrix, squeezed))
    np.testing.assert_allclose(moved.index, plain.index, atol=1e-4)
    assert moved.mode.shared["noise_sd"] == pytest.approx(0.5 * plain.mode.shared["noise_sd"], rel=1e-6)


@pytest.mark.skipif(not EPOCH.exists(), reason=f"Epoch's scores are not at {EPOCH}")
def test_epochs_index_is_reproduced():
    """Their data, rules, anchor benchmark and penalty, by an independent bounded solve: 0.05 points."""
    with pytest.warns(eci.EciWarning, match="removed the blanks around"):
        matrix = ScoreMatrix.from_table(eci.load_scores(EPOCH))
    assert (matrix.n_models, matrix.n_benchmarks, matrix.n_scores) == (179, 38, 1324)
    anchors = {"claude-3-5-sonnet-20240620": 130.0, "gpt-5-2025-08-07_high": 150.0}
    options = eci.LeastSquares(anchor_benchmark="Winogrande")
    fit = eci.fit(matrix, method=options, anchors=anchors)
    assert fit.diagnostics.ok
    rng = np.random.default_rng(42)  # from where Epoch starts: small random locations, slopes 1
    start = 0.1 * rng.normal(size=(1, 179)), 0.1 * rng.normal(size=(1, 38)), np.ones((1, 38))
    (ability, *_), _ = solve_with_scipy(matrix, options, np.ones(1324), start, tolerance=1e-9)
    low, high = (ability[matrix.models.index(name)] for name in anchors)
    np.testing.assert_allclose(fit.index, 130 + 20 * (ability - low) / (high - low), atol=0.05)


def test_impossible_options_are_refused(small_matrix):
    with pytest.raises(eci.DataError, match="finite number above 0"):
        eci.LeastSquares(ridge=0.0)
    with pytest.raises(eci.DataError, match=r"anchor benchmark 'bench 33' is not among.*bench 3"):
        eci.fit(small_matrix, method=eci.LeastSquares(anchor_benchmark="bench 33"))
    with pytest.raises(eci.DataError, match="takes no priors"):
        eci.fit(small_matrix, method=eci.LeastSquares(), priors=eci.Priors())
    with pytest.raises(eci.DataError, match="its likelihood is normal"):
        eci.fit(small_matrix, method=eci.LeastSquares(), likelihood="beta")
