"""Epoch's archive: the table their rules imply, row by row, and archives that are not to be trusted."""

import struct
import warnings
import zipfile

import pytest

from eci.errors import DataError, EciWarning
from eci.scores import FaultyTableError, load_scores

METADATA = (
    "benchmark,source_file,score_column,scale,random_baseline,score_ceiling,release_date,superseded_by,in_eci\n"
    "GPQA,gpqa.csv,mean_score,1,0.25,1,2023-11-20,,True\n"
    "Percent,percent.csv,Score (%),0.01,0,0.8,2024-01-01,,\n"
    "Old,old.csv,Best,1,0,1,2022-01-01,New,TRUE\n"
    "New,new.csv,Best,1,0,1,2025-01-01,,true\n"
    "Shown only,shown.csv,Best,,,,2025-01-01,,False\n"
)
MODELS = (
    "model_version,model_group,date\n"
    "a-high,A,2024-05-01\na-low,A,2024-05-01\nb,B,2025-02-03\nc,C,2022-12-31\nd,D,\ne,E,2023-01-01\n"
)
TABLES = {
    "gpqa.csv": "Model version,mean_score,Source\n"
    "a-low,0.4,low run\na-high,0.85,high run\n"  # the maximum of the group
    "b,0.1,\n"  # below chance: 0
    "c,0.9,\nd,0.9,\n"  # before 2023, undated
    "nobody,0.9,\n"  # no group
    "e,,\n,0.5,\n",  # no score, no model
    "percent.csv": "Model version,Score (%)\na-high,40\nb,90\ne,n/a\n",  # ceiling 0.8: 0.5 and, clipped, 1
    "old.csv": "Model version,Best\na-low,0.6\nb,0.3\ne,0.2\n",
    "new.csv": "Model version,Best\na-high,0.5\nc,0.7\n",  # A has both; C's row is too early to supersede
    "shown.csv": "Model version,Best\na-high,0.5\n",
}
EXPECTED = [
    # (0.85 - 0.25) / 0.75; (0.4 - 0) / 0.8; A's Old is superseded, B's and E's are not
    ("A", "GPQA", 0.8, "a-high", "high run", "2024-05-01"),
    ("A", "New", 0.5, "a-high", "", "2024-05-01"),
    ("A", "Percent", 0.5, "a-high", "", "2024-05-01"),
    ("B", "GPQA", 0.0, "b", "", "2025-02-03"),
    ("B", "Old", 0.3, "b", "", "2025-02-03"),
    ("B", "Percent", 1.0, "b", "", "2025-02-03"),
    ("E", "Old", 0.2, "e", "", "2023-01-01"),
]


def pack(path, files=None, **changed):
    files = {"benchmark_metadata.csv": METADATA, "eci_model_versions.csv": MODELS, **TABLES, **(files or {})}
    files |= {name.replace("_csv", ".csv"): text for name, text in changed.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            if text is not None:
                archive.writestr(name, text)
    return path


def read(path, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = load_scores(path, **options)
    rows = zip(
        table["model"],
        table["benchmark"],
        table["score"].round(12),
        table["conditions"],
        table["source_url"],
        table["release_date"].dt.strftime("%Y-%m-%d"),
        strict=True,
    )
    return list(rows), [str(warning.message) for warning in caught]


def test_table_is_what_their_rules_imply(tmp_path):
    rows, (said,) = read(pack(tmp_path / "b.zip"))
    assert rows == EXPECTED
    for words in (
        "1 rows of model versions without a group (nobody)",
        "3 rows undated or dated before 2023-01-01 (C, D)",
        "1 rows on Old, superseded by New (A)",
        "1 below the maximum of their model group and benchmark",
        "1 rows whose score is not a number",
        "percent.csv, line 4",
    ):
        assert words in said


def test_the_other_name_of_the_model_table_and_a_folder_inside(tmp_path):
    files = {"benchmark_metadata.csv": None, "eci_model_versions.csv": None, "model_metadata.csv": MODELS}
    files |= dict.fromkeys(TABLES)
    inside = {f"data/{name}": text for name, text in TABLES.items()}
    inside["data/benchmark_metadata.csv"] = METADATA
    path = pack(tmp_path / "b.zip", files | inside | {"additional_eci_data/gpqa.csv": "x"})
    assert read(path)[0] == EXPECTED


def test_optional_columns_may_be_absent(tmp_path):
    metadata = "\n".join(",".join(line.split(",")[:7]) for line in METADATA.splitlines()[:3])
    rows, _ = read(pack(tmp_path / "b.zip", benchmark_metadata_csv=metadata))
    assert rows == [row for row in EXPECTED if row[1] in ("GPQA", "Percent")]


def test_a_group_has_one_date(tmp_path):
    models = MODELS.replace("a-low,A,2024-05-01", "a-low,A,2024-06-01")
    rows, _ = read(pack(tmp_path / "b.zip", eci_model_versions_csv=models))
    assert {row[5] for row in rows if row[0] == "A"} == {"2024-06-01"}


def test_a_table_that_is_not_there_is_told(tmp_path):
    rows, (said,) = read(pack(tmp_path / "b.zip", gpqa_csv=None))
    assert {row[1] for row in rows} == {"Percent", "Old", "New"}
    assert "1 benchmarks whose table is not in the archive (GPQA)" in said


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (
            "benchmark_metadata.csv",
            "0.01,0,0.8",
            "0.01,0.8,0.8",
            "line 3, column score_ceiling: 0.8 is not ab",
        ),
        ("benchmark_metadata.csv", "0.01,0,0.8", ",0,0.8", "line 3, column scale: is not a finite number"),
        ("benchmark_metadata.csv", "0.01,0,0.8", "1e999,0,0.8", "column scale: 1e999 is not a finite number"),
        ("benchmark_metadata.csv", "Percent,", "GPQA,", "'GPQA' is listed twice"),
        ("benchmark_metadata.csv", "score_column,", "column,", "column score_column: is missing"),
        ("benchmark_metadata.csv", "mean_score", "mean", "gpqa.csv, line 1, column mean: is missing"),
        ("eci_model_versions.csv", "a-low,A", "a-high,B", "'a-high' is in several groups"),
        ("eci_model_versions.csv", "date", "day", "column date: is missing"),
    ],
)
def test_faults_of_the_tables_that_rule(tmp_path, name, old, new, words):
    text = {"benchmark_metadata.csv": METADATA, "eci_model_versions.csv": MODELS}[name]
    assert old in text
    with pytest.raises(FaultyTableError) as caught:
        load_scores(pack(tmp_path / "b.zip", {name: text.replace(old, new)}))
    assert words in str(caught.value)
    assert str(tmp_path / "b.zip") in str(caught.value)


