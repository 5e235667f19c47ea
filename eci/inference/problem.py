"""A posterior made ready for a method: scores as arrays, mode found, coordinates chosen, whitened there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from eci.errors import DataError
from eci.fitted import Parameters
from eci.inference.chains import compile_chain
from eci.inference.method import Laplace, Method, Nuts
from eci.inference.mode import Mode, compile_curvature, crude_start, find_mode, recentre
from eci.inference.moments import match_moments
from eci.inference.provenance import Clock
from eci.inference.whiten import Whitening, unwhiten, whiten
from eci.irt.continuous import RepeatedNormal
from eci.irt.datum import Datum, RepeatedDatum, Row, group_scores
from eci.irt.measurement import CodedScores, Coordinates, Measurement, Position
from eci.irt.observation import REPEATED
from eci.scores import ScoreMatrix

PIECE = 500  # draws converted at a time


class Problem(NamedTuple):
    """Everything a method starts from; `definite`: the curvature asked for was that of a maximum."""

    measurement: Measurement
    scores: CodedScores
    mode: Mode
    whitening: Whitening
    definite: bool

    @property
    def n_coordinates(self) -> int:
        """Dimension of the whitened coordinates."""
        return int(sum(x.size for x in self.whitening.center)) - 2


def prepare(
    matrix: ScoreMatrix,
    measurement: Measurement,
    method: Method,
    clock: Clock,
    covariates: NDArray[np.float64] | None = None,
) -> Problem:
    """Find the mode, choose coordinates and whiten there; programs needed later compile meanwhile.

    Raises
    ------
    DataError
        Where the likelihood cannot be had of these scores; see `suit`.
    """
    measurement = suit(measurement, matrix)
    scores = code_scores(matrix, measurement, covariates)
    reference, start = crude_start(measurement, scores, matrix.n_models, matrix.n_benchmarks)
    scores = scores._replace(coordinates=scores.coordinates._replace(reference=reference))
    with ThreadPoolExecutor(2) as background:
        compiling = [
            background.submit(_compile, program)
            for program in _list_programs(measurement, method, start, scores)
        ]
        mode = find_mode(measurement, scores, start)
        center, coordinates = recentre(measurement, mode.position, scores)
        scores = scores._replace(coordinates=coordinates)
        whitening, definite = whiten(measurement, center, scores, exact=isinstance(method, Laplace))
        clock.lap("mode")
        for program in compiling:
            program.result()
        clock.lap("compile")
    if isinstance(method, Nuts):
        whitening = jax.block_until_ready(match_moments(measurement, whitening, scores))
        clock.lap("mode")
    return Problem(measurement, scores, mode._replace(position=center), whitening, definite)


def suit(measurement: Measurement, matrix: ScoreMatrix) -> Measurement:
    """The measurement as the rows of the matrix ask for it.

    Raises
    ------
    DataError
        Where the likelihood needs numbers of items that the matrix does not have, or several rows of one
        pair are there and the likelihood has no effect of a pair.
    """
    likelihood, missing = measurement.likelihood, np.isnan(matrix.n_items)
    if likelihood.needs_items and missing.any():
        benchmarks = sorted({matrix.benchmarks[j] for j in matrix.benchmark_index[missing]})
        raise DataError(
            f"The likelihood {likelihood.name} counts items, and {missing.sum()} of {matrix.n_scores} "
            f"scores, on {len(benchmarks)} of {matrix.n_benchmarks} benchmarks "
            f"({', '.join(benchmarks[:3])}, ...), have no n_items. Fill that column in, keep only rows that "
            "have it (--with-items, or with_items=True in ScoreMatrix.from_table), or choose a likelihood of "
            "fractions, such as beta."
        )
    n_pairs = len(_find_pairs(matrix)[0])
    if n_pairs == matrix.n_scores or isinstance(likelihood, RepeatedNormal):
        return measurement
    if likelihood.name not in REPEATED:
        raise DataError(
            f"There are {matrix.n_scores} scores of {n_pairs} pairs of model and benchmark, and the "
            f"likelihood {likelihood.name} takes rows of one pair for independent, which they are not. "
            "Reduce them to one (--duplicates vendor, mean or max), or choose a likelihood with an effect "
            f"of the pair: {', '.join(REPEATED)}."
        )
    return replace(measurement, likelihood=REPEATED[likelihood.name])


def code_scores(
    matrix: ScoreMatrix, measurement: Measurement, covariates: NDArray[np.float64] | None = None
) -> CodedScores:
    """Arrays of a score matrix as the measurement program takes them, in fully centred coordinates."""
    code = _code_pairs if isinstance(measurement.likelihood, RepeatedNormal) else _code_rows
    m, j, datum = code(matrix)
    centred = np.ones((matrix.n_benchmarks, measurement.n_benchmark))
    at = Coordinates(jnp.asarray(np.zeros(matrix.n_benchmarks)), jnp.asarray(centred))
    shifts = jnp.asarray(np.zeros((matrix.n_models, 0)) if covariates is None else covariates)
    models, benchmarks = (jnp.asarray(index.astype(np.int32)) for index in (m, j))
    return CodedScores(models, benchmarks, datum, group_scores(j, datum), at, shifts)


Indices = NDArray[np.int64]


def _code_rows(matrix: ScoreMatrix) -> tuple[Indices, Indices, Row]:
    """Model, benchmark and datum of every score."""
    j = matrix.benchmark_index
    columns = matrix.score, matrix.n_items, matrix.lower[j], matrix.upper[j]
    return matrix.model_index, j, Datum(*map(jnp.asarray, columns))


def _code_pairs(matrix: ScoreMatrix) -> tuple[Indices, Indices, Row]:
    """Model, benchmark and datum of every pair that has scores."""
    first, pair = _find_pairs(matrix)
    m, j, datum = _code_rows(matrix)
    n_rows = np.bincount(pair).astype(np.float64)
    mean = np.bincount(pair, matrix.score) / n_rows
    squares = np.bincount(pair, (matrix.score - mean[pair]) ** 2)
    columns = mean, *(x[first] for x in datum[1:]), n_rows, squares
    return m[first], j[first], RepeatedDatum(*map(jnp.asarray, columns))


def _find_pairs(matrix: ScoreMatrix) -> tuple[Indices, Indices]:
    """First row of every pair of model and benchmark, and the pair of every row."""
    code = matrix.model_index * matrix.n_benchmarks + matrix.benchmark_index
    _, first, pair = np.unique(code, return_index=True, return_inverse=True)
    return first, pair


def constrain_mode(problem: Problem) -> Parameters:
    """Parameters at the mode."""
    named = _constrain_one(problem.measurement, problem.mode.position, problem.scores)
    return collect_parameters(named)


def constrain_draws(problem: Problem, z: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Parameters by name from whitened coordinates (draw, n), in pieces that share one program."""
    pieces = []
    for rows in cut_draws(z, PIECE):
        named = _constrain(problem.measurement, problem.whitening, problem.scores, pad_draws(rows, PIECE))
        pieces.append({name: np.asarray(value)[: len(rows)] for name, value in named.items()})
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def cut_draws(z: NDArray[np.float64], size: int) -> Iterator[NDArray[np.float64]]:
    """Cut draws (draw, n) into pieces of at most `size`."""
    return (z[first : first + size] for first in range(0, len(z), size))


