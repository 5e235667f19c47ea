"""`eci place`, `eci predict` and `eci next` on a saved fit: text, JSON, and refusals in words."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from eci.cli.main import main

NEW = """model,benchmark,score,release_date
new A,bench 0,0.8,2024-06-01
new A,bench 3,0.6,2024-06-01
new A,own test,0.6,2024-06-01
new B,bench 1,0.2,
model 03,bench 1,0.4,
"""


@pytest.fixture(scope="module")
def folder(small_fit, tmp_path_factory):
    """The small fit with two anchors, saved."""
    return small_fit.rescale({"model 01": 130.0, "model 14": 150.0}).save(
        tmp_path_factory.mktemp("q") / "fit"
    )


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    path = tmp_path_factory.mktemp("new") / "new.csv"
    path.write_text(NEW, encoding="utf-8")
    return path


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 1 and result.stdout == "", result.output
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


def test_place_prints_both_priors_and_what_is_left_out(folder, scores):
    result = run("place", folder, scores)
    assert result.exit_code == 0 and result.stderr == ""
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("new ")]
    assert [row[2] for row in rows] == ["standard", "dated", "standard"]
    text = " ".join(result.stdout.split())
    assert "Left out, 1 benchmark not in the fit: own test." in text
    assert "Left out, 1 model in the fit already: model 03." in text
    assert "sd before" in text and "checks passed (nuts, normal)" in text


def test_an_interval_that_rests_on_few_draws_fails_the_check(folder, tmp_path):
    """Perfect on most benchmarks but hopeless on two easy ones: no draw explains that."""
    path = tmp_path / "odd.csv"
    rows = [f"odd,bench {i},{0.0 if i < 2 else 0.99}" for i in range(7)]
    path.write_text("model,benchmark,score\n" + "\n".join(rows) + "\n")
    result = run("place", folder, path)
    assert result.exit_code == 3
    assert result.stdout.startswith("CHECK FAILED: odd, standard prior, rests on ")
    assert "limit 10: its interval says nothing. Fit again with the model" in result.stdout
    for command in ("predict", "next"):
        result = run(command, folder, "--model", "odd", "--scores", path, "--json")
        assert result.exit_code == 3 and "CHECK FAILED: odd, standard prior" in result.stderr
        assert json.loads(result.stdout)["schema"] == f"eci.{command}/1"
    as_json = run("place", folder, path, "--json")
    assert as_json.exit_code == 3 and as_json.stderr.startswith("CHECK FAILED: odd")
    assert json.loads(as_json.stdout)["models"]["odd"]["standard"]["effective_draws"] < 10


def test_place_as_json(folder, scores):
    record = json.loads(run("place", folder, scores, "--json").stdout)
    assert record["schema"] == "eci.place/1"
    new = record["models"]["new A"]
    assert new["benchmarks"] == ["bench 0", "bench 3"]
    assert new["standard"]["low"] < new["standard"]["index"] < new["standard"]["high"]
    assert "dated" not in record["models"]["new B"]
    out = {"kind": "benchmark", "name": "own test", "why": "not in the fit", "hint": ""}
    assert out in record["left_out"]


def test_predict_prints_what_differs_from_row_to_row(folder):
    heading = run("predict", folder, "--model", "model 05").stdout.splitlines()[0]
    assert heading.split()[:2] == ["benchmark", "domain"] and "measured" not in heading
    heading = run("predict", folder, "--benchmark", "bench 2", "--top", 2).stdout.splitlines()[0]
    assert heading.split()[0] == "model" and "domain" not in heading
    pair = run("predict", folder, "--model", "model 05", "--benchmark", "bench 2").stdout
    assert "measured" in pair.splitlines()[0] and "the two are no test" in " ".join(pair.split())


def test_predict_as_json(folder, small_fit):
    record = json.loads(run("predict", folder, "--all", "--json").stdout)
    matrix = small_fit.matrix
    assert len(record["predictions"]) == matrix.n_models * matrix.n_benchmarks - matrix.n_scores
    row = record["predictions"][0]
    assert 0 <= row["low_90"] <= row["median"] <= row["high_90"] <= 1 and row["measured"] is None


def test_predict_tells_how_well_it_predicts(folder):
    alone = run("predict", folder, "--calibration")
    assert alone.exit_code == 0
    assert "Each of the 96 scores left out in turn" in " ".join(alone.stdout.split())
    both = json.loads(run("predict", folder, "--model", "model 05", "--calibration", "--json").stdout)
    assert both["calibration"]["n_scores"] == 96 and both["predictions"]


def test_next_ranks_and_chooses_a_set(folder):
    result = run("next", folder, "--model", "model 05", "--k", 2)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "Utility: its expected posterior variance" in text and "The 2 of the set together" in text
    record = json.loads(run("next", folder, "--model", "model 05", "--against", "model 06", "--json").stdout)
    assert record["target"] == "model 05 minus model 06"
    assert record["each"][0]["expected_variance"] == min(row["expected_variance"] for row in record["each"])


def test_next_difficulty_for_the_frontier(folder):
    result = run("next", folder, "--frontier", "--frontier-size", 4)
    assert result.exit_code == 0
    assert "would separate the 4 models at the frontier best" in " ".join(result.stdout.split())
    record = json.loads(run("next", folder, "--frontier", "--frontier-size", 4, "--json").stdout)
    assert record["best"] in [level["difficulty"] for level in record["levels"]]


def test_a_new_model_is_predicted_and_advised_before_it_is_in_a_fit(folder, scores):
    predicted = run("predict", folder, "--scores", scores, "--model", "new A")
    assert (
        predicted.exit_code == 0 and "Left out: the benchmark own test, not in the fit." in predicted.stderr
    )
    assert "bench 0" not in predicted.stdout and "bench 5" in predicted.stdout
    advised = run("next", folder, "--scores", scores, "--model", "new A", "--prior", "dated")
    assert advised.exit_code == 0 and "bench 3" not in advised.stdout and "bench 5" in advised.stdout
    message = refused("next", folder, "--scores", scores, "--model", "new B", "--prior", "dated")
    assert "placed without a release date" in message


COMMANDS = (
    ["place", "DIR", "NEW"],
    ["predict", "DIR", "--model", "model 05"],
    ["next", "DIR", "--model", "model 05"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_folder_without_a_fit_and_a_fit_without_draws_are_refused(command, scores, invented_fit, tmp_path):
    def given(folder):
        return [{"DIR": folder, "NEW": scores}.get(word, word) for word in command]

    assert "holds no fit" in refused(*given(tmp_path / "nothing"))
    one = dataclasses.replace(
        invented_fit.scale, slope=invented_fit.scale.slope[:1], origin=invented_fit.scale.origin[:1]
    )
    facts = {"method": {"name": "map"}, "n_chains": 0, "sample_stats": {}, "scale": one}
    bare = dataclasses.replace(invented_fit, draws=None, **facts)
    assert "made with the method map" in refused(*given(bare.save(tmp_path / "map")))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "--model", "modell 05"], "Did you mean 'model 05'"),
        (["predict", "--benchmark", "bench"], "The benchmark 'bench' is not among the 8"),
        (["next", "--model", "mod 05"], "Did you mean 'model 05'"),
        (["next", "--model", "model 05", "--against", "odel 06"], "Did you mean 'model 06'"),
        (["next", "--model", "model 01"], "are the anchors, which define the scale"),
        (["next", "--frontier", "--frontier-size", "99"], "n_models is 99"),
        (["next", "--model", "model 05", "--scores", "absent.csv"], "absent.csv does not exist"),
    ],
)
def test_bad_names_end_in_words(folder, arguments, message):
    assert message in refused(arguments[0], folder, *arguments[1:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("model,benchmark,score\n", "no row below it"),
        ("model,benchmark,score\nnew,bench 9,0.4\n", "No new model has a score on one of the 8 benchmarks"),
        ("model,benchmark,score\nmodel 03,bench 1,0.4\n", "in the fit already: model 03"),
        ("model,benchmark,score\nnew,bench 1,40\n", "line 2, column score"),
        ("model,score\nnew,40\n", "benchmark"),
    ],
)
def test_bad_scores_end_in_words(folder, tmp_path, content, message):
    path = tmp_path / "new.csv"
    path.write_text(content, encoding="utf-8")
    assert message in refused("place", folder, path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["predict", "--all", "--model", "model 05"],
        ["next"],
        ["next", "--frontier", "--model", "model 05"],
        ["next", "--frontier", "--k", "2"],
        ["next", "--model", "model 05", "--k", "0"],
    ],
)
def test_wrong_usage_is_clicks_exit_2(folder, arguments):
    assert run(arguments[0], folder, *arguments[1:]).exit_code == 2


def test_the_commands_load_neither_jax_nor_arviz_nor_matplotlib(folder, scores):
    commands = [
        ["place", str(folder), str(scores)],
        ["predict", str(folder), "--all", "--json"],
        ["next", str(folder), "--model", "model 05"],
    ]
    code = (
        "import sys; from click.testing import CliRunner; from eci.cli.main import main\n"
        f"for words in {commands!r}:\n"
        "    r = CliRunner().invoke(main, words); assert r.exit_code == 0, r.output\n"
        "print([m for m in ('jax', 'arviz', 'numpyro', 'matplotlib') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
