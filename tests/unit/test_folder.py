"""A fit as a folder: whole or not at all, and every kind of damage told in words."""

import errno
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from eci.errors import DataError
from eci.folder.facts import load_facts
from eci.folder.load import load_fit, load_table
from eci.folder.save import FILES, check_writable


@pytest.fixture(scope="module")
def pristine(invented_fit, tmp_path_factory):
    return invented_fit.save(tmp_path_factory.mktemp("saved") / "fit")


@pytest.fixture
def saved(pristine, tmp_path):
    """A saved fit to damage."""
    return Path(shutil.copytree(pristine, tmp_path / "fit"))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit_json(folder, **changes):
    path = folder / "fit.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_folder_holds_the_contracted_files_and_columns(saved):
    assert sorted(path.name for path in saved.iterdir()) == sorted(FILES)
    assert (saved / "abilities.csv").read_text().splitlines()[0] == (
        "model,lab,release_date,index,sd,low,high,n_benchmarks"
    )
    assert (saved / "benchmarks.csv").read_text().splitlines()[0] == (
        "benchmark,domain,difficulty,difficulty_sd,difficulty_low,difficulty_high,"
        "discrimination,discrimination_low,discrimination_high,n_models"
    )
    facts = json.loads((saved / "fit.json").read_text())
    for key in ("schema", "data_digest", "rules", "priors", "method", "likelihood", "seed", "scale"):
        assert key in facts
    for key in ("interval_prob", "versions", "device", "seconds", "diagnostics"):
        assert key in facts
    assert set(facts["diagnostics"][0]) == {"name", "value", "limit", "ok", "worst", "advice"}


def test_csv_files_are_sorted_plain_and_to_six_digits(saved, invented_fit):
    text = (saved / "abilities.csv").read_bytes().decode("utf-8")
    assert "\r" not in text
    table = pd.read_csv(saved / "abilities.csv")
    assert table["index"].is_monotonic_decreasing
    np.testing.assert_allclose(np.sort(table["index"]), np.sort(invented_fit.index), rtol=5e-6)
    anchored = table.set_index("model").loc[["model 01", "model 14"]]
    assert anchored["index"].tolist() == [130.0, 150.0]
    assert anchored["low"].tolist() == anchored["high"].tolist() == [130.0, 150.0]
    assert anchored["sd"].tolist() == [0.0, 0.0]
    assert pd.read_csv(saved / "benchmarks.csv")["difficulty"].is_monotonic_decreasing


def test_a_loaded_fit_is_the_saved_one(saved, invented_fit):
    again, before = load_fit(saved), invented_fit
    assert again.digest == before.digest
    assert (again.seed, again.n_chains, again.likelihood) == (before.seed, before.n_chains, before.likelihood)
    assert (again.priors, again.method, again.is_preview) == (before.priors, before.method, before.is_preview)
    assert (again.matrix.rules, again.matrix.dropped) == (before.matrix.rules, before.matrix.dropped)
    assert again.matrix.lab == before.matrix.lab
    np.testing.assert_array_equal(again.matrix.release_date, before.matrix.release_date)
    for own, other in ((again.draws, before.draws), (again.mode, before.mode)):
        for name in ("ability", "difficulty", "discrimination"):
            np.testing.assert_array_equal(getattr(own, name), getattr(other, name))
        assert set(own.shared) == set(other.shared)
        for name, value in own.shared.items():
            np.testing.assert_array_equal(value, other.shared[name])
    np.testing.assert_array_equal(again.index_draws, before.index_draws)
    assert again.scale.anchors == before.scale.anchors
    np.testing.assert_array_equal(again.sample_stats["diverging"], before.sample_stats["diverging"])
    assert again.diagnostics.checks[0] == before.diagnostics.checks[0]
    assert np.isnan(again.diagnostics.checks[1].value)
    assert not again.diagnostics.ok
    assert again.provenance == before.provenance


def test_a_point_without_draws_survives(invented_fit, tmp_path):
    from dataclasses import replace

    from eci.fitted import make_scale

    scale = make_scale(invented_fit.mode.ability[None], invented_fit.matrix.models, None)
    point = replace(
        invented_fit, method={"name": "map"}, draws=None, n_chains=0, sample_stats={}, scale=scale
    )
    again = load_fit(point.save(tmp_path / "fit"))
    assert again.draws is None
    assert again.is_preview
    np.testing.assert_array_equal(again.index, point.index)
    table = pd.read_csv(tmp_path / "fit" / "abilities.csv")
    assert table[["sd", "low", "high"]].isna().all(axis=None)
    with pytest.raises(DataError, match="no posterior draws"):
        _ = again.index_draws


