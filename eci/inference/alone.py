"""One computation at a time in a process.

jaxlib's batched LAPACK kernels hand pieces to the pool of threads they run on themselves, and wait. Two of
them at once, on a machine of two cores, wait for ever (seen with jaxlib 0.10.2: `ParallelBatchMap` under
`TriMatrixEquationSolver`). The search for a mode is made of such kernels: nothing else may run beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

_ALONE = threading.RLock()

Given = ParamSpec("Given")
Result = TypeVar("Result")


def one_at_a_time(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a call wait until those of other threads, of any function so marked, are done."""

    @wraps(function)
    def alone(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        with _ALONE:
            return function(*args, **kwargs)

    return alone
