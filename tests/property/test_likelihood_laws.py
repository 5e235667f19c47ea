"""Laws that hold under every likelihood, on modes of a small matrix: compiled once for each likelihood."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eci
from eci.irt.observation import LIKELIHOODS
from eci.scores import ScoreMatrix

N_MODELS, N_BENCHMARKS, N_ITEMS = 6, 4, 40
ORDERED = ("normal", "beta", "binomial", "beta_binomial")
each_likelihood = pytest.mark.parametrize("likelihood", LIKELIHOODS)
few = settings(deadline=None, max_examples=5)
hits = st.lists(  # right answers of every model on every benchmark, none and all of them included
    st.integers(0, N_ITEMS), min_size=N_MODELS * N_BENCHMARKS, max_size=N_MODELS * N_BENCHMARKS
)


def score_matrix(hits):
    """Every model on every benchmark."""
    m, j = np.divmod(np.arange(N_MODELS * N_BENCHMARKS), N_BENCHMARKS)
    score = np.asarray(hits) / N_ITEMS
    names = [f"m{i}" for i in range(N_MODELS)], [f"b{i}" for i in range(N_BENCHMARKS)]
    return ScoreMatrix.from_arrays(*names, m, j, score, n_items=np.full(score.size, float(N_ITEMS)))


def find_mode(matrix, likelihood):
    return eci.fit(matrix, likelihood=likelihood, method=eci.Map()).mode


@pytest.fixture(scope="module")
def smooth_hits():
    """Scores near a curve, two at the edges."""
    ability, difficulty = np.linspace(-1.5, 1.5, N_MODELS), np.linspace(-1, 1, N_BENCHMARKS)
    mean = 1 / (1 + np.exp(-1.5 * (ability[:, None] - difficulty)))
    found = np.rint(N_ITEMS * mean + np.random.default_rng(5).normal(0, 1.5, mean.shape)).astype(int)
    found[0, -1], found[-1, 0] = 0, N_ITEMS
    return np.clip(found, 0, N_ITEMS).ravel()


@each_likelihood
def test_scores_turned_round_turn_the_index_round(likelihood, smooth_hits):
    """With 1 - score for every score, the strong are the weak and the hard benchmarks the easy ones.

    Every density is symmetric (p(1 - score | 1 - mean) = p(score | mean)), edges included, and so is every
    prior of an ability or a difficulty.
    """

    @few
    @given(seed=st.integers(0, 2**32 - 1))
    def check(seed):
        moved = smooth_hits + np.random.default_rng(seed).integers(-2, 3, smooth_hits.size)
        hits = np.clip(moved, 0, N_ITEMS)
        mode, turned = (find_mode(score_matrix(h), likelihood) for h in (hits, N_ITEMS - hits))
        np.testing.assert_allclose(turned.ability, -mode.ability, atol=1e-6)
        np.testing.assert_allclose(turned.difficulty, -mode.difficulty, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(turned.discrimination, mode.discrimination, rtol=1e-6)

    check()


@each_likelihood
def test_names_carry_no_information(likelihood, smooth_hits):
    """Models and benchmarks in another order: the same mode in that order."""
    mode = find_mode(score_matrix(smooth_hits), likelihood)
    table = smooth_hits.reshape(N_MODELS, N_BENCHMARKS)

    @few
    @given(models=st.permutations(range(N_MODELS)), benchmarks=st.permutations(range(N_BENCHMARKS)))
    def check(models, benchmarks):
        moved = find_mode(score_matrix(table[np.ix_(models, benchmarks)].ravel()), likelihood)
        np.testing.assert_allclose(moved.ability, mode.ability[models], atol=1e-6)
        np.testing.assert_allclose(moved.difficulty, mode.difficulty[benchmarks], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(moved.discrimination, mode.discrimination[benchmarks], rtol=1e-6)

    check()


@pytest.mark.parametrize("likelihood", ORDERED)
def test_who_scores_no_less_anywhere_has_no_lower_index(likelihood, smooth_hits):
    """Holds where a higher score always speaks for a higher mean (monotone likelihood ratio).

    It does not hold under student_t, which disbelieves a score far above the others of its model, nor under
    logit_normal, where a score nearer to 1 can speak for a larger variance.
    """
    table = smooth_hits.reshape(N_MODELS, N_BENCHMARKS)

    @few
    @given(
        model=st.integers(0, N_MODELS - 2),
        more=st.lists(st.integers(0, 3), min_size=N_BENCHMARKS, max_size=N_BENCHMARKS),
    )
    def check(model, more):
        better = table.copy()
        better[model + 1] = np.minimum(table[model] + more, N_ITEMS)
        ability = find_mode(score_matrix(better.ravel()), likelihood).ability
        assert ability[model + 1] >= ability[model] - 1e-9

    check()


@each_likelihood
def test_a_mode_comes_back_from_its_folder(likelihood, smooth_hits, tmp_path):
    fit = eci.fit(score_matrix(smooth_hits), likelihood=likelihood, method=eci.Map())
    loaded = eci.load_fit(fit.save(tmp_path / "fit"))
    assert loaded.likelihood == likelihood
    assert loaded.mode.shared.keys() == fit.mode.shared.keys()
    for one, other in zip(loaded.mode[:3], fit.mode[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    for name, value in fit.mode.shared.items():
        np.testing.assert_array_equal(loaded.mode.shared[name], value)
