"""Item responses become scores with their number of items, or stay items; standard errors become items."""

import pandas as pd
import pytest

from eci.errors import DataError, EciWarning
from eci.scores import FaultyTableError, ScoreMatrix, load_scores

RESPONSES = (
    "model,benchmark,item,response,lab\n"
    "A,x,1,1,L\nA,x,2,0,\nA,x,3,0.5,\nA,y,1,true,\n"
    "B,x,1,1,\nB,x,1,0,\nB,x,2,1,\nB,y,1,FALSE,\n"  # two runs of one item
)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def rows(table, *columns):
    return table[["model", "benchmark", "score", "n_items", *columns]].to_numpy().tolist()


def test_aggregated(tmp_path):
    """The mean over items of the mean over runs; runs are no items."""
    table = load_scores(write(tmp_path / "r.csv", RESPONSES))
    assert rows(table, "lab") == [
        ["A", "x", 0.5, 3.0, "L"],
        ["A", "y", 1.0, 1.0, "L"],
        ["B", "x", 0.75, 2.0, ""],
        ["B", "y", 0.0, 1.0, ""],
    ]


def test_each_item(tmp_path):
    table = load_scores(write(tmp_path / "r.csv", RESPONSES), format="each_item")
    assert set(table["n_items"]) == {1.0}
    found = {(row.model, row.benchmark): row.score for row in table.itertuples()}
    assert found == {
        **{("A", "x / 1"): 1.0, ("A", "x / 2"): 0.0, ("A", "x / 3"): 0.5, ("A", "y / 1"): 1.0},
        **{("B", "x / 1"): 0.5, ("B", "x / 2"): 1.0, ("B", "y / 1"): 0.0},
    }


def test_items_alone_name_themselves(tmp_path):
    path = write(tmp_path / "r.csv", "model,item,correct\nA,q1,1\nA,q2,0\nB,q1,1\n")
    with pytest.raises(DataError, match=r"no column benchmark.*--format each_item"):
        load_scores(path)
    assert rows(load_scores(path, format="each_item")) == [
        ["A", "q1", 1.0, 1.0],
        ["A", "q2", 0.0, 1.0],
        ["B", "q1", 1.0, 1.0],
    ]


def test_counts(tmp_path):
    path = write(tmp_path / "c.csv", "model,benchmark,n_correct,n_items\nA,x,30,120\nB,x,60,120\n")
    assert rows(load_scores(path)) == [["A", "x", 0.25, 120.0], ["B", "x", 0.5, 120.0]]


def test_parquet_is_the_csv(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.read_csv(write(tmp_path / "r.csv", RESPONSES.replace("true", "1").replace("FALSE", "0")))
    frame.astype({"benchmark": "category"}).to_parquet(tmp_path / "r.parquet")
    for name in ("items", "each_item"):
        one, other = (load_scores(tmp_path / f"r.{kind}", format=name) for kind in ("csv", "parquet"))
        pd.testing.assert_frame_equal(one, other)
    frame[["model", "item", "benchmark"]].assign(correct=[True, False] * 4).to_parquet(tmp_path / "b.parquet")
    assert load_scores(tmp_path / "b.parquet")["score"].tolist() == pytest.approx([2 / 3, 0, 0.75, 0])


def test_kept_items_code(tmp_path):
    matrix = ScoreMatrix.from_table(
        load_scores(write(tmp_path / "r.csv", RESPONSES), format="each_item"), min_benchmarks=1, min_models=1
    )
    assert matrix.benchmarks == ("x / 1", "x / 2", "x / 3", "y / 1")
    assert (matrix.n_items == 1).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model,benchmark,item,response\nA,x,1,2\n", "line 2, column response: 2 is no response"),
        ("model,benchmark,item,correct\nA,x,1,0\nA,x,2,\n", "line 3, column correct: is no response"),
        ("model,benchmark,item,response\nA,x,1,C\n", "'C' is no response"),
        ("model,benchmark,item,response\nA,x,1,nan\n", "nan is no response"),
        ("model,benchmark,item,response\nA,x,,1\n", "line 2, column item: is blank"),
        ("model,benchmark,item,response\n,x,1,1\n", "line 2, column model: is blank"),
        ("model,benchmark,n_correct,n_items\nA,x,5,4\n", "n_correct: 5 is not a count up to n_items"),
        ("model,benchmark,n_correct,n_items\nA,x,0,0\n", "n_items: 0 is not a count"),
        ("model,benchmark,n_correct,n_items\nA,x,-1,9\n", "n_correct: -1 is not a count"),
        ("model,benchmark,n_correct,n_items\nA,x,1,2.5\n", "n_items: 2.5 is not a count"),
        ("model,benchmark,n_correct,n_items\nA,x,1,1e300\n", "n_items: 1e300 is more items than a benchmark"),
        (
            "model,benchmark,item,response,lab\nA,x,1,1,L\nA,x,2,1,M\n",
            "line 3, column lab: 'M' contradicts another row of the model",
        ),
    ],
)
def test_faults(tmp_path, text, words):
    with pytest.raises(FaultyTableError) as caught:
        load_scores(write(tmp_path / "r.csv", text))
    assert words in str(caught.value)


