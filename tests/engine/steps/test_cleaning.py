"""Small things taken out of labels, and gaps filled."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.engine.steps.cleaning import (
    fill_holes,
    fill_nearest,
    keep_large,
    without_small,
)


def spots() -> np.ndarray:
    """Class 1: 9 px and 1 px; class 2: 2 px."""
    labels = np.zeros((10, 10), np.uint8)
    labels[1:4, 1:4] = 1
    labels[8, 8] = 1
    labels[6, 1:3] = 2
    return labels


def test_small_components_are_removed_and_large_ones_stay() -> None:
    cleaned = keep_large(spots(), least_px=3, classes=[1])
    assert cleaned[8, 8] == 0
    assert (cleaned[1:4, 1:4] == 1).all()
    assert (cleaned[6, 1:3] == 2).all()


def test_without_classes_all_are_cleaned() -> None:
    assert np.unique(keep_large(spots(), least_px=3)).tolist() == [0, 1]


def test_each_class_may_have_its_own_limit() -> None:
    cleaned = keep_large(spots(), least_px={1: 10, 2: 2})
    assert np.unique(cleaned).tolist() == [0, 2]


def test_removed_pixels_may_take_the_nearest_label() -> None:
    labels = np.full((7, 9), 1, np.uint8)
    labels[:, 5:] = 3
    labels[3, 1] = labels[3, 7] = 2
    cleaned = keep_large(labels, least_px={2: 5}, fill="nearest")
    assert cleaned[3, 1] == 1
    assert cleaned[3, 7] == 3


def test_diagonal_neighbours_belong_together() -> None:
    assert without_small(np.eye(4, dtype=bool), 4).sum() == 4
    assert without_small(np.eye(4, dtype=bool), 5).sum() == 0


def ring(inside: int = 0) -> np.ndarray:
    labels = np.zeros((9, 9), np.uint8)
    labels[2:7, 2:7] = 1
    labels[3:6, 3:6] = inside
    return labels


def test_holes_up_to_a_size_are_filled() -> None:
    assert (fill_holes(ring(), most_px=9)[2:7, 2:7] == 1).all()
    assert np.array_equal(fill_holes(ring(), most_px=8), ring())
    assert np.array_equal(fill_holes(ring(), most_px=9, classes=[2]), ring())


def test_what_is_labelled_is_no_hole() -> None:
    assert np.array_equal(fill_holes(ring(inside=2), most_px=9), ring(inside=2))


def test_open_bays_are_no_holes() -> None:
    labels = ring()
    labels[4, 6] = 0
    labels[4, 5] = 0
    assert np.array_equal(fill_holes(labels, most_px=50), labels)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_unassigned_pixels_take_the_nearest_label(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 5, (9, 11)).astype(np.uint8)
    unassigned = random.random(labels.shape) < 0.6
    if unassigned.all():
        return
    filled = fill_nearest(labels, unassigned)
    rows, columns = np.nonzero(~unassigned)
    for row, column in np.ndindex(labels.shape):
        distance = (rows - row) ** 2 + (columns - column) ** 2
        nearest = distance == distance.min()
        assert filled[row, column] in labels[rows[nearest], columns[nearest]]
    assert np.array_equal(filled[~unassigned], labels[~unassigned])


def test_where_nothing_is_assigned_all_is_background() -> None:
    assert not fill_nearest(np.full((3, 3), 7, np.uint8), np.ones((3, 3), bool)).any()