def test_no_model_table(tmp_path):
    with pytest.raises(DataError, match=r"lacks eci_model_versions\.csv or model_metadata\.csv"):
        load_scores(pack(tmp_path / "b.zip", eci_model_versions_csv=None))


def test_nothing_is_left(tmp_path):
    models = "model_version,model_group,date\nb,B,2021-01-01\n"
    with pytest.raises(DataError, match=r"no score is left of it: .*dated before 2023"):
        load_scores(pack(tmp_path / "b.zip", eci_model_versions_csv=models))


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_wrong_encoding(tmp_path, encoding):
    models = MODELS.replace("a-high,A", "a-hígh,A").encode(encoding)
    with pytest.raises(DataError, match=r"UTF-16|UTF-8"):
        load_scores(pack(tmp_path / "b.zip", {"eci_model_versions.csv": models}))


@pytest.mark.parametrize(
    "name", ["../evil.csv", "/etc/evil.csv", "a/../../b.csv", "..\\evil.csv", "C:evil.csv"]
)
def test_path_traversal(tmp_path, name):
    with pytest.raises(DataError, match="leads out of the archive"):
        load_scores(pack(tmp_path / "b.zip", {name: "x"}))
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.zip"]


def test_zip_bomb(tmp_path):
    with pytest.raises(DataError, match="far larger than scores are"):
        load_scores(pack(tmp_path / "b.zip", {"bomb.csv": "0" * (64 * 2**20)}))


def test_a_member_larger_than_it_says(tmp_path):
    """The size in the directory is a claim: the bytes are counted."""
    path = pack(tmp_path / "b.zip", gpqa_csv=TABLES["gpqa.csv"] * 3000)
    raw = path.read_bytes()
    size = struct.pack("<I", len(TABLES["gpqa.csv"]) * 3000)
    assert raw.count(size) == 2
    path.write_bytes(raw.replace(size, struct.pack("<I", 100)))
    with pytest.raises(DataError, match=r"far larger than scores are|cannot be unpacked"):
        load_scores(path)


def test_encrypted(tmp_path):
    path = pack(tmp_path / "b.zip")
    raw = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = raw.find(magic)
        while start >= 0:
            raw[start + at] |= 1
            start = raw.find(magic, start + 4)
    path.write_bytes(raw)
    with pytest.raises(DataError, match="is encrypted"):
        load_scores(path)


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damaged(tmp_path, damage):
    path = pack(tmp_path / "b.zip")
    raw = bytearray(path.read_bytes())
    if damage == "cut":
        raw = raw[: len(raw) // 2]
    else:
        raw[60] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"cannot be (unpacked|read)|zip archive"):
        load_scores(path, format="epoch_zip")


def test_two_files_of_one_name(tmp_path):
    with pytest.raises(DataError, match=r"holds gpqa\.csv and other/gpqa\.csv"):
        load_scores(pack(tmp_path / "b.zip", {"other/gpqa.csv": "x"}))


def test_another_zip_is_no_table(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("x.csv", "model,benchmark,score\n")
    with pytest.raises(DataError, match="zip archive or an Excel workbook"):
        load_scores(tmp_path / "x.zip")


def test_warning_comes_once(tmp_path):
    with pytest.warns(EciWarning, match="Epoch's rules leave out") as caught:
        load_scores(pack(tmp_path / "b.zip"))
    assert len(caught) == 1
