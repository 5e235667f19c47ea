"""Places for labels beside points so that none covers another: plain geometry, in pixels, y upwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Align = Literal["left", "right", "center"]

# Unit steps from a point to its label, the most readable first: right, left, above, below, then corners.
_STEPS: tuple[tuple[float, float], ...] = (
    (1, 0), (-1, 0), (0.7, -0.7), (-0.7, 0.7), (0.7, 0.7), (-0.7, -0.7), (0, 1), (0, -1),
)  # fmt: skip
_ALIGN: dict[float, Align] = {1: "left", 0: "center", -1: "right"}
RINGS = (6.0, 15.0, 28.0)  # distances of a label from its point
LEADER = 10.0  # from here on a line leads from the point to its label


@dataclass(frozen=True)
class Place:
    """Where a label goes: offset of its anchor from the point, and the side of the text that is anchored.

    The text is centred vertically on the anchor. `leader` says whether it lies so far off that a line must
    lead to it.
    """

    dx: float
    dy: float
    align: Align
    leader: bool


def place_labels(
    points: ArrayLike,
    sizes: ArrayLike,
    *,
    bounds: tuple[float, float, float, float],
    obstacles: ArrayLike = (),
    marker: float = 4.0,
    rings: Sequence[float] = RINGS,
) -> list[Place | None]:
    """Find a place for every label beside its point, the first ones first; None where there is no room.

    The lines to labels that stand off cross neither each other nor a label.

    Parameters
    ----------
    points
        Points to be labelled, shape (n, 2), the most important first.
    sizes
        Width and height of each label, shape (n, 2).
    bounds
        Left, bottom, right and top of the space the labels may take.
    obstacles
        Other points that no label may cover, shape (k, 2); the labelled points are kept clear as well.
    marker
        Half the width of the square around a point that is kept clear.
    rings
        Distances tried between a point and its label.

    Notes
    -----
    Greedy, over eight directions and the distances given: the point-feature labelling of Imhof (1975),
    Positioning names on maps, doi:10.1559/152304075784313304, in its simplest form.
    """
    at = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    size = np.asarray(sizes, dtype=np.float64).reshape(-1, 2)
    kept_clear = np.concatenate([at, np.asarray(obstacles, dtype=np.float64).reshape(-1, 2)])
    taken = np.column_stack([kept_clear - marker, kept_clear + marker])
    drawn = np.empty((0, 4))  # labels and the lines to them
    left, bottom, right, top = bounds
    places: list[Place | None] = []
    candidates = _candidates(rings)
    for point, (width, height) in zip(at, size, strict=True):
        found = None
        for place in candidates:
            x0 = point[0] + place.dx - {"left": 0.0, "center": width / 2, "right": width}[place.align]
            y0 = point[1] + place.dy + _lift(place, height) - height / 2
            box = np.array([x0, y0, x0 + width, y0 + height])
            inside = x0 >= left and box[2] <= right and y0 >= bottom and box[3] <= top
            line = _trace(point, place)
            if inside and not _overlaps(box, taken) and not any(_overlaps(step, drawn) for step in line):
                found = Place(place.dx, place.dy + _lift(place, height), place.align, place.leader)
                taken, drawn = np.vstack([taken, box, line]), np.vstack([drawn, box, line])
                break
        places.append(found)
    return places


def _candidates(rings: Sequence[float]) -> list[Place]:
    return [
        Place(ring * x, ring * y, _ALIGN[float(np.sign(x))], ring > LEADER)
        for ring in rings
        for x, y in _STEPS
    ]


def _trace(point: FloatArray, place: Place) -> FloatArray:
    """Small boxes along the line that leads from a point to its label, shape (n, 4); none without a line."""
    if not place.leader:
        return np.empty((0, 4))
    steps = np.linspace(0, 1, int(np.hypot(place.dx, place.dy)) + 1)[:, None]
    at = point + steps * np.array([place.dx, place.dy])
    return np.hstack([at - 1.0, at + 1.0])


def _lift(place: Place, height: float) -> float:
    """Half a line more, for a label straight above or below its point."""
    return float(np.sign(place.dy)) * height / 2 if place.align == "center" else 0.0


def _overlaps(box: FloatArray, others: FloatArray) -> bool:
    apart = (
        (box[2] <= others[:, 0])
        | (box[0] >= others[:, 2])
        | (box[3] <= others[:, 1])
        | (box[1] >= others[:, 3])
    )
    return not bool(apart.all())
