"""Laws of reading and coding that hold for any table."""

import csv
import io
import warnings

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eci.errors import DataError, EciWarning, IdentificationError
from eci.scores import ScoreMatrix, load_scores

settings.register_profile(
    "scores", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LAWS = settings(settings.get_profile("scores"), max_examples=40)

KINDS = ["vendor", "independent", "secondary", ""]
DUPLICATES = ["vendor", "independent", "mean", "max", "all"]
names = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8)


@st.composite
def tables(draw, n_names=4):
    """A small table with duplicates, ties and missing facts."""
    models = draw(st.lists(names, min_size=1, max_size=n_names, unique=True))
    benchmarks = draw(st.lists(names, min_size=1, max_size=n_names, unique=True))
    row = st.tuples(
        st.sampled_from(models),
        st.sampled_from(benchmarks),
        st.integers(0, 1000).map(lambda n: n / 1000),
        st.sampled_from(KINDS),
        st.sampled_from([np.nan, 10.0, 20.0]),
    )
    rows = draw(st.lists(row, min_size=1, max_size=20))
    table = pd.DataFrame(rows, columns=["model", "benchmark", "score", "source_kind", "n_items"])
    labs = {name: draw(st.sampled_from(["A", "B", ""])) for name in models}
    days = {name: draw(st.sampled_from(["2024-01-01", "2025-06-30", ""])) for name in models}
    chances = {name: draw(st.sampled_from([np.nan, 0.0, 0.25])) for name in benchmarks}
    return table.assign(
        lab=table["model"].map(labs),
        release_date=table["model"].map(days),
        chance=table["benchmark"].map(chances),
    )


def coded(table, **rules):
    """The matrix, or the words with which it is refused."""
    try:
        return ScoreMatrix.from_table(table, **rules)
    except (DataError, IdentificationError) as error:
        return str(error)


def assert_same(one, other):
    if isinstance(one, str) or isinstance(other, str):
        assert one == other
        return
    for name, value in vars(one).items():
        np.testing.assert_array_equal(getattr(other, name), value, err_msg=name, strict=True)


@LAWS
@given(tables(), st.randoms(use_true_random=False), st.sampled_from(DUPLICATES), st.integers(1, 2))
def test_the_order_of_rows_never_matters(table, random, duplicates, least):
    order = list(range(len(table)))
    random.shuffle(order)
    rules = {"duplicates": duplicates, "min_benchmarks": least, "min_models": least}
    assert_same(coded(table.iloc[order], **rules), coded(table, **rules))


@LAWS
@given(tables(6), st.integers(1, 3), st.integers(1, 3))
def test_the_minima_reach_a_fixed_point_and_it_is_the_largest(table, least_benchmarks, least_models):
    matrix = coded(table, min_benchmarks=least_benchmarks, min_models=least_models)
    pairs = set(table[["model", "benchmark"]].itertuples(index=False, name=None))
    while True:  # the plain definition, one name at a time
        models = [m for m, _ in pairs]
        benchmarks = [b for _, b in pairs]
        poor = {
            p for p in pairs if models.count(p[0]) < least_benchmarks or benchmarks.count(p[1]) < least_models
        }
        if not poor:
            break
        pairs -= poor
    if isinstance(matrix, str):
        assert not pairs if matrix.startswith("No score is left") else "groups" in matrix
        return
    assert set(matrix.models) == {m for m, _ in pairs}
    assert set(matrix.benchmarks) == {b for _, b in pairs}
    gone = {(d.kind, d.name) for d in matrix.dropped if d.kind != "row"}
    assert gone == {("model", m) for m in set(table["model"]) - set(matrix.models)} | {
        ("benchmark", b) for b in set(table["benchmark"]) - set(matrix.benchmarks)
    }


@LAWS
@given(tables(), st.sampled_from(DUPLICATES))
def test_every_row_is_kept_or_named(table, duplicates):
    matrix = coded(table, duplicates=duplicates, min_benchmarks=1, min_models=1)
    if isinstance(matrix, ScoreMatrix):
        assert matrix.n_scores + sum(d.kind == "row" for d in matrix.dropped) == len(table)


