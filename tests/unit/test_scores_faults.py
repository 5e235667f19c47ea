"""Every fault a table can have is told with its place, its value and what to do."""

import gzip
import math
import re

import numpy as np
import pandas as pd
import pytest

from eci.errors import DataError, EciWarning
from eci.scores import Fault, FaultyTableError, load_scores

HEADER = "model,benchmark,score"


@pytest.fixture
def write(tmp_path):
    def write(content, name="s.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def faults_of(source, **options):
    with pytest.raises(FaultyTableError) as caught:
        load_scores(source, **options)
    return caught.value.faults


# One row per kind of bad cell: column, text of the cell, where the words must come from.
CELLS = [
    ("score", "abc", "is not a number", "Write a number"),
    ("score", "63.3", "is above 1 in a column of fractions", "--unit percent"),
    ("score", "1e300", "is above 1 in a column of fractions", "--unit percent"),
    ("score", "-0.1", "is negative", "fraction from 0 to 1"),
    ("score", "nan", "is not a number", "Write a number"),
    ("score", "inf", "is infinite", "finite"),
    ("score", "1e999", "is infinite", "finite"),
    ("score", '"0,633"', "has a decimal comma", "decimal point"),
    ("score", "63.3%", "has a percent sign", "--unit percent"),
    ("score", "1_0", "is not a number", "Write a number"),
    ("score", "0x1", "is not a number", "Write a number"),
    ("score", "True", "is not a number", "Write a number"),
    ("score", "", "is missing", "remove the row"),
    ("model", "", "is blank", "Name the model"),
    ("benchmark", "  ", "is blank", "Name the benchmark"),
    ("model", '"a\nb"', "holds the invisible character U+000A", "one line"),
    ("model", "GPT\u00a04", "holds the invisible character U+00A0", "plain blanks"),
    ("lab", "Open\u200bAI", "holds the invisible character U+200B", "plain blanks"),
    ("n_items", "-5", "is not a count", "whole number"),
    ("n_items", "0", "is not a count", "whole number"),
    ("n_items", "12.5", "is not a count", "whole number"),
    ("n_items", "1e300", "is more items than a benchmark can have", "from 1 to 1,000,000,000"),
    ("n_items", "inf", "is infinite", "finite"),
    ("n_items", "many", "is not a number", "Write a number"),
    ("chance", "1", "leaves 'b' no room between chance 1 and ceiling 1", "chance must lie below"),
    ("chance", "25", "is above 1", "--unit percent"),
    ("chance", "-0.25", "is negative", "0 to 1"),
    ("ceiling", "0", "leaves 'b' no room between chance 0 and ceiling 0", "chance must lie below"),
    ("ceiling", "1.5", "is above 1", "--unit percent"),
    ("release_date", "2024-02-30", "is not a date", "YYYY-MM-DD"),
    ("release_date", "01/02/2024", "is not a date", "YYYY-MM-DD"),
    ("release_date", "2024-1-1", "is not a date", "YYYY-MM-DD"),
    ("release_date", "20240101", "is not a date", "YYYY-MM-DD"),
    ("release_date", "soon", "is not a date", "YYYY-MM-DD"),
    ("open_weights", "maybe", "is neither true nor false", "true, false"),
    ("reasoning", "2", "is neither true nor false", "true, false"),
    ("source_kind", "vendro", "is not a kind of source", "vendor, independent, secondary"),
]


@pytest.mark.parametrize(("column", "cell", "problem", "advice"), CELLS)
def test_bad_cell(write, column, cell, problem, advice):
    good = {"model": "m", "benchmark": "b", "score": "0.5"}
    bad = {**good, column: cell}
    rows = [",".join(bad)] + [",".join(row.get(name, "") for name in bad) for row in (good, bad)]
    path = write("\n".join(rows) + "\n")
    (fault,) = faults_of(path)
    assert (fault.file, fault.line, fault.column) == (str(path), 3, column)
    assert fault.value == cell.strip('"')
    assert problem in fault.problem
    assert advice in fault.advice
    message = str(fault)
    assert message.startswith(f"{path}, line 3, column {column}: ")
    assert "\n" not in message


def test_percent_bounds(write):
    path = write(f"{HEADER}\nm,b,63.3\nm,c,101\nm,d,-1\n")
    assert [(f.line, f.problem) for f in faults_of(path, unit="percent")] == [
        (3, "is above 100 percent"),
        (4, "is negative"),
    ]


def test_all_faults_are_collected_in_the_order_of_the_file(write):
    path = write(f"{HEADER},n_items\nm,b,2,x\n,b,0.5,\nm,b,0.5,9,9\nm,c,zero,-1\n")
    faults = faults_of(path)
    assert [(f.line, f.column) for f in faults] == [
        (2, "score"),
        (2, "n_items"),
        (3, "model"),
        (4, ""),
        (5, "score"),
        (5, "n_items"),
    ]


def test_message_shows_ten_and_counts_all(write):
    path = write(HEADER + "\n" + "m,b,7\n" * 5000)
    with pytest.raises(FaultyTableError) as caught:
        load_scores(path)
    assert caught.value.n_faults == 5000
    assert len(caught.value.faults) == 1000
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("5000 faults")
    assert len(lines) == 12
    assert "4990 more" in lines[-1]


def test_missing_column_suggests_the_near_one(write):
    fault, other = faults_of(write("Model,score\nm,0.5\n"))
    assert (fault.line, fault.column, fault.problem) == (1, "model", "is missing")
    assert "Did you mean 'Model'? The header reads 'Model, score'" in fault.advice
    assert other.column == "benchmark"
    assert "'Model, score'" in other.advice


def test_unknown_delimiter_is_named(write):
    faults = faults_of(write("model|benchmark|score\nm|b|0.5\n"))
    assert "commas, semicolons or tabs" in faults[0].advice


def test_duplicate_column(write):
    (fault,) = faults_of(write("model,score,benchmark,score\nm,0.5,b,0.6\n"))
    assert (fault.line, fault.column) == (1, "score")
    assert "2 times" in fault.problem
    assert "Keep one" in fault.advice


@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        ("release_date", "2024-01-01", "2024-01-02"),
        ("lab", "A", "B"),
        ("open_weights", "true", "no"),
        ("reasoning", "0", "1"),
    ],
)
def test_model_with_two_facts(write, column, first, second):
    path = write(f"{HEADER},{column}\nm,a,0.1,{first}\nm,b,0.1,\nm,c,0.1,{second}\n")
    (fault,) = faults_of(path)
    assert (fault.line, fault.column, fault.value) == (4, column, second)
    assert "'m' contradicts" in fault.problem
    assert f"{path}, line 2" in fault.problem
    assert f"Give each model one {column}" in fault.advice