def test_a_table_of_scores_with_items_is_refused_until_told(tmp_path):
    path = write(tmp_path / "s.csv", "model,benchmark,item,score\nA,x,1,1\nA,x,2,0\n")
    with pytest.raises(DataError, match=r"a long table \(table\) and as item responses \(items\)"):
        load_scores(path)
    assert rows(load_scores(path, format="items")) == [["A", "x", 0.5, 2.0]]


def test_blanks_make_no_second_model(tmp_path):
    path = write(tmp_path / "r.csv", "model,benchmark,item,response\nA,x,1,1\nA ,x,2,0\n A,x,2,1\n")
    with pytest.warns(EciWarning, match="column model: removed the blanks around 2 names"):
        assert rows(load_scores(path)) == [["A", "x", 0.75, 2.0]]


@pytest.mark.parametrize(
    "header", ["model,benchmark,item,response,correct", "model,benchmark,item,correct,score"]
)
def test_two_responses_are_refused(tmp_path, header):
    path = write(tmp_path / "r.csv", f"{header}\nA,x,1,0,1\n")
    with pytest.raises(DataError, match="could all be the response"):
        load_scores(path, format="items")


def test_a_standard_error_becomes_items(tmp_path):
    """sqrt(0.5 * 0.5 / 100) = 0.05; of a score of 1 and an error of 0 the count stands."""
    text = "model,benchmark,score,n_items,standard_error\nA,x,50,80,5\nA,y,100,80,3\nA,z,50,,\nB,x,40,70,0\n"
    table = load_scores(write(tmp_path / "s.csv", text), unit="percent")
    assert table["n_items"].fillna(-1).tolist() == [100.0, 80.0, -1.0, 70.0]
    only = write(tmp_path / "o.csv", "model,benchmark,score,standard_error\nA,x,0.5,0.9\n")
    assert load_scores(only)["n_items"].tolist() == [1.0]
    assert load_scores(table)["n_items"].fillna(-1).tolist() == [100.0, 80.0, -1.0, 70.0]


@pytest.mark.parametrize("error", ["1e-6", "1e-14"])
def test_a_tiny_standard_error_makes_no_more_items_than_a_count_may_have(tmp_path, error):
    path = write(tmp_path / "s.csv", f"model,benchmark,score,standard_error\nA,x,0.5,{error}\n")
    assert load_scores(path)["n_items"].tolist() == [1e9]


def test_a_negative_standard_error_is_a_fault(tmp_path):
    path = write(tmp_path / "s.csv", "model,benchmark,score,standard_error\nA,x,0.5,-0.1\n")
    with pytest.raises(FaultyTableError, match=r"column standard_error: -0\.1 is negative"):
        load_scores(path)
