"""`eci bench`: a row a kernel, on the user's data."""

import json

import pytest
from click.testing import CliRunner

from eci.cli.main import main


@pytest.fixture(scope="module")
def scores(small_table, tmp_path_factory):
    """The small problem as a user's file, of a shape that other tests compile as well."""
    path = tmp_path_factory.mktemp("bench") / "scores.csv"
    small_table.to_csv(path, index=False)
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["bench", *map(str, arguments)])


def test_both_kernels_on_the_users_data(scores):
    result = run(scores, "--likelihood", "normal", "--draws", 200, "--chains", 2, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert (facts["models"], facts["benchmarks"], facts["draws"]) == (16, 8, 400)
    assert [row["kernel"] for row in facts["runs"]] == ["lean", "numpyro"]
    for row in facts["runs"]:
        least = min(row["index"], row["difficulty"])
        assert row["per_second"] == pytest.approx(least / row["sample"])
        assert row["gradients"] >= 1
        assert least > 0


def test_the_table_names_what_it_was_made_on(scores):
    result = run(scores, "--likelihood", "normal", "--draws", 200, "--chains", 2, "--kernel", "lean")
    assert result.exit_code == 0, result.stderr
    header, row, facts = result.stdout.splitlines()
    assert header.split()[0] == "kernel"
    assert row.split()[0] == "lean"
    assert "16 models, 8 benchmarks" in facts
    assert "jax" in facts


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("missing.csv",), 1, "missing.csv"),
        (("--kernel", "stan"), 2, "stan"),
        (("--likelihood", "cauchy"), 2, "cauchy"),
        (("--draws", "3"), 2, "3"),
    ],
)
def test_refusals(arguments, code, words):
    result = run(*arguments)
    assert result.exit_code == code
    assert words in result.stderr