@pytest.mark.parametrize(
    ("column", "first", "second"), [("domain", "x", "y"), ("chance", "0", "0.25"), ("ceiling", "0.9", "1")]
)
def test_benchmark_with_two_facts(write, column, first, second):
    path = write(f"{HEADER},{column}\nm,b,0.1,{first}\nn,b,0.1,{second}\n")
    (fault,) = faults_of(path)
    assert (fault.line, fault.column, fault.value) == (3, column, second)
    assert f"Give each benchmark one {column}" in fault.advice


def test_chance_at_or_above_ceiling_across_rows(write):
    path = write(f"{HEADER},chance,ceiling\nm,a,0.1,0.2,0.9\nm,b,0.1,0.5,\nn,b,0.1,,0.5\n")
    (fault,) = faults_of(path)
    assert (fault.line, fault.column, fault.value) == (4, "ceiling", "0.5")
    assert "leaves 'b' no room between chance 0.5 and ceiling 0.5" in fault.problem


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scores.csv").write_text("model,benchmark,score\nm,b,0.5\n")
    (tmp_path / "models.csv").write_text("model,lab,release_date\nm,L,2024-01-01\n")
    (tmp_path / "benchmarks.csv").write_text("benchmark,domain,n_items,chance\nb,math,30,0.25\n")
    return tmp_path


@pytest.mark.parametrize(("row", "column"), [("mm,b,0.5", "model"), ("m,bb,0.5", "benchmark")])
def test_unknown_name_in_folder(folder, row, column):
    with (folder / "scores.csv").open("a") as file:
        file.write(row + "\n")
    (fault,) = faults_of(folder)
    listing = folder / f"{column}s.csv"
    assert (fault.file, fault.line, fault.column) == (str(folder / "scores.csv"), 3, column)
    assert str(listing) in fault.problem
    assert f"Did you mean '{row[0] if column == 'model' else 'b'}'?" in fault.advice


