"""Predicted scores: against the mixture they are drawn from, and laws."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

import eci
from eci.queries.place import place
from eci.queries.predict import predict


def mixture(fit, model, benchmark):
    """Expected score and noise of a pair in every draw, written out."""
    m, j = fit.matrix.models.index(model), fit.matrix.benchmarks.index(benchmark)
    d = fit.draws
    mean = 1 / (1 + np.exp(-d.discrimination[:, j] * (d.ability[:, m] - d.difficulty[:, j])))
    return fit.matrix.lower[j] + (fit.matrix.upper[j] - fit.matrix.lower[j]) * mean, d.shared["noise_sd"]


def test_quantiles_are_those_of_the_mixture(small_fit):
    table = predict(small_fit, "model 05").table()
    for row in table.itertuples():
        mean, sd = mixture(small_fit, "model 05", row.benchmark)
        for prob, value in ((0.05, row.low_90), (0.25, row.low_50), (0.75, row.high_50), (0.95, row.high_90)):
            if 0 < value < 1:  # a sample of 4,000: standard error of a probability below 0.008
                assert norm.cdf(value, mean, sd).mean() == pytest.approx(prob, abs=0.03)
        assert row.expected == pytest.approx(mean.mean(), rel=1e-9)
        assert 0 <= row.low_90 <= row.low_50 <= row.median <= row.high_50 <= row.high_90 <= 1


def test_only_what_is_not_measured_is_predicted(small_fit):
    matrix = small_fit.matrix
    table = predict(small_fit, "model 05").table()
    own = {matrix.benchmarks[j] for j in matrix.benchmark_index[matrix.model_index == 5]}
    assert set(table["benchmark"]) == set(matrix.benchmarks) - own
    assert table["measured"].isna().all()
    every = predict(small_fit).table()
    assert len(every) == matrix.n_models * matrix.n_benchmarks - matrix.n_scores
    on_one = predict(small_fit, benchmark="bench 2").table()
    assert len(on_one) == matrix.n_models - (matrix.benchmark_index == 2).sum()


def test_a_measured_pair_shows_its_score(small_fit):
    matrix = small_fit.matrix
    j = int(matrix.benchmark_index[matrix.model_index == 5][0])
    score = matrix.score[(matrix.model_index == 5) & (matrix.benchmark_index == j)]
    (row,) = predict(small_fit, "model 05", matrix.benchmarks[j]).record()
    assert row["measured"] == score[0]
    assert row["low_90"] < score[0] < row["high_90"]


def test_chance_and_ceiling_bound_what_is_expected(small_fit):
    matrix = dataclasses.replace(small_fit.matrix, lower=np.full(8, 0.25), upper=np.full(8, 0.9))
    table = predict(dataclasses.replace(small_fit, matrix=matrix)).table()
    assert table["expected"].between(0.25, 0.9).all()


def test_a_placed_model_is_predicted_like_one_of_the_fit(small_fit, small_table):
    """The same scores under a new name, which now count twice: nearly the same predictions."""
    again = small_table[small_table["model"] == "model 05"].assign(model="again")
    old = predict(small_fit, "model 05").pairs.set_index("benchmark")
    new = predict(small_fit, "again", placement=place(small_fit, again)).pairs.set_index("benchmark")
    assert set(old.index) == set(new.index)
    for column in ("low_90", "median", "high_90"):
        np.testing.assert_allclose(new[column].reindex(old.index), old[column], atol=0.03)


def test_the_seed_repeats(small_fit):
    assert predict(small_fit, "model 05").table().equals(predict(small_fit, "model 05").table())
    assert not predict(small_fit, "model 05").table().equals(predict(small_fit, "model 05", seed=1).table())


def test_unknown_names_get_a_suggestion(small_fit, invented_fit):
    with pytest.raises(eci.DataError, match=r"The model 'model 5' is not among the 16.*Did you mean"):
        predict(small_fit, "model 5")
    with pytest.raises(eci.DataError, match=r"The benchmark 'bench O'.*Did you mean"):
        predict(small_fit, "model 05", "bench O")
    with pytest.raises(eci.DataError, match="method map"):
        predict(dataclasses.replace(invented_fit, draws=None, method={"name": "map"}), "model 05")
    with pytest.raises(eci.DataError, match="refits of resampled scores"):
        predict(dataclasses.replace(invented_fit, method={"name": "bootstrap"}), "model 05")


def test_a_full_row_leaves_nothing_to_predict(invented_fit):
    matrix = invented_fit.matrix
    missing = [j for j in range(8) if j not in matrix.benchmark_index[matrix.model_index == 5]]
    more = {
        "model_index": np.append(matrix.model_index, [5] * len(missing)),
        "benchmark_index": np.append(matrix.benchmark_index, missing),
        "score": np.append(matrix.score, [0.5] * len(missing)),
        "n_items": np.append(matrix.n_items, [np.nan] * len(missing)),
    }
    fit = dataclasses.replace(invented_fit, matrix=dataclasses.replace(matrix, **more))
    with pytest.raises(eci.DataError, match="'model 05' has a score on every benchmark"):
        predict(fit, "model 05")
    with pytest.raises(eci.DataError, match=r"model 05: a score .*none to add"):
        fit.next_benchmark("model 05")
