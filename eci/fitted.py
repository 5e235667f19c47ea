"""Fit: what an estimation leaves behind. Free of jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eci.errors import DataError
from eci.scale import Scale, choose_anchors
from eci.scores.matrix import ScoreMatrix

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from eci.queries.between import Between
    from eci.queries.compare import Comparison
    from eci.queries.metrics import MetricCount
    from eci.queries.next import Advice
    from eci.queries.placement import Placement
    from eci.queries.predict import Prediction

FloatArray = NDArray[np.float64]


class Parameters(NamedTuple):
    """Parameters in logits, `...` empty for a mode and (draw,) for draws.

    ability (..., model); difficulty (..., benchmark); discrimination (..., benchmark), per logit; shared:
    noise parameters and hyperparameters by name, shape (...) or (..., benchmark).
    """

    ability: FloatArray
    difficulty: FloatArray
    discrimination: FloatArray
    shared: Mapping[str, FloatArray]

    def finite_rows(self) -> NDArray[np.int64]:
        """Positions of the draws that are finite throughout: those of the method laplace can overflow.

        Raises
        ------
        DataError
            Where there is none.
        """
        parts = (self.ability, self.difficulty, self.discrimination)
        whole = np.flatnonzero(np.all([np.isfinite(part).all(axis=1) for part in parts], axis=0))
        if whole.size == 0:
            raise DataError("No draw of this fit is finite throughout. Fit again with the method nuts.")
        return whole


@dataclass(frozen=True)
class Check:
    """One diagnostic: a value, the limit it is held to, where it is worst, and what to do if it fails."""

    name: str
    value: float
    limit: float
    ok: bool
    worst: str
    advice: str


@dataclass(frozen=True)
class Diagnostics:
    """All checks of a fit."""

    checks: tuple[Check, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.ok)


@dataclass(frozen=True)
class Provenance:
    """How a fit came about: package versions, device, and seconds by stage."""

    versions: Mapping[str, str]
    device: str
    seconds: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Fit:
    """An index: the scores it saw, every choice made, the mode, the joint draws and their scale.

    Parameters
    ----------
    matrix
        The coded scores, with the inclusion rules.
    likelihood
        Name of the likelihood.
    priors
        Prior scales by name.
    method
        Name and options of the method, `{"name": "nuts", ...}`.
    seed
        Seed of the random numbers.
    mode
        Parameters at the mode with abilities integrated out, or the least-squares fit of all scores.
    draws
        Joint draws, chains one after the other, or refits for the method `bootstrap`; None for the methods
        `map` and `least_squares`.
    n_chains
        Number of chains in `draws`.
    sample_stats
        Per-draw facts of the sampler, shape (draw,).
    scale
        From logits to points, one map per draw (one in all without draws).
    diagnostics
        Checks on the published quantities.
    provenance
        Versions, device, seconds.
    interval_prob
        Probability of the equal-tailed intervals in the tables.
    """

    matrix: ScoreMatrix
    likelihood: str
    priors: Mapping[str, float]
    method: Mapping[str, Any]
    seed: int
    mode: Parameters
    draws: Parameters | None
    n_chains: int
    sample_stats: Mapping[str, NDArray[Any]]
    scale: Scale
    diagnostics: Diagnostics
    provenance: Provenance
    interval_prob: float = 0.9
    is_preview: bool = field(init=False)

    def __post_init__(self) -> None:
        """Derive whether the method is exact."""
        object.__setattr__(self, "is_preview", self.method["name"] != "nuts")

    def __repr__(self) -> str:
        """Return what it is in one line: size, likelihood, method, draws, scale, checks."""
        matrix, by = self.matrix, self.method["name"] + (", a preview" if self.is_preview else "")
        draws = "no draws" if self.draws is None else f"{len(self.draws.ability)} draws"
        failed = ", ".join(check.name for check in self.diagnostics.failed)
        return (
            f"Fit({matrix.n_models} models x {matrix.n_benchmarks} benchmarks, {matrix.n_scores} scores; "
            f"{self.likelihood}, by {by}, {draws}; {self.scale.label}; "
            + (f"checks failed: {failed})" if failed else f"{len(self.diagnostics.checks)} checks passed)")
        )

    @property
    def digest(self) -> str:
        """Digest of the scores."""
        return self.matrix.digest

    def _require_draws(self) -> Parameters:
        if self.draws is None:
            raise DataError(
                f"This fit was made with the method {self.method['name']}, which has a point and no "
                "posterior draws. Fit again with the method nuts."
            )
        return self.draws

    @property
    def ability_draws(self) -> FloatArray:
        """Abilities in logits, shape (draw, model). Raises DataError where there are none."""
        return self._require_draws().ability

    @property
    def _point(self) -> tuple[Parameters, Scale] | None:
        """Mode and its own scale, where that is the estimate: without draws, or where they are refits."""
        if self.draws is None:
            return self.mode, self.scale
        if self.method["name"] != "bootstrap":
            return None
        anchors = self.scale.anchors
        models = self.matrix.models
        return self.mode, make_scale(self.mode.ability[None], models, anchors, standard=not anchors)

    def _to_index(self, ability: FloatArray, scale: Scale) -> FloatArray:
        """Abilities (draw, model) in points, the anchors to the last bit."""
        index = scale.points(ability)
        for model, points in self.scale.anchors.items():
            index[:, self.matrix.models.index(model)] = points
        return index

    @cached_property
    def index_draws(self) -> FloatArray:
        """Index in points, shape (draw, model). Raises DataError where there are none."""
        return self._to_index(self._require_draws().ability, self.scale)

    @cached_property
    def difficulty_draws(self) -> FloatArray:
        """Difficulty in points, shape (draw, benchmark). Raises DataError where there are none."""
        return self.scale.points(self._require_draws().difficulty)

    @cached_property
    def discrimination_draws(self) -> FloatArray:
        """Discrimination per point, shape (draw, benchmark). Raises DataError where there are none."""
        return self.scale.per_point(self._require_draws().discrimination)

    @property
    def index(self) -> FloatArray:
        """Index in points, shape (model,): the posterior mean.

        Without draws, or where they are refits of resampled scores, the fit of all scores.
        """
        if self._point is None:
            return np.asarray(self.index_draws.mean(axis=0))
        mode, scale = self._point
        return np.asarray(self._to_index(mode.ability[None], scale)[0])

    def rescale(self, anchors: Mapping[str, float] | None = None, *, standard: bool = False) -> Self:
        """Return the same fit on other anchors, or on the standard scale, where it is checked again.

        No refit is needed.

        Raises
        ------
        DataError, IdentificationError
            As `Scale.anchored`.
        """
        from eci.inference.diagnose import recheck

        ability = self.mode.ability[None] if self.draws is None else self.draws.ability
        scale = make_scale(ability, self.matrix.models, anchors, standard=standard)
        return replace(self, scale=scale, diagnostics=recheck(self, scale))

    def abilities(self) -> pd.DataFrame:
        """One row per model, sorted by index descending and then by name.

        Columns model, lab, release_date (ISO text, blank where unknown), index, sd, low, high (points;
        blank where the method gives no draws), n_benchmarks.
        """
        matrix = self.matrix
        dates = ["" if np.isnat(date) else str(date) for date in matrix.release_date]
        table = pd.DataFrame(
            {"model": matrix.models, "lab": matrix.lab, "release_date": dates, "index": self.index}
        )
        draws = None if self.draws is None else self.index_draws
        table[["sd", "low", "high"]] = self._spread(draws, matrix.n_models)
        table["n_benchmarks"] = matrix.n_benchmarks_per_model
        return table.sort_values(["index", "model"], ascending=[False, True], ignore_index=True)

    def benchmarks(self) -> pd.DataFrame:
        """One row per benchmark, sorted by difficulty descending and then by name.

        Columns benchmark, domain, difficulty, difficulty_sd, difficulty_low, difficulty_high (points),
        discrimination, discrimination_low, discrimination_high (per point), n_models.
        """
        matrix = self.matrix
        table = pd.DataFrame({"benchmark": matrix.benchmarks, "domain": matrix.domain})
        n = matrix.n_benchmarks
        has_draws = self.draws is not None
        difficulty_spread = self._spread(self.difficulty_draws if has_draws else None, n)
        discrimination_spread = self._spread(self.discrimination_draws if has_draws else None, n)
        if self._point is None:
            difficulty = self.difficulty_draws.mean(axis=0)
            discrimination = self.discrimination_draws.mean(axis=0)
        else:
            mode, scale = self._point
            difficulty = scale.points(mode.difficulty[None])[0]
            discrimination = scale.per_point(mode.discrimination[None])[0]
        table["difficulty"] = difficulty
        table[["difficulty_sd", "difficulty_low", "difficulty_high"]] = difficulty_spread
        table["discrimination"] = discrimination
        table[["discrimination_low", "discrimination_high"]] = discrimination_spread[:, 1:]
        table["n_models"] = matrix.n_models_per_benchmark
        return table.sort_values(["difficulty", "benchmark"], ascending=[False, True], ignore_index=True)

    def _spread(self, draws: FloatArray | None, n: int) -> FloatArray:
        """Return sd and equal-tailed interval of each column, shape (n, 3); nan without draws."""
        if draws is None:
            return np.full((n, 3), np.nan)
        tail = (1.0 - self.interval_prob) / 2.0
        with np.errstate(
            invalid="ignore", over="ignore"
        ):  # draws of laplace can overflow, which a check tells
            low, high = np.quantile(draws, [tail, 1.0 - tail], axis=0)
            sd = (draws - draws[0]).std(axis=0, ddof=1)  # so that an anchor has 0 to the last bit
        return np.column_stack([sd, low, high])

    def place(self, scores: str | os.PathLike[str] | pd.DataFrame, **options: Any) -> Placement:
        """Place new models on this scale without refitting: see `eci.queries.place.place`."""
        from eci.queries.place import place

        return place(self, scores, **options)

    def predict(self, model: str | None = None, benchmark: str | None = None, **options: Any) -> Prediction:
        """Predict scores that have not been measured: see `eci.queries.predict.predict`."""
        from eci.queries.predict import predict

        return predict(self, model, benchmark, **options)

    def next_benchmark(self, model: str, **options: Any) -> Advice:
        """Rank benchmarks by what they would tell of a model: see `eci.queries.next.next_benchmark`."""
        from eci.queries.next import next_benchmark

        return next_benchmark(self, model, **options)

    def compare(self, models: Sequence[str], **options: Any) -> Comparison:
        """Compare models by their joint draws: see `eci.queries.compare.compare`."""
        from eci.queries.compare import compare

        return compare(self, models, **options)

    def count_between(self, models: Sequence[str], **options: Any) -> Between:
        """Count where one of three models lies between: see `eci.queries.between.count_between`."""
        from eci.queries.between import count_between

        return count_between(self, models, **options)

    def count_metrics(self, models: Sequence[str], table: pd.DataFrame, **options: Any) -> MetricCount:
        """Ask the same of a table of metrics: see `eci.queries.metrics.count_metrics`."""
        from eci.queries.metrics import count_metrics

        return count_metrics(self, models, table, **options)

    def save(self, folder: str | Path, *, force: bool = False) -> Path:
        """Write the fit as a folder: see `eci.folder.save.save_fit`."""
        from eci.folder.save import save_fit

        return save_fit(self, folder, force=force)


def make_scale(
    ability: FloatArray,
    models: tuple[str, ...],
    anchors: Mapping[str, float] | None,
    *,
    standard: bool = False,
) -> Scale:
    """Anchored scale where anchors are named or the default ones are present, else the standard scale."""
    chosen = {} if standard else choose_anchors(anchors, models)
    return Scale.anchored(ability, models, chosen) if chosen else Scale.standard(ability)