def by_arviz(path):
    """Open a netCDF file as ArviZ does: 0.23 gives InferenceData, 1.x a DataTree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ announces its coming changes on import
        import arviz
    opened = arviz.from_netcdf(path)
    groups = (
        opened.groups() if hasattr(opened, "groups") and callable(opened.groups) else list(opened.children)
    )
    return opened, groups


def test_arviz_opens_the_posterior(saved, invented_fit):
    opened, groups = by_arviz(saved / "posterior.nc")
    assert {"posterior", "sample_stats", "observed_data", "constant_data"} <= set(groups)
    posterior = opened["posterior"]
    assert posterior["ability"].dims == ("chain", "draw", "model")
    assert posterior["difficulty"].dims == ("chain", "draw", "benchmark")
    assert posterior["ability"].sizes["chain"] == 2
    assert posterior["model"].to_numpy().tolist() == list(invented_fit.matrix.models)
    index = posterior["index"].to_numpy().reshape(60, -1)
    np.testing.assert_array_equal(index, invented_fit.index_draws)
    np.testing.assert_array_equal(opened["observed_data"]["score"], invented_fit.matrix.score)
    assert opened["sample_stats"]["diverging"].dims == ("chain", "draw")


def test_xarray_opens_the_posterior(saved):
    with xr.open_datatree(saved / "posterior.nc", engine="h5netcdf") as tree:
        assert {"posterior", "sample_stats", "observed_data", "constant_data", "mode"} == set(tree.children)


class TestDamage:
    """Every damage is a DataError that names the file and says what to do."""

    def refused(self, folder, *words):
        with pytest.raises(DataError) as caught:
            load_fit(folder)
        message = str(caught.value)
        assert str(folder) in message
        for word in words:
            assert word in message
        return message

    @pytest.mark.parametrize("kept", [0, 100, 5000])
    def test_truncated_posterior(self, saved, kept):
        path = saved / "posterior.nc"
        path.write_bytes(path.read_bytes()[:kept])
        self.refused(saved, "posterior.nc", "damaged", "--force")

    @pytest.mark.parametrize("name", ["posterior.nc", "fit.json"])
    def test_missing_file(self, saved, name):
        (saved / name).unlink()
        self.refused(saved, name)

    def test_no_such_folder(self, tmp_path):
        self.refused(tmp_path / "nothing", "no fit", "`eci fit`")

    def test_newer_schema(self, saved):
        edit_json(saved, schema="eci.fit/99")
        self.refused(saved, "eci.fit/99", "Update")

    @pytest.mark.parametrize("schema", ["other/1", "eci.fit", 1, None, "eci.fit/x"])
    def test_schema_of_something_else(self, saved, schema):
        edit_json(saved, schema=schema)
        self.refused(saved, "fit.json")

    def test_edited_digest(self, saved):
        edit_json(saved, data_digest="0" * 64)
        self.refused(saved, "000000000000", "mixed")

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": "eci.fit/1"'])
    def test_corrupted_json(self, saved, text):
        (saved / "fit.json").write_text(text)
        self.refused(saved, "fit.json", "damaged")

    def test_json_that_is_not_utf8(self, saved):
        (saved / "fit.json").write_bytes(b"\xff\xfe{}")
        self.refused(saved, "fit.json", "damaged")

    @pytest.mark.parametrize("key", ["rules", "scale", "diagnostics", "versions", "data_digest", "dropped"])
    def test_json_without_a_key(self, saved, key):
        facts = json.loads((saved / "fit.json").read_text())
        del facts[key]
        (saved / "fit.json").write_text(json.dumps(facts))
        self.refused(saved)

    def test_json_with_values_of_another_kind(self, saved):
        edit_json(saved, rules={"no_such_rule": 1})
        self.refused(saved)

    def test_netcdf_without_a_group(self, saved):
        tree = xr.load_datatree(saved / "posterior.nc", engine="h5netcdf")
        tree.drop_nodes("constant_data").to_netcdf(saved / "posterior.nc", engine="h5netcdf")
        self.refused(saved, "posterior.nc")

    @pytest.mark.parametrize("name", ["abilities.csv", "benchmarks.csv"])
    def test_tables(self, saved, name):
        path = saved / name
        text = path.read_text()
        path.write_text(text.replace("\n", "\n\x00,,,,,,\n", 1))
        for damaged in ("", "one,two\n1,2\n", text.replace(text.split("\n")[1].split(",")[3], "much", 1)):
            path.write_text(damaged)
            with pytest.raises(DataError, match="damaged"):
                load_table(saved, name)
        path.unlink()
        with pytest.raises(DataError, match="is missing"):
            load_table(saved, name)


@pytest.mark.parametrize("name", ["fit.json", "abilities.csv", "posterior.nc"])
def test_a_file_of_the_folder_is_told_from_a_damaged_fit(saved, name):
    for read in (load_fit, load_facts, lambda path: load_table(path, "abilities.csv")):
        with pytest.raises(DataError, match=r"is a file, .* Name the folder .* wrote: ") as refusal:
            read(saved / name)
        assert str(refusal.value).endswith(f"wrote: {saved}.") and "damaged" not in str(refusal.value)


@pytest.mark.parametrize("given", [None, 3, ["fit"]])
def test_what_is_no_path_is_no_fit(given):
    with pytest.raises(DataError, match=r"named by its folder, as text or a path; given "):
        load_fit(given)


def test_a_fit_that_is_there_names_the_option_of_both_doors(saved, invented_fit):
    with pytest.raises(DataError, match=r"Add --force to replace it \(in Python force=True\)"):
        invented_fit.save(saved)


def test_names_that_look_like_missing_values_are_names(invented_fit, tmp_path):
    from dataclasses import replace

    matrix = invented_fit.matrix
    renamed = replace(matrix, models=("NA", "None", *matrix.models[2:]), lab=("nan", *matrix.lab[1:]))
    scale = replace(invented_fit.scale, anchors={})
    folder = replace(invented_fit, matrix=renamed, scale=scale).save(tmp_path / "fit")
    table = load_table(folder, "abilities.csv")
    assert {"NA", "None"} <= set(table["model"])
    assert "nan" in set(table["lab"])
    assert load_fit(folder).matrix.models[:2] == ("NA", "None")


class TestWriting:
    """Either the new fit is there, whole, or everything is as it was."""

    def test_an_existing_fit_is_kept_unless_forced(self, saved, invented_fit):
        before = contents(saved)
        with pytest.raises(DataError, match="--force"):
            invented_fit.save(saved)
        assert contents(saved) == before
        invented_fit.save(saved, force=True)
        assert [path.name for path in saved.parent.iterdir()] == [saved.name]

    def test_a_folder_with_strangers_is_never_replaced(self, saved, invented_fit):
        (saved / "thesis.tex").write_text("years of work")
        with pytest.raises(DataError, match=r"thesis\.tex"):
            invented_fit.save(saved, force=True)
        assert (saved / "thesis.tex").read_text() == "years of work"

    def test_an_empty_folder_is_used(self, invented_fit, tmp_path):
        (tmp_path / "fit").mkdir()
        assert load_facts(invented_fit.save(tmp_path / "fit"))["seed"] == 3

    def test_a_file_is_not_a_folder(self, invented_fit, tmp_path):
        (tmp_path / "fit").write_text("")
        with pytest.raises(DataError, match="is a file"):
            invented_fit.save(tmp_path / "fit", force=True)

    def test_a_missing_parent_is_named(self, invented_fit, tmp_path):
        with pytest.raises(DataError, match="does not exist"):
            invented_fit.save(tmp_path / "no" / "fit")

    def test_a_read_only_parent(self, invented_fit, tmp_path, monkeypatch):
        """Root may write anywhere, so the refusal of the system is put in its place."""

        def refuse(*args, **kwargs):
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr("tempfile.mkdtemp", refuse)
        with pytest.raises(DataError, match="Read-only file system"):
            invented_fit.save(tmp_path / "fit")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("there", [True, False])
    def test_a_full_disk_leaves_everything_as_it_was(self, saved, invented_fit, monkeypatch, there):
        def fill(self, file, **kwargs):
            raise OSError(errno.ENOSPC, "No space left on device")

        if not there:
            shutil.rmtree(saved)
        before = contents(saved) if there else None
        monkeypatch.setattr(xr.DataTree, "to_netcdf", fill)
        with pytest.raises(DataError, match="No space left on device"):
            invented_fit.save(saved, force=True)
        assert [path.name for path in saved.parent.iterdir()] == ([saved.name] if there else [])
        assert there is False or contents(saved) == before

    def test_ctrl_c_leaves_everything_as_it_was(self, saved, invented_fit, monkeypatch):
        def interrupt(self, file, **kwargs):
            raise KeyboardInterrupt

        before = contents(saved)
        monkeypatch.setattr(xr.DataTree, "to_netcdf", interrupt)
        with pytest.raises(KeyboardInterrupt):
            invented_fit.save(saved, force=True)
        assert [path.name for path in saved.parent.iterdir()] == [saved.name]
        assert contents(saved) == before

    def test_a_swap_that_fails_halfway_puts_the_old_fit_back(self, saved, invented_fit, monkeypatch):
        before, rename = contents(saved), Path.rename

        def fail_for_the_new(self, target):
            if self.name.startswith(".") and Path(target) == saved:
                raise OSError(errno.EACCES, "Permission denied")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", fail_for_the_new)
        with pytest.raises(DataError, match="Permission denied"):
            invented_fit.save(saved, force=True)
        assert contents(saved) == before
        assert [path.name for path in saved.parent.iterdir()] == [saved.name]

    def test_the_check_before_the_work_refuses_the_same(self, saved, tmp_path):
        for target, words in ((saved, "--force"), (tmp_path / "no" / "fit", "does not exist")):
            with pytest.raises(DataError, match=words):
                check_writable(target)
        check_writable(saved, force=True)
        check_writable(tmp_path / "new")
