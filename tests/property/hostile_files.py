"""Files of every format, and what can be done to them: the readers' fuzzing takes its inputs from here."""

import io
import json
import random
import warnings
import zipfile

import pandas as pd
from click.testing import CliRunner
from plain_reading import same_scores

from eci.cli.main import main
from eci.errors import EciError, EciWarning
from eci.scores import ScoreMatrix, load_scores
from eci.scores.schema import DTYPES

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
METRICS = {
    "accuracy": {"name": "accuracy", "value": 0.5},
    "stderr": {"name": "stderr", "value": 0.1},
}
INSPECT_LOG = {
    "version": 2,
    "status": "success",
    "eval": {
        "created": "2026-01-01T00:00:00+00:00",
        "task": "x",
        "dataset": {"samples": 10},
        "model": "A",
        "config": {},
    },
    "plan": {"name": "plan", "steps": []},
    "results": {
        "total_samples": 10,
        "completed_samples": 10,
        "scores": [{"name": "s", "scorer": "s", "scored_samples": 10, "params": {}, "metrics": METRICS}],
    },
    "stats": {},
}
TABLE = "model,benchmark,score,lab,release_date,n_items,chance\nA,x,0.5,L,2024-01-01,10,0.25\nB,y,1,,,,\n"
TEXTS = {
    "table": TABLE,
    "wide": "model,lab,x,y\nA,L,0.5,\nB,,0.25,1\n",
    "epoch": "model,benchmark,performance,date,source\nA,x,0.5,2024-01-01,s\nB,y,0.25,2025-01-01,\n",
    "items": "model,benchmark,item,response\nA,x,1,1\nA,x,2,0\nB,x,1,1\n",
    "each_item": "model,item,correct\nA,1,1\nA,2,0\nB,1,true\n",
    "every_eval_ever": json.dumps(EVAL_RECORD),
    "inspect": json.dumps(INSPECT_LOG),
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
    if form == "inspect_eval":
        if member is None:
            return edited(packed({"header.json": TEXTS["inspect"]}), edits)
        return packed({"header.json": edited(TEXTS["inspect"].encode(), edits)})
    if form == "parquet":
        return edited(PARQUET, edits)
    if form == "counts":
        return encoded(edited(COUNTS.encode(), edits), encoding)
    return encoded(edited(TEXTS[form].encode(), edits), encoding)


PARQUET = parquet(pd.read_csv(io.StringIO(TABLE)))
FORMS = [*TEXTS, "epoch_zip", "parquet", "counts", "inspect_eval"]
FORMATS = {"parquet": "table", "counts": "items", "inspect_eval": "inspect"}
ENDINGS = {
    "every_eval_ever": "json",
    "epoch_zip": "zip",
    "parquet": "parquet",
    "inspect": "json",
    "inspect_eval": "eval",
}


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
            assert all(line.isprintable() for line in said.splitlines()), said[:300]
            return "error"
    assert table.dtypes.astype(str).to_dict() == DTYPES
    assert len(table)
    assert table["score"].between(0, 1).all()
    assert (table[["model", "benchmark"]] != "").all(axis=None)
    assert all(map(str.isprintable, table["model"].unique()))
    assert table["n_items"].dropna().ge(1).all()
    _require_the_scores_of_the_file(table, path.read_bytes(), 100 if unit == "percent" else 1)
    # What has been read is a long table itself, and reads the same again.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EciWarning)
        pd.testing.assert_frame_equal(load_scores(table), table)
    _require_all_rows_named(table)
    return "table"


def _require_the_scores_of_the_file(table, content, full):
    """A table that is accepted has the scores of the file, as a reading of few lines finds them."""
    form = table.attrs["eci_source"]["format"]
    if content.startswith(b"PAR1"):
        return
    assert same_scores(table, content, form, full) in (True, None), (form, content[:600], table.iloc[:, :3])


def _require_all_rows_named(table):
    """Every row is in the matrix or named among what the rules dropped."""
    try:
        matrix = ScoreMatrix.from_table(table, min_benchmarks=1, min_models=1)
    except EciError:
        return  # unconnected, as the message says
    gone = {kind: {d.name for d in matrix.dropped if d.kind == kind} for kind in ("model", "benchmark")}
    named = table["model"].isin(gone["model"]) | table["benchmark"].isin(gone["benchmark"])
    n_rows = sum(d.kind == "row" for d in matrix.dropped)
    assert matrix.n_scores + n_rows + named.sum() == len(table), matrix.dropped


def attack_reader(seed, folder, *, through_command=False):
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
    unit = rng.choice(["fraction", "fraction", "fraction", "percent"])
    if not through_command:
        return form, outcome(path, named, unit)
    arguments = ["check", str(path), "--format", named, "--unit", unit]
    minima = ["--min-benchmarks", "1", "--min-models", "1"] * (rng.random() < 0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = CliRunner().invoke(main, [*arguments, *minima, *(["--json"] * (rng.random() < 0.5))])
    assert result.exception is None or isinstance(result.exception, SystemExit), (seed, result.exc_info)
    assert result.exit_code in (0, 1), (seed, result.output[-300:])
    assert "Traceback" not in result.output
    assert all(line.isprintable() for line in result.output.splitlines()), (seed, result.output[:300])
    return "check", "table" if result.exit_code == 0 else "error"
