"""`eci trend --backtest --refit`: both indices side by side, what each leaks, exit codes, refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from eci.cli.main import main
from eci.fitted import Check, Diagnostics
from eci.scale import Scale
from eci.scores.released import released_by

PUBLISHED = Path(__file__).parents[2] / "benchmarks_data/published"


def run(*arguments):
    return CliRunner().invoke(main, ["trend", *map(str, arguments)])


@pytest.fixture(scope="module")
def dated(small_fit):
    """The small problem, its models released in the order of their ability, two months apart."""
    order = np.argsort(np.argsort(small_fit.index))
    dates = np.datetime64("2022-01-15") + (61 * order).astype("timedelta64[D]")
    return replace(small_fit, matrix=replace(small_fit.matrix, release_date=dates))


@pytest.fixture(scope="module")
def saved(dated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("refit") / "fit"
    dated.save(folder)
    return folder


@pytest.fixture
def refits(monkeypatch):
    """Cuts of the fit in place of refits; a check can be made to fail by its origin."""
    failing = set()

    def refit_until(fit, day, *, method=None, progress=None):
        matrix = released_by(fit.matrix, day)
        columns = [fit.matrix.models.index(name) for name in matrix.models]
        draws = fit.draws._replace(ability=fit.draws.ability[:, columns])
        check = Check("mode_gradient", 2.0, 1.0, str(day) not in failing, "", "Look at the data.")
        return replace(
            fit,
            matrix=matrix,
            draws=draws,
            scale=Scale.standard(draws.ability),
            diagnostics=Diagnostics((check,)),
        )

    monkeypatch.setattr("eci.inference.refit.refit_until", refit_until)
    return failing


def test_both_indices_stand_side_by_side_with_what_each_leaks(saved, refits):
    result = run(saved, "--backtest", "--refit")
    assert result.exit_code == 0, result.output
    assert "Fitting the index again at 16 origins" in result.stderr
    words = " ".join(result.stdout.split())
    assert "Today's index leaks the future into the past" in words
    assert "scores carry no date" in words
    assert "10 refits, of 5 to 14 models" in words
    assert "No forecast could be made from 2022-01-15, " in words
    table = [line.split()[:2] for line in result.stdout[result.stdout.index("index  ") :].splitlines()[1:]]
    assert table == [[index, months] for months in ("3", "6", "12") for index in ("today's", "refitted")]
    record = json.loads(run(saved, "--backtest", "--refit", "--json").stdout)
    assert record["backtest"]["kind"].startswith("today") and record["backtest"]["refits"] == []
    walked = record["walk_forward"]
    assert [row["months"] for row in walked["rows"]] == [3, 6, 12]
    assert walked["refits"][0]["n_models"] == 5 and len(walked["skipped"]) > 2


def test_without_refit_only_todays_index_is_shown(saved):
    result = run(saved, "--backtest")
    assert "refitted" not in result.stdout
    assert "walk_forward" not in json.loads(run(saved, "--backtest", "--json").stdout)


def test_a_failed_check_of_a_refit_is_named_and_exit_3(saved, dated, refits):
    day = str(np.sort(dated.matrix.release_date)[9])
    refits.add(day)
    result = run(saved, "--backtest", "--refit")
    assert result.exit_code == 3
    assert f"CHECK FAILED at 1 of them ({day}: mode_gradient)" in " ".join(result.stdout.split())
    allowed = run(saved, "--backtest", "--refit", "--allow-unconverged", "--json")
    assert allowed.exit_code == 0
    assert {"origin": day, "n_models": 10, "n_benchmarks": 8, "failed": ["mode_gradient"]} in json.loads(
        allowed.stdout
    )["walk_forward"]["refits"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([PUBLISHED / "aeci.csv", "--vintage", "2026-05-28", "--backtest"], "table without scores"),
        (["SAVED"], "--backtest was not given"),
    ],
)
def test_what_cannot_be_refitted_is_refused(saved, arguments, message):
    given = [saved if argument == "SAVED" else argument for argument in arguments]
    result = run(*given, "--refit")
    assert result.exit_code == 1 and result.stdout == ""
    assert message in " ".join(result.stderr.split())
