"""Bad score files at the command line: a message with place and advice, exit code 1, no traceback."""

import gzip

import pytest
from click.testing import CliRunner

from eci.cli.main import main

HEADER = b"model,benchmark,score"


def check(*arguments):
    result = CliRunner().invoke(main, ["check", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HEADER + b"\nm,b,63.3\n", ["line 2", "column score", "63.3", "--unit percent"]),
        (HEADER + b"\nm,b,NaN\n", ["line 2", "column score", "NaN", "not a number"]),
        (HEADER + b"\nm,b,high\n", ["line 2", "column score", "'high'", "not a number"]),
        (HEADER + b"\nm,b,-0.2\n", ["line 2", "column score", "-0.2", "negative"]),
        (b"model,score\nm,0.5\n", ["line 1", "column benchmark", "is missing", "'model, score'"]),
        (b"model,benchmark,score,score\nm,b,1,1\n", ["line 1", "column score", "2 times", "Keep one"]),
        (HEADER + b",release_date\nm,b,1,2024-13-01\n", ["line 2", "2024-13-01", "not a date", "YYYY-MM-DD"]),
        (
            HEADER + b",release_date\nm,b,1,2024-01-01\nm,c,1,2024-02-01\n",
            ["line 3", "release_date", "2024-02-01", "line 2", "one release_date"],
        ),
        (HEADER + b"\nm;b;0,5\n", ["line 2", "2 fields where the header has 3"]),
        (b"model;benchmark;score\nm;b;0,5\n", ["line 2", "decimal comma", "decimal point"]),
        (b"", ["the file is empty"]),
        (HEADER + b"\r\n", ["no row below it"]),
        (gzip.compress(b"x", mtime=0), ["compressed with gzip", "gunzip"]),
        (HEADER + b"\nm\xff,b,0.5\n", ["line 2", "0xff", "UTF-8"]),
        (HEADER + b'\n"m,b,0.5\n', ["line 2", "quote"]),
    ],
)
def test_bad_file(tmp_path, content, words):
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    result = check(path)
    assert result.exit_code == 1
    said = result.stdout + result.stderr
    for word in [str(path), *words]:
        assert word in said
    assert "Traceback" not in said
    # Faults are the result of `eci check`; a file that cannot be read at all is an error.
    assert (result.stdout == "") == result.stderr.startswith("Error: ")


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_bom_and_crlf_are_good(tmp_path, start, newline):
    path = tmp_path / "s.csv"
    path.write_bytes(start + newline.join([HEADER, b"m,b,0.5", b""]))
    assert check(path, "--min-benchmarks", 1, "--min-models", 1).exit_code == 0


def test_missing_file_and_folder(tmp_path):
    (tmp_path / "scores.csv").write_bytes(HEADER)
    result = check(tmp_path / "score.csv")
    assert result.exit_code == 1
    assert "Did you mean 'scores.csv'?" in result.stderr
    result = check(tmp_path)
    assert result.exit_code == 1
    assert "lacks models.csv, benchmarks.csv" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["--lab", "OpenAi"], 1, "Did you mean 'OpenAI'?"),
        (["--domain", "maths"], 1, "Did you mean 'math'?"),
        (["--exclude-benchmark", "GPQA diamond"], 1, "Did you mean 'GPQA Diamond'"),
        (["--since", "2024-06-01", "--until", "2024-01-01"], 1, "later than until"),
        (["--since", "yesterday"], 2, "does not match the format"),
        (["--min-models", "0"], 2, "not in the range"),
        (["--unit", "permille"], 2, "is not one of"),
        (["--min-benchmarks", "1000"], 1, "No score is left"),
    ],
)
def test_bad_rules(arguments, exit_code, words):
    result = check(*arguments)
    assert result.exit_code == exit_code
    assert words in result.stderr


def test_warnings_are_lines_on_stderr(tmp_path):
    path = tmp_path / "s.csv"
    path.write_bytes(HEADER + b"\n m,b,0.5\n")
    result = check(path, "--min-benchmarks", 1, "--min-models", 1)
    assert result.exit_code == 0
    assert result.stderr == f"Warning: {path}, line 2, column model: removed the blanks around ' m'.\n"


def test_disconnected_graph(tmp_path):
    path = tmp_path / "s.csv"
    path.write_bytes(HEADER + b"\nm,a,0.5\nn,b,0.5\n")
    result = check(path, "--min-benchmarks", 1, "--min-models", 1)
    assert result.exit_code == 1
    assert "  1. 1 model (m); 1 benchmark (a)" in result.stderr
