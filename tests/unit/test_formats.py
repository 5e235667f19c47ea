"""Every format gives the long table it stands for; none is guessed between two readings."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eci.cli.options import FORMATS
from eci.errors import DataError, EciWarning
from eci.scores import FaultyTableError, ScoreMatrix, load_scores
from eci.scores.readers import READERS, recognise

EPOCH = Path(__file__).parents[3] / "shared/data/epoch_2025_11/scores.csv"
LONG = "model,benchmark,score,lab,n_items\nA,x,0.5,L,100\nA,y,0.25,L,\nB,x,1,,50\n"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def short(table):
    return table[["model", "benchmark", "score"]].to_numpy().tolist()


def test_the_command_offers_every_format():
    assert ("auto", *READERS) == FORMATS


class TestParquet:
    @pytest.fixture(autouse=True)
    def needs_pyarrow(self):
        pytest.importorskip("pyarrow")

    def test_reads_as_the_csv(self, tmp_path):
        csv = write(tmp_path / "s.csv", LONG)
        table = load_scores(csv)
        table.to_parquet(tmp_path / "s.parquet")
        pd.testing.assert_frame_equal(load_scores(tmp_path / "s.parquet"), table)
        pd.read_csv(csv).to_parquet(tmp_path / "raw.parquet")
        pd.testing.assert_frame_equal(load_scores(tmp_path / "raw.parquet"), table)

    def test_categories_read_as_text(self, tmp_path):
        table = pd.read_csv(write(tmp_path / "s.csv", LONG))
        table.astype({"model": "category"}).to_parquet(tmp_path / "s.parquet")
        assert short(load_scores(tmp_path / "s.parquet")) == short(load_scores(tmp_path / "s.csv"))

    def test_faults_name_the_row(self, tmp_path):
        path = tmp_path / "s.parquet"
        pd.DataFrame({"model": ["A", "B"], "benchmark": "x", "score": [0.5, 63.0]}).to_parquet(path)
        with pytest.raises(FaultyTableError, match=rf"{re.escape(str(path))}, row 1, column score: 63\.0 is"):
            load_scores(path)

    def test_missing_column(self, tmp_path):
        path = tmp_path / "s.parquet"
        pd.DataFrame({"model": ["A"], "Score": [0.5], "benchmark": ["x"]}).to_parquet(path)
        with pytest.raises(FaultyTableError, match=r"column score: is missing\. Did you mean 'Score'"):
            load_scores(path)

    @pytest.mark.parametrize("cut", [5, 100, -30, -1])
    def test_damaged(self, tmp_path, cut):
        path = tmp_path / "s.parquet"
        pd.DataFrame({"model": ["A"], "benchmark": "x", "score": [0.5]}).to_parquet(path)
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(DataError, match="not a Parquet file that can be read"):
            load_scores(path)

    def test_what_pandas_wrote_beside_the_columns_is_not_trusted(self, tmp_path):
        """Found by fuzzing: a damaged dtype in the metadata ended in a TypeError of numpy."""
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.Table.from_pandas(pd.DataFrame({"model": ["A"], "benchmark": "x", "score": [0.5]}))
        beside = json.loads(table.schema.metadata[b"pandas"])
        beside["column_indexes"][0]["numpy_type"] = "s+1"
        damaged = table.replace_schema_metadata({b"pandas": json.dumps(beside)})
        with pytest.raises(TypeError):
            damaged.to_pandas()
        parquet.write_table(damaged, tmp_path / "s.parquet")
        assert short(load_scores(tmp_path / "s.parquet")) == [["A", "x", 0.5]]

    def test_no_row(self, tmp_path):
        pd.DataFrame({"model": [], "benchmark": [], "score": []}).to_parquet(tmp_path / "s.parquet")
        with pytest.raises(DataError, match=r"s\.parquet has no row"):
            load_scores(tmp_path / "s.parquet")


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    (tmp_path / "s.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pyarrow, is not installed.*eci-bayes\[parquet\]"):
        load_scores(tmp_path / "s.parquet")


class TestWide:
    TEXT = "model,lab,Algebra,Biology\nA,L,0.5,\nB,,0.25,1\n"

    def test_gives_the_long_table(self, tmp_path):
        path = write(tmp_path / "w.csv", self.TEXT)
        with pytest.warns(EciWarning, match="matrix of models by benchmarks.*--format wide"):
            table = load_scores(path)
        assert short(table) == [["A", "Algebra", 0.5], ["B", "Algebra", 0.25], ["B", "Biology", 1.0]]
        assert table["lab"].tolist() == ["L", "", ""]

    def test_named_format_says_nothing(self, tmp_path):
        table = load_scores(write(tmp_path / "w.csv", self.TEXT), format="wide")
        assert len(table) == 3

    def test_percent(self, tmp_path):
        text = "model;Algebra;Biology\nA;50;\nB;25;100\n"
        table = load_scores(write(tmp_path / "w.csv", text), unit="percent", format="wide")
        assert table["score"].tolist() == [0.5, 0.25, 1.0]

    def test_a_fault_names_the_column_of_the_benchmark(self, tmp_path):
        path = write(tmp_path / "w.csv", "model,Algebra,Biology\nA,0.5,0.1\n\nB,0.25,63%\n")
        with pytest.raises(FaultyTableError) as caught:
            load_scores(path, format="wide")
        (fault,) = caught.value.faults
        assert (fault.line, fault.column, fault.value) == (4, "Biology", "63%")

    def test_is_the_pivot_of_the_long_table(self, tmp_path):
        rng = np.random.default_rng(3)
        grid = pd.DataFrame(
            rng.uniform(size=(6, 5)).round(3), columns=list("vwxyz"), index=[f"m{i}" for i in range(6)]
        ).where(rng.uniform(size=(6, 5)) < 0.7)
        grid.rename_axis("model").to_csv(tmp_path / "w.csv")
        long = grid.rename_axis("model").melt(var_name="benchmark", value_name="score", ignore_index=False)
        one, other = (
            ScoreMatrix.from_table(table, min_benchmarks=1, min_models=1)
            for table in (load_scores(tmp_path / "w.csv", format="wide"), long.dropna().reset_index())
        )
        assert one.digest == other.digest

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("model\nA\n", "no column of a benchmark"),
            ("model,x\nA,\n", "every cell is blank"),
            ("name,x\nA,0.5\n", "column model: is missing"),
            ("model,x,x\nA,0.5,0.6\n", "appears 2 times"),
            ("model,x,\nA,0.5,0.6\n", "a column has no name"),
            ("model,x\n,0.5\n", "column model: is blank"),
        ],
    )
    def test_faults(self, tmp_path, text, words):
        with pytest.raises(DataError, match=words):
            load_scores(write(tmp_path / "w.csv", text), format="wide")

    @pytest.mark.parametrize(
        "text",
        [
            "model,Score,x\nA,0.5,0.1\n",
            "model,accuracy,stderr\nA,0.5,0.1\n",
            "model,benchmrk,scor\nA,GPQA,0.5\n",
            "model,x\nA,0.5\n",
            "model,n_items,x\nA,100,0.5\n",
            "name,x,y\nA,0.5,0.1\n",
        ],
    )
    def test_misnamed_long_tables_are_no_matrix(self, tmp_path, text):
        with pytest.raises(DataError, match="is missing"):
            load_scores(write(tmp_path / "s.csv", text))


class TestEpoch:
    TEXT = "model_id,benchmark_id,performance,benchmark,benchmark_release_date,Model,model,date,source\n"
    ROW = "m1,b1,0.85,GPQA,2023-11-20,GPT-5.1 (medium),gpt-5.1_medium,2025-11-13,Epoch evaluations\n"

    def test_columns(self, tmp_path):
        (row,) = load_scores(write(tmp_path / "e.csv", self.TEXT + self.ROW)).itertuples(index=False)
        assert (row.model, row.benchmark, row.score) == ("gpt-5.1_medium", "GPQA", 0.85)
        assert (row.release_date, row.source_url) == (pd.Timestamp("2025-11-13"), "Epoch evaluations")
        assert np.isnan([row.chance, row.ceiling]).all()

    def test_display_names_alone_are_enough(self, tmp_path):
        path = write(tmp_path / "e.csv", "Model,benchmark,performance\nA,x,0.5\n")
        assert short(load_scores(path)) == [["A", "x", 0.5]]

    def test_a_fault_names_their_column(self, tmp_path):
        path = write(tmp_path / "e.csv", self.TEXT + self.ROW.replace("0.85", "85"))
        with pytest.raises(FaultyTableError, match="line 2, column performance: 85 is above 1"):
            load_scores(path)

    def test_their_unit_is_theirs(self, tmp_path):
        path = write(tmp_path / "e.csv", self.TEXT + self.ROW)
        with pytest.raises(DataError, match=r"unit is 'percent', but this format states.*fraction"):
            load_scores(path, unit="percent")

    @pytest.mark.skipif(not EPOCH.exists(), reason=f"Epoch's scores are not at {EPOCH}")
    def test_their_data_of_november_2025(self):
        """179 models, 38 benchmarks, 1,324 scores (arXiv:2512.00193), and no rule drops any."""
        with pytest.warns(EciWarning, match="removed the blanks around"):
            table = load_scores(EPOCH)
        matrix = ScoreMatrix.from_table(table)
        assert (matrix.n_models, matrix.n_benchmarks, matrix.n_scores) == (179, 38, 1324)
        assert not matrix.dropped


@pytest.mark.parametrize(
    ("text", "readings"),
    [("model,benchmark,score,performance\nA,x,0.5,0.4\n", r"long table \(table\) and as Epoch's.*\(epoch\)")],
)
def test_two_readings_are_refused(tmp_path, text, readings):
    path = write(tmp_path / "s.csv", text)
    with pytest.raises(DataError, match=readings + r"\. Say which with format= \(--format\)"):
        load_scores(path)
    assert short(load_scores(path, format="table")) == [["A", "x", 0.5]]
    assert short(load_scores(path, format="epoch")) == [["A", "x", 0.4]]


def test_bundled_data_are_a_table():
    from eci.scores import bundled_data

    assert recognise(bundled_data()) == "table"


def test_invisible_characters_of_a_header_are_escaped_in_words(tmp_path):
    path = write(tmp_path / "w.csv", "model,x,la\u200bb\nA,0.5,no\n")
    with pytest.raises(FaultyTableError) as caught:
        load_scores(path, format="wide")
    assert "column la\\u200bb: 'no' is not a number" in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).splitlines())


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04rest", b"PK\x03\x04" + b"\0" * 100 + b"PK\x05\x06" + b"\1" * 18]
)
def test_a_damaged_archive_is_told(tmp_path, content):
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(DataError, match="zip archive"):
        load_scores(tmp_path / "b.zip")
    with pytest.raises(DataError, match="not a zip archive that can be read"):
        load_scores(tmp_path / "b.zip", format="epoch_zip")