def test_name_listed_twice_in_folder(folder):
    with (folder / "models.csv").open("a") as file:
        file.write("m,L,2024-01-01\n")
    (fault,) = faults_of(folder)
    assert (fault.file, fault.line, fault.value) == (str(folder / "models.csv"), 3, "m")
    assert "twice" in fault.problem


def test_folder_and_scores_contradict(folder):
    (folder / "scores.csv").write_text("model,benchmark,score,lab\nm,b,0.5,Other\n")
    (fault,) = faults_of(folder)
    assert (fault.file, fault.line, fault.value) == (str(folder / "scores.csv"), 2, "Other")
    assert f"contradicts L ({folder / 'models.csv'}, line 2)" in fault.problem


def test_limits_of_a_folder_are_told_where_they_stand(folder):
    (folder / "benchmarks.csv").write_text("benchmark,chance,ceiling\n\nb,0.5,0.4\n")
    (fault,) = faults_of(folder)
    assert (fault.file, fault.line) == (str(folder / "benchmarks.csv"), 3)


def test_folder_without_the_tables(folder):
    (folder / "models.csv").unlink()
    with pytest.raises(DataError, match=r"lacks models\.csv; it holds benchmarks\.csv, scores\.csv"):
        load_scores(folder)


def test_path_that_does_not_exist(folder):
    with pytest.raises(DataError, match=r"does not exist\. Did you mean 'scores\.csv'"):
        load_scores(folder / "score.csv")
    with pytest.raises(DataError, match="no folder"):
        load_scores(folder / "nowhere" / "scores.csv")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"  \n"])
def test_empty_file(write, content):
    with pytest.raises(DataError, match="the file is empty"):
        load_scores(write(content))


@pytest.mark.parametrize("content", [HEADER, HEADER + "\n", HEADER + "\n\n,,\n"])
def test_header_only(write, content):
    with pytest.raises(DataError, match="no row below it"):
        load_scores(write(content))


