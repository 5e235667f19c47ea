"""`eci fit` and `eci show`: files, exit codes, refusals."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

from eci.cli.main import main
from eci.fitted import Check, Diagnostics
from eci.folder import FILES

ANCHORS = ["--anchor", "model 01=130", "--anchor", "model 14=150"]


@pytest.fixture(scope="module")
def csv(small_table, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "scores.csv"
    small_table.to_csv(path, index=False)
    return path


@pytest.fixture
def run(csv, tmp_path):
    """Run `eci fit` on the small problem by the quickest method, writing to a new folder."""

    def invoke(*options, data=csv, method="map", out=tmp_path / "out"):
        arguments = ["fit", str(data), "--out", str(out), "--method", method, *map(str, options)]
        return CliRunner().invoke(main, arguments)

    return invoke


@pytest.mark.parametrize("method", ["map", "laplace"])
def test_a_preview_writes_every_file_and_says_what_it_is(run, tmp_path, method):
    result = run(*ANCHORS, method=method)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    assert "A preview" in result.stdout
    table = pd.read_csv(tmp_path / "out/abilities.csv").set_index("model")
    assert table.loc["model 01", "index"] == 130
    assert table.loc["model 14", "index"] == 150
    assert table["sd"].isna().all() == (method == "map")


def test_nuts_by_default_and_exit_3_when_a_check_fails(csv, tmp_path):
    arguments = ["fit", str(csv), "--out", str(tmp_path / "out"), "--draws", "10", "--chains", "2"]
    failed = CliRunner().invoke(main, arguments)
    assert failed.exit_code == 3
    assert "CHECK FAILED: rhat_index" in failed.stdout
    assert (tmp_path / "out/posterior.nc").is_file()
    allowed = CliRunner().invoke(main, [*arguments, "--force", "--allow-unconverged"])
    assert allowed.exit_code == 0
    assert "CHECK FAILED" in allowed.stdout
    facts = json.loads((tmp_path / "out/fit.json").read_text(encoding="utf-8"))
    assert facts["method"]["name"] == "nuts"


def test_the_same_seed_gives_the_same_bytes_and_row_order_does_not_matter(run, small_table, tmp_path):
    shuffled = tmp_path / "shuffled.csv"
    small_table.sample(frac=1, random_state=3).to_csv(shuffled, index=False)
    run(*ANCHORS, out=tmp_path / "a", method="laplace")
    run(*ANCHORS, out=tmp_path / "b", method="laplace", data=shuffled)
    run(*ANCHORS, "--seed", 1, out=tmp_path / "c", method="laplace")
    a, b, c = ((tmp_path / name / "abilities.csv").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_fit_is_replaced_only_on_demand(run, tmp_path):
    assert run().exit_code == 0
    before = (tmp_path / "out/fit.json").read_bytes()
    refused = run()
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert (tmp_path / "out/fit.json").read_bytes() == before
    assert run("--force", "--seed", 5).exit_code == 0
    assert json.loads((tmp_path / "out/fit.json").read_text(encoding="utf-8"))["seed"] == 5


def test_a_folder_with_other_files_is_never_replaced(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("years of work", encoding="utf-8")
    result = run("--force")
    assert result.exit_code == 1
    assert "thesis.tex" in result.stderr
    assert (tmp_path / "out/thesis.tex").is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--anchor", "model 01=130"], "exactly two"),
        (["--anchor", "model 01=130", "--anchor", "model 1=150"], "Did you mean"),
        (["--anchor", "model 01=130", "--anchor", "model 14=130"], "different finite numbers"),
        (["--anchor", "model 01=130", "--anchor", "model 14=many"], "MODEL=POINTS"),
        (["--anchor", "model 01", "--anchor", "model 14=150"], "MODEL=POINTS"),
        (["--anchor", "model 01=130", "--anchor", "model 01=150"], "given twice"),
        (["--anchor", "model 01=130", "--anchor", "model 14=nan"], "different finite numbers"),
        (["--anchor", "model 14=130", "--anchor", "model 01=150"], "do not hold a scale"),
        (["--priors", "no-such.toml"], "no-such.toml"),
        (["--min-benchmarks", "99"], "No score is left"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(run, tmp_path, options, said):
    result = run(*options)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_an_anchor_is_split_at_its_last_equals_sign(run, small_table, tmp_path):
    data = tmp_path / "named.csv"
    small_table.replace({"model": {"model 01": "A=B"}}).to_csv(data, index=False)
    result = run("--anchor", "A=B=130", "--anchor", "model 14=150", data=data)
    assert result.exit_code == 0, result.output
    assert (
        json.loads((tmp_path / "out/fit.json").read_text(encoding="utf-8"))["scale"]["anchors"]["A=B"] == 130
    )


def test_priors_come_from_a_file(run, tmp_path):
    priors = tmp_path / "priors.toml"
    priors.write_text("noise_sd_scale = 0.05\n", encoding="utf-8")
    assert run("--priors", priors).exit_code == 0
    assert (
        json.loads((tmp_path / "out/fit.json").read_text(encoding="utf-8"))["priors"]["noise_sd_scale"]
        == 0.05
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("noise = 1", "no prior"),
        ("noise_sd_scale = -1", "positive"),
        ("noise_sd_scale = 'x'", "positive"),
        ("[", "TOML"),
    ],
)
def test_a_priors_file_that_cannot_be_is_refused(run, tmp_path, text, said):
    priors = tmp_path / "priors.toml"
    priors.write_text(text, encoding="utf-8")
    result = run("--priors", priors)
    assert result.exit_code == 1
    assert said in result.stderr


def test_scores_that_do_not_connect_are_refused_with_their_groups(run, small_table, tmp_path):
    apart = small_table.assign(model="x " + small_table["model"], benchmark="x " + small_table["benchmark"])
    data = tmp_path / "apart.csv"
    pd.concat([small_table, apart]).to_csv(data, index=False)
    result = run(data=data)
    assert result.exit_code == 1
    assert "x model" in result.stderr
    assert not (tmp_path / "out").exists()


def test_without_the_default_anchors_the_standard_scale_is_announced(run):
    result = run()
    assert result.exit_code == 0
    assert "standard" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "option", [["--method", "guess"], ["--seed", "-1"], ["--interval-prob", "1"], ["--draws", "0"]]
)
def test_an_option_out_of_range_is_a_usage_error(csv, tmp_path, option):
    assert CliRunner().invoke(main, ["fit", str(csv), "--out", str(tmp_path / "x"), *option]).exit_code == 2


def test_show_prints_what_was_fitted(invented_fit, tmp_path):
    invented_fit.save(tmp_path / "fit")
    shown = CliRunner().invoke(main, ["show", str(tmp_path / "fit"), "--top", "3"])
    assert shown.exit_code == 0, shown.output
    assert "model 15" in shown.stdout
    assert "CHECK FAILED: ess_bulk_index is not a number" in shown.stdout
    asked = CliRunner().invoke(main, ["show", str(tmp_path / "fit"), "--lab", "North", "--json"])
    result = json.loads(asked.stdout)
    assert {row["lab"] for row in result["abilities"]} == {"North"}
    assert result["scale"]["anchors"] == {"model 01": 130.0, "model 14": 150.0}
    hardest = CliRunner().invoke(
        main, ["show", str(tmp_path / "fit"), "--benchmarks", "--json", "--top", "2"]
    )
    assert len(json.loads(hardest.stdout)["benchmarks"]) == 2


def test_show_refuses_what_is_not_there(invented_fit, tmp_path):
    missing = CliRunner().invoke(main, ["show", str(tmp_path / "nowhere")])
    assert missing.exit_code == 1
    assert "eci fit" in missing.stderr
    invented_fit.save(tmp_path / "fit")
    unknown = CliRunner().invoke(main, ["show", str(tmp_path / "fit"), "--lab", "Nort"])
    assert unknown.exit_code == 1
    assert "Did you mean 'North'" in unknown.stderr
    both = CliRunner().invoke(main, ["show", str(tmp_path / "fit"), "--lab", "North", "--benchmarks"])
    assert both.exit_code == 2


def test_show_loads_no_jax(invented_fit, tmp_path):
    invented_fit.save(tmp_path / "fit")
    program = (
        "import sys; from eci.cli.main import main\n"
        f"try: main(['show', {str(tmp_path / 'fit')!r}])\n"
        "finally: print('HEAVY', 'jax' in sys.modules, 'arviz' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY False False"


def test_a_verdict_without_failures_says_so(invented_fit, tmp_path):
    from dataclasses import replace

    good = Diagnostics((Check("rhat_index", 1.001, 1.01, True, "model 03", "Draw more."),))
    replace(invented_fit, diagnostics=good).save(tmp_path / "fit")
    assert "All 1 checks passed" in CliRunner().invoke(main, ["show", str(tmp_path / "fit")]).stdout


def test_ctrl_c_leaves_the_folder_as_it_was(run, tmp_path, monkeypatch):
    from eci.inference import run as inference

    assert run().exit_code == 0
    before = (tmp_path / "out/abilities.csv").read_bytes()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(inference, "fit", interrupted)
    result = run("--force")
    assert result.exit_code == 130
    assert "left as it was" in result.stderr
    assert (tmp_path / "out/abilities.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
