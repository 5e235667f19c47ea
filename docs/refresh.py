"""Rewrite the blocks of README.md and docs/*.md that say which command made them.

python docs/refresh.py [PAGE ...]      # needs `eci` installed beside this Python; all: twenty minutes

A block is a line `<!-- made by: COMMAND -->` followed by a fenced block. The commands of a page run in one
temporary folder, in order, with `bench` and `docs` standing for those folders of the repository. A page with
a line `<!-- written by: COMMAND -->` is written whole by that command.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
WHOLE = re.compile(r"^<!-- written by: (?P<command>.+?) -->$", re.MULTILINE)
BLOCK = re.compile(r"(<!-- made by: (?P<command>.+?) -->\n+```\w*\n)(?P<output>.*?)(?=```\n)", re.DOTALL)


def pages() -> Iterator[Path]:
    """Name the pages that may hold such blocks."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").glob("*.md"))


def refresh(text: str) -> str:
    """Run the commands of the blocks of a page and put their output in place of the old one."""
    with workplace() as folder:
        return BLOCK.sub(lambda block: block[1] + run(block["command"], folder), text)


def write_whole(command: str) -> None:
    """Run the command that writes a page."""
    with workplace() as folder:
        run(command, folder)


@contextmanager
def workplace() -> Iterator[Path]:
    """Make a temporary folder in which `bench` and `docs` stand for those of the repository."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for kept in ("bench", "docs"):
            (folder / kept).symlink_to(ROOT / kept)
        yield folder


def run(command: str, folder: Path) -> str:
    """Run a command in a folder, giving what it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout


def main(arguments: Sequence[str]) -> None:
    """Refresh the pages named, or all."""
    for page in map(Path, arguments) if arguments else pages():
        old = page.read_text(encoding="utf-8")
        if whole := WHOLE.search(old):
            write_whole(whole["command"])
        else:
            page.write_text(refresh(old), encoding="utf-8", newline="\n")
        changed = page.read_text(encoding="utf-8") != old
        what = "written whole" if whole else f"{len(BLOCK.findall(old))} blocks"
        print(f"{page.name}: {what}, {'changed' if changed else 'as they were'}")


if __name__ == "__main__":
    main(sys.argv[1:])
