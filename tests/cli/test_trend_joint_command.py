"""`eci trend --joint` and `--breaks 2` on a small fit: words, JSON, exit codes, refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from eci.cli.main import main
from eci.fitted import Check, Diagnostics
from eci.trend.joint import JointTrend

PUBLISHED = Path(__file__).parents[2] / "benchmarks_data/published"


def run(*arguments):
    return CliRunner().invoke(main, ["trend", *map(str, arguments)])


@pytest.fixture(scope="module")
def saved(small_fit, tmp_path_factory):
    """The small problem, its models released roughly in the order of their ability, a quarter apart."""
    matrix = small_fit.matrix
    late = np.random.default_rng(4).integers(0, 400, matrix.n_models)
    dates = np.datetime64("2021-01-15") + (91 * np.arange(matrix.n_models) + late).astype("timedelta64[D]")
    dated = replace(matrix, release_date=dates)
    folder = tmp_path_factory.mktemp("joint") / "fit"
    replace(small_fit, matrix=dated).save(folder)
    return folder


@pytest.fixture
def invented_joint(monkeypatch):
    """A joint trend whose sampler passed its check, in place of a run of it; its arguments are returned."""
    rng = np.random.default_rng(1)
    slope, change, jump, residual = rng.normal([[9.0], [1.0], [-0.5], [3.0]], 0.5, (4, 400))
    passed = Diagnostics((Check("rhat_trend", 1.002, 1.01, True, "jump", "Draw more."),))
    asked = {}

    def fit_joint(fit, **options):
        asked.update(options, n_models=fit.matrix.n_models)
        return JointTrend("both", options["break_at"], slope, slope + change, jump, residual, passed)

    monkeypatch.setattr("eci.trend.joint.fit_joint", fit_joint)
    return asked


def test_joint_stands_beside_the_two_stage_answer(saved, invented_joint):
    arguments = [saved, "--change", "both", "--break-at", "2023-03-01", "--joint", "--seed", "5"]
    result = run(*arguments)
    assert result.exit_code == 0, result.stdout
    assert invented_joint["change"] == "both" and invented_joint["seed"] == 5
    assert str(invented_joint["break_at"]) == "2023-03-01" and invented_joint["n_models"] == 16
    assert "Fitting all scores again" in result.stderr
    words = " ".join(result.stdout.split())
    assert "Joint check: all scores fitted again, with this line as the prior of ability" in words
    table = result.stdout[result.stdout.index("two-stage  ") :].splitlines()[1:6]
    names = ["slope before", "slope after", "ratio", "jump", "residual sd"]
    assert [line.split("  ")[0] for line in table] == names
    shifts = {name: float(line.split()[-2]) for name, line in zip(names, table, strict=True)}
    worst = max(shifts, key=lambda name: abs(shifts[name]))
    assert f"the {worst} differs by {abs(shifts[worst]):.2f} posterior sd" in words
    record = json.loads(run(*arguments, "--json").stdout)
    ours, theirs = record["joint"]["slope_before"], record["slope"]["before"]
    width = (ours["high"] - ours["low"]) / (2 * 1.6449)
    assert shifts["slope before"] == pytest.approx((ours["median"] - theirs["median"]) / width, abs=0.006)


def test_a_failed_check_of_the_joint_fit_is_exit_3(saved, monkeypatch):
    failed = Diagnostics((Check("rhat_trend", 1.2, 1.01, False, "slope", "Draw more."),))
    slope, residual = np.random.default_rng(1).normal([[9.0], [3.0]], 0.5, (2, 400))
    joint = JointTrend("none", None, slope, slope, np.zeros_like(slope), residual, failed)
    monkeypatch.setattr("eci.trend.joint.fit_joint", lambda fit, **options: joint)
    arguments = [saved, "--change", "none", "--joint"]
    result = run(*arguments)
    assert result.exit_code == 3
    assert "CHECK FAILED: " in result.stdout
    assert "the comparison does not count yet" in " ".join(result.stdout.split())
    allowed = run(*arguments, "--allow-unconverged", "--json")
    assert allowed.exit_code == 0
    joint = json.loads(allowed.stdout)["joint"]
    assert joint["change"] == "none" and joint["break_at"] is None
    assert joint["slope_after"] is None and joint["ratio"] is None and joint["jump"] is None
    assert joint["slope_before"]["low"] < joint["slope_before"]["median"] < joint["slope_before"]["high"]
    assert not all(check["ok"] for check in joint["diagnostics"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--change", "none", "--frontier"], "--frontier selects some"),
        (["--change", "none", "--lab", "North", "--since", "2021-01-01"], "--lab and --since selects some"),
        ([], "--change auto --segments joined was given"),
        (["--change", "kink"], "--change kink --segments joined was given"),
        (["--change", "none", "--break-at", "2023-03-01"], "--change none --break-at 2023-03-01"),
    ],
)
def test_what_a_joint_check_cannot_take_is_refused(saved, arguments, message):
    result = run(saved, *arguments, "--joint")
    assert result.exit_code == 1 and result.stdout == ""
    assert message in " ".join(result.stderr.split())


def test_a_published_table_has_no_scores_to_fit_again():
    result = run(PUBLISHED / "aeci.csv", "--vintage", "2026-05-28", "--change", "none", "--joint")
    assert result.exit_code == 1
    assert "published table without scores" in " ".join(result.stderr.split())


def test_two_breaks_in_words_and_json(saved):
    words = " ".join(run(saved, "--breaks", "2").stdout.split())
    assert "A second break? The data give" in words
    assert "slope 3, points a year" in words
    record = json.loads(run(saved, "--breaks", "2", "--json").stdout)["two_breaks"]
    assert len(record["slopes"]) == 3 and len(record["break_dates"]) == 2
    assert sum(record["probabilities"].values()) == pytest.approx(1)


def test_two_breaks_on_few_models_are_not_identified():
    arguments = [PUBLISHED / "aeci.csv", "--vintage", "2026-05-28", "--frontier", "--breaks", "2"]
    result = run(*arguments, "--through", "Claude Opus 4.6")
    assert result.exit_code == 1
    assert "Two breaks: not identified" in result.stderr
    fixed = run(*arguments, "--change", "kink", "--break-at", "Claude Opus 4.5")
    assert fixed.exit_code == 1 and "break is fixed" in " ".join(fixed.stderr.split())
