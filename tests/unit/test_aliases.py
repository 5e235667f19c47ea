"""Names are merged where the user says so, and nowhere else."""

import pandas as pd
import pytest
from click.testing import CliRunner

from eci.cli.main import main
from eci.errors import DataError, EciWarning
from eci.scores import FaultyTableError, load_scores, summarise

SCORES = "model,benchmark,score,lab\nGPT-5,x,0.5,\nGPT 5,y,0.6,OpenAI\ngpt-5,X,0.7,\n"


@pytest.fixture
def files(tmp_path):
    def write(aliases, scores=SCORES):
        (tmp_path / "s.csv").write_text(scores, encoding="utf-8")
        (tmp_path / "a.csv").write_text(aliases, encoding="utf-8")
        return tmp_path / "s.csv", tmp_path / "a.csv"

    return write


def test_spellings_stay_apart_unasked(files):
    scores, _ = files("")
    assert load_scores(scores)["model"].nunique() == 3


def test_aliases_merge_names_and_their_facts(files):
    scores, aliases = files("alias,model,benchmark\nGPT 5,GPT-5,\n gpt-5 ,GPT-5,\nX,,x\n")
    table = load_scores(scores, aliases=aliases)
    assert table["model"].tolist() == ["GPT-5"] * 3
    assert table["benchmark"].tolist() == ["x", "y", "x"]
    assert table["lab"].tolist() == ["OpenAI"] * 3


def test_a_mapping_is_enough(files):
    scores, _ = files("")
    assert set(load_scores(scores, aliases={"GPT 5": "GPT-5", "gpt-5": "GPT-5"})["model"]) == {"GPT-5"}


def test_merged_names_must_agree_on_facts(files):
    scores, aliases = files("alias,model\nGPT 5,GPT-5\n", SCORES.replace("0.5,", "0.5,Other"))
    with pytest.raises(FaultyTableError, match="for 'GPT-5' contradicts Other"):
        load_scores(scores, aliases=aliases)


def test_a_folder_may_list_both_spellings(tmp_path):
    (tmp_path / "scores.csv").write_text("model,benchmark,score\nGPT-5,x,0.5\nGPT 5,x,0.6\n")
    (tmp_path / "models.csv").write_text("model,lab\nGPT-5,OpenAI\nGPT 5,OpenAI\n")
    (tmp_path / "benchmarks.csv").write_text("benchmark,n_items\nx,30\nX,40\n")
    (tmp_path / "a.csv").write_text("alias,model\nGPT 5,GPT-5\n")
    table = load_scores(tmp_path, aliases=tmp_path / "a.csv")
    assert table[["model", "lab", "n_items"]].to_numpy().tolist() == [["GPT-5", "OpenAI", 30.0]] * 2


@pytest.mark.parametrize(
    ("aliases", "words"),
    [
        ("alias,name\nGPT 5,GPT-5\n", "neither a column model nor a column benchmark"),
        ("name,model\nGPT 5,GPT-5\n", "column alias: is missing"),
        ("alias,model\n,GPT-5\n", "line 2, column alias: is not the alias of one name"),
        ("alias,model\nGPT 5,\n", "line 2, column alias: 'GPT 5' is not the alias of one name"),
        ("alias,model,benchmark\nGPT 5,GPT-5,x\n", "is not the alias of one name"),
        ("alias,model\nGPT 5,GPT-5\nGPT 5,gpt-5\n", "line 3, column alias: 'GPT 5' is the alias of 'GPT-5'"),
        ("alias,model\nGPT 5,gpt-5\ngpt-5,GPT-5\n", "line 2, column model: 'gpt-5' is itself an alias"),
    ],
)
def test_faults(files, aliases, words):
    scores, path = files(aliases)
    with pytest.raises(DataError, match=words):
        load_scores(scores, aliases=path)


def test_a_name_may_stand_for_itself(files):
    scores, aliases = files("alias,model\nGPT-5,GPT-5\nGPT 5,GPT-5\n")
    for given in (aliases, {"GPT-5": "GPT-5", "GPT 5": "GPT-5"}):
        assert set(load_scores(scores, aliases=given)["model"]) == {"GPT-5", "gpt-5"}


def test_a_chain_in_python():
    with pytest.raises(DataError, match="'b' is an alias and the name of one"):
        load_scores(aliases={"a": "b", "b": "c"})


def test_an_alias_that_nothing_has_is_told(files):
    scores, aliases = files("alias,model\nGPT  5,GPT-5\n")
    with pytest.warns(EciWarning, match=r"no model is spelled 'GPT  5'\. Did you mean 'GPT 5'"):
        load_scores(scores, aliases=aliases)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_scores(pd.DataFrame(), aliases=tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["GPT-5", "GPT 5", "gpt5"], [("GPT 5", "GPT-5", "gpt5")]),
        (["Claude 3.5 Sonnet", "claude-sonnet-3.5"], [("Claude 3.5 Sonnet", "claude-sonnet-3.5")]),
        (["GPT-5 high", "High GPT 5", "GPT-5 (high)"], [("GPT-5 (high)", "GPT-5 high", "High GPT 5")]),
        (["preview-05-06", "preview-06-05"], []),
        (["o1", "o3", "GPT-4", "GPT-4.1", "GPT-4o", "Qwen2.5", "Qwen 25", "C", "C++", "?", "!"], []),
    ],
)
def test_look_alikes(names, groups):
    frame = pd.DataFrame({"model": names, "benchmark": "x", "score": 0.5})
    assert list(summarise(load_scores(frame)).look_alikes) == groups


def test_check_names_look_alikes_and_merges_by_flag(files):
    scores, aliases = files("alias,model,benchmark\nGPT 5,GPT-5,\ngpt-5,GPT-5,\nX,,x\n")
    minima = ["--min-benchmarks", "1", "--min-models", "1"]
    apart = CliRunner().invoke(main, ["check", str(scores), *minima])
    assert "GPT 5 | GPT-5 | gpt-5" in apart.stdout
    assert "--aliases" in apart.stdout
    merged = CliRunner().invoke(main, ["check", str(scores), "--aliases", str(aliases), *minima])
    assert merged.exit_code == 0
    assert "differ only" not in merged.stdout
    assert "1 models, 2 benchmarks" in merged.stdout