@LAWS
@given(tables())
def test_the_rules_are_idempotent(table):
    matrix = coded(table, min_benchmarks=2, min_models=2)
    if isinstance(matrix, str):
        return
    kept = pd.DataFrame(
        {
            "model": np.array(matrix.models, dtype=object)[matrix.model_index],
            "benchmark": np.array(matrix.benchmarks, dtype=object)[matrix.benchmark_index],
            "score": matrix.score,
            "n_items": matrix.n_items,
            "lab": np.array(matrix.lab, dtype=object)[matrix.model_index],
            "release_date": matrix.release_date[matrix.model_index],
            "chance": matrix.lower[matrix.benchmark_index],
        }
    )
    again = ScoreMatrix.from_table(kept, min_benchmarks=2, min_models=2)
    assert again.digest == matrix.digest
    assert again.dropped == ()


@LAWS
@given(tables())
def test_percent_and_fraction_give_the_same_table(table):
    percent = table.assign(score=table["score"] * 100, chance=table["chance"] * 100)
    percent.loc[len(percent)] = {**percent.iloc[0], "score": 50.0}  # so that percent is not in doubt
    fraction = table.copy()
    fraction.loc[len(fraction)] = {**fraction.iloc[0], "score": 0.5}
    if percent["chance"].max() == 0:
        percent = percent.drop(columns="chance")
        fraction = fraction.drop(columns="chance")
    pd.testing.assert_frame_equal(
        load_scores(percent, unit="percent"), load_scores(fraction), check_exact=True
    )


@LAWS
@given(table=tables())
def test_a_table_survives_csv(table, tmp_path):
    table = load_scores(table)
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False)
    pd.testing.assert_frame_equal(load_scores(path), table, check_exact=True)


any_bytes = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(
        st.sampled_from(
            [
                *(
                    b"model",
                    b"benchmark",
                    b"score",
                    b"lab",
                    b"release_date",
                    b"chance",
                    b"ceiling",
                    b"n_items",
                ),
                *(
                    b"reasoning",
                    b"source_kind",
                    b"m",
                    b"b",
                    b"0.5",
                    b"63",
                    b"-1",
                    b"nan",
                    b"1e999",
                    b"2024-01-01",
                ),
                *(
                    b",",
                    b",",
                    b",",
                    b";",
                    b"\t",
                    b"\n",
                    b"\n",
                    b"\r",
                    b'"',
                    b'""',
                    b"\0",
                    b"\xff",
                    b"\xef\xbb\xbf",
                ),
                *(b" ", b"%", "é".encode(), "\u200f".encode(), b"'", b"=1+1", b"#"),
            ]
        ),
        max_size=60,
    ).map(b"".join),
    st.lists(st.lists(st.text(max_size=5), min_size=3, max_size=4), max_size=6).map(
        lambda rows: b"model,benchmark,score,release_date\n" + as_csv(rows)
    ),
)


def as_csv(rows):
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue().encode("utf-8", "surrogatepass")


@settings(LAWS, max_examples=200)
@given(content=any_bytes, unit=st.sampled_from(["fraction", "percent"]))
@example(content=b"model,benchmark,score\rm,b,.5\r", unit="fraction")
@example(content=b'model,benchmark,score\n"m,b,.5\n', unit="fraction")
def test_any_file_gives_a_table_or_a_data_error(content, unit, tmp_path):
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EciWarning)
        try:
            table = load_scores(path, unit=unit)
        except DataError as error:
            assert str(error).startswith((str(path), *"123456789"))
        else:
            assert table["score"].between(0, 1).all()
            assert (table[["model", "benchmark"]] != "").all(axis=None)


cells = st.one_of(
    st.none(),
    st.text(max_size=4),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.dates(),
    st.binary(max_size=3),
)
columns = st.sampled_from(
    ["model", "benchmark", "score", "lab", "release_date", "chance", "n_items", "reasoning"]
)


@settings(LAWS, max_examples=200)
@given(st.dictionaries(columns, st.lists(cells, min_size=2, max_size=2)))
def test_any_dataframe_gives_a_table_or_a_data_error(content):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EciWarning)
        try:
            table = load_scores(pd.DataFrame({"model": ["m", "n"], "benchmark": "b", "score": 0.5} | content))
        except DataError:
            return
        assert table["score"].between(0, 1).all()
