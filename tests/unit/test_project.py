"""The files around the code agree with each other."""

import csv
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

import eci

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def declared():
    extras = PROJECT["optional-dependencies"].values()
    lines = PROJECT["dependencies"] + [line for extra in extras for line in extra]
    return [wanted for wanted in map(Requirement, lines) if wanted.name != PROJECT["name"]]


def locked(python):
    environment = {"python_full_version": f"{python}.1", "python_version": python, "sys_platform": "linux"}
    lines = re.findall(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\$", LOCK, re.MULTILINE)
    return {
        name: version for name, version, marker in lines if not marker or Marker(marker).evaluate(environment)
    }


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("wanted", declared(), ids=lambda wanted: wanted.name)
def test_lock_holds_every_dependency(python, wanted):
    assert wanted.specifier.contains(locked(python)[wanted.name])


def test_lock_names_no_host():
    assert "://" not in LOCK


def test_version_is_one():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert PROJECT["version"] == eci.__version__
    assert f"version: {eci.__version__}\n" in citation


def test_changelog_counts_the_corrections():
    with (ROOT / "benchmarks_data/corrections.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    said = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    cells = Counter((row["table"], row["column"]) for row in rows)
    in_scores = Counter(row["table"] for row in rows)["scores"]
    assert f"{len(rows)} values" in said
    assert f"{in_scores} rows of `scores.csv`" in said
    assert f"benchmark ({cells['scores', 'benchmark']}) or model ({cells['scores', 'model']})" in said
    assert f"and {len(rows) - in_scores} facts" in said


def test_ci_script_is_sound_bash():
    script = ROOT / ".ci/run"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert script.stat().st_mode & 0o100
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


def test_refresh_replaces_only_the_marked_block(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import refresh

    page = "a\n<!-- made by: test -d bench; echo one -->\n```text\nold\n```\n\n```text\nkept\n```\n"
    assert refresh.refresh(page) == page.replace("old", "one")
    sys.modules.pop("refresh")
