"""Damaged and hostile files of every format: a table that keeps its promises, or an error in words.

The slow test tries 50,000 inputs from seeds and writes docs/evidence/fuzz_readers.json:

    pytest -m slow tests/property/test_readers_fuzz.py
"""

import io
import json
import random
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eci.cli.main import main
from eci.errors import EciError, EciWarning
from eci.scores import load_scores
from eci.scores.readers import READERS
from eci.scores.schema import DTYPES

EVIDENCE = Path(__file__).parents[2] / "docs/evidence/fuzz_readers.json"
N_SLOW, CLI_EVERY, SECONDS = 50_000, 10, 20.0

METADATA = (
    "benchmark,source_file,score_column,scale,random_baseline,score_ceiling,release_date,superseded_by\n"
    "x,x.csv,Score,0.01,0.25,1,2024-01-01,y\ny,y.csv,Score,1,0,1,2024-01-01,\n"
)
EPOCH_ZIP = {
    "benchmark_metadata.csv": METADATA,
    "eci_model_versions.csv": "model_version,model_group,date\na,A,2024-01-01\nb,B,2024-06-01\n",
    "x.csv": "Model version,Score,Source\na,50,s\nb,75,\n",
    "y.csv": "Model version,Score\na,0.5\nb,0.25\n",
}
EVAL_RECORD = {
    "source_metadata": {"evaluator_relationship": "first_party"},
    "model_info": {"id": "A", "developer": "L"},
    "evaluation_results": [
        {
            "evaluation_name": "x",
            "source_data": {"dataset_name": "x", "url": ["u"], "samples_number": 10},
            "metric_config": {
                "lower_is_better": False,
                "score_type": "continuous",
                "min_score": 0,
                "max_score": 1,
            },
            "score_details": {"score": 0.5, "uncertainty": {"standard_error": {"value": 0.1}}},
        }
    ],
}
TABLE = "model,benchmark,score,lab,release_date,n_items,chance\nA,x,0.5,L,2024-01-01,10,0.25\nB,y,1,,,,\n"
TEXTS = {
    "table": TABLE,
    "wide": "model,lab,x,y\nA,L,0.5,\nB,,0.25,1\n",
    "epoch": "model,benchmark,performance,date,source\nA,x,0.5,2024-01-01,s\nB,y,0.25,2025-01-01,\n",
    "items": "model,benchmark,item,response\nA,x,1,1\nA,x,2,0\nB,x,1,1\n",
    "each_item": "model,item,correct\nA,1,1\nA,2,0\nB,1,true\n",
    "every_eval_ever": json.dumps(EVAL_RECORD),
}
COUNTS = "model,benchmark,n_correct,n_items\nA,x,5,10\nB,x,7,10\n"

TOKENS = [
    *(
        b"",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\r",
        b"\r\n",
        b"\n",
        b"\t",
        b";",
        b",",
        b'"',
        b'""',
        b"'",
        b" ",
    ),
    *(
        b"nan",
        b"inf",
        b"-inf",
        b"1e999",
        b"-0",
        b"0x1",
        b"1_000",
        b"1,234",
        b'"1,234.5"',
        b"63%",
        b"0,5",
        b"63",
    ),
    *(b"1e-999", b"9" * 400, b"True", b"None", b"null", b"N/A", b"-", b"NaN", b"\xe2\x88\x920.5"),
    *(b"2024-13-45", b"01/02/2024", b"2024-01-01T25:00", b"9999999-01-01", b"0000-00-00", b"1e9"),
    *(b"=1+1", b"=cmd|' /C calc'!A0", b"@SUM(A1)", b"+1", b"-1", b"<script>alert(1)</script>", b"../../etc"),
    *(
        b"m" * 10_000,
        b'"' + b"q" * 10_000 + b'"',
        "\u202egpt".encode(),
        "\u200b".encode(),
        "👩‍🔬🏳️‍🌈".encode(),
    ),
    *("نموذج".encode(), "e\u0301".encode(), "\u2028".encode(), b"\\ud800", b"\\u0000", b"\x1b[31m", b"\x85"),
    *(b"model", b"benchmark", b"score", b"model,model", b"performance", b"item", b"response", b"n_items"),
    *(b"{", b"}", b"[" * 2000, b"]", b":", b'{"evaluation_results": [1]}', b"\\", b"PK\x03\x04", b"PAR1"),
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "latin-1", "crlf", "cr"]


def packed(files):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def parquet(frame):
    target = io.BytesIO()
    frame.to_parquet(target)
    return target.getvalue()


def edited(content, edits):
    """Insert a token, put one in place of a stretch, repeat or remove a stretch, at a fraction of the way."""
    for kind, where, length, token in edits:
        at = int(where * len(content))
        stretch = content[at : at + length]
        put = {"insert": token + stretch, "replace": token, "repeat": stretch * 3, "remove": b""}[kind]
        content = content[:at] + put + content[at + length :]
    return content


