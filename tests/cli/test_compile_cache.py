"""Compiled programs that are kept between runs: damage is mended and said once, and changes no number."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import warnings
from eci.cli.computing import computing
with computing():
    import jax.numpy as jnp
    print(jnp.linalg.cholesky(jnp.eye(3) * 4.0).sum(), jnp.arange(3) @ jnp.ones(3))
    warnings.warn("somebody else's")
"""


@pytest.fixture
def compute(tmp_path):
    """Run the program with its cache below tmp_path; jax reads its settings once, so in a new process."""
    environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}

    def compute():
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        assert "somebody else's" in done.stderr
        return done.stdout, [line for line in done.stderr.splitlines() if "ompiled" in line]

    return compute


@pytest.mark.skipif(sys.platform != "linux", reason="the place of the cache is another elsewhere")
class TestCompileCache:
    def test_damage_is_mended_and_said_once(self, compute, tmp_path):
        printed, said = compute()
        assert said == []
        entries = sorted((tmp_path / "cache/eci/jax").glob("*-cache"))
        whole = {path: path.read_bytes() for path in entries}
        assert len(whole) > 3
        for path, how in zip(entries, ("half", "garbage", "empty") * len(entries), strict=False):
            data = whole[path]
            path.write_bytes({"half": data[: len(data) // 2], "garbage": data[::-1], "empty": b""}[how])
        again, said = compute()
        assert again == printed
        folder = tmp_path / "cache/eci/jax"
        assert said == [f"Some compiled programs in {folder} were damaged. They are compiled again."]
        assert {path: len(path.read_bytes()) > 100 for path in entries} == dict.fromkeys(entries, True)
        assert compute() == (printed, [])

    def test_a_cache_that_cannot_be_written_is_said_once(self, compute, tmp_path):
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache/eci").write_text("a file")
        printed, (said,) = compute()
        assert printed == "6.0 3.0\n"
        assert "cannot be kept" in said
