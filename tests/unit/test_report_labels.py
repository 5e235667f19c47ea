"""Labels keep off each other, off points and inside their space, wherever the points are."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eci.report.labels import place_labels
from eci.report.layout import rank_leaders

BOUNDS = (0.0, 0.0, 300.0, 200.0)
POINTS = st.integers(1, 25).flatmap(
    lambda n: arrays(float, (n, 2), elements=st.floats(0, 200, allow_nan=False, width=32))
)


def box_of(point, size, place):
    """Left, bottom, right and top of a label."""
    left = point[0] + place.dx - {"left": 0, "center": size[0] / 2, "right": size[0]}[place.align]
    bottom = point[1] + place.dy - size[1] / 2
    return left, bottom, left + size[0], bottom + size[1]


def overlap(a, b):
    return min(a[2], b[2]) - max(a[0], b[0]) > 1e-9 and min(a[3], b[3]) - max(a[1], b[1]) > 1e-9


@given(POINTS, st.floats(5, 90), st.floats(6, 14))
def test_no_label_covers_another_or_a_point_or_leaves(points, width, height):
    sizes = np.tile([width, height], (len(points), 1))
    places = place_labels(points, sizes, bounds=BOUNDS, marker=2.0)
    boxes = [
        box_of(point, size, place)
        for point, size, place in zip(points, sizes, places, strict=True)
        if place is not None
    ]
    for i, box in enumerate(boxes):
        assert box[0] >= 0 and box[1] >= 0 and box[2] <= 300 and box[3] <= 200
        assert not any(overlap(box, other) for other in boxes[i + 1 :])
        assert not any(overlap(box, (x - 2, y - 2, x + 2, y + 2)) for x, y in points)


def test_a_lone_label_stands_to_the_right_and_the_first_comes_first():
    place = place_labels([[100, 100]], [[40, 10]], bounds=BOUNDS)[0]
    assert place is not None and place.align == "left" and place.dy == 0 and not place.leader
    crowd = place_labels([[100, 100]] * 60, [[80, 10]] * 60, bounds=BOUNDS)
    assert crowd[0] is not None and crowd[-1] is None


def test_a_label_far_off_gets_a_line():
    wall = [[x, y] for x in range(90, 112, 4) for y in range(90, 112, 4)]
    place = place_labels([[100, 100]], [[30, 8]], bounds=BOUNDS, obstacles=wall)[0]
    assert place is not None and place.leader


def test_nothing_to_name_is_no_error():
    assert place_labels([], [], bounds=BOUNDS) == []


@given(POINTS, st.floats(20, 90))
def test_no_line_to_a_label_crosses_another_or_a_label(points, width):
    size = (width, 10.0)
    places = place_labels(points, np.tile(size, (len(points), 1)), bounds=BOUNDS, marker=2.0)
    steps = np.linspace(0, 1, 40)[:, None]
    lines, boxes = {}, {}
    for k, (point, place) in enumerate(zip(points, places, strict=True)):
        if place is None:
            continue
        boxes[k] = box_of(point, size, place)
        if place.leader:
            lift = 5 * np.sign(place.dy) if place.align == "center" else 0  # it ends at the edge
            lines[k] = point + steps * [place.dx, place.dy - lift]
    for k, line in lines.items():
        for other, box in boxes.items():
            inside = [overlap(box, (x - 1e-3, y - 1e-3, x + 1e-3, y + 1e-3)) for x, y in line]
            assert other == k or not any(inside)
        for other, second in lines.items():
            if other > k:
                assert np.linalg.norm(line[:, None] - second[None], axis=2).min() > 0.3


def test_the_leader_is_named_first():
    on_line = pd.DataFrame(
        {
            "release_date": pd.to_datetime(["2024-01-01", "2025-01-01", "2025-01-09"]),
            "index": [100.0, 120.0, 121.0],
            "p_frontier": [1.0, 0.9, 0.4],
        }
    )
    assert rank_leaders(on_line)["index"].tolist() == [121.0, 100.0, 120.0]
