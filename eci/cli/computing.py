"""What every long computation of a command shares: progress on a terminal, and programs kept compiled."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def computing() -> Iterator[Callable[[str, int, int], None]]:
    """Load jax, keep what it compiles, and yield a function that shows stage and steps done."""
    with show_progress() as progress:
        progress("loading jax", 0, 0)
        use_compile_cache()
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


def use_compile_cache() -> None:
    """Keep compiled programs between runs, unless the user has said where or not to."""
    if os.environ.get("JAX_COMPILATION_CACHE_DIR") is not None:
        return
    import jax
    from platformdirs import user_cache_path

    keep = {
        "jax_compilation_cache_dir": str(user_cache_path("eci") / "jax"),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": 0,
    }
    for name, value in keep.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]
