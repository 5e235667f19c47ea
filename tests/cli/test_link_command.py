"""`eci link` and `eci vintages` on the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from eci.cli.main import main
from eci.scores.load import bundled_data

PUBLISHED = bundled_data() / "published"
AECI, EPOCH = str(PUBLISHED / "aeci.csv"), str(PUBLISHED / "epoch_eci.csv")
BOTH = ["link", AECI, EPOCH, "--vintage-a", "2026-05", "--vintage-b", "2026-07"]


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_published_tables_link_by_name_and_are_told_in_words():
    done = call(*BOTH)
    assert done.exit_code == 0, done.stderr
    for words in (
        "10 common models",
        "The free line",
        "The identity",
        "Claude Opus 4.6",
        "states no intervals",
    ):
        assert words in done.stdout


def test_json_is_the_record_of_the_function():
    import eci

    done = call(*BOTH, "--json", "--robust", "--seed", "3")
    record = json.loads(done.stdout)
    old = eci.read_index(pd.read_csv(AECI), vintage="2026-05")
    new = eci.read_index(pd.read_csv(EPOCH), vintage="2026-07")
    same = eci.link(old, new, robust=True, seed=3).record()
    for key in ("slope", "intercept", "common", "residual", "dropped"):
        assert record[key] == same[key]


def test_apply_carries_a_table_and_warns_of_extrapolation():
    done = call(*BOTH, "--apply", AECI, "--json")
    applied = json.loads(done.stdout)["applied"]
    assert applied["Claude Mythos Preview"]["index"] > 159
    assert "Warning: The link is extrapolated for 1 of 11 models" in done.stderr
    identity = call(*BOTH, "--apply", AECI, "--reading", "identity", "--json")
    assert json.loads(identity.stdout)["applied"]["Claude Mythos Preview"]["index"] == pytest.approx(158.3)


def test_leave_one_out_has_every_common_model():
    record = json.loads(call(*BOTH, "--leave-one-out", "--json").stdout)
    assert set(record["leave_one_out"]) == set(record["common"])


def test_chosen_models_and_the_rest_named():
    chosen = "Claude 3 Opus,Claude Opus 4,Claude Opus 4.5,Claude Opus 4.6"
    done = call(*BOTH, "--models", chosen)
    assert "4 common models" in done.stdout
    assert "Left out: " in done.stdout and "fewer than 5" in done.stdout


def test_out_writes_four_files_and_does_not_replace_them(tmp_path):
    done = call(*BOTH, "--out", tmp_path / "link")
    assert done.exit_code == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "link").iterdir()) == [
        "link.csv",
        "link.json",
        "link.png",
        "link.svg",
    ]
    table = pd.read_csv(tmp_path / "link" / "link.csv")
    assert len(table) == 10 and (tmp_path / "link" / "link.png").read_bytes()[:4] == b"\x89PNG"
    again = call(*BOTH, "--out", tmp_path / "link")
    assert again.exit_code == 1 and "--force" in again.stderr
    assert call(*BOTH, "--out", tmp_path / "link", "--force").exit_code == 0


def test_two_fits_link_by_their_benchmarks(tmp_path, small_fit):
    small_fit.save(tmp_path / "fit")
    done = call("link", tmp_path / "fit", tmp_path / "fit", "--json")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["method"] == "haebara" and record["common_kind"] == "benchmarks"
    assert record["slope"]["mean"] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["link", AECI, EPOCH], "mixes 4 vintages"),
        (["link", AECI, EPOCH, "--vintage-a", "2026-05"], "--vintage-b"),
        (["link", AECI, "nowhere.csv", "--vintage-a", "2026-05"], "No index at nowhere.csv"),
        ([*BOTH, "--method", "haebara"], "needs two fits"),
        ([*BOTH, "--models", "Claude 3 Opus,Claude Opus 4"], r"models: 2 \(Claude 3 Opus, Claude Opus 4\)"),
        ([*BOTH, "--models", "Claude 3 Opas,Claude Opus 4"], "Did you mean 'Claude 3 Opus'"),
        ([*BOTH, "--sd-b", "2"], "states its errors"),
        ([*BOTH[:3], "--vintage-a", "2026-07", "--vintage-b", "2026-07"], "Common models: 1|share no model"),
    ],
)
def test_bad_input_ends_in_a_message(arguments, words):
    import re

    done = call(*arguments)
    assert done.exit_code == 1
    assert re.search(words, done.stderr), done.stderr
    assert done.stdout == ""


def test_vintages_of_the_bundled_index():
    done = call("vintages", EPOCH, "--top", "3")
    assert done.exit_code == 0, done.stderr
    assert "87 common models" in done.stdout and "Change of order" in done.stdout
    record = json.loads(call("vintages", EPOCH, "--json").stdout)
    first = record["changes"][0]
    moved = np.array(list(first["moved"].values()))
    assert first["largest_move"] == pytest.approx(np.abs(moved).max())
    assert [change["n"] for change in record["changes"]] == [87, 8, 4]


def test_vintages_with_one_common_model_say_so():
    done = call("vintages", AECI)
    assert done.exit_code == 0 and "1 common model, moved +0.61" in done.stdout


def test_two_files_are_two_vintages(tmp_path):
    for name, shift in (("2025-01", 0.0), ("2025-02", 1.5)):
        pd.DataFrame({"model": ["a", "b", "c"], "index": np.array([130.0, 140, 150]) + shift}).to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    done = call("vintages", tmp_path / "2025-01.csv", tmp_path / "2025-02.csv")
    assert done.exit_code == 0, done.stderr
    assert "2025-01 -> 2025-02: 3 common models, moved +1.50 to +1.50" in done.stdout


def test_a_table_of_one_vintage_is_refused(tmp_path):
    pd.DataFrame({"model": ["a"], "index": [1.0]}).to_csv(tmp_path / "one.csv", index=False)
    done = call("vintages", tmp_path / "one.csv")
    assert done.exit_code == 1 and "needs two different" in done.stderr


def test_two_files_of_one_name_stay_apart_and_a_folder_is_no_table(tmp_path):
    for name, shift in (("old", 0.0), ("new", 1.5)):
        (tmp_path / name).mkdir()
        frame = pd.DataFrame({"model": ["a", "b", "C"], "index": np.array([130.0, 140, 150]) + shift})
        frame.to_csv(tmp_path / name / "index.csv", index=False)
    done = call("vintages", tmp_path / "old" / "index.csv", tmp_path / "new" / "index.csv")
    assert done.exit_code == 0, done.stderr
    assert "3 common models, moved -1.50 to -1.50" in done.stdout
    folder = call("vintages", tmp_path)
    assert folder.exit_code == 1 and "is a folder" in folder.stderr


def test_names_in_other_letters_are_not_compared_and_said(tmp_path):
    frame = pd.DataFrame({"model": ["a", "b", "B", "A"], "index": [1.0, 2, 3, 4], "vintage": list("ppqq")})
    frame.loc[3, "model"] = "a"
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = call("vintages", tmp_path / "t.csv")
    assert "1 name differs only in capitals, blanks or hyphens: 'b' and 'B'. They are" in done.stdout
