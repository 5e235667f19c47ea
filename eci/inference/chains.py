"""Run no-U-turn chains side by side: one thread a chain, in pieces, so that progress shows and Ctrl-C works.

XLA runs programs of different threads at the same time on one CPU device, so no device count is set.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from eci.inference import nuts
from eci.inference.checkpoint import Checkpoint, Piece
from eci.inference.method import Nuts
from eci.inference.whiten import Whitening, unwhiten
from eci.irt.measurement import CodedScores, Measurement

Progress = Callable[[str, int, int], None]  # stage, steps done, steps in all

PIECE = 250  # transitions between two looks at the clock
FIRST_STEP_SIZE = 0.5


class Chains(NamedTuple):
    """Draws in whitened coordinates (chain, draw, n), per-draw facts (chain, draw), and where to go on."""

    z: NDArray[np.float64]
    infos: nuts.Info
    states: tuple[nuts.State, ...]


def log_density_gradient(
    measurement: Measurement, whitening: Whitening, scores: CodedScores, z: Array
) -> tuple[Array, Array]:
    """Negative log density and gradient in whitened coordinates."""

    def potential(z: Array) -> Array:
        return -measurement.log_density(unwhiten(whitening, z), scores)

    value, gradient = jax.value_and_grad(potential)(z)
    return value, gradient


@partial(jax.jit, static_argnums=(0, 1))
def _run_piece(
    measurement: Measurement,
    max_depth: int,
    whitening: Whitening,
    scores: CodedScores,
    state: nuts.State,
    n_steps: Array,
    adapt: Array,
    target_accept: Array,
) -> tuple[nuts.State, Array, nuts.Info]:
    return nuts.run_chain(
        partial(log_density_gradient, measurement, whitening, scores),
        state,
        n_steps,
        adapt=adapt,
        buffer=PIECE,
        target_accept=target_accept,
        max_depth=max_depth,
    )


@jax.jit
def _start(whitening: Whitening, key: Array, chain: int) -> nuts.State:
    """Start a chain at a draw from the normal approximation."""
    n = sum(x.size for x in whitening.center) - 2
    key_z, key_chain = jax.random.split(jax.random.fold_in(key, chain))
    return nuts.start_chain(key_chain, jax.random.normal(key_z, (n,)), FIRST_STEP_SIZE)


def compile_chain(measurement: Measurement, options: Nuts, whitening: Whitening, scores: CodedScores) -> None:
    """Compile for the shapes of `whitening` and `scores`, whose values do not matter."""
    start = _start.lower(whitening, jax.random.key(0), 0)
    start.compile()
    fixed = measurement, options.max_tree_depth
    rest = np.int64(0), np.bool_(True), np.float64(options.target_accept)
    _run_piece.lower(*fixed, whitening, scores, start.out_info, *rest).compile()


def run_chains(
    measurement: Measurement,
    options: Nuts,
    whitening: Whitening,
    scores: CodedScores,
    *,
    key: Array,
    n_draws: int,
    before: Chains | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Chains:
    """Draw `n_draws` from every chain, warming up first unless `before` says where the chains stand.

    Returns the new draws only. The result depends neither on how many threads there are nor on how much of it
    a checkpoint holds already.
    """
    stop = threading.Event()
    lock = threading.Lock()
    warmup = 0 if before else options.n_warmup
    done, total = 0, options.n_chains * (warmup + n_draws)

    def report(n_steps: int) -> None:
        nonlocal done
        with lock:
            done += n_steps
            if progress is not None:
                progress("sampling", done, total)

    def draw_piece(state: nuts.State, n_steps: int, adapt: bool) -> Piece:
        state, z, infos = _run_piece(
            measurement,
            options.max_tree_depth,
            whitening,
            scores,
            state,
            np.int64(n_steps),
            np.bool_(adapt),
            np.float64(options.target_accept),
        )
        n_kept = 0 if adapt else n_steps
        z, infos = jax.tree.map(lambda x: np.asarray(x)[:n_kept], (z, infos))
        return Piece(jax.block_until_ready(state), z, infos)

    def run_one(chain: int) -> tuple[nuts.State, NDArray[np.float64], nuts.Info]:
        with jax.enable_x64(True):
            state = _start(whitening, key, chain) if before is None else before.states[chain]
            pieces = []
            plan = [(n, True) for n in _cut(warmup)] + [(n, False) for n in _cut(n_draws)]
            for n_steps, adapt in plan:
                if not stop.is_set():
                    piece = None if checkpoint is None else checkpoint.recall(chain, state)
                    if piece is None:
                        piece = draw_piece(state, n_steps, adapt)
                        if checkpoint is not None:
                            checkpoint.keep(chain, piece)
                    state = piece.state
                    pieces.append((piece.z, piece.infos))
                    report(n_steps)
            z, infos = jax.tree.map(lambda *xs: np.concatenate(xs), *pieces)
            return state, z, infos

    with ThreadPoolExecutor(min(options.n_chains, os.cpu_count() or 1)) as pool:
        runs = [pool.submit(run_one, chain) for chain in range(options.n_chains)]
        try:
            ended, _ = wait(runs, return_when=FIRST_EXCEPTION)
            for run in ended:  # of a chain that failed; the others stop, and what they return is nothing
                run.result()
        except BaseException:
            stop.set()
            raise
    states, z, infos = zip(*(run.result() for run in runs), strict=True)
    return Chains(np.stack(z), jax.tree.map(lambda *xs: np.stack(xs), *infos), tuple(states))


def _cut(n_steps: int) -> list[int]:
    """Cut a run into pieces."""
    return [min(PIECE, n_steps - start) for start in range(0, n_steps, PIECE)]


def join(first: Chains, second: Chains) -> Chains:
    """Append the draws of `second`, which went on where `first` stood."""
    z, infos = jax.tree.map(
        lambda a, b: np.concatenate([a, b], axis=1), (first.z, first.infos), (second.z, second.infos)
    )
    return Chains(z, infos, second.states)
