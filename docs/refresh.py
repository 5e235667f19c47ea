"""Rewrite the blocks of README.md and docs/*.md that say which command made them.

python docs/refresh.py [PAGE ...]      # needs `eci` installed beside this Python; a minute or two

A block is a line `<!-- made by: COMMAND -->` followed by a fenced block. The commands of a page run in one
temporary folder, in order, with `bench` standing for that folder of the repository.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- made by: (?P<command>.+?) -->\n+```\w*\n)(?P<output>.*?)(?=```\n)", re.DOTALL)


def pages() -> Iterator[Path]:
    """Name the pages that may hold such blocks."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").glob("*.md"))


def refresh(text: str) -> str:
    """Run the commands of one page and put their output in place of the old one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with TemporaryDirectory() as folder:
        (Path(folder) / "bench").symlink_to(ROOT / "bench")

        def run(block: re.Match[str]) -> str:
            command = ["bash", "-euo", "pipefail", "-c", block["command"]]
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "PATH": path},
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
            return block[1] + done.stdout

        return BLOCK.sub(run, text)


def main(arguments: Sequence[str]) -> None:
    """Refresh the pages named, or all."""
    for page in map(Path, arguments) if arguments else pages():
        old = page.read_text(encoding="utf-8")
        new = refresh(old)
        page.write_text(new, encoding="utf-8", newline="\n")
        print(f"{page.name}: {len(BLOCK.findall(old))} blocks, {'changed' if new != old else 'as they were'}")


if __name__ == "__main__":
    main(sys.argv[1:])
