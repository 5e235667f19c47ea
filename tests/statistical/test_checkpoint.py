"""Runs that are cut off and go on: the same bits, never another run, nothing lost."""

import errno
import itertools
import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

import eci
from eci.cli.main import main
from eci.errors import DataError
from eci.inference import chains

QUICK = eci.Nuts(n_draws=60, max_extensions=1, max_halvings=0)  # too few draws: extended once


class CutOffError(Exception):
    """Stands for what ends a run."""


@pytest.fixture(scope="module")
def uncut(small_matrix):
    fit = eci.fit(small_matrix, method=QUICK, seed=1, likelihood="normal")
    assert fit.draws.ability.shape[0] == 4 * 120
    return fit


@pytest.fixture
def drawn(monkeypatch):
    """Count the pieces that are drawn."""
    run_piece, count = chains._run_piece, []

    def counted(*args):
        count.append(1)
        return run_piece(*args)

    counted.lower = run_piece.lower
    monkeypatch.setattr(chains, "_run_piece", counted)
    return count


def cut_after(n_reports):
    """A progress that ends the run."""
    left = itertools.count(n_reports, -1)

    def progress(stage, done, total):
        if stage == "sampling" and next(left) <= 0:
            raise CutOffError

    return progress


def run(matrix, folder, *, said=None, replace=False, **options):
    announce = None if said is None else said.append
    with eci.Checkpoint(folder, replace=replace, announce=announce) as checkpoint:
        options = {"method": QUICK, "seed": 1, "likelihood": "normal", **options}
        return eci.fit(matrix, checkpoint=checkpoint, **options)


def cut(matrix, folder, n_reports=5, **options):
    with pytest.raises(CutOffError):
        run(matrix, folder, progress=cut_after(n_reports), **options)


def same_draws(one, other):
    for name in ("ability", "difficulty", "discrimination"):
        np.testing.assert_array_equal(getattr(one.draws, name), getattr(other.draws, name))
    for name, values in one.sample_stats.items():
        np.testing.assert_array_equal(values, other.sample_stats[name])
    return one.diagnostics == other.diagnostics


def test_cut_off_again_and_again_it_comes_to_the_same_bits(small_matrix, tmp_path, uncut, drawn):
    """Twelve pieces in all: four chains, each with one of warm-up, one of draws, one of the extension."""
    folder, said = tmp_path / "run", []
    for n_reports in (1, 5, 9):
        cut(small_matrix, folder, n_reports, said=said)
    fit = run(small_matrix, folder, said=said)
    assert same_draws(fit, uncut)
    assert len(drawn) == 12
    assert [text.partition(":")[0] for text in said] == [f"Going on from {folder}"] * 3
    assert not folder.exists()


def test_smaller_steps_are_gone_on_with(small_matrix, tmp_path, monkeypatch, drawn):
    """Too large once they went on: warm-up, draws, more draws, draws with half the step, more of these."""
    monkeypatch.setattr("eci.inference.sample.is_step_too_large", lambda chains, _: chains.z.shape[1] == 120)
    method = eci.Nuts(n_draws=60, max_extensions=1, max_halvings=1)
    uncut = eci.fit(small_matrix, method=method, seed=1, likelihood="normal")
    drawn.clear()
    for n_reports in (6, 11, 17):
        cut(small_matrix, tmp_path / "run", n_reports, method=method)
    assert same_draws(run(small_matrix, tmp_path / "run", method=method), uncut)
    assert len(drawn) == 20


def test_without_a_cut_nothing_is_left_and_nothing_changes(small_matrix, tmp_path, uncut):
    assert same_draws(run(small_matrix, tmp_path / "run"), uncut)
    assert list(tmp_path.iterdir()) == []


def test_an_error_before_the_first_draw_leaves_nothing(small_matrix, tmp_path):
    def progress(stage, done, total):
        raise CutOffError

    with pytest.raises(CutOffError):
        run(small_matrix, tmp_path / "run", progress=progress)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def begun(small_matrix, tmp_path):
    """A folder with the beginning of a run."""
    cut(small_matrix, tmp_path / "run")
    return tmp_path / "run"


def test_anchors_may_change(small_matrix, begun, uncut):
    anchors = {"model 02": 130.0, "model 13": 150.0}
    fit = run(small_matrix, begun, anchors=anchors, interval_prob=0.5)
    np.testing.assert_array_equal(fit.draws.ability, uncut.draws.ability)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": 2}, "seed was 1 and is 2"),
        ({"method": eci.Nuts(n_draws=61)}, "method.n_draws was 60 and is 61"),
        ({"priors": eci.Priors(noise_sd_scale=0.5)}, "priors.noise_sd_scale was"),
        ({"likelihood": "beta"}, "likelihood was normal and is beta"),
        ({"without": "model 03"}, "data was"),
    ],
)
def test_another_run_is_refused_before_any_work(small_table, small_matrix, begun, options, words):
    before = sorted(path.name for path in begun.iterdir())
    matrix = small_matrix
    if name := options.pop("without", None):
        matrix = eci.ScoreMatrix.from_table(small_table[small_table["model"] != name])
    with pytest.raises(DataError, match=words) as caught:
        run(matrix, begun, **options)
    assert "--force drops it" in str(caught.value)
    assert sorted(path.name for path in begun.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("versions", {"jax": "0.1"}, "versions.jax was 0.1 and is"),
        ("start", "0", "start was 0 and is"),
        ("device", "abacus", "device was abacus and is cpu"),
    ],
)
def test_other_versions_and_machines_are_refused(small_matrix, begun, uncut, name, value, words):
    path = begun / "run.json"
    known = json.loads(path.read_text())
    known[name] = {**known[name], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(known))
    with pytest.raises(DataError, match=words):
        run(small_matrix, begun)
    said = []
    assert same_draws(run(small_matrix, begun, replace=True, said=said), uncut)
    assert "dropped the run it held" in said[-1]
    assert not begun.exists()


