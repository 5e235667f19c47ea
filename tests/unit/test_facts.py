"""fit.json of a saved fit: what it must hold, whoever wrote it."""

import json

import pytest

import eci
from eci.cli.options import LIKELIHOODS
from eci.errors import DataError
from eci.folder.facts import load_facts
from eci.folder.schema import LIKELIHOODS as KNOWN


@pytest.fixture
def saved(tmp_path, invented_fit):
    invented_fit.save(tmp_path / "fit")
    return tmp_path / "fit"


def change(folder, path, value):
    """Put a value in place of the one at a path of keys."""
    file = folder / "fit.json"
    whole = json.loads(file.read_text())
    *above, last = path
    holder = whole
    for key in above:
        holder = holder[key]
    holder[last] = value
    file.write_text(json.dumps(whole))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["method"], {}, "its method cannot be"),
        (["method", "name"], ["nuts"], "its method cannot be"),
        (["method", "name"], "magic", "its method cannot be"),
        (["preview"], True, "its preview cannot be True with the method nuts"),
        (["likelihood"], "cauchy", "its likelihood cannot be 'cauchy'"),
        (["interval_prob"], "0.9", "its interval_prob cannot be '0.9'"),
        (["interval_prob"], 1, "its interval_prob cannot be '1'"),
        (["interval_prob"], True, "its interval_prob cannot be 'True'"),
        (["seed"], -1, "its seed cannot be '-1'"),
        (["priors"], {"noise_sd_scale": float("nan")}, "its priors cannot be"),
        (["scale", "anchors"], {"model 01": 130.0}, "its scale cannot be"),
        (["scale", "anchors"], [["model 01", 130.0]], "its scale cannot be"),
        (["seconds"], "x", "its seconds cannot be"),
        (["versions", "python"], 3.11, "its versions cannot be"),
        (["diagnostics", 0, "ok"], "yes", "its diagnostics cannot be"),
        (["diagnostics", 0], {}, "its diagnostics cannot be"),
        (["dropped"], [[]], "its dropped cannot be"),
        (["source"], "scores.csv", "its source cannot be"),
        (["device"], "cpu\x1b[31m", r"holds the invisible character U\+001B"),
        (["scale", "label"], "points \u202e", r"holds the invisible character U\+202E"),
        (["schema"], "eci.fit", "cannot be read"),
    ],
)
def test_another_kind_of_value_is_damage(path, value, said, saved):
    change(saved, path, value)
    with pytest.raises(DataError, match=said):
        load_facts(saved)
    with pytest.raises(DataError, match="fit again"):
        eci.load_fit(saved)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            ["scale", "anchors"],
            {"model 01": 130.0, "nobody": 150.0},
            "the anchor 'nobody' is none of its models",
        ),
        (["n_chains"], 3, "it has 2 chains, and fit.json says 3"),
        (["rules", "min_models"], 0, "min_models is 0"),
        (["rules", "magic"], 0, "magic"),
    ],
)
def test_facts_that_contradict_the_draws(path, value, said, saved):
    change(saved, path, value)
    with pytest.raises(DataError, match=said):
        eci.load_fit(saved)


def test_deep_nesting_is_damage(saved):
    (saved / "fit.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="damaged"):
        load_facts(saved)


def test_the_folder_one_stands_in(saved, monkeypatch):
    monkeypatch.chdir(saved)
    assert load_facts(".") == load_facts(saved)
    assert eci.load_fit("").digest == eci.load_fit(saved).digest


def test_likelihoods_are_those_of_the_command_line():
    assert KNOWN == LIKELIHOODS
