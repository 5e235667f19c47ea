"""Good input in all its forms gives the same long table."""

import csv

import pandas as pd
import pytest

from eci.scores import bundled_data, load_scores
from eci.scores.schema import DTYPES

FULL = (
    "model,benchmark,score,conditions,source_kind,source_url,n_items,lab,release_date,open_weights,reasoning,"
    "domain,family,chance,ceiling\n"
    'Ä,b,0.633,"5-shot, ""CoT""",vendor,https://x,100,L,2024-02-29,true,no,math,f,0.25,0.9\n'
    "Ö,b,0,,,,,,,,,,,,\n"
)


@pytest.fixture
def full(tmp_path):
    path = tmp_path / "full.csv"
    path.write_text(FULL, encoding="utf-8")
    return path


def test_types_and_missing_values(full):
    table = load_scores(full)
    assert table.dtypes.astype(str).to_dict() == DTYPES
    first, second = table.itertuples(index=False)
    assert first == (
        *("Ä", "b", 0.633, '5-shot, "CoT"', "vendor", "https://x", 100.0, "L"),
        *(pd.Timestamp("2024-02-29"), True, False, "math", "f", 0.25, 0.9),
    )
    assert second[:6] == ("Ö", "b", 0.0, "", "", "")
    assert second.lab == ""
    assert pd.isna([second.n_items, second.release_date, second.open_weights, second.reasoning]).all()
    # A fact of a benchmark holds for all its rows; the number of items is a fact of a row.
    assert (second.domain, second.family, second.chance, second.ceiling) == ("math", "f", 0.25, 0.9)


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda b: b"\xef\xbb\xbf" + b,
        lambda b: b.replace(b"\n", b"\r\n"),
        lambda b: b.replace(b"\n", b"\r"),
        lambda b: b.rstrip(b"\n"),
        lambda b: b.replace(b"\n", b"\n\n  \n"),
        lambda b: b + b",,,,,,,,,,,,,,\n",
    ],
    ids=["bom", "crlf", "cr", "no-last-newline", "blank-lines", "empty-row"],
)
def test_dialects_read_the_same(full, tmp_path, rewrite):
    other = tmp_path / "other.csv"
    other.write_bytes(rewrite(full.read_bytes()))
    assert other.read_bytes() != full.read_bytes()
    pd.testing.assert_frame_equal(load_scores(other), load_scores(full))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_delimiters_read_the_same(full, tmp_path, delimiter):
    other = tmp_path / "other.csv"
    with full.open(newline="") as source, other.open("w", newline="") as target:
        csv.writer(target, delimiter=delimiter).writerows(csv.reader(source))
    assert delimiter in other.read_text()
    pd.testing.assert_frame_equal(load_scores(other), load_scores(full))


def test_columns_in_any_order_and_unknown_ones(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("note,score,,benchmark,model\nx,0.5,0,b,m\n")
    table = load_scores(str(path))
    assert table.loc[0, ["model", "benchmark", "score"]].tolist() == ["m", "b", 0.5]
    assert list(table.columns) == list(DTYPES)


def test_percent_equals_fraction_to_the_last_bit(tmp_path):
    percent, fraction = tmp_path / "p.csv", tmp_path / "f.csv"
    percent.write_text("model,benchmark,score,chance,ceiling\nm,b,63.3,25,90\nm,c,100,0,\nm,d,0.07,,100\n")
    fraction.write_text("model,benchmark,score,chance,ceiling\nm,b,0.633,0.25,0.9\nm,c,1,0,\nm,d,0.0007,,1\n")
    pd.testing.assert_frame_equal(
        load_scores(percent, unit="percent"), load_scores(fraction), check_exact=True
    )


def test_a_read_table_reads_the_same_again(full):
    table = load_scores(full)
    pd.testing.assert_frame_equal(load_scores(table), table)
    shuffled = table.set_index(pd.Index([3, 3]))
    pd.testing.assert_frame_equal(load_scores(shuffled), table)


def test_pandas_reading_of_the_file_gives_the_same(full):
    pd.testing.assert_frame_equal(load_scores(pd.read_csv(full)), load_scores(full))


@pytest.mark.parametrize(
    "dates",
    [
        pd.Series(pd.to_datetime(["2024-02-29 13:00", None])),
        pd.Series(pd.to_datetime(["2024-02-29", None]).tz_localize("Asia/Tokyo")),
        pd.Series([pd.Timestamp("2024-02-29").date(), None]),
        pd.Series([pd.Timestamp("2024-02-29"), ""], dtype=object),
    ],
    ids=["time", "zone", "date", "object"],
)
def test_dates_of_a_dataframe(dates):
    frame = pd.DataFrame({"model": ["m", "n"], "benchmark": "b", "score": 0.5, "release_date": dates})
    table = load_scores(frame)
    assert table["release_date"].tolist() == [pd.Timestamp("2024-02-29"), pd.NaT]


def test_flags_and_counts_of_a_dataframe():
    frame = pd.DataFrame(
        {
            "model": pd.Categorical(["m", "n"]),
            "benchmark": "b",
            "score": pd.array([0, 1], dtype="Int64"),
            "n_items": pd.array([30, None], dtype="Int64"),
            "open_weights": [True, False],
            "reasoning": [None, "Yes"],
        }
    )
    table = load_scores(frame)
    assert table["score"].tolist() == [0.0, 1.0]
    assert table["n_items"].fillna(-1).tolist() == [30.0, -1.0]
    assert table["open_weights"].tolist() == [True, False]
    assert table["reasoning"].tolist() == [pd.NA, True]


def test_folder_joins_its_tables(tmp_path):
    (tmp_path / "scores.csv").write_text("model,benchmark,score,n_items\nm,b,0.5,\nm,b,0.6,20\nm,c,0.7,\n")
    (tmp_path / "models.csv").write_text("model,lab,release_date\nm,L,2024-01-01\nunused,L,\n")
    (tmp_path / "benchmarks.csv").write_text(
        "benchmark,domain,n_items,chance,ceiling\nb,math,30,0.25,\nc,,,,0.9\n"
    )
    table = load_scores(tmp_path)
    assert table["n_items"].fillna(0).tolist() == [30.0, 20.0, 0.0]
    assert table["lab"].tolist() == ["L"] * 3
    assert table["domain"].tolist() == ["math", "math", ""]
    assert table["chance"].fillna(-1).tolist() == [0.25, 0.25, -1]
    assert table["ceiling"].fillna(-1).tolist() == [-1, -1, 0.9]


def test_bundled_data_load_without_a_word():
    table = load_scores()
    pd.testing.assert_frame_equal(table, load_scores(bundled_data()))
    assert table["score"].between(0, 1).all()
    assert (table["lab"] != "").all()
    assert table["release_date"].notna().all()
