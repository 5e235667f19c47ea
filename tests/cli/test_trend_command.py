"""`eci trend` on the bundled tables: text, JSON, files, and refusals in words."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from eci.cli.main import main
from eci.cli.trend import trend

PUBLISHED = Path(__file__).parents[2] / "benchmarks_data/published"
CARD = [str(PUBLISHED / "aeci.csv"), "--vintage", "2026-05-28", "--frontier"]
MYTHOS = "Claude Mythos Preview"


def run(*arguments):
    return CliRunner().invoke(trend, [str(a) for a in arguments])


def refused(*arguments):
    """Run through the group, which turns errors into words, and return the message on stderr."""
    result = CliRunner().invoke(main, ["trend", *map(str, arguments)])
    assert result.exit_code == 1 and result.stdout == ""
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


def test_text_reads_as_a_paragraph_with_tables_under_it():
    result = run(*CARD, "--until", "2026-04-10", "--model", MYTHOS)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "9 frontier models, 2024-02-29 to 2026-04-07" in text
    assert "Least squares: +4.61 points, prediction standard error 1.07" in text
    assert "P(any change) goes from 0.75 before the data to 0.84 after" in text
    assert "Note: The segment after the break has 3 models" in text
    for heading in ("slope before", "ratio given change", "change model", "How far the prior decides"):
        assert heading in text


def test_json_carries_the_answer_and_nothing_else_is_printed():
    result = run(*CARD, "--through", "Claude Opus 4.6", "--change", "none", "--model", MYTHOS, "--json")
    record = json.loads(result.stdout)
    assert result.stderr == ""
    assert record["n"] == 8 and record["vintage"].startswith("2026-05-28")
    assert record["selection"] == {"frontier": True, "through": "Claude Opus 4.6"}
    assert record["slope"]["before"]["mean"] == pytest.approx(13.4, abs=0.05)
    assert record["on_trend"][MYTHOS]["above"]["mean"] == pytest.approx(4.6, abs=0.05)
    assert record["on_trend"][MYTHOS]["own_lab"] is None  # one lab only
    assert record["least_squares"]["slope"] == pytest.approx(13.39, abs=0.01)


def test_labs_give_two_readings_side_by_side(tmp_path):
    table = pd.read_csv(PUBLISHED / "epoch_eci.csv")
    path = tmp_path / "eci.csv"
    table[table["vintage"] == "2026-07-07"].to_csv(path, index=False)
    arguments = [
        path,
        "--frontier",
        "--lab",
        "OpenAI",
        "--since",
        "2024-01-01",
        "--model",
        "GPT-5.5",
        "--json",
    ]
    record = json.loads(run(*arguments).stdout)
    answer = record["on_trend"]["GPT-5.5"]
    for reading in ("own_lab", "all_labs"):
        assert {"line", "above", "months_ahead", "p_above", "advances_frontier"} <= set(answer[reading])
    assert answer["all_labs"]["n_others"] > answer["n_others"]
    by_lab = json.loads(run(path, "--since", "2025-01-01", "--group-by", "lab", "--json").stdout)["by_lab"]
    assert {"OpenAI", "Anthropic", "Google"} <= set(by_lab["labs"])
    assert "slope_spread" in by_lab


def test_everything_asked_besides_is_in_text_and_json():
    asked = ["--forecast", "2027-01-01", "--level", "180", "--backtest", "--horizon"]
    asked += ["--envelope", "--student-t", "4"]
    arguments = [*CARD, *asked, "--model", "Claude Opus 4.8"]
    text = " ".join(run(*arguments).stdout.split())
    assert "On 2027-01-01 the line stands at" in text
    assert "The line reaches 180 points on 2027" in text
    assert "With Student-t residuals (4 degrees of freedom)" in text
    assert "Second reading, all 11 models" in text
    assert "Today's index leaks the future" in text
    assert "least squares 2.9e-10 · 1.2053^index, R² 0.993" in text
    record = json.loads(run(*arguments, "--json").stdout)
    assert record["forecast"][0]["date"] == "2027-01-01"
    assert sum(record["student_t"]["change_models"].values()) == pytest.approx(1)
    assert record["reach"][0]["level"] == 180
    assert {row["months"] for row in record["backtest"]["rows"]} <= {3, 6, 12}
    assert record["horizon"]["p50"]["minutes"]["Claude Opus 4.8"]["median"] > 600


def test_power_is_told_with_its_rules():
    text = " ".join(run(*CARD, "--through", "Claude Sonnet 4.5", "--power").stdout.split())
    assert "at least doubled no change" in text
    assert "a release every" in text


def test_out_writes_json_csv_and_pictures_and_does_not_overwrite(tmp_path):
    out = tmp_path / "answer"
    arguments = [*CARD, "--until", "2026-04-10", "--out", out]
    result = run(*arguments)
    assert result.exit_code == 0 and "Wrote trend.json" in result.stderr
    record = json.loads((out / "trend.json").read_text())
    table = pd.read_csv(out / "trend.csv", dtype=str)
    row = table.set_index("quantity").loc["slope_after"]
    assert float(row["median"]) == pytest.approx(record["slope"]["after"]["median"], rel=1e-5)
    assert row["given"] == "kink or both"
    assert all(len(cell.lstrip("-").replace(".", "")) <= 6 for cell in row[["mean", "sd", "low", "high"]])
    assert (out / "trend.png").stat().st_size > 10_000
    assert "<svg" in (out / "trend.svg").read_text()[:2000]
    assert "already holds trend.json" in refused(*arguments)
    assert run(*arguments, "--force").exit_code == 0


def test_models_may_come_from_a_file_and_priors_from_toml(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("Claude 3 Opus\nClaude Opus 4\nClaude Opus 4.5\nClaude Opus 4.6\nClaude 3.5 Sonnet\n")
    priors = tmp_path / "priors.toml"
    priors.write_text("[trend]\njump_sd = 2.5\nchange_prob = [0.5, 0.2, 0.2, 0.1]\n")
    record = json.loads(run(*CARD, "--models", names, "--priors", priors, "--json").stdout)
    assert record["n"] == 5
    assert record["priors"]["jump_sd"] == 2.5
    assert record["priors"]["change_prob"]["none"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([PUBLISHED / "aeci.csv"], "mixes 4 vintages"),
        ([PUBLISHED / "none.csv"], "No index at"),
        ([*CARD, "--model", "Claude Opus 9"], "Did you mean"),
        ([*CARD, "--break-at", "2020-01-01"], "no model on one side"),
        ([*CARD, "--lab", "Antropic"], "Did you mean 'Anthropic'"),
        ([*CARD, "--priors", "none.toml"], "The priors file none.toml does not exist. Name a TOML file"),
        ([*CARD, "--since", "2026-05-01"], "at least 3"),
    ],
)
def test_bad_input_ends_in_words(arguments, message):
    assert message in refused(*arguments)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    assert "not a CSV table" in refused(path)


def test_unknown_prior_is_refused(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text("slop_sd = 3\n")
    assert "sets the prior 'slop_sd'" in refused(*CARD, "--priors", path)


def test_wrong_usage_is_clicks_exit_2():
    assert run(*CARD, "--change", "bend").exit_code == 2
    assert run(*CARD, "--error-corr", "1").exit_code == 2


def test_trend_loads_neither_jax_nor_arviz_nor_the_stats_library():
    code = (
        "import sys; from click.testing import CliRunner; from eci.cli.trend import trend; "
        f"r = CliRunner().invoke(trend, {[*CARD, '--json']!r}); assert r.exit_code == 0, r.output; "
        "print([m for m in ('jax', 'arviz', 'numpyro', 'matplotlib', 'scipy.stats') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


def in_words(*arguments):
    """Run through the group, and return both outputs as lines of words."""
    result = CliRunner().invoke(main, ["trend", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split()), " ".join(result.stderr.split())


def test_a_model_of_the_future_is_told(tmp_path):
    path = tmp_path / "index.csv"
    days = ["2024-01-01", "2024-05-01", "2024-09-01", "2025-01-01", "2099-01-01"]
    rows = [f"m{i},{day},{100 + i * i}" for i, day in enumerate(days)]
    path.write_text("model,release_date,index\n" + "\n".join(rows) + "\n")
    _, told = in_words(path, "--change", "none")
    assert told.startswith("Warning: 1 model of the trend is released after today, ")
    assert "m4 2099-01-01. Correct the release_date" in told
    assert "released after" not in in_words(path, "--change", "none", "--until", "2025-02-01")[1]


def test_a_level_too_far_and_a_date_too_early_are_told():
    said, told = in_words(*CARD, "--change", "none", "--level", "1e9", "--forecast", "1999-01-01")
    assert "No date is given for 1e+09 points: an end of its 90% interval is more than 1000 years off" in said
    assert "never" not in said
    assert "The forecast date 1999-01-01 is before all models of the trend, whose first was released" in told
