"""No CSV that is written holds a formula, and every name comes back as it was."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import eci
from eci.cli.main import main
from eci.errors import EciWarning
from eci.folder.load import load_table
from eci.spreadsheet import shield, unshield, unshield_table, write_csv

FORMULAS = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "＝1", "'=1+1", "''@x"]
cells = st.text(st.sampled_from("'=+-@\t\r＝1.ea ,\"\n;"), max_size=6)


def runs(cell):
    """What a spreadsheet would compute: a first character of a formula, and no number."""
    try:
        float(cell)
    except ValueError:
        return cell[:1] in set("=+-@\t\r＝＋－＠")
    return False


@given(cells)
def test_what_is_written_does_not_run_and_comes_back(text):
    assert not runs(shield(text)) or not text
    assert unshield(shield(text)) == text


@given(cells, cells)
def test_two_names_stay_two(one, other):
    assert (shield(one) == shield(other)) == (one == other)


@given(st.floats(allow_nan=False))
def test_numbers_are_left_alone(number):
    assert shield(f"{number:.6g}") == f"{number:.6g}"


@pytest.mark.parametrize("text", ["", "GPT-5", "o1", "a=b", "'quoted'", "-3.2", "+5", "-inf", "1e-3"])
def test_ordinary_text_is_left_alone(text):
    assert shield(text) == unshield(text) == text


def test_the_warning_names_the_file_and_the_first(tmp_path):
    table = pd.DataFrame({"model": ["=1+1", "B", "@x"], "index": [1.0, -2.0, float("nan")]})
    with pytest.warns(EciWarning, match=r"t.csv: '=1\+1' and 1 more would run as a formula"):
        write_csv(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "model,index\n'=1+1,1\nB,-2\n'@x,\n"
    pd.testing.assert_frame_equal(unshield_table(pd.read_csv(tmp_path / "t.csv")), table)


@pytest.fixture
def odd_fit(tmp_path, small_table):
    """A fit whose first models and benchmarks have names that are formulas."""
    names = dict(zip(sorted(small_table["model"].unique()), FORMULAS, strict=False))
    table = small_table.replace({"model": names, "benchmark": {"bench 0": "=2"}, "lab": {"North": "@lab"}})
    fit = eci.fit(eci.ScoreMatrix.from_table(table), method=eci.Map())
    with pytest.warns(EciWarning, match="apostrophe"):
        fit.save(tmp_path / "fit")
    return fit, tmp_path / "fit"


def test_a_saved_fit_holds_no_formula_and_all_names(odd_fit):
    fit, folder = odd_fit
    for name, column in (("abilities.csv", "model"), ("benchmarks.csv", "benchmark")):
        raw = pd.read_csv(folder / name, dtype=str, keep_default_na=False)
        assert not any(runs(cell) for cell in raw.to_numpy().ravel())
        known = fit.matrix.models if column == "model" else fit.matrix.benchmarks
        assert sorted(load_table(folder, name)[column]) == sorted(known)
    assert eci.load_fit(folder).matrix.models == fit.matrix.models


def test_commands_speak_of_the_name_itself(odd_fit):
    _, folder = odd_fit
    shown = CliRunner().invoke(main, ["show", str(folder), "--json"])
    assert {row["model"] for row in json.loads(shown.stdout)["abilities"]} >= set(FORMULAS)
    table = CliRunner().invoke(main, ["show", str(folder)]).stdout
    assert "  =1+1  " in table


def test_an_index_read_from_such_a_table_has_the_names(odd_fit, tmp_path):
    """abilities.csv of one fit is a legal table of `eci link`."""
    fit, folder = odd_fit
    out = ["--out", str(tmp_path / "link"), "--json", "--sd-a", "1", "--sd-b", "1"]
    table = str(folder / "abilities.csv")
    linked = CliRunner().invoke(main, ["link", table, table, *out])
    assert linked.exit_code == 0, linked.output
    assert set(json.loads(linked.stdout)["common"]) == set(fit.matrix.models)
    raw = pd.read_csv(tmp_path / "link/link.csv", dtype=str, keep_default_na=False)
    assert not any(runs(cell) for cell in raw.to_numpy().ravel())
