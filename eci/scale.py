"""Affine maps from logits to published points, one per draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from eci.errors import DataError, IdentificationError
from eci.scores.names import did_you_mean

DEFAULT_ANCHORS: Mapping[str, float] = {"Claude 3.5 Sonnet": 130.0, "GPT-5": 150.0}
STANDARD_MEAN, STANDARD_SD = 100.0, 10.0
MAX_REVERSED_PROB = 0.01
ROUNDING = 1e-9  # of an ability in logits

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scale:
    """Points = origin + slope * logits, draw by draw.

    Because the map is taken in every draw, anchors have exactly their points in every draw and therefore
    intervals of zero width: their uncertainty has moved to the others.

    Parameters
    ----------
    slope
        Points per logit, shape (draw,).
    origin
        Points at zero logits, shape (draw,).
    label
        A sentence saying what a point is.
    anchors
        Points by model name; empty for the standard scale.
    """

    slope: FloatArray
    origin: FloatArray
    label: str
    anchors: Mapping[str, float]

    @classmethod
    def anchored(cls, ability: FloatArray, models: Sequence[str], anchors: Mapping[str, float]) -> Self:
        """Pin two models to given points in every draw.

        Parameters
        ----------
        ability
            Logits, shape (draw, model).
        models
            Names along the last axis.
        anchors
            Points of exactly two models.

        Raises
        ------
        DataError
            Where the anchors are not two known models with different finite points.
        IdentificationError
            Where the scores do not tell which anchor is the more able (more than 1 % of draws reverse them).
        """
        check_anchors(anchors, models)
        (low, low_points), (high, high_points) = sorted(anchors.items(), key=lambda item: item[1])
        low_ability, high_ability = ability[:, models.index(low)], ability[:, models.index(high)]
        reversed_prob = float(np.mean(high_ability <= low_ability))
        if reversed_prob > MAX_REVERSED_PROB:
            raise IdentificationError(
                f"The anchors {low!r} = {low_points:g} and {high!r} = {high_points:g} do not hold a scale: "
                f"in {reversed_prob:.1%} of the draws {high!r} is not the more able of the two. Anchor two "
                "models that differ more, or leave the anchors out for the standard scale."
            )
        slope = (high_points - low_points) / (high_ability - low_ability)
        label = f"points ({low} = {low_points:g}, {high} = {high_points:g})"
        return cls(slope, low_points - slope * low_ability, label, dict(anchors))

    @classmethod
    def standard(cls, ability: FloatArray) -> Self:
        """Mean 100 and sd 10 over the models, in every draw; `ability` has shape (draw, model).

        Raises
        ------
        IdentificationError
            Where all models are equally able in a draw.
        """
        require_spread(ability)
        slope = STANDARD_SD / ability.std(axis=1)
        label = f"standard points (mean {STANDARD_MEAN:g}, sd {STANDARD_SD:g} over the models)"
        return cls(slope, STANDARD_MEAN - slope * ability.mean(axis=1), label, {})

    def points(self, logits: FloatArray) -> FloatArray:
        """Abilities or difficulties in points; `logits` has shape (draw, n)."""
        with np.errstate(invalid="ignore"):  # of a draw that overflowed: nan, which the checks name
            points = self.origin[:, None] + self.slope[:, None] * logits
        return np.asarray(points, dtype=np.float64)

    def per_point(self, discrimination: FloatArray) -> FloatArray:
        """Discrimination per point, from slopes per logit of shape (draw, n)."""
        return np.asarray(discrimination / self.slope[:, None], dtype=np.float64)


def require_spread(ability: FloatArray) -> None:
    """Refuse abilities, shape (draw, model), that are equal in a draw but for rounding: they hold no unit."""
    rounding = ROUNDING * (1.0 + np.abs(ability).max(axis=1, initial=0.0))
    if (ability.std(axis=1) <= rounding).any():
        raise IdentificationError(
            f"All {ability.shape[1]} models come out equally able: the sd of their abilities is 0 but for "
            "rounding, so no scale has a unit. Bring scores in which models differ; `eci check` says what is "
            "in the data."
        )


def choose_anchors(anchors: Mapping[str, float] | None, models: Sequence[str]) -> Mapping[str, float]:
    """Anchors to use: those named, else the default pair where both are present, else none."""
    if anchors:
        check_anchors(anchors, models)
        return dict(anchors)
    return dict(DEFAULT_ANCHORS) if set(DEFAULT_ANCHORS) <= set(models) else {}


def check_anchors(anchors: Mapping[str, float], models: Sequence[str]) -> None:
    """Refuse anchors that are not two known models with different finite points."""
    for model in anchors:
        if model not in models:
            hint = did_you_mean(model, models) or "`eci check` names the models that a rule dropped."
            raise DataError(
                f"The anchor {model!r} is not among the {len(models)} models of the matrix. {hint}"
            )
    if len(anchors) != 2:
        raise DataError(
            f"A scale needs exactly two different anchor models; {len(anchors)} given: {dict(anchors)}."
        )
    low, high = anchors.values()
    if not (np.isfinite(low) and np.isfinite(high)) or low == high:
        raise DataError(
            f"The anchors need two different finite numbers of points; given {dict(anchors)}. "
            "Give the abler model the higher number."
        )
