"""docs/mythos.md is written by a command; here the part of it that takes a second is worked out again."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import eci

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mythos():
    spec = importlib.util.spec_from_file_location("bench_mythos", ROOT / "bench/mythos.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page():
    return (ROOT / "docs/mythos.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def linked(mythos):
    old, new = mythos.published("aeci", mythos.AECI), mythos.published("epoch_eci", mythos.EPOCH)
    models = mythos.common_until(old, new, mythos.LAST)
    return old, new, models, eci.link(old, new, models=models)


def test_the_page_begins_with_the_extrapolation(page):
    first = page.index("extrapolates")
    assert first < page.index("## What can be concluded") < page.index("## What cannot")


def test_the_page_has_the_link_that_is_found_now(page, mythos, linked):
    _, _, models, link = linked
    assert len(models) == 8
    assert f"slope {mythos.of(link.quantities()['slope'], '.3f')}" in page
    for name, residual in zip(link.units.names, link.residual, strict=True):
        assert any(
            line.startswith(f"| {name} |") and f"| {residual:+.2f} |" in line for line in page.splitlines()
        )


def test_the_page_has_the_effect_of_leaving_out_each_common_model(page, mythos, linked):
    old, new, models, _ = linked
    for name, other in eci.leave_one_out(old, new, models=models).items():
        assert f"| {name} | {mythos.of(other.quantities()['slope'], '.3f')} |" in page


def test_the_carried_model_joins_the_index_with_the_errors_of_the_link(mythos, linked):
    old, new, _, link = linked
    at = mythos.carry(link, old, new, "free")
    own = at.covariance[-1, -1]
    value = old.index[old.models.index(mythos.NAME)]
    line = link.line(np.array([value]))[:, 0]
    assert at.models[-1] == mythos.NAME and at.index[-1] == pytest.approx(line.mean())
    assert own == pytest.approx(line.var() + np.mean(link.residual_sd**2), rel=1e-9)
    assert not at.covariance[-1, :-1].any()
    with pytest.warns(eci.EciWarning, match="extrapolated"):
        link.transform(old)
