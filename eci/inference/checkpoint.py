"""Checkpoint: the chains of a run on disk while it goes on, so that a run that was cut off can go on.

A chain is a sequence of pieces, each a function of the one before. Every piece is kept once it is drawn; a
run that finds pieces takes them instead of drawing them, and so comes to the same bits.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from eci import atomic
from eci.errors import DataError
from eci.inference import nuts

_RUN = "run.json"
_DAMAGE = (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile)


class Piece(NamedTuple):
    """Transitions of one chain: where they led, draws (draw, n) and facts (draw,) of those not warming up."""

    state: nuts.State
    z: NDArray[np.float64]
    infos: nuts.Info


class Checkpoint:
    """A folder that keeps the chains of the method `nuts` while they are drawn.

    ::

        with eci.Checkpoint("my-run") as checkpoint:
            fit = eci.fit(matrix, checkpoint=checkpoint)
            fit.save("my-fit")

    If an error, Ctrl-C or the death of the process ends the block, the folder stays, and the same block goes
    on from it, to the draws of a run that was not cut off, bit for bit on the same machine. If the block
    comes to its end, the folder is removed. Within the block no other process can open it.

    Parameters
    ----------
    folder
        The folder; its parent must exist.
    replace
        Drop what it holds of another run, instead of refusing.
    announce
        Called with a sentence when a run goes on, and when kept draws are dropped or damaged.

    Raises
    ------
    DataError
        On entering, where the folder cannot be made or another process has it open; from `eci.fit`, where it
        holds a run of other scores, options, seed, versions or device, or cannot be written.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        replace: bool = False,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser()
        self._replace = replace
        self._announce = announce or (lambda text: None)
        self._lock: int | None = None
        self._run: dict[str, Any] = {}  # what has been claimed
        self._next: dict[int, int] = {}  # chain -> number of its next piece

    def __enter__(self) -> Self:
        """Make the folder and lock it."""
        while self._lock is None:
            try:
                self.folder.mkdir(exist_ok=True)
                descriptor = os.open(self.folder, os.O_RDONLY)
            except OSError as error:
                raise DataError(
                    f"{self.folder}, which keeps the chains while they run, cannot be made: the system says: "
                    f"{error.strerror}. Get the right to write there, or give another --out."
                ) from error
            if atomic.lock(descriptor) is False:
                os.close(descriptor)
                raise DataError(
                    f"{self.folder} is in use: another process is at work on this result. Wait for its end, "
                    "or give another --out."
                )
            if self.folder.exists() and os.path.samestat(os.fstat(descriptor), self.folder.stat()):
                self._lock = descriptor
            else:  # its last user has just removed it
                os.close(descriptor)
        return self

    def __exit__(self, kind: type[BaseException] | None, *args: object) -> None:
        """Remove the folder if all went well or nothing was drawn; files of others stay."""
        if self._run and (kind is None or self.n_pieces == 0):
            self._clear()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()
        if self._lock is not None:
            os.close(self._lock)
        self._lock, self._run, self._next = None, {}, {}

    @property
    def n_pieces(self) -> int:
        """Number of pieces kept, of all chains."""
        return sum(1 for _ in self.folder.glob("[0-9]*.npz"))

    def claim(self, run: Mapping[str, Any]) -> None:
        """Say which run this is before it draws; what is known of it only later is said in a second call.

        Parameters
        ----------
        run
            What decides the draws, by name.

        Raises
        ------
        DataError
            Where the folder holds another run.
        """
        if self._lock is None:
            raise DataError('The checkpoint is not open. Write "with eci.Checkpoint(...) as checkpoint:".')
        known, differing = self._compare(run)
        if differing and not self._replace:
            raise DataError(
                f"{self.folder} holds a run that was cut off, and is another one: {differing}. To go on with "
                "it, give the options it was begun with; --force drops it; or give another --out."
            )
        if differing:
            self._announce(f"{self.folder}: dropped the run it held, which was another one: {differing}.")
            self._clear()
            known = {}
        elif self.n_pieces and not self._run:
            self._announce(
                f"Going on from {self.folder}: this run was cut off after {self.n_pieces} pieces of chains."
            )
        self._run = {**known, **self._run, **run}
        text = json.dumps(self._run, indent=1)
        self._write(_RUN, lambda file: file.write(text.encode()))

    def recall(self, chain: int, before: nuts.State) -> Piece | None:
        """Give the next piece of a chain that stands at `before`, if it is kept."""
        path = self.folder / self._name(chain)
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                old, structure = jax.tree.flatten(before)
                state = [_thaw(file[f"state_{i}"], leaf) for i, leaf in enumerate(old)]
                infos = nuts.Info(**{name: file[name] for name in nuts.Info._fields})
                piece = Piece(jax.tree.unflatten(structure, state), file["z"], infos)
        except FileNotFoundError:
            return None
        except _DAMAGE as error:
            self._announce(f"{path} is damaged ({type(error).__name__}): these draws are drawn again.")
            return None
        self._next[chain] += 1
        return piece

    def keep(self, chain: int, piece: Piece) -> None:
        """Keep the next piece of a chain."""
        state = {f"state_{i}": _freeze(leaf) for i, leaf in enumerate(jax.tree.leaves(piece.state))}
        arrays = {**state, "z": piece.z, **piece.infos._asdict()}
        self._write(self._name(chain), lambda file: np.savez(file, **arrays))
        self._next[chain] += 1

    def _name(self, chain: int) -> str:
        return f"{chain:03d}-{self._next.setdefault(chain, 0):05d}.npz"

    def _write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Write a file whole; it need not outlive a failure of power, as it only saves time."""
        draft = self.folder / f".{name}"
        with _told(self.folder):
            with draft.open("wb") as file:
                write(file)
            draft.replace(self.folder / name)

    def _compare(self, run: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """What is known of the run in the folder, and what sets it apart from `run`."""
        try:
            known = json.loads((self.folder / _RUN).read_text(encoding="utf-8"))
            if not isinstance(known, dict):
                raise ValueError("not a description")
        except FileNotFoundError:
            return {}, f"{_RUN} is missing" if self.n_pieces else ""
        except (OSError, ValueError):
            return {}, f"{_RUN} is damaged"
        old, new = _flatten(known), _flatten(json.loads(json.dumps(run)))
        pairs = [(name, old[name], new.get(name)) for name in old if name.partition(".")[0] in run]
        return known, ", ".join(f"{name} was {was} and is {now}" for name, was, now in pairs if was != now)

    def _clear(self) -> None:
        for pattern in ("[0-9]*.npz", ".[0-9]*.npz", _RUN, f".{_RUN}"):
            for path in self.folder.glob(pattern):
                path.unlink()


def digest(arrays: Any) -> str:
    """Short name of all bits of the arrays in a tree."""
    bits = [np.ascontiguousarray(leaf).tobytes() for leaf in jax.tree.leaves(arrays)]
    return hashlib.sha256(b"".join(bits)).hexdigest()[:16]


def _freeze(leaf: Array) -> NDArray[Any]:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _thaw(array: NDArray[Any], like: Array) -> Array:
    if _is_key(like):
        return jax.random.wrap_key_data(jnp.asarray(array), impl=jax.random.key_impl(like))
    return jnp.asarray(array, like.dtype)


def _is_key(leaf: Array) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _flatten(run: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Names of nested entries joined by dots."""
    flat: dict[str, Any] = {}
    for name, value in run.items():
        nested = isinstance(value, Mapping)
        flat |= _flatten(value, f"{prefix}{name}.") if nested else {prefix + name: value}
    return flat


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say what the system refused, and that nothing is lost."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{folder}, which keeps the chains while they run, cannot be written: the system says: "
            f"{error.strerror or error}. What it holds stays: make room, and the same command goes on."
        ) from error