@pytest.mark.parametrize("text", [None, "", "[]", "{"])
def test_a_description_that_is_gone_is_refused(small_matrix, begun, text):
    path = begun / "run.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DataError, match=r"run\.json is (missing|damaged)"):
        run(small_matrix, begun)


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "other"])
def test_damaged_draws_are_drawn_again(small_matrix, begun, uncut, damage):
    path = sorted(begun.glob("*.npz"))[-1]
    data = bytearray(path.read_bytes())
    if damage == "other":
        np.savez(path, z=np.zeros(3))
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "flipped": data}[damage])
    said = []
    assert same_draws(run(small_matrix, begun, said=said), uncut)
    assert "is damaged" in said[1]


def test_a_full_disk_loses_no_draws(small_matrix, tmp_path, uncut, drawn, monkeypatch):
    save, calls = np.savez, itertools.count(1)

    def fill(file, **arrays):
        if next(calls) > 6:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(file, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", fill)
        with pytest.raises(DataError, match="No space left on device") as caught:
            run(small_matrix, tmp_path / "run")
    assert "make room" in str(caught.value)
    n_lost = len(drawn) - 6
    assert 1 <= n_lost <= 4  # what the chains were drawing
    assert same_draws(run(small_matrix, tmp_path / "run"), uncut)
    assert len(drawn) == 12 + n_lost


def test_one_process_at_a_time(small_matrix, tmp_path):
    with eci.Checkpoint(tmp_path / "run"):
        with pytest.raises(DataError, match="another process is at work"):
            run(small_matrix, tmp_path / "run")
        assert (tmp_path / "run").is_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["no/run", "file"])
def test_folders_that_cannot_be(tmp_path, name):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be made"), eci.Checkpoint(tmp_path / name):
        pass


def test_files_of_others_stay(small_matrix, begun):
    (begun / "notes.txt").write_text("mine")
    run(small_matrix, begun)
    assert [path.name for path in begun.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("method", [eci.Map(), eci.Laplace(), eci.Nuts(kernel="numpyro")])
def test_what_does_not_run_in_pieces_has_none(small_matrix, tmp_path, method):
    with pytest.raises(DataError, match="keeps no checkpoint"):
        run(small_matrix, tmp_path / "run", method=method)
    assert list(tmp_path.iterdir()) == []


def test_it_must_be_open(small_matrix, tmp_path):
    with pytest.raises(DataError, match=r"with eci\.Checkpoint"):
        eci.fit(small_matrix, checkpoint=eci.Checkpoint(tmp_path / "run"), likelihood="normal")


class TestCommand:
    """`eci fit`: what is drawn outlives Ctrl-C and a disk that is full at the end."""

    @pytest.fixture
    def fit(self, small_table, tmp_path):
        small_table.to_csv(tmp_path / "scores.csv", index=False)
        out = tmp_path / "fit"

        def fit(*options):
            command = ["fit", tmp_path / "scores.csv", "--likelihood", "normal", "--out", out, *options]
            return CliRunner().invoke(main, [*map(str, command)])

        fit.out, fit.kept = out, tmp_path / "fit.checkpoint"
        return fit

    def test_stopped_when_all_is_drawn(self, fit, small_fit, drawn, monkeypatch):
        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("eci.folder.save.write_csv", interrupt)
            stopped = fit("--seed", 1)
        assert stopped.exit_code == 130
        assert f"{fit.out} was left as it was." in stopped.stderr
        assert f"What was drawn is in {fit.kept}: the same command goes on." in stopped.stderr
        assert not fit.out.exists()
        drawn.clear()

        def fill(*args, **kwargs):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr("eci.folder.save.write_csv", fill)
            full = fit("--seed", 1)
        assert full.exit_code == 1
        assert "No space left on device" in full.stderr and "Traceback" not in full.stderr
        preview = fit("--seed", 1, "--method", "map")  # writes the same folder, and leaves the draws
        assert preview.exit_code == 0, preview.output
        other = fit("--seed", 2, "--force")
        assert other.exit_code == 0
        assert "seed was 1 and is 2" in other.stderr
        assert not fit.kept.exists()

    def test_gone_on_with(self, fit, small_fit, drawn, monkeypatch):
        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("eci.folder.save.write_csv", interrupt)
            fit("--seed", 1)
        drawn.clear()
        result = fit("--seed", 1)
        assert result.exit_code == 0, result.output
        assert f"Going on from {fit.kept}" in result.stderr
        assert drawn == []
        assert same_draws(eci.load_fit(fit.out), small_fit)
        assert [path.name for path in fit.out.parent.iterdir() if path != fit.out] == ["scores.csv"]

    def test_two_at_once(self, fit):
        with eci.Checkpoint(fit.kept):
            result = fit("--method", "map")
        assert result.exit_code == 1
        assert "another process is at work" in result.stderr
        assert not fit.out.exists()
