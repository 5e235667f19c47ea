"""`eci check` tells what is in the data, what the rules drop, and where the faults are."""

import datetime as dt
import json
import warnings
from typing import get_args

import pytest
from click.testing import CliRunner

from eci.cli.check import check as command
from eci.cli.main import main
from eci.scores import Rules, load_scores
from eci.scores.schema import Duplicates, Unit
from eci.scores.summary import warn_of_dates

ONE = ["--min-benchmarks", "1", "--min-models", "1"]
ROWS = (
    "model,benchmark,score,source_kind,lab,release_date,domain,chance\n"
    "m,a,0.2,vendor,L,2024-01-01,math,0.25\n"
    "m,a,0.7,independent,L,2024-01-01,math,0.25\n"
    "m,b,1,vendor,L,2024-01-01,,\n"
    "n,a,0,vendor,K,,math,0.25\n"
    "n,b,0.5,,K,,,\n"
    "N,b,0.5,,,,,\n"
)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(ROWS)
    return path


def check(*arguments):
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_what_is_in_the_data(data):
    result = check(data, *ONE)
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = {
        line.strip().partition("  ")[0]: line.partition("  ")[2].split("  ")[-1].strip()
        for line in result.stdout.splitlines()
    }
    assert lines["models"] == "3"
    assert lines["benchmarks"] == "2"
    assert lines["scores"] == "6, 0 with a number of items"
    assert lines["pairs"] == "5, 83.3% of the grid"
    assert lines["release dates"] == "2024-01-01 to 2024-01-01; 2 models without: N, n"
    assert lines["source kinds"] == "vendor 3, unknown 2, independent 1"
    assert lines["several values"] == "1 of the pairs, median spread 0.500"
    assert lines["exactly 0 or 1"] == "1 and 1"
    assert lines["below chance"] == "2"
    assert lines["m on a"] in ("0.200 to 0.700, n = 2", "0.7 (independent) gave way to 0.2 (vendor)")
    assert "N | n" in result.stdout
    assert "duplicates drops 1 row" in result.stdout
    assert "0.7 (independent) gave way to 0.2 (vendor)" in result.stdout
    assert lines["kept"] == "3 models, 2 benchmarks, 5 scores"


def test_output_in_a_pipe_is_plain(data):
    result = check(data, *ONE)
    assert "\x1b" not in result.stdout
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


def test_brackets_and_colons_in_names_are_text(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("model,benchmark,score\n[bold]m[/nope],:smile:,0.5\n[bold]m[/nope],:smile:,0.6\n")
    result = check(path, *ONE)
    assert result.exit_code == 0
    assert "[bold]m[/nope] on :smile:" in result.stdout


def test_json(data):
    result = check(data, *ONE, "--json", "--lab", "K", "--lab", "L", "--until", "2024-12-31")
    found = json.loads(result.stdout)
    assert found["schema"] == "eci-check/1"
    assert found["rules"] == {
        "duplicates": "vendor",
        "min_benchmarks": 1,
        "min_models": 1,
        "since": None,
        "until": "2024-12-31",
        "labs": ["K", "L"],
        "domains": [],
        "exclude_benchmarks": [],
        "with_items": False,
    }
    assert found["data"]["n_pairs"] == 5
    assert found["data"]["first_date"] == "2024-01-01"
    assert found["data"]["widest"] == [{"model": "m", "benchmark": "a", "n": 2, "low": 0.2, "high": 0.7}]
    assert found["kept"]["n_scores"] == 2
    assert {(d["kind"], d["name"], d["rule"]) for d in found["dropped"]} == {
        ("model", "N", "labs"),
        ("model", "n", "until"),
        ("row", "m on a", "duplicates"),
    }
    assert (found["n_faults"], found["faults"], found["refused"]) == (0, [], None)


def test_faults_exit_1_and_are_listed_on_stdout(data):
    data.write_text(ROWS.replace("m,b,1,", "m,b,100,").replace("0.7", "x"))
    result = check(data)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"2 faults in {data}",
        f"  {data}, line 3, column score: 'x' is not a number. Write a number, or remove it.",
        f"  {data}, line 4, column score: 100 is above 1 in a column of fractions. "
        "Correct it, or, where all are in percent, declare unit='percent' (--unit percent).",
    ]


def test_faults_as_json(data):
    data.write_text(ROWS.replace("m,b,1,", "m,b,100,"))
    result = check(data, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["n_faults"] == 1
    assert found["faults"][0] | {"advice": ""} == {
        "file": str(data),
        "line": 4,
        "counted": "line",
        "column": "score",
        "value": "100",
        "problem": "is above 1 in a column of fractions",
        "advice": "",
    }


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_scores_that_are_all_equal_are_told(tmp_path, more):
    path = tmp_path / "equal.csv"
    path.write_text("model,benchmark,score\nm,a,1\nm,b,1\nn,a,1\nn,b,1\n")
    result = check(path, *ONE, *more)
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: All 4 scores are equal: every one is 1.")


def test_rules_that_leave_nothing_are_listed_with_what_each_drops(data):
    result = check(data)
    assert result.exit_code == 1
    assert "min_benchmarks drops 3 models" in result.stdout
    assert "2 benchmarks left, 4 needed" in result.stdout
    assert "Loosen min_benchmarks = 4 (--min-benchmarks) or min_models = 4 (--min-models)" in " ".join(
        result.stderr.split()
    )
    found = json.loads(check(data, "--json").stdout)
    assert found["kept"] is None
    assert {item["rule"] for item in found["dropped"]} == {"duplicates", "min_benchmarks", "min_models"}


def test_disconnected_scores_are_described_and_refused(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("model,benchmark,score\nm,a,0.5\nn,b,0.5\n")
    result = check(path, *ONE)
    assert result.exit_code == 1
    assert "models" in result.stdout
    assert "2 groups that share no model" in result.stderr
    as_json = check(path, *ONE, "--json")
    assert "2 groups" in json.loads(as_json.stdout)["refused"]
    assert as_json.exit_code == 1


def test_bundled_data_are_good():
    result = check("--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found["n_faults"] == 0
    assert found["kept"]["n_models"] == found["data"]["n_models"]


def test_rule_options_have_the_defaults_of_the_api():
    context = command.make_context("check", [])
    rules = {name: context.params[name] for name in vars(Rules())}
    assert Rules(**rules) == Rules()


def test_choices_are_those_of_the_api():
    options = {parameter.name: parameter for parameter in command.params}
    assert tuple(options["duplicates"].type.choices) == get_args(Duplicates)
    assert tuple(options["unit"].type.choices) == get_args(Unit)


def test_release_dates_that_look_like_slips_are_told(data):
    data.write_text(
        ROWS.replace("m,a,0.2,vendor,L,2024-01-01", "m,a,0.2,vendor,L,2099-01-01")
        .replace("m,a,0.7,independent,L,2024-01-01", "m,a,0.7,independent,L,2099-01-01")
        .replace("m,b,1,vendor,L,2024-01-01", "m,b,1,vendor,L,2099-01-01")
    )
    result = check(data, *ONE)
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: 1 release date is before 2010 or after today, ")
    assert "m 2099-01-01. Correct the column release_date" in result.stderr


@pytest.mark.parametrize(("today", "odd"), [("2024-01-01", 0), ("2023-12-31", 1)])
def test_the_day_of_the_check_decides_and_is_given(data, today, odd):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_of_dates(load_scores(data), dt.date.fromisoformat(today))
    assert len(told) == odd
