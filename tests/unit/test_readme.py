"""The README is run: its Python, its CSV, its commands, and the numbers it states."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import eci
from eci.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    assert "eci.Nuts()" in code
    exec(code.replace("eci.Nuts()", "eci.Laplace(n_draws=200)"), {})
    printed = capsys.readouterr().out
    assert "n_benchmarks" in printed
    assert 0.0 <= float(printed.splitlines()[-1]) <= 1.0
    assert (tmp_path / "my-fit" / "posterior.nc").exists()


def test_three_columns_are_enough(tmp_path):
    (text,) = blocks("csv")
    (tmp_path / "scores.csv").write_text(text, encoding="utf-8")
    table = eci.load_scores(tmp_path / "scores.csv")
    assert text.splitlines()[0] == "model,benchmark,score"
    assert len(table) == len(text.splitlines()) - 1


def test_optional_columns_are_those_of_the_table():
    (rows,) = re.findall(r"\| column \| what it does \|\n\|---\|---\|\n((?:\|.*\n)+)", README)
    named = set(re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in rows.splitlines())))
    assert named | {"model", "benchmark", "score"} == set(eci.load_scores().columns)


def test_every_command_shown_exists_with_its_flags():
    runner = CliRunner()
    lines = [line.partition("#")[0] for block in blocks("sh") for line in block.splitlines()]
    lines += re.findall(r"<!-- made by: (.*?) -->", README) + re.findall(r"`(eci [a-z][^`]*)`", README)
    parts = [part.strip() for line in lines for part in line.split("&&")]
    commands = [shlex.split(part) for part in parts if part.startswith("eci ")]
    assert len(commands) > 5
    for _, name, *arguments in commands:
        shown = runner.invoke(main, [name, "--help"])
        assert shown.exit_code == 0, name
        for flag in (argument for argument in arguments if argument.startswith("--")):
            assert flag in shown.output, f"eci {name} {flag}"


def test_every_flag_named_exists():
    runner = CliRunner()
    names = ("check", "fit", "show", "trend", "compare", "predict", "next", "link", "bench")
    known = " ".join(runner.invoke(main, [name, "--help"]).output for name in names)
    flags = {flag for code in re.findall(r"`([^`\n]+)`", README) for flag in re.findall(r"--[a-z-]+", code)}
    assert len(flags) > 10
    assert {flag for flag in flags if flag not in known} == set()


def test_counts_are_those_of_the_data():
    table = eci.load_scores()
    said = re.search(r"([\d,]+) published scores of (\d+) models on (\d+) benchmarks", README)
    assert [int(number.replace(",", "")) for number in said.groups()] == [
        len(table),
        table["model"].nunique(),
        table["benchmark"].nunique(),
    ]
    shared = table.groupby("family")["benchmark"].nunique()
    assert f"{shared[shared > 1].sum()} of the {table['benchmark'].nunique()} benchmarks share" in README


def test_transcript_is_of_these_data():
    matrix = eci.ScoreMatrix.from_table(eci.load_scores())
    assert f"{matrix.n_models} models, {matrix.n_benchmarks} benchmarks, {matrix.n_scores} scores." in README


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", README))))
def test_links_lead_somewhere(link):
    path, _, anchor = link.partition("#")
    text = (ROOT / path).read_text(encoding="utf-8")
    if anchor:
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in slugs


def test_ci_finds_the_test_command():
    command = next(line for line in README.splitlines() if re.match(r"python3\.11 .*/pytest", line))
    assert command in [line for block in blocks("sh") for line in block.splitlines()]
    assert (pattern := re.search(r"grep -m 1 -E '(.*?)' README", (ROOT / ".ci/run").read_text()))
    assert re.match(pattern[1], command)
    assert ".venv" in command