def test_gzip_named_csv(write):
    with pytest.raises(DataError, match=r"compressed with gzip.*gunzip"):
        load_scores(write(gzip.compress(b"model,benchmark,score\nm,b,0.5\n")))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04rest", "zip archive or an Excel"),
        (b"PAR1rest", "Parquet"),
        (f"{HEADER}\nm,b,0.5\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_other_formats_named_csv(write, content, what):
    with pytest.raises(DataError, match=what):
        load_scores(write(content))


def test_bytes_that_are_not_utf8(write):
    (fault,) = faults_of(write(b"model,benchmark,score\nm,b,0.5\nCaf\xe9,b,0.5\n"))
    assert fault.line == 3
    assert "byte 0xe9 at byte 4 of the line is not UTF-8" in fault.problem
    assert "Save the file as UTF-8" in fault.advice


def test_nul_byte(write):
    (fault,) = faults_of(write(b"model,benchmark,score\nm\0,b,0.5\n"))
    assert fault.line == 2
    assert "NUL" in fault.problem


@pytest.mark.parametrize(("row", "n"), [("m,b,0.5,x", 4), ("m,b", 2), ("m", 1)])
def test_ragged_row(write, row, n):
    (fault,) = faults_of(write(f"{HEADER}\nm,b,0.5\n{row}\nm,c,0.5\n"))
    assert fault.line == 3
    assert fault.problem == f"{n} fields where the header has 3"


def test_open_quote_names_the_line_it_opens_on(write):
    (fault,) = faults_of(write(f'{HEADER}\nm,b,0.5\n"m,c,0.5\nm,d,0.5\n'))
    assert fault.line == 3
    assert "cannot be split" in fault.problem
    assert "quote that is not closed" in fault.advice


def test_lines_are_physical_after_quoted_newlines_blank_lines_and_crlf(write):
    rows = f'{HEADER},conditions\n\nm,b,0.5,"two\nlines"\n\n,,,\nm,c,x,"three\nmore\nlines"\nm,d,y,\n'
    for newline in ("\n", "\r\n", "\r"):
        faults = faults_of(write(rows.replace("\n", newline)))
        assert [(f.line, f.value) for f in faults] == [(7, "x"), (10, "y")]


def test_decimal_commas_under_semicolons(write):
    faults = faults_of(write("model;benchmark;score\nm;b;0,5\n"))
    assert [(f.line, f.problem) for f in faults] == [(2, "has a decimal comma")]


def test_blanks_around_names_are_removed_and_reported(write):
    path = write(f"{HEADER}\n m ,b,0.5\nm,c\t,0.5\nm , d,0.5\n")
    with pytest.warns(EciWarning) as caught:
        table = load_scores(path)
    assert set(table["model"]) == {"m"}
    assert list(table["benchmark"]) == ["b", "c", "d"]
    messages = [str(w.message) for w in caught]
    assert messages == [
        f"{path}, line 2, column model: removed the blanks around ' m ', and in 1 more rows.",
        f"{path}, line 3, column benchmark: removed the blanks around 'c\\t', and in 1 more rows.",
    ]


def test_misspelt_optional_column_is_told(write):
    with pytest.warns(EciWarning, match="'Release Date' is not read; did you mean 'release_date'"):
        load_scores(write(f"{HEADER},Release Date\nm,b,0.5,2024-01-01\n"))


def test_fractions_declared_as_percent_are_doubted(write):
    with pytest.warns(EciWarning, match=r"column score: declared as percent, yet no value is above 0\.9"):
        load_scores(write(f"{HEADER}\nm,b,0.5\nm,c,0.9\n"), unit="percent")


def test_unknown_unit_and_format(write):
    path = write(f"{HEADER}\nm,b,0.5\n")
    with pytest.raises(DataError, match="unit is 'points'"):
        load_scores(path, unit="points")
    with pytest.raises(DataError, match=r"format is 'tables'\. Did you mean 'table'"):
        load_scores(path, format="tables")


def test_dataframe_faults_name_the_row():
    frame = pd.DataFrame(
        {"model": ["m", None, 3], "benchmark": ["b", "b", "b"], "score": [0.5, math.nan, 63.3]},
        index=[7, 7, 9],
    )
    faults = faults_of(frame)
    assert [(f.file, f.line, f.column, f.problem) for f in faults] == [
        ("", 1, "model", "is blank"),
        ("", 1, "score", "is missing"),
        ("", 2, "score", "is above 1 in a column of fractions"),
    ]
    assert str(faults[2]).startswith("DataFrame row 2, column score: 63.3 is above 1")


@pytest.mark.parametrize("score", [np.array([1 + 2j]), [pd.Timedelta(1)], [True], [b"0.5"], [[0.5]]])
def test_dataframe_with_odd_score_types(score):
    frame = pd.DataFrame({"model": ["m"], "benchmark": ["b"], "score": pd.Series(score)})
    (fault,) = faults_of(frame)
    assert fault.problem == "is not a number"


def test_dataframe_without_rows_or_columns():
    with pytest.raises(DataError, match="no row"):
        load_scores(pd.DataFrame({"model": [], "benchmark": [], "score": []}))
    with pytest.raises(FaultyTableError, match=r"DataFrame, column score: is missing"):
        load_scores(pd.DataFrame({"model": ["m"], "benchmark": ["b"]}))


def test_half_a_surrogate_is_escaped():
    frame = pd.DataFrame({"model": pd.Series(["a\ud800"], dtype=object), "benchmark": ["b"], "score": [0.5]})
    assert load_scores(frame)["model"].tolist() == ["a\\ud800"]


def test_fault_clips_long_values():
    text = str(Fault("f", 1, "model", "x" * 10_000, "is odd", "Shorten it"))
    assert len(text) < 200
    assert re.search(r"'x+…' is odd\. Shorten it\.$", text)


@pytest.mark.parametrize(
    "text", ['{"model":{"0":"m"},"score":{"0":0.5}}', '\n[{"model": "a", "score": 1}]\n']
)
def test_json_named_csv_is_told_as_json(tmp_path, text):
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(
        DataError, match=r"scores.csv: this is JSON, not a CSV file; it begins with .* as CSV"
    ):
        load_scores(path)


def test_a_table_without_a_header_is_told(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("Model A,GPQA,0.5\nModel B,GPQA,0.6\n")
    with pytest.raises(DataError, match=r"line 1: this does not look like a header .* 'Model A, GPQA, 0.5'"):
        load_scores(path)
