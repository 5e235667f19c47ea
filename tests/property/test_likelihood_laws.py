"""Laws of the likelihoods: of all six densities, and of whole fits under two that differ in everything.

test_fit_laws.py holds a fit under `normal` to its laws; here are `student_t` (one noise parameter, a density
with tails) and `beta_binomial` (one for each benchmark, counts). Every likelihood more costs seconds of
compilation, and what differs between them is the density.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eci
from eci import noise
from eci.irt.observation import LIKELIHOODS
from eci.scores import ScoreMatrix

N_MODELS, N_BENCHMARKS, N_ITEMS = 6, 4, 40
ORDERED = ("normal", "beta", "binomial", "beta_binomial")
each_likelihood = pytest.mark.parametrize("likelihood", LIKELIHOODS)
each_fitted = pytest.mark.parametrize("likelihood", ["student_t", "beta_binomial"])
few = settings(deadline=None, max_examples=5)
hits = st.integers(0, N_ITEMS)
means = st.floats(0.01, 0.99)
levels = {name: st.floats(-4, -1) for name in ("normal", "student_t")} | {
    "logit_normal": st.floats(-2, 1),
    "beta": st.floats(0, 7),
    "binomial": st.just(0.0),
    "beta_binomial": st.floats(0, 7),
}


@each_likelihood
def test_a_score_turned_round_is_as_likely_under_the_mean_turned_round(likelihood):
    @settings(deadline=None)
    @given(hit=hits, mean=means, level=levels[likelihood])
    def check(hit, mean, level):
        one = noise.log_prob(likelihood, hit / N_ITEMS, mean, level, N_ITEMS)
        other = noise.log_prob(likelihood, 1 - hit / N_ITEMS, 1 - mean, level, N_ITEMS)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)

    check()


@pytest.mark.parametrize("likelihood", ORDERED)
def test_a_higher_score_speaks_for_a_higher_mean(likelihood):
    """Monotone likelihood ratio: p(high | high mean) p(low | low mean) is the larger product.

    It does not hold under student_t, which disbelieves a score far off, nor under logit_normal, whose
    variance depends on the mean: there a model that scores no less anywhere can have a lower index.
    """

    @settings(deadline=None)
    @given(scores=st.tuples(hits, hits), mean=st.tuples(means, means), level=levels[likelihood])
    def check(scores, mean, level):
        scores, mean = np.sort(scores) / N_ITEMS, np.sort(mean)
        log_prob = noise.log_prob(likelihood, scores[:, None], mean, level, N_ITEMS)
        gain = log_prob[0, 0] + log_prob[1, 1] - log_prob[0, 1] - log_prob[1, 0]
        assert gain >= -1e-9 * (1 + np.abs(log_prob).max())

    check()


def score_matrix(hits):
    """Every model on every benchmark."""
    m, j = np.divmod(np.arange(N_MODELS * N_BENCHMARKS), N_BENCHMARKS)
    score = np.asarray(hits) / N_ITEMS
    names = [f"m{i}" for i in range(N_MODELS)], [f"b{i}" for i in range(N_BENCHMARKS)]
    return ScoreMatrix.from_arrays(*names, m, j, score, n_items=np.full(score.size, float(N_ITEMS)))


def find_mode(matrix, likelihood):
    return eci.fit(matrix, likelihood=likelihood, method=eci.Map()).mode


@pytest.fixture(scope="module")
def table():
    """Right answers near a curve, two cells at the edges."""
    ability, difficulty = np.linspace(-1.5, 1.5, N_MODELS), np.linspace(-1, 1, N_BENCHMARKS)
    mean = 1 / (1 + np.exp(-1.5 * (ability[:, None] - difficulty)))
    found = np.rint(N_ITEMS * mean + np.random.default_rng(5).normal(0, 1.5, mean.shape)).astype(int)
    found[0, -1], found[-1, 0] = 0, N_ITEMS
    return np.clip(found, 0, N_ITEMS)


def assert_same(found, ability, difficulty, discrimination):
    np.testing.assert_allclose(found.ability, ability, atol=1e-6)
    np.testing.assert_allclose(found.difficulty, difficulty, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.discrimination, discrimination, rtol=1e-6)


@each_fitted
def test_scores_turned_round_turn_the_index_round(likelihood, table):
    """With 1 - score for every score, the strong are the weak and the hard benchmarks the easy ones."""

    @few
    @given(seed=st.integers(0, 2**32 - 1))
    def check(seed):
        moved = np.clip(table + np.random.default_rng(seed).integers(-2, 3, table.shape), 0, N_ITEMS).ravel()
        mode, turned = (find_mode(score_matrix(hits), likelihood) for hits in (moved, N_ITEMS - moved))
        assert_same(turned, -mode.ability, -mode.difficulty, mode.discrimination)

    check()


@each_fitted
def test_names_carry_no_information(likelihood, table):
    """Models and benchmarks in another order: the same mode in that order."""
    mode = find_mode(score_matrix(table.ravel()), likelihood)

    @few
    @given(m=st.permutations(range(N_MODELS)), j=st.permutations(range(N_BENCHMARKS)))
    def check(m, j):
        moved = find_mode(score_matrix(table[np.ix_(m, j)].ravel()), likelihood)
        assert_same(moved, mode.ability[m], mode.difficulty[j], mode.discrimination[j])

    check()


def test_who_scores_no_less_anywhere_has_no_lower_index(table):
    """Follows from the order of the density, of which beta_binomial is the one fitted here."""

    @few
    @given(
        model=st.integers(0, N_MODELS - 2),
        more=st.lists(st.integers(0, 3), min_size=N_BENCHMARKS, max_size=N_BENCHMARKS),
    )
    def check(model, more):
        better = table.copy()
        better[model + 1] = np.minimum(table[model] + more, N_ITEMS)
        ability = find_mode(score_matrix(better.ravel()), "beta_binomial").ability
        assert ability[model + 1] >= ability[model] - 1e-9

    check()


@each_fitted
def test_a_mode_comes_back_from_its_folder(likelihood, table, tmp_path):
    fit = eci.fit(score_matrix(table.ravel()), likelihood=likelihood, method=eci.Map())
    loaded = eci.load_fit(fit.save(tmp_path / "fit"))
    assert loaded.likelihood == likelihood
    assert loaded.mode.shared.keys() == fit.mode.shared.keys()
    for one, other in zip(loaded.mode[:3], fit.mode[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    for name, value in fit.mode.shared.items():
        np.testing.assert_array_equal(loaded.mode.shared[name], value)
