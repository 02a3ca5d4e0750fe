from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_octseg.measure.weighted_area import weighted_area, weighted_areas

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))
WEIGHTS = {0: 0.0, 1: 0.25, 3: 0.875, 4: 1.0}


def by_the_book(mask: np.ndarray) -> float:
    """Window by window, as the rule is told."""
    padded = np.pad(mask.astype(bool), 1)
    total = 0.0
    for row in range(padded.shape[0] - 1):
        for column in range(padded.shape[1] - 1):
            window = padded[row : row + 2, column : column + 2]
            n = int(window.sum())
            if n == 2:
                total += 0.75 if window[0, 0] == window[1, 1] else 0.5
            else:
                total += WEIGHTS[n]
    return total


@pytest.mark.parametrize(
    ("picture", "area"),
    [
        ("#", 1.0),  # four windows of one pixel
        ("##", 2.0),  # 4 x 1/4 + 2 x 1/2
        ("#.\n.#", 2.25),  # 6 x 1/4 + 3/4
        (".#\n#.", 2.25),
        ("##\n#.", 3.125),  # 5 x 1/4 + 2 x 1/2 + 7/8
        ("##\n##", 4.0),
        ("###\n#.#\n###", 8.5),  # a ring: 4 x 1/4 + 8 x 1/2 + 4 x 7/8
        (".#.\n###\n.#.", 5.5),  # a cross: 8 x 1/4 + 4 x 7/8
        ("#..\n.#.\n..#", 3.5),  # 8 x 1/4 + 2 x 3/4
        ("#.#\n.#.\n#.#", 6.0),  # 12 x 1/4 + 4 x 3/4
        ("...", 0.0),
    ],
)
def test_known_patterns_have_their_area(picture, area):
    mask = np.array([[c == "#" for c in row] for row in picture.splitlines()])
    assert by_the_book(mask) == area
    assert weighted_area(mask) == area


@given(MASKS)
def test_the_area_is_that_of_the_rule(mask):
    assert weighted_area(mask) == by_the_book(mask)


@given(MASKS)
def test_turning_and_mirroring_change_nothing(mask):
    area = weighted_area(mask)
    for other in (mask[::-1], mask[:, ::-1], mask.T, np.rot90(mask), np.pad(mask, 2)):
        assert weighted_area(other) == area


@given(MASKS, MASKS)
def test_parts_that_do_not_touch_add_up(one, two):
    whole = np.zeros((20, 21), bool)
    whole[: one.shape[0], : one.shape[1]] = one
    whole[10 : 10 + two.shape[0], 11 : 11 + two.shape[1]] = two
    assert weighted_area(whole) == weighted_area(one) + weighted_area(two)


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_rectangle_has_its_plain_area(height, width):
    mask = np.zeros((45, 45), bool)
    mask[2 : 2 + height, 3 : 3 + width] = True
    assert weighted_area(mask) == height * width


def test_a_staircase_counts_as_the_straight_line_it_stands_for():
    n = 200
    mask = np.tri(n, dtype=bool)
    # Its slanting edge lies half a pixel outside the centres of its last pixels.
    assert weighted_area(mask) == n * (n + 1) / 2 + (n - 1) / 8


@given(arrays(np.uint8, (3, 7, 8), elements=st.sampled_from([0, 1, 2, 3, 255])))
def test_all_classes_at_once_are_each_class_alone(labels):
    areas = weighted_areas(labels)
    assert areas.shape == (256,)
    for class_index in (0, 1, 2, 3, 4, 255):
        alone = sum(weighted_area(bscan == class_index) for bscan in labels)
        assert areas[class_index] == alone
        assert weighted_area(labels == class_index) == alone
