"""A writer that dies before any of its file operations leaves the old result or the new; kills on record."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and swaps names in one step")
def test_death_before_every_file_operation(invented_fit, tmp_path):
    invented_fit.save(tmp_path / "fit")
    (tmp_path / "home").mkdir()
    command = [sys.executable, ROOT / "tests/faults/points.py", tmp_path / "fit", tmp_path / "home"]
    done = subprocess.run(
        [*map(str, command)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    deaths = json.loads(done.stdout)
    assert deaths["fit"] > 15 and deaths["page"] > 4 and deaths["vintage"] > 10


def test_two_hundred_kills_are_on_record():
    record = json.loads((ROOT / "docs/evidence/kills.json").read_text())
    numbers = record["numbers"]
    assert numbers["kills"] >= 200
    assert numbers["corrupt"] == 0
    for command in ("eci fit", "eci report", "eci data fetch"):
        assert numbers[command]["kills"] >= 40
        assert numbers[command]["corrupt"] == []
