"""Files and folders that appear whole or not at all, and what a killed writer leaves."""

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eci import atomic
from eci.atomic import standing, write_file, write_folder

ROOT = Path(__file__).parents[2]


def write(target, text, *, replace=True):
    with write_folder(target, replace=replace) as draft:
        (draft / "text").write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def kill_while(code, folder):
    """Run code that kills its own process, and say what it left in `folder`."""
    program = (
        f"import os, signal\nfrom pathlib import Path\nfrom eci import atomic\nhere = Path({str(folder)!r})\n"
    )
    die = "def die(*a, **k): os.kill(os.getpid(), signal.SIGKILL)\n"
    done = subprocess.run([sys.executable, "-c", program + die + code], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    return names(folder)


def test_a_folder_is_new_replaced_or_kept(tmp_path):
    target = tmp_path / "result.v1"
    write(target, "one", replace=False)
    with pytest.raises(OSError) as caught:
        write(target, "two", replace=False)
    assert caught.value.errno in (errno.ENOTEMPTY, errno.EEXIST)
    assert (target / "text").read_text() == "one"
    write(target, "three")
    assert (target / "text").read_text() == "three"
    assert names(tmp_path) == ["result.v1"]


@pytest.mark.parametrize("swaps", [True, False])
def test_a_folder_is_replaced_with_and_without_an_exchange(tmp_path, monkeypatch, swaps):
    if not swaps:
        monkeypatch.setattr(atomic, "exchange", lambda one, other: False)
    target = tmp_path / "result"
    for text in ("one", "two"):
        write(target, text)
        assert (target / "text").read_text() == text
        assert names(tmp_path) == ["result"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no renameat2")
def test_the_exchange_is_one_step_here(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert atomic.exchange(tmp_path / "one", tmp_path / "two")
    assert (names(tmp_path / "one"), names(tmp_path / "two")) == (["two"], ["one"])
    assert not atomic.exchange(tmp_path / "one", tmp_path / "three")


def test_an_error_leaves_everything_as_it_was(tmp_path):
    target, page = tmp_path / "result", tmp_path / "page.html"
    write(target, "one")
    page.write_text("old")
    for writing in (write_folder(target, replace=True), write_file(page)):
        with pytest.raises(ZeroDivisionError), writing:
            raise ZeroDivisionError
    assert (target / "text").read_text() == "one"
    assert page.read_text() == "old"
    assert names(tmp_path) == ["page.html", "result"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_writer_left_goes_with_the_next_and_that_of_a_living_stays(tmp_path, kind):
    begin = {"file": "write_file(here / 'x.txt')", "folder": "write_folder(here / 'x.txt', replace=True)"}
    left = kill_while(f"with atomic.{begin[kind]}: die()", tmp_path)
    assert len(left) == 1 and left[0].startswith(".x.unfinished-") and left[0].endswith(".txt")
    (tmp_path / ".x.unfinished-notes").mkdir()  # not one of ours
    with write_file(tmp_path / "x.txt") as alive:
        assert left[0] not in names(tmp_path)
        with write_file(tmp_path / "x.txt") as second:
            second.write_text("second")
            assert alive.exists()
        alive.write_text("first")
    assert (tmp_path / "x.txt").read_text() == "first"
    assert names(tmp_path) == [".x.unfinished-notes", "x.txt"]


# Put in place of what a system without exchange goes on with once the old folder stands aside.
BEFORE_THE_SECOND_RENAME = """
rename = Path.rename
Path.rename = lambda self, to: die() if (here / ".result.unfinished-old").exists() else rename(self, to)
"""
AFTER_THE_SECOND_RENAME = "atomic.shutil.rmtree = die"


@pytest.mark.parametrize(
    ("death", "text"), [(BEFORE_THE_SECOND_RENAME, "one"), (AFTER_THE_SECOND_RENAME, "two")]
)
def test_a_death_around_the_two_renames_of_a_system_without_exchange(tmp_path, death, text):
    """The old folder is found aside, and the next writer puts it back; or the new one stands already."""
    target = tmp_path / "result"
    write(target, "one")
    code = f"""
{death}
atomic.exchange = lambda one, other: False
with atomic.write_folder(here / "result", replace=True) as draft:
    (draft / "text").write_text("two")
"""
    assert ".result.unfinished-old" in kill_while(code, tmp_path)
    assert (standing(target) / "text").read_text() == text
    assert target.exists() == (text == "two")
    with pytest.raises(ZeroDivisionError), write_folder(target, replace=True):
        raise ZeroDivisionError
    assert (target / "text").read_text() == text
    assert names(tmp_path) == ["result"]


def test_where_there_are_no_locks_nothing_is_swept(tmp_path, monkeypatch):
    (tmp_path / ".x.unfinished-abcd1234.txt").touch()
    monkeypatch.setattr(atomic, "lock", lambda descriptor: None)
    with write_file(tmp_path / "x.txt") as draft:
        draft.write_text("x")
    assert names(tmp_path) == [".x.unfinished-abcd1234.txt", "x.txt"]
