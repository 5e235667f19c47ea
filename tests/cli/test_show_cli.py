"""`eci show`: rankings and benchmark tables of a saved fit, at once and without jax."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from eci.cli.main import main
from eci.errors import EXIT_BAD_INPUT, EXIT_GOOD, EXIT_USAGE


@pytest.fixture(scope="module")
def saved(invented_fit, tmp_path_factory):
    return invented_fit.save(tmp_path_factory.mktemp("show") / "fit")


def show(*arguments):
    return CliRunner().invoke(main, ["show", *map(str, arguments)])


def rows(result):
    """Lines of the table, without its heading and what follows it."""
    lines = result.stdout.splitlines()
    return [line for line in lines[1:] if line.split()[0].isdigit()]


def test_the_ranking(saved):
    result = show(saved)
    assert result.exit_code == EXIT_GOOD
    assert result.stderr == ""
    assert len(rows(result)) == 16
    assert [line.split()[0] for line in rows(result)] == [str(i) for i in range(1, 17)]
    assert "90% low" in result.stdout.splitlines()[0]
    anchor = next(line for line in rows(result) if "model 14" in line)
    assert anchor.split()[-5:-1] == ["150.0", "0.00", "150.0", "150.0"]


def test_the_verdict_follows(saved):
    result = show(saved, "--top", 3)
    assert len(rows(result)) == 3
    assert (
        "CHECK FAILED: ess_bulk_index is not a number, limit 400, worst at model 04. Draw more."
        in result.stdout
    )
    assert "model 01 = 130, model 14 = 150" in result.stdout


def test_one_lab_keeps_its_ranks_among_all(saved, invented_fit):
    every = invented_fit.abilities()
    north = (every.index[every["lab"] == "North"] + 1).tolist()
    assert [int(line.split()[0]) for line in rows(show(saved, "--lab", "North"))] == north
    assert [int(line.split()[0]) for line in rows(show(saved, "--lab", "North", "--top", 2))] == north[:2]
    both = rows(show(saved, "--lab", "North", "--lab", "South"))
    assert len(both) == sum(every["lab"] != "")


def test_benchmarks(saved, invented_fit):
    result = show(saved, "--benchmarks")
    assert result.exit_code == EXIT_GOOD
    lines = result.stdout.splitlines()
    assert lines[0].split()[:2] == ["benchmark", "domain"]
    names = [line.strip()[:7] for line in lines[1:9]]
    assert names == invented_fit.benchmarks()["benchmark"].tolist()


def test_json(saved, invented_fit):
    result = show(saved, "--json", "--top", 2)
    found = json.loads(result.stdout)
    assert found["schema"] == "eci.show/1"
    assert found["scale"]["anchors"] == {"model 01": 130.0, "model 14": 150.0}
    assert found["data_digest"] == invented_fit.digest
    assert found["diagnostics"][1]["value"] is None
    assert len(found["abilities"]) == 2
    best = invented_fit.abilities().iloc[0]
    first = found["abilities"][0]
    assert (first["rank"], first["model"], first["lab"]) == (1, best["model"], best["lab"])
    assert first["index"] == pytest.approx(best["index"], rel=1e-5)
    assert set(first) == {
        "rank", "model", "lab", "release_date", "index", "sd", "low", "high", "n_benchmarks"
    }  # fmt: skip


def test_json_of_benchmarks(saved):
    found = json.loads(show(saved, "--json", "--benchmarks").stdout)
    assert len(found["benchmarks"]) == 8
    assert "abilities" not in found


def test_a_point_without_intervals_shows_blanks(invented_fit, tmp_path):
    from dataclasses import replace

    from eci.fitted import make_scale

    scale = make_scale(invented_fit.mode.ability[None], invented_fit.matrix.models, None)
    point = replace(
        invented_fit, method={"name": "map"}, draws=None, n_chains=0, sample_stats={}, scale=scale
    )
    folder = point.save(tmp_path / "fit")
    assert "nan" not in show(folder, "--lab", "North").stdout.replace("not a number", "")
    assert json.loads(show(folder, "--json").stdout)["abilities"][0]["sd"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lab", "Nroth"], ["'Nroth'", "North"]),
        (["--lab", "Unheard Of"], ["'Unheard Of'", "Known: North, South"]),
    ],
)
def test_an_unknown_lab(saved, arguments, words):
    result = show(saved, *arguments)
    assert result.exit_code == EXIT_BAD_INPUT
    for word in words:
        assert word in result.stderr


def test_no_fit_there(tmp_path):
    result = show(tmp_path)
    assert result.exit_code == EXIT_BAD_INPUT
    assert result.stdout == ""
    assert "holds no fit" in result.stderr


@pytest.mark.parametrize("arguments", [["--benchmarks", "--lab", "North"], ["--top", "0"], ["--top", "x"]])
def test_usage(saved, arguments):
    assert show(saved, *arguments).exit_code == EXIT_USAGE


def test_jax_and_arviz_stay_out(saved):
    code = (
        "import sys\n"
        "from eci.cli.main import main\n"
        f"main(['show', {str(saved)!r}], standalone_mode=False)\n"
        f"main(['show', {str(saved)!r}, '--benchmarks', '--json'], standalone_mode=False)\n"
        "print('loaded:', *sorted({'jax', 'arviz', 'xarray', 'scipy', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_a_mean_thrown_by_a_wild_draw_is_printed_in_powers_of_ten(invented_fit, tmp_path):
    draws = invented_fit.draws
    difficulty = draws.difficulty.copy()
    difficulty[3, 2] = 1e66
    wild = replace(invented_fit, draws=draws._replace(difficulty=difficulty)).save(tmp_path / "wild")
    result = show(wild, "--benchmarks")
    assert re.search(r"\d\.\d\de\+6\d", result.stdout)
    table = [line for line in result.stdout.splitlines() if line.startswith("bench")]
    assert len(table) == 1 + 8 and max(map(len, table)) < 130
