"""`eci fit`: every method, every refusal, the files and the exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import eci
from eci.cli.main import main
from eci.errors import EXIT_BAD_INPUT, EXIT_CHECK_FAILED, EXIT_GOOD, EXIT_INTERRUPTED, EXIT_USAGE
from eci.folder.load import load_fit
from eci.folder.save import FILES


@pytest.fixture
def data(small_table, tmp_path):
    path = tmp_path / "scores.csv"
    small_table.to_csv(path, index=False)
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "fit"


def fit(*arguments):
    return CliRunner().invoke(main, ["fit", *map(str, arguments)])


def quick(data, out, *arguments):
    """Fit by the cheapest method."""
    return fit(data, "--out", out, "--method", "map", *arguments)


def in_words(result, *words):
    """A refusal: exit 1, one message on standard error, nothing else, no traceback."""
    assert result.exit_code == EXIT_BAD_INPUT, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    return True


class TestMethods:
    def test_nuts_is_the_default(self, data, out):
        result = fit(data, "--out", out, "--seed", 1)
        assert result.exit_code == EXIT_GOOD, result.output
        assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
        assert "standard" in result.stderr
        assert "All" in result.stdout
        assert "checks passed (nuts, beta)" in result.stdout
        lines = result.stdout.splitlines()
        assert lines[0].split()[:4] == ["rank", "model", "lab", "released"]
        assert lines[1].split()[:3] == ["1", "model", "15"]
        table = pd.read_csv(out / "abilities.csv")
        assert (table["low"] < table["index"]).all()
        assert (table["index"] < table["high"]).all()
        facts = json.loads((out / "fit.json").read_text())
        assert facts["method"]["name"] == "nuts"
        assert facts["preview"] is False
        assert facts["seed"] == 1
        assert facts["n_models"] == 16

    def test_the_command_and_the_function_give_the_same(self, data, out, small_fit):
        fit(data, "--out", out, "--likelihood", "normal", "--seed", 1)
        np.testing.assert_array_equal(load_fit(out).index_draws, small_fit.index_draws)

    def test_laplace_is_labelled_a_preview(self, data, out):
        """And says that so few scores have no normal posterior."""
        result = fit(data, "--out", out, "--method", "laplace", "--likelihood", "normal")
        assert result.exit_code == EXIT_CHECK_FAILED, result.output
        assert "CHECK FAILED: pareto_k" in result.stdout
        assert "preview" in result.stdout
        assert pd.read_csv(out / "abilities.csv")["sd"].notna().all()

    def test_map_has_points_and_no_intervals(self, data, out):
        result = quick(data, out)
        assert result.exit_code == EXIT_GOOD, result.output
        assert "without intervals" in result.stdout
        table = pd.read_csv(out / "abilities.csv")
        assert table["index"].notna().all()
        assert table[["sd", "low", "high"]].isna().all(axis=None)

    def test_other_likelihood_priors_and_interval(self, data, out, tmp_path):
        priors = tmp_path / "priors.toml"
        priors.write_text("logit_sd_scale = 0.4\n")
        options = ("--likelihood", "logit_normal", "--priors", priors, "--interval-prob", "0.5")
        result = quick(data, out, *options)
        assert result.exit_code == EXIT_GOOD, result.output
        assert "50% low" in result.stdout
        facts = json.loads((out / "fit.json").read_text())
        assert facts["likelihood"] == "logit_normal"
        assert facts["interval_prob"] == 0.5
        assert facts["priors"] == {**eci.Priors().as_dict(), "logit_sd_scale": 0.4}

    def test_rules_are_recorded(self, data, out):
        result = quick(data, out, "--min-benchmarks", 5, "--until", "2024-12-31", "--duplicates", "max")
        assert result.exit_code == EXIT_GOOD, result.output
        rules = json.loads((out / "fit.json").read_text())["rules"]
        assert (rules["min_benchmarks"], rules["until"], rules["duplicates"]) == (5, "2024-12-31", "max")


class TestChecks:
    def test_a_failed_check_exits_3_and_writes(self, data, out):
        result = fit(data, "--out", out, "--draws", 10)
        assert result.exit_code == EXIT_CHECK_FAILED
        assert "CHECK FAILED: ess_bulk" in result.stdout
        assert "Draw more" in result.stdout
        assert load_fit(out).diagnostics.ok is False

    def test_unconverged_can_be_allowed(self, data, out):
        result = fit(data, "--out", out, "--draws", 10, "--allow-unconverged")
        assert result.exit_code == EXIT_GOOD
        assert "CHECK FAILED" in result.stdout


class TestOutput:
    def test_a_fit_that_is_there_is_kept(self, data, out):
        quick(data, out)
        before = (out / "abilities.csv").read_bytes()
        other = ("--anchor", "model 02=1", "--anchor", "model 13=2")
        assert in_words(quick(data, out, *other), "--force", str(out))
        assert (out / "abilities.csv").read_bytes() == before
        again = quick(data, out, *other, "--force")
        assert again.exit_code == EXIT_GOOD
        assert (out / "abilities.csv").read_bytes() != before

    def test_it_is_refused_before_the_work(self, data, out, monkeypatch):
        quick(data, out)
        monkeypatch.setattr(eci, "load_scores", lambda *args, **kwargs: pytest.fail("data were read"))
        assert in_words(quick(data, out), "--force")

    def test_a_folder_with_strangers_is_never_replaced(self, data, out):
        out.mkdir()
        (out / "notes.txt").write_text("mine")
        assert in_words(quick(data, out, "--force"), "notes.txt")

    def test_a_missing_parent_is_named(self, data, out):
        assert in_words(quick(data, out / "deeper" / "fit"), "does not exist")

    def test_ctrl_c_exits_130_and_leaves_nothing(self, data, out, monkeypatch):
        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr("eci.inference.sample.run_chains", interrupt)
        result = fit(data, "--out", out)
        assert result.exit_code == EXIT_INTERRUPTED
        assert "Traceback" not in result.stderr
        assert [path.name for path in out.parent.iterdir()] == ["scores.csv"]


class TestAnchors:
    def anchored(self, data, out, *anchors):
        return quick(data, out, *[text for anchor in anchors for text in ("--anchor", anchor)])

    def test_one_model_has_no_scale(self, tmp_path, out):
        data = tmp_path / "one.csv"
        data.write_text("model,benchmark,score\n" + "".join(f"m,b{i},0.{i}\n" for i in range(1, 9)))
        result = quick(data, out, "--min-models", 1)
        assert in_words(result, "'m' is the only model", "one model has no scale", "Add scores of other")
        assert not out.exists()

    @pytest.mark.parametrize(
        ("method", "score"),
        [("laplace", 0.5), ("map", 0), ("map", 1), ("least_squares", 0), ("least_squares", 0.5)],
    )
    def test_equal_scores_are_told_and_nothing_raw_is(self, small_table, tmp_path, out, method, score):
        data = tmp_path / "equal.csv"
        small_table.assign(score=score).to_csv(data, index=False)
        result = fit(data, "--out", out, "--method", method)
        assert result.stderr.startswith(f"Warning: All 96 scores are equal: every one is {score}.")
        assert "RuntimeWarning" not in result.stderr
        if result.exit_code == EXIT_BAD_INPUT:
            assert "All 16 models come out equally able" in result.stderr
        else:
            assert result.exit_code == EXIT_CHECK_FAILED, result.output

    def test_two_anchors_hold_the_scale(self, data, out):
        result = self.anchored(data, out, "model 02=130", " model 13 = 150.5 ")
        assert result.exit_code == EXIT_GOOD, result.output
        assert result.stderr == ""
        table = pd.read_csv(out / "abilities.csv").set_index("model")
        assert table["index"]["model 02"] == 130
        assert table["index"]["model 13"] == 150.5
        assert json.loads((out / "fit.json").read_text())["scale"]["anchors"] == {
            "model 02": 130.0,
            "model 13": 150.5,
        }

    def test_they_are_split_at_the_last_equals_sign(self, small_table, tmp_path, out):
        renamed = small_table.assign(model=small_table["model"].replace({"model 02": "A=B"}))
        path = tmp_path / "renamed.csv"
        renamed.to_csv(path, index=False)
        result = self.anchored(path, out, "A=B=130", "model 13=150")
        assert result.exit_code == EXIT_GOOD, result.output
        assert pd.read_csv(out / "abilities.csv").set_index("model")["index"]["A=B"] == 130

    def test_a_missing_one_is_an_error_with_a_suggestion(self, data, out):
        result = self.anchored(data, out, "model 02=130", "modle 13=150")
        assert in_words(result, "'modle 13'", "Did you mean", "model 13")
        assert not out.exists()

    @pytest.mark.parametrize(
        ("anchors", "words"),
        [
            (["model 02=130"], ["exactly two", "1 given"]),
            (["model 02=130", "model 05=140", "model 13=150"], ["exactly two", "3 given"]),
            (["model 02=130", "model 02=150"], ["twice"]),
            (["model 02=130", "model 13=130"], ["two different"]),
            (["model 02=130", "model 13=nan"], ["finite"]),
            (["model 02", "model 13=150"], ["MODEL=POINTS"]),
            (["model 02=high", "model 13=150"], ["MODEL=POINTS"]),
            (["=130", "model 13=150"], ["MODEL=POINTS"]),
        ],
    )
    def test_impossible_ones(self, data, out, anchors, words):
        assert in_words(self.anchored(data, out, *anchors), *words)
        assert not out.exists()

    def test_the_weaker_one_cannot_have_more_points(self, data, out):
        result = self.anchored(data, out, "model 02=150", "model 13=130")
        assert in_words(result, "'model 02' = 150", "not the more able")
        assert not out.exists()

    def test_equally_able_ones_do_not_hold_a_scale(self, small_table, tmp_path, out):
        twins = small_table["model"].isin(["model 07", "model 08"])
        path = tmp_path / "twins.csv"
        small_table.assign(score=small_table["score"].mask(twins, 0.5)).to_csv(path, index=False)
        anchors = ("--anchor", "model 07=130", "--anchor", "model 08=150")
        result = fit(path, "--out", out, "--method", "laplace", *anchors)
        assert in_words(result, "do not hold a scale", "% of the draws")
        assert not out.exists()


class TestPriors:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("noise_sd = 0.1", ["noise_sd, which is no prior", "noise_sd_scale"]),
            ("noise_sd_scale = -1", ["noise_sd_scale = -1", "positive"]),
            ("noise_sd_scale = 'wide'", ["'wide'", "number"]),
            ("noise_sd_scale = ", ["cannot be read as TOML"]),
            ("difficulty_sd_scale = inf", ["inf"]),
        ],
    )
    def test_bad_files(self, data, out, tmp_path, text, words):
        path = tmp_path / "priors.toml"
        path.write_text(text)
        assert in_words(quick(data, out, "--priors", path), *words)

    def test_no_file(self, data, out, tmp_path):
        assert in_words(
            quick(data, out, "--priors", tmp_path / "none.toml"), "none.toml does not exist. Name"
        )
        assert in_words(quick(data, out, "--priors", tmp_path), "is a folder. Name a TOML file")


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("--method", "magic"),
            ("--likelihood", "cauchy"),
            ("--seed", "-1"),
            ("--draws", "9"),
            ("--interval-prob", "1"),
            ("--no-such-option",),
        ],
    )
    def test_click_refuses_with_2(self, data, out, arguments):
        result = quick(data, out, *arguments)
        assert result.exit_code == EXIT_USAGE
        assert not out.exists()

    def test_a_disconnected_graph_names_its_components(self, small_table, tmp_path, out):
        other = small_table.assign(
            model=small_table["model"] + " b", benchmark=small_table["benchmark"] + " b"
        )
        path = tmp_path / "two.csv"
        pd.concat([small_table, other]).to_csv(path, index=False)
        assert in_words(quick(path, out), "model 00", "model 00 b")
        assert not out.exists()

    def test_a_missing_file(self, tmp_path, out):
        assert in_words(quick(tmp_path / "none.csv", out), "none.csv")


def test_help_imports_neither_pandas_nor_jax():
    code = (
        "import sys\n"
        "from eci.cli.main import main\n"
        "for arguments in (['--help'], ['fit', '--help'], ['show', '--help']):\n"
        "    main(arguments, standalone_mode=False)\n"
        "print('loaded:', *sorted({'jax', 'pandas', 'arviz', 'numpy', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--anchor" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded:"


class TestMethodOptions:
    def test_bootstrap_keeps_what_was_asked_for(self, data, out):
        result = fit(data, "--out", out, "--method", "bootstrap", "--refits", 20, "--resample", "benchmarks")
        assert result.exit_code == EXIT_GOOD, result.output
        assert "A preview: intervals hold refits to resampled scores" in result.stdout
        method = load_fit(out).method
        assert (method["name"], method["n_refits"], method["resample"]) == ("bootstrap", 20, "benchmarks")

    def test_least_squares_takes_an_anchor_benchmark(self, data, out):
        options = ("--method", "least_squares", "--anchor-benchmark", "bench 3", "--ridge", 0.01)
        result = fit(data, "--out", out, *options)
        assert result.exit_code == EXIT_GOOD, result.output
        assert "The one check passed (least_squares, normal)." in result.stdout
        assert load_fit(out).method == {
            "name": "least_squares",
            "ridge": 0.01,
            "anchor_benchmark": "bench 3",
        }

    @pytest.mark.parametrize(
        ("flag", "value", "method", "owner"),
        [
            ("--refits", 20, "nuts", "bootstrap"),
            ("--target-accept", 0.99, "laplace", "nuts"),
            ("--chains", 2, "bootstrap", "nuts"),
            ("--ridge", 0.2, "map", "bootstrap or least_squares"),
        ],
    )
    def test_options_of_another_method_are_refused(self, data, out, flag, value, method, owner):
        result = fit(data, "--out", out, "--method", method, flag, value)
        assert result.exit_code == 2
        assert f"{flag} belongs to --method {owner}, not to {method}." in result.stderr
        assert not out.exists()

    def test_advice_names_flags_that_exist(self):
        """Every flag in the advice of a check is one of `eci fit` or of its rules."""
        from eci.cli.fit import fit as command
        from eci.inference import bootstrap, diagnose, grid_checks

        known = {flag for option in command.params for flag in option.opts}
        for module in (bootstrap, diagnose, grid_checks):
            text = Path(module.__file__).read_text(encoding="utf-8")
            named = set(re.findall(r"--[a-z][a-z-]+", text))
            assert named
            assert named <= known