def encoded(content, encoding):
    if encoding in ("crlf", "cr"):
        return content.replace(b"\n", b"\r\n" if encoding == "crlf" else b"\r")
    return content.decode("utf-8", "replace").encode(encoding, "replace")


def build(form, edits, encoding, member):
    """A file of a format with edits; for archives in a member, or, where member is none, in the whole."""
    if form == "epoch_zip":
        if member is None:
            return edited(packed(EPOCH_ZIP), edits)
        files = {name: text.encode() for name, text in EPOCH_ZIP.items()}
        files[member] = encoded(edited(files[member], edits), encoding)
        return packed(files)
    if form == "parquet":
        return edited(PARQUET, edits)
    if form == "counts":
        return encoded(edited(COUNTS.encode(), edits), encoding)
    return encoded(edited(TEXTS[form].encode(), edits), encoding)


pytest.importorskip("pyarrow")
PARQUET = parquet(pd.read_csv(io.StringIO(TABLE)))
FORMS = [*TEXTS, "epoch_zip", "parquet", "counts"]
FORMATS = {"parquet": "table", "counts": "items"}
ENDINGS = {"every_eval_ever": "json", "epoch_zip": "zip", "parquet": "parquet"}


def outcome(path, form, unit="fraction"):
    """Read a file; say whether it was a table or an error, after checking what either promises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EciWarning)
        try:
            table = load_scores(path, unit=unit, format=form)
        except EciError as error:
            said = str(error)
            assert len(said) < 20_000, said[:200]
            assert "Traceback" not in said
            assert said.isprintable() or all(line.isprintable() for line in said.splitlines()), said[:300]
            return "error"
    assert table.dtypes.astype(str).to_dict() == DTYPES
    assert len(table)
    assert table["score"].between(0, 1).all()
    assert (table[["model", "benchmark"]] != "").all(axis=None)
    assert all(map(str.isprintable, table["model"].unique()))
    assert table["n_items"].dropna().ge(1).all()
    # What has been read is a long table itself, and reads the same again.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EciWarning)
        pd.testing.assert_frame_equal(load_scores(table), table)
    return "table"


edits = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace", "repeat", "remove"]),
        st.floats(0, 1),
        st.integers(0, 12),
        st.sampled_from(TOKENS),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    form=st.sampled_from(FORMS),
    edits=edits,
    encoding=st.sampled_from(ENCODINGS),
    member=st.sampled_from([None, *EPOCH_ZIP]),
    named=st.booleans(),
    unit=st.sampled_from(["fraction", "percent"]),
)
def test_any_edit_of_any_format(form, edits, encoding, member, named, unit, tmp_path):
    path = tmp_path / f"f.{ENDINGS.get(form, 'csv')}"
    path.write_bytes(build(form, edits, encoding, member))
    outcome(path, FORMATS.get(form, form) if named else "auto", unit)


names = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
tables = st.dictionaries(
    st.tuples(names, names), st.integers(0, 1000).map(lambda n: n / 1000), min_size=1, max_size=12
)


def as_csv(header, rows):
    return pd.DataFrame(rows, columns=header).to_csv(index=False).encode()


def write_as(form, cells):
    """The same scores in every format that can hold them."""
    rows = [(model, benchmark, score) for (model, benchmark), score in cells.items()]
    if form == "table":
        return as_csv(["model", "benchmark", "score"], rows)
    if form == "epoch":
        return as_csv(["model", "benchmark", "performance"], rows)
    if form == "wide":
        grid = pd.DataFrame(rows, columns=["model", "benchmark", "score"])
        return grid.pivot(index="model", columns="benchmark", values="score").to_csv().encode()  # noqa: PD010
    if form == "items":
        return as_csv(["model", "benchmark", "item", "response"], [(m, b, "q", s) for m, b, s in rows])
    if form == "counts":
        counts = [(m, b, round(1000 * s), 1000) for m, b, s in rows]
        return as_csv(["model", "benchmark", "n_correct", "n_items"], counts)
    if form == "parquet":
        return parquet(pd.DataFrame(rows, columns=["model", "benchmark", "score"]))
    results = [
        {
            "model_info": {"id": m},
            "evaluation_results": [
                {
                    "evaluation_name": b,
                    "metric_config": {"lower_is_better": False, "min_score": 0, "max_score": 1},
                    "score_details": {"score": s},
                }
            ],
        }
        for m, b, s in rows
    ]
    return json.dumps(results).encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from(["table", "epoch", "wide", "items", "counts", "parquet", "every_eval_ever"]),
    cells=tables,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "crlf"]),
)
def test_every_format_gives_back_what_it_holds(form, cells, encoding, tmp_path):
    path = tmp_path / f"f.{ENDINGS.get(form, 'csv')}"
    content = write_as(form, cells)
    binary = form in ("parquet", "every_eval_ever")
    path.write_bytes(content if binary else encoded(content, encoding))
    if form == "wide" and {b for _, b in cells} & {
        "model",
        "lab",
        "release_date",
        "open_weights",
        "reasoning",
    }:
        return
    table = load_scores(path, format=FORMATS.get(form, form))
    found = dict(zip(zip(table["model"], table["benchmark"], strict=True), table["score"], strict=True))
    assert found == pytest.approx(cells, abs=1e-12)


@pytest.mark.parametrize(
    "name",
    ["=1+1", "@SUM(A1)", "<script>alert(1)</script>", "نموذج", "👩‍🔬", "m" * 10_000, "a\"b'c", "--help"],
)
def test_odd_names_are_names(name, tmp_path):
    """They are kept letter for letter; escaping is the work of who writes HTML or a spreadsheet."""
    frame = pd.DataFrame({"model": [name, "B"], "benchmark": ["x", "x"], "score": [0.5, 0.6]})
    frame.to_csv(tmp_path / "s.csv", index=False)
    if name == "👩‍🔬":  # joined by an invisible character, which two spellings could differ in
        with pytest.raises(EciError, match=r"U\+200D"):
            load_scores(tmp_path / "s.csv")
        return
    assert load_scores(tmp_path / "s.csv")["model"].tolist() == [name, "B"]
    minima = ["--min-benchmarks", "1", "--min-models", "1"]
    assert CliRunner().invoke(main, ["check", str(tmp_path / "s.csv"), *minima]).exit_code == 0


def attack(seed, folder):
    """One input from its seed: what it was, and how it ended."""
    rng = random.Random(seed)
    form = rng.choice(FORMS)
    chosen = [
        (
            rng.choice(["insert", "replace", "repeat", "remove"]),
            rng.random(),
            rng.choice([0, 1, 2, 5, 20]),
            rng.choice(TOKENS),
        )
        for _ in range(rng.choice([1, 1, 1, 2, 4]))
    ]
    content = build(
        form, chosen, rng.choice(["utf-8", "utf-8", "utf-8", *ENCODINGS]), rng.choice([None, *EPOCH_ZIP])
    )
    path = folder / f"f.{ENDINGS.get(form, 'csv')}"
    path.write_bytes(content)
    named = FORMATS.get(form, form) if rng.random() < 0.5 else "auto"
    if seed % CLI_EVERY:
        return form, outcome(path, named)
    arguments = ["check", str(path), "--format", named, "--min-benchmarks", "1", "--min-models", "1"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = CliRunner().invoke(main, arguments + ["--json"] * (rng.random() < 0.5))
    assert result.exception is None or isinstance(result.exception, SystemExit), (seed, result.exception)
    assert result.exit_code in (0, 1), (seed, result.output[-300:])
    assert "Traceback" not in result.output
    return "cli", "table" if result.exit_code == 0 else "error"


@pytest.mark.parametrize("seed", [0, 17, 4242])
def test_seeds_of_the_evidence(seed, tmp_path):
    found = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    assert list(attack(seed, tmp_path)) == found["numbers"]["rechecked"][str(seed)]


@pytest.mark.slow
def test_fifty_thousand_inputs(tmp_path, commit):
    """Writes what it has seen every 5,000 inputs, so that a run that is stopped has its count."""
    start, counts, slowest = time.perf_counter(), Counter(), 0.0
    rechecked = {str(seed): attack(seed, tmp_path) for seed in (0, 17, 4242)}
    for seed in range(N_SLOW):
        begin = time.process_time()
        counts[attack(seed, tmp_path)] += 1
        slowest = max(slowest, time.process_time() - begin)
        assert slowest < SECONDS, seed
        if (seed + 1) % 5000:
            continue
        record = {
            "commit": commit,
            "command": "pytest -m slow tests/property/test_readers_fuzz.py",
            "seeds": [0, seed],
            "seconds": round(time.perf_counter() - start, 1),
            "numbers": {
                "inputs": seed + 1,
                "through_the_command_line": (seed + 1) // CLI_EVERY,
                "tracebacks": 0,  # one would have ended the run
                "slowest_seconds_of_computing": round(slowest, 3),
                "ends": {f"{form} {end}": n for (form, end), n in sorted(counts.items())},
                "rechecked": rechecked,
            },
        }
        EVIDENCE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def test_every_reader_is_attacked():
    assert {FORMATS.get(form, form) for form in FORMS} | {"inspect"} == set(READERS)