def pad_draws(rows: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Fill a piece up to `size` draws, so that one compiled program takes them all."""
    return np.pad(rows, ((0, size - len(rows)), (0, 0)))


def collect_parameters(named: Mapping[str, ArrayLike]) -> Parameters:
    """Parameters from arrays by name, as `Measurement.constrain` gives them."""
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in named.items()}
    ability, difficulty, discrimination = (
        arrays.pop(name) for name in ("ability", "difficulty", "discrimination")
    )
    return Parameters(ability, difficulty, discrimination, shared=arrays)


@partial(jax.jit, static_argnums=0)
def _constrain_one(measurement: Measurement, position: Position, scores: CodedScores) -> dict[str, Array]:
    return measurement.constrain(position, scores)


@partial(jax.jit, static_argnums=0)
def _constrain(
    measurement: Measurement, whitening: Whitening, scores: CodedScores, z: Array
) -> dict[str, Array]:
    return jax.vmap(lambda z: measurement.constrain(unwhiten(whitening, z), scores))(z)


def _compile(program: Callable[[], object]) -> None:
    with jax.enable_x64(True):  # threads do not inherit it
        program()


def _list_programs(
    measurement: Measurement, method: Method, start: Position, scores: CodedScores
) -> list[Callable[[], object]]:
    """Compilers of what the search for the mode and the sampler need later; only shapes matter.

    They must not run: see `eci.inference.alone`.
    """
    programs: list[Callable[[], object]] = [lambda: compile_curvature(measurement, start, scores)]
    if isinstance(method, Nuts):
        blank = _blank(start)
        if method.kernel == "lean":
            programs.append(lambda: compile_chain(measurement, method, blank, scores))
        programs.append(lambda: match_moments.lower(measurement, blank, scores).compile())
        z = np.zeros((PIECE, sum(x.size for x in start) - 2))
        programs.append(lambda: _constrain.lower(measurement, blank, scores, z).compile())
    return programs


def _blank(start: Position) -> Whitening:
    """A whitening map of the right shapes and no meaning, to compile for."""
    n_benchmarks, k = start.benchmark.shape
    n_w = start.ability.size + start.shared.size
    shapes = (
        (n_w, n_w - 2),
        (n_benchmarks, k, k),
        (n_benchmarks, k, n_w),
    )
    return Whitening(start, *(jnp.asarray(np.zeros(shape)) for shape in shapes))
