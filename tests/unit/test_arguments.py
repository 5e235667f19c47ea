"""What `eci.fit` and `load_scores` are given by mistake is told in words, before anything is computed."""

import pytest

import eci

ONE_MODEL = eci.ScoreMatrix.from_arrays(["m"], ["a", "b"], [0, 0], [0, 1], [0.2, 0.3])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"method": "laplace"}, r"given a str, 'laplace'\. Write method=eci\.Laplace\(\)"),
        ({"method": "least_squares"}, r"Write method=eci\.LeastSquares\(\)"),
        ({"method": eci.Nuts}, r"given the class Nuts\. Write method=eci\.Nuts\(\)"),
        ({"method": "gibbs"}, r"given a str, 'gibbs'\. Known: eci\.Map\(\), eci\.Laplace\(\)"),
        ({"priors": {"noise_sd": 1.0}}, r"priors takes an eci\.Priors; given a dict, "),
        ({"anchors": ["model 01"]}, r"by name; given a list, \['model 01'\]\. Write anchors=\{"),
    ],
)
def test_arguments_of_another_type(small_matrix, given, words):
    with pytest.raises(eci.DataError, match=words):
        eci.fit(small_matrix, **given)


def test_what_is_no_matrix(small_table):
    with pytest.raises(eci.DataError, match=r"takes a ScoreMatrix; given a str, 'ok\.csv'\. .*from_table\("):
        eci.fit("ok.csv")
    with pytest.raises(eci.DataError, match=r"takes a ScoreMatrix; given a DataFrame\. "):
        eci.fit(small_table)


def test_one_model_has_no_scale():
    with pytest.raises(eci.IdentificationError, match=r"'m' is the only model of the matrix"):
        eci.fit(ONE_MODEL)


@pytest.mark.parametrize("given", [3, [("m", "a", 0.5)]])
def test_what_is_no_table_of_scores(given):
    with pytest.raises(eci.DataError, match=r"from a path or a DataFrame; given .*, which is of the type "):
        eci.load_scores(given)
