"""`eci compare`: tables, words, JSON, refusals, and what it may import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from eci.cli.main import main

THREE = ["model 03", "model 08", "model 12"]


def run(*arguments):
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


@pytest.fixture(scope="module")
def saved(invented_fit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare") / "fit"
    invented_fit.save(folder)
    return folder


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "card.csv"
    path.write_text(
        "metric,unit,model 03,model 08,model 12\n"
        "bench 1,percent,10,20,30\n"
        "Flags, found,count,1,3,2\n".replace("Flags, found", '"Flags, found"')
        + "Endorsement,of 10,5,,6\n"
    )
    return path


def test_models_and_pairs_are_tables_with_the_rule_under_them(saved, invented_fit):
    result = run(saved, *THREE)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    compared = invented_fit.compare(THREE)
    for row, (_, model) in zip(rows[1:4], compared.models.iterrows(), strict=True):
        assert row[:2] == model["model"].split()
        assert row[2] == f"{model['index']:.1f}" and row[-1] == model["letters"]
    pair = compared.pairs.iloc[1]
    line = next(row for row in rows[5:] if row[:4] == f"{pair['model']} {pair['other']}".split())
    assert line[4:6] == [f"{pair['p_above']:.3f}", f"{pair['difference']:.1f}"]
    words = " ".join(result.stdout.split())
    assert "Ranks are among the 16 models of the fit" in words
    assert "Models that share a letter cannot be told apart" in words
    assert "CHECK FAILED" in result.stdout  # the invented fit says so of itself
    assert "Between" not in words


def test_between_in_words_and_json(saved, invented_fit):
    result = run(saved, *THREE, "--between", "--seed", "3")
    assert result.exit_code == 0, result.output
    found = invented_fit.count_between(THREE, seed=3)
    words = " ".join(result.stdout.split())
    assert f"by index {found.middle} is the middle one" in words
    assert f"on {found.count.between:g} of the {found.count.n} benchmarks of the fit that all three" in words
    assert "What models of one lab share could not be estimated" in words
    assert "math" in result.stdout and "code" in result.stdout
    record = json.loads(run(saved, *THREE, "--between", "--seed", "3", "--json").stdout)
    assert record["schema"] == "eci.compare/1" and record["n_models"] == 16
    assert record["between"] == json.loads(json.dumps(found.record()))
    assert {"p_above", "difference", "sd", "low", "high", "apart"} <= set(record["pairs"][0])
    assert "metrics" not in record


def test_a_table_of_metrics(saved, card):
    result = run(saved, *THREE, "--metrics", card, "--same", "Flags, found=bench 2")
    words = " ".join(result.stdout.split())
    assert result.exit_code == 0, result.output
    assert "model 08 lies between on 1 of 2, whether high or low is better" in words
    assert "“bench 1” and “Flags, found” as bench 2" in words
    assert "Without a value for each of the three, left out: “Endorsement”" in words
    record = json.loads(run(saved, *THREE, "--metrics", card, "--json").stdout)["metrics"]
    assert record["unknown"] == ["Flags, found"] and record["n_drawn_from"] == 7
    assert record["known"] == {"bench 1": "bench 1"} and record["dropped"] == ["Endorsement"]


def test_interval_prob_is_the_rule(saved):
    near, apart = ["model 05", "model 06", "model 07"], []
    for prob in ("0.1", "0.999"):
        record = json.loads(run(saved, *near, "--interval-prob", prob, "--json").stdout)
        apart.append(sum(pair["apart"] for pair in record["pairs"]))
    assert apart[0] > apart[1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["model 03", "model 33"], 1, "Did you mean"),
        (["model 03"], 1, "at least two models"),
        (["model 03", "model 08", "--between"], 1, "takes three models; 2 given"),
        ([*THREE, "--same", "a=b"], 2, "give --metrics as well"),
        ([*THREE, "--metrics", "none.csv"], 1, "No table at none.csv"),
        ([*THREE, "--metrics", "CARD", "--same", "bench 1"], 1, "not of the form"),
        ([*THREE, "--metrics", "CARD", "--same", "Flags found=bench 2"], 1, "Did you mean 'Flags, found'"),
        ([], 2, "Missing argument"),
    ],
)
def test_bad_input_ends_in_words(saved, card, arguments, code, message):
    result = run(saved, *[card if argument == "CARD" else argument for argument in arguments])
    assert result.exit_code == code and result.stdout == ""
    assert message in " ".join(result.stderr.split())


def test_compare_loads_no_jax(saved):
    code = (
        "import sys; from click.testing import CliRunner; from eci.cli.compare import compare; "
        f"r = CliRunner().invoke(compare, {[str(saved), *THREE, '--between']!r}); assert r.exit_code == 0; "
        "print([m for m in ('jax', 'arviz', 'numpyro', 'matplotlib') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
