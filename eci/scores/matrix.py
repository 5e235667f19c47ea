"""The coded scores that a fit sees."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from eci.scores.connectivity import find_components, require_connected
from eci.scores.content import ARRAYS, digest, require_consistent
from eci.scores.load import load_scores
from eci.scores.rules import Dropped, Rules, apply_rules
from eci.scores.schema import Duplicates
from eci.scores.source import ATTRIBUTE

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
DateArray = npt.NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """Published scores as coded arrays, with labels, known limits and the rules that chose them.

    Build one with `from_table` (checked, from a long table) or `from_arrays` (from plain arrays). Arrays are
    copied and read-only; `dataclasses.replace` gives a changed matrix with its own digest.

    Parameters
    ----------
    models, benchmarks
        Names, sorted and unique.
    model_index, benchmark_index
        Positions in `models` and `benchmarks`, shape (score,).
    score
        Observed fraction, shape (score,). Values outside [0, 1] are legal here, for studies of the normal
        likelihood; `from_table` refuses them.
    n_items
        Items behind each score, shape (score,), NaN where unknown.
    lower, upper
        Known chance level and ceiling, fraction, shape (benchmark,), lower < upper.
    release_date
        Days, shape (model,), NaT where unknown.
    lab
        One per model, "" where unknown.
    open_weights, reasoning
        One per model, None where unknown.
    domain
        One per benchmark, "" where unknown.
    rules
        The inclusion rules.
    dropped
        What the rules left out.
    source
        What `load_scores` read: path, SHA-256, format, unit, aliases; empty where it read nothing.

    Attributes
    ----------
    digest
        SHA-256, in hexadecimal, of labels, indices, scores, item counts, limits, dates and labs. It depends
        neither on the order of rows nor on the rules.

    Raises
    ------
    DataError
        If the arrays contradict each other.
    """

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    model_index: IndexArray
    benchmark_index: IndexArray
    score: FloatArray
    n_items: FloatArray
    lower: FloatArray
    upper: FloatArray
    release_date: DateArray
    lab: tuple[str, ...]
    open_weights: tuple[bool | None, ...]
    reasoning: tuple[bool | None, ...]
    domain: tuple[str, ...]
    rules: Rules = field(default_factory=Rules)
    dropped: tuple[Dropped, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Fix types, refuse contradictions, compute the digest."""
        for name, dtype in ARRAYS.items():
            array = np.array(getattr(self, name), dtype=dtype)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        for name in ("models", "benchmarks", "lab", "open_weights", "reasoning", "domain", "dropped"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        require_consistent(self)
        object.__setattr__(self, "digest", digest(self))

    def __repr__(self) -> str:
        """Return what it holds in one line: size, share of the grid, and what the rules left out."""
        share = len(set(zip(self.model_index.tolist(), self.benchmark_index.tolist(), strict=True)))
        share_of_grid = share / (self.n_models * self.n_benchmarks)
        return (
            f"ScoreMatrix({self.n_models} models x {self.n_benchmarks} benchmarks, {self.n_scores} scores, "
            f"{share_of_grid:.1%} of all pairs; digest {self.digest[:12]})"
        )

    @classmethod
    def from_table(
        cls,
        table: pd.DataFrame,
        *,
        duplicates: Duplicates = "vendor",
        min_benchmarks: int = 4,
        min_models: int = 4,
        since: dt.date | str | None = None,
        until: dt.date | str | None = None,
        labs: Iterable[str] = (),
        domains: Iterable[str] = (),
        exclude_benchmarks: Iterable[str] = (),
        with_items: bool = False,
    ) -> ScoreMatrix:
        """Select the rows of a long table by the rules, check that they connect, and code them.

        Parameters
        ----------
        table
            What `load_scores` returns, or any DataFrame with at least model, benchmark and score (fraction).
        duplicates, min_benchmarks, min_models, since, until, labs, domains, exclude_benchmarks, with_items
            The rules; `Rules` describes them.

        Returns
        -------
        ScoreMatrix
            Sorted by name, so that the order of rows never matters; `rules` and `dropped` record the choice.

        Raises
        ------
        DataError
            If the table has faults, a rule names something unknown, or nothing is left.
        IdentificationError
            If models and benchmarks fall into groups without a common scale.
        """
        rules = Rules(
            duplicates=duplicates,
            min_benchmarks=min_benchmarks,
            min_models=min_models,
            since=since,  # type: ignore[arg-type]  # Rules turns ISO text into a date
            until=until,  # type: ignore[arg-type]
            labs=labs,  # type: ignore[arg-type]  # and any iterable of names into a tuple
            domains=domains,  # type: ignore[arg-type]
            exclude_benchmarks=exclude_benchmarks,  # type: ignore[arg-type]
            with_items=with_items,
        )
        loaded = load_scores(table)
        kept, dropped = apply_rules(loaded, rules)
        matrix = _code(kept, rules, dropped, loaded.attrs[ATTRIBUTE])
        require_connected(matrix.models, matrix.benchmarks, matrix.components)
        return matrix

    @classmethod
    def from_arrays(
        cls,
        models: Sequence[str],
        benchmarks: Sequence[str],
        model_index: npt.ArrayLike,
        benchmark_index: npt.ArrayLike,
        score: npt.ArrayLike,
        *,
        n_items: npt.ArrayLike | None = None,
        lower: npt.ArrayLike | None = None,
        upper: npt.ArrayLike | None = None,
        release_date: npt.ArrayLike | None = None,
        lab: Sequence[str] | None = None,
        open_weights: Sequence[bool | None] | None = None,
        reasoning: Sequence[bool | None] | None = None,
        domain: Sequence[str] | None = None,
        rules: Rules | None = None,
        dropped: Sequence[Dropped] = (),
        source: Mapping[str, Any] | None = None,
    ) -> ScoreMatrix:
        """Build a matrix from plain arrays: a saved one, a simulated one.

        Parameters
        ----------
        models, benchmarks
            Names, sorted and unique.
        model_index, benchmark_index, score
            One entry per score.
        n_items, lower, upper, release_date, lab, open_weights, reasoning, domain, rules, dropped, source
            Further fields of `ScoreMatrix`; None stands for unknown everywhere, for lower 0, upper 1 and the
            default rules.

        Raises
        ------
        DataError
            If the arrays contradict each other.
        """
        n_models, n_benchmarks = len(models), len(benchmarks)
        return cls(
            models=tuple(models),
            benchmarks=tuple(benchmarks),
            model_index=np.asarray(model_index, dtype=np.int64),
            benchmark_index=np.asarray(benchmark_index, dtype=np.int64),
            score=np.asarray(score, dtype=np.float64),
            n_items=_filled(n_items, np.size(score), np.nan),
            lower=_filled(lower, n_benchmarks, 0.0),
            upper=_filled(upper, n_benchmarks, 1.0),
            release_date=np.asarray(
                ["NaT"] * n_models if release_date is None else release_date, "datetime64[D]"
            ),
            lab=("",) * n_models if lab is None else tuple(lab),
            open_weights=(None,) * n_models if open_weights is None else tuple(open_weights),
            reasoning=(None,) * n_models if reasoning is None else tuple(reasoning),
            domain=("",) * n_benchmarks if domain is None else tuple(domain),
            rules=Rules() if rules is None else rules,
            dropped=tuple(dropped),
            source=source or {},
        )

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.models)

    @property
    def n_benchmarks(self) -> int:
        """Number of benchmarks."""
        return len(self.benchmarks)

    @property
    def n_scores(self) -> int:
        """Number of scores."""
        return len(self.score)

    @property
    def n_benchmarks_per_model(self) -> IndexArray:
        """Number of different benchmarks of each model, shape (model,)."""
        return np.bincount(self._pairs[0], minlength=self.n_models).astype(np.int64)

    @property
    def n_models_per_benchmark(self) -> IndexArray:
        """Number of different models on each benchmark, shape (benchmark,)."""
        return np.bincount(self._pairs[1], minlength=self.n_benchmarks).astype(np.int64)

    @property
    def components(self) -> IndexArray:
        """Connected component of every model, then every benchmark; all 0 where one scale holds them all."""
        return find_components(self.model_index, self.benchmark_index, self.n_models, self.n_benchmarks)

    @property
    def _pairs(self) -> IndexArray:
        """The different pairs that have a score, shape (2, pair)."""
        n = max(self.n_benchmarks, 1)
        pairs = np.unique(self.model_index * n + self.benchmark_index)  # numbers sort faster than columns
        return np.stack(np.divmod(pairs, n))


