"""What every long computation of a command shares: progress on a terminal, and programs kept compiled."""

from __future__ import annotations

import glob
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def computing() -> Iterator[Callable[[str, int, int], None]]:
    """Load jax, keep what it compiles, and yield a function that shows stage and steps done."""
    with show_progress() as progress:
        progress("loading jax", 0, 0)
        with use_compile_cache():
            yield progress


@contextmanager
def show_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Stage, bar and time left on standard error where it is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda stage, done, total: bar.update(
            task, description=stage, completed=done, total=total or None
        )


@contextmanager
def use_compile_cache() -> Iterator[None]:
    """Keep compiled programs between runs, unless the user has said where or not to."""
    if os.environ.get("JAX_COMPILATION_CACHE_DIR") is not None:
        yield
        return
    import jax
    from platformdirs import user_cache_path

    folder = user_cache_path("eci") / "jax"
    keep = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": 0,
    }
    for name, value in keep.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]
    with _mend(folder):
        yield


@contextmanager
def _mend(folder: Path) -> Iterator[None]:
    """Remove programs that jax cannot read, and say once that they were damaged or cannot be kept.

    A process that dies, or a disk that is full, leaves half a program. jax says so in every run, compiles it
    anew, and never replaces what is there; where nothing is, it writes.
    """
    show, said = warnings.showwarning, set()

    def say_once(text: str) -> None:
        if text not in said:
            said.add(text)
            print(text, file=sys.stderr)

    def mend(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        problem = re.match(
            r"Error (reading|writing) persistent compilation cache entry for '(.*?)'", str(message)
        )
        if problem is None:
            show(message, category, filename, lineno, file, line)
        elif "[Errno" in str(message):
            say_once(f"Compiled programs cannot be kept in {folder}: every run compiles them again.")
        else:
            for damaged in folder.glob(f"{glob.escape(problem[2])}-*"):
                damaged.unlink(missing_ok=True)
            say_once(f"Some compiled programs in {folder} were damaged. They are compiled again.")

    with warnings.catch_warnings():
        warnings.showwarning = mend
        yield
