"""Names in all alphabets, names that are markup, names of 10,000 characters: in tables, pictures, pages."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from click.testing import CliRunner

from eci.cli.files import read_names
from eci.cli.main import main
from eci.errors import DataError
from eci.scores import ScoreMatrix

ODD = [
    "a$\\foo$",
    "中文模型",
    "نموذج",
    "👩🚀",
    "<script>alert(1)</script>",
    "m" * 10_000,
    "[red]x[/red]",
    "%s{x}",
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory, invented_fit, small_table):
    """A fit of which half the models, two benchmarks and a domain have odd names."""
    models = dict(zip(sorted(small_table["model"].unique()), ODD, strict=False))
    benchmarks = {"bench 0": "$\\frac{$", "bench 1": "b" * 3000}
    named = {
        "model": models,
        "benchmark": benchmarks,
        "domain": {"math": "$\\bad$"},
        "lab": {"North": "[/x]"},
    }
    matrix = ScoreMatrix.from_table(small_table.replace(named))
    folder = tmp_path_factory.mktemp("odd") / "fit"
    replace(invented_fit.rescale(standard=True), matrix=matrix).save(folder)
    return folder


@pytest.mark.parametrize("kind", ["index", "benchmarks", "information", "residuals", "timeline"])
def test_pictures(kind, saved, tmp_path):
    drawn = CliRunner().invoke(main, ["plot", kind, str(saved), "--out", str(tmp_path / "p.svg")])
    assert drawn.exit_code == 0, drawn.output
    wrote, *warned = drawn.stderr.splitlines()
    assert wrote.startswith("Wrote")
    assert warned in ([], ["Warning: the font of the picture lacks characters of some names."])


def test_tables_show_all_of_a_name(saved):
    shown = CliRunner().invoke(main, ["show", str(saved)])
    assert shown.exit_code == 0, shown.output
    assert all(name in shown.stdout for name in ODD)
    listed = json.loads(CliRunner().invoke(main, ["show", str(saved), "--json"]).stdout)
    assert {row["model"] for row in listed["abilities"]} >= set(ODD)


def test_a_page_escapes_them(saved, tmp_path):
    made = CliRunner().invoke(main, ["report", str(saved), "--out", str(tmp_path / "r.html")])
    assert made.exit_code == 0, made.output
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_values_of_faulty_cells_do_not_steer_the_terminal(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("model,benchmark,score\nA,x,0.5\u202e\x1b[31m\n", encoding="utf-8")
    for options in ([], ["--json"]):
        found = CliRunner().invoke(main, ["check", str(path), *options])
        assert found.exit_code == 1
        assert all(map(str.isprintable, found.output.splitlines()))
    assert json.loads(found.stdout)["faults"][0]["value"] == "0.5\u202e\x1b[31m"


def test_a_message_does_not_either(saved):
    found = CliRunner().invoke(main, ["compare", str(saved), "\x1b[31mx", "y"])
    assert found.exit_code == 1
    assert "\x1b" not in found.output


def test_a_list_of_names_may_be_longer_than_the_name_of_a_file(tmp_path):
    names = [f"model {i:03d}" for i in range(100)]
    assert read_names(",".join(names)) == names
    (tmp_path / "names.txt").write_text("\ufeffmodel 1\n\n model 2 \n", encoding="utf-8")
    assert read_names(str(tmp_path / "names.txt")) == ["model 1", "model 2"]
    (tmp_path / "names.txt").write_bytes(b"mod\xe8le\n")
    with pytest.raises(DataError, match="Save it as UTF-8"):
        read_names(str(tmp_path / "names.txt"))


def test_an_address_that_only_begins_as_one_is_no_link():
    """http://[ cannot be taken apart."""
    from eci.report.page.cells import Column, build_table

    table = pd.DataFrame({"source": ["http://[", "https://www.a.example/x"]})
    made = build_table("t", "T", table, [Column("source", "source", kind="link")])
    assert [row[0].text for row in made.rows] == ["http://[", "a.example"]


@pytest.mark.parametrize("cell", ["", "7"])
def test_a_metric_without_a_name_or_with_a_number_for_one(cell, invented_fit, tmp_path):
    invented_fit.save(tmp_path / "fit")
    models = ["model 03", "model 04", "model 05"]
    table = f"metric,{','.join(models)}\n{cell},0.1,0.2,0.3\n"
    (tmp_path / "m.csv").write_text(table)
    files = [str(tmp_path / "fit"), *models, "--metrics", str(tmp_path / "m.csv"), "--same", "a=bench 1"]
    found = CliRunner().invoke(main, ["compare", *files])
    assert found.exit_code == 1
    assert ("Row 2" if cell == "" else "no metric is called 'a'") in found.stderr


def test_a_seed_is_not_negative(tmp_path):
    assert CliRunner().invoke(main, ["trend", str(tmp_path), "--seed", "-1"]).exit_code == 2


def test_the_other_value_of_a_contradiction_does_not_steer_the_terminal_either(tmp_path):
    table = "model,benchmark,score,lab\nA,x,0.5,\u202eN\nA,y,0.5,N\n"
    (tmp_path / "s.csv").write_text(table, encoding="utf-8")
    found = CliRunner().invoke(main, ["check", str(tmp_path / "s.csv")])
    assert "contradicts" in found.output
    assert all(map(str.isprintable, found.output.splitlines()))