def _filled(values: npt.ArrayLike | None, size: int, unknown: float) -> FloatArray:
    return np.full(size, unknown) if values is None else np.asarray(values, dtype=np.float64)


def _code(
    kept: pd.DataFrame, rules: Rules, dropped: tuple[Dropped, ...], source: Mapping[str, Any]
) -> ScoreMatrix:
    models, benchmarks = sorted(kept["model"].unique()), sorted(kept["benchmark"].unique())
    by_model = kept.drop_duplicates("model").set_index("model").loc[models]
    by_benchmark = kept.drop_duplicates("benchmark").set_index("benchmark").loc[benchmarks]
    model_index = pd.Index(models).get_indexer(kept["model"])
    benchmark_index = pd.Index(benchmarks).get_indexer(kept["benchmark"])
    score, n_items = kept["score"].to_numpy(), kept["n_items"].to_numpy()
    order = np.lexsort((n_items, score, benchmark_index, model_index))
    return ScoreMatrix(
        models=tuple(models),
        benchmarks=tuple(benchmarks),
        model_index=model_index[order].astype(np.int64),
        benchmark_index=benchmark_index[order].astype(np.int64),
        score=score[order],
        n_items=n_items[order],
        lower=by_benchmark["chance"].fillna(0.0).to_numpy(),
        upper=by_benchmark["ceiling"].fillna(1.0).to_numpy(),
        release_date=by_model["release_date"].to_numpy().astype("datetime64[D]"),
        lab=tuple(by_model["lab"]),
        open_weights=_flags(by_model["open_weights"]),
        reasoning=_flags(by_model["reasoning"]),
        domain=tuple(by_benchmark["domain"]),
        rules=rules,
        dropped=dropped,
        source=source,
    )


def _flags(column: pd.Series) -> tuple[bool | None, ...]:
    return tuple(None if pd.isna(value) else bool(value) for value in column)
