"""What a fit records of its input is enough to make it again."""

import hashlib
import json

import pandas as pd
import pytest
from click.testing import CliRunner

import eci
from eci.cli.main import main
from eci.scores import Rules

QUICK = ["--method", "map"]


@pytest.fixture
def folder(tmp_path, monkeypatch, small_table):
    """Scores in percent, one model under two spellings, and the table that says so."""
    monkeypatch.chdir(tmp_path)
    table = small_table.assign(score=100 * small_table["score"])
    odd = table.index[table["model"] == "model 03"][:2]
    table.loc[odd, "model"] = "Model-03"
    table.to_csv("scores.csv", index=False)
    (tmp_path / "aliases.csv").write_text("alias,model\nModel-03,model 03\n")
    return tmp_path


def test_a_fit_is_repeated_from_its_own_record(folder):
    reading = ["--unit", "percent", "--aliases", "aliases.csv", "--min-models", "3"]
    made = CliRunner().invoke(main, ["fit", "scores.csv", *reading, *QUICK, "--out", "first"])
    assert made.exit_code == 0, made.output
    facts = json.loads((folder / "first/fit.json").read_text())
    source = facts["source"]
    assert source["path"] == "scores.csv"
    assert source["format"] == "table"
    assert source["sha256"] == hashlib.sha256((folder / "scores.csv").read_bytes()).hexdigest()

    (alias,) = source["aliases"]
    table = eci.load_scores(source["path"], source["unit"], source["format"], alias["path"])
    matrix = eci.ScoreMatrix.from_table(table, **facts["rules"])
    assert matrix.rules == Rules(**facts["rules"])
    assert matrix.source == source
    assert matrix.digest == facts["data_digest"]
    eci.fit(matrix, method=eci.Map(), seed=facts["seed"]).save("again")
    for name in ("abilities.csv", "benchmarks.csv"):
        assert (folder / "again" / name).read_bytes() == (folder / "first" / name).read_bytes()
    assert eci.load_fit("again").matrix.source == source


def test_another_file_another_hash(folder):
    before = eci.load_scores("scores.csv", "percent").attrs["eci_source"]
    with (folder / "scores.csv").open("a") as file:
        file.write("model 99,bench 0,5,,,\n")
    after = eci.load_scores("scores.csv", "percent").attrs["eci_source"]
    assert before["sha256"] != after["sha256"]
    assert {**before, "sha256": ""} == {**after, "sha256": ""}


def test_the_order_of_aliases_does_not_matter_but_their_names_do(folder):
    def digest(spelled):
        (alias,) = eci.load_scores("scores.csv", "percent", aliases=spelled).attrs["eci_source"]["aliases"]
        assert alias["path"] is None
        return alias["sha256"]

    with pytest.warns(eci.errors.EciWarning, match="no model is spelled"):
        one = digest({"Model-03": "model 03", "x": "y"})
        other = digest({"x": "y", "Model-03": "model 03"})
        third = digest({"Model-03": "model 03", "x": "z"})
    assert one == other != third


def test_the_bundled_data_and_tables_in_memory(small_table):
    bundled = eci.load_scores().attrs["eci_source"]
    assert (bundled["path"], bundled["format"], bundled["aliases"]) == (None, "table", [])
    assert len(bundled["sha256"]) == 64
    own = eci.ScoreMatrix.from_table(small_table).source
    assert own == {"path": None, "sha256": None, "format": "DataFrame", "unit": "fraction", "aliases": []}


def test_it_goes_with_the_rows_that_are_kept(folder):
    table = eci.load_scores("scores.csv", "percent")
    kept = table[table["model"] != "Model-03"].assign(lab="")
    matrix = eci.ScoreMatrix.from_table(kept, min_models=3)
    assert matrix.source == table.attrs["eci_source"]
    assert matrix.source["unit"] == "percent"  # of the file; the table holds fractions


def test_a_fit_from_before_there_was_a_record(tmp_path, invented_fit):
    invented_fit.save(tmp_path / "fit")
    path = tmp_path / "fit/fit.json"
    facts = json.loads(path.read_text())
    del facts["source"]
    path.write_text(json.dumps(facts))
    assert eci.load_fit(tmp_path / "fit").matrix.source == {}


@pytest.mark.parametrize(
    "command",
    [
        ["place", "FIT", "NEW"],
        ["predict", "FIT", "--model", "New", "--scores", "NEW"],
        ["next", "FIT", "--model", "New", "--scores", "NEW"],
    ],
)
def test_every_command_reads_scores_as_fit_does(command, tmp_path, invented_fit):
    """Percent, a wide matrix, another spelling: one of each would fail without its option."""
    fit, new, spelled = (str(tmp_path / name) for name in ("fit", "new.csv", "aliases.csv"))
    invented_fit.save(fit)
    pd.DataFrame({"model": ["Neu"], "bench 0": [40], "bench 2": [60]}).to_csv(new, index=False)
    pd.DataFrame({"alias": ["Neu"], "model": ["New"]}).to_csv(spelled, index=False)
    arguments = [{"FIT": fit, "NEW": new}.get(word, word) for word in command]
    reading = ["--unit", "percent", "--format", "wide", "--aliases", spelled]
    found = CliRunner().invoke(main, [*arguments, *reading, "--json"])
    assert found.exit_code == 3, found.output  # invented draws explain nothing
    assert "New" in found.stdout
    assert "New" not in CliRunner().invoke(main, [*arguments, *reading[:4]]).stdout
    assert "above 1" in CliRunner().invoke(main, [*arguments, *reading[2:]]).stderr


@pytest.mark.parametrize(
    "command", [["predict", "FIT", "--model", "A"], ["next", "FIT", "--frontier"], ["report", "FIT"]]
)
def test_how_to_read_scores_that_were_not_given_is_wrong_usage(command, tmp_path, invented_fit):
    invented_fit.save(tmp_path / "fit")
    arguments = [str(tmp_path / "fit") if word == "FIT" else word for word in command]
    found = CliRunner().invoke(main, [*arguments, "--unit", "percent"])
    assert (found.exit_code, "add --scores" in found.stderr) == (2, True), found.output


def test_diff_reads_files_as_fit_does(folder):
    pd.read_csv(folder / "scores.csv").replace("Model-03", "model 03").to_csv("other.csv", index=False)
    plain = ["data", "diff", "scores.csv", "other.csv", "--unit", "percent"]
    assert "models removed  1" in CliRunner().invoke(main, plain).stdout
    merged = CliRunner().invoke(main, [*plain, "--aliases", "aliases.csv"])
    assert "models removed  0" in merged.stdout
