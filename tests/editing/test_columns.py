from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.editing.columns import (
    beneath,
    follow_boundaries,
    follow_pixels,
    is_finding,
)
from napari_octseg.labels import IGNORE

LAYERS = (1, 2, 3)
FLUID = 4
DEPTH = 24


def heights_of(seed: int, width: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    heights = np.sort(rng.uniform(1, DEPTH - 2, (4, width)), axis=0)
    return heights.astype(np.float32)


def drawn(heights: np.ndarray) -> np.ndarray:
    return boundaries_to_labels(heights[:, None], DEPTH, LAYERS)[0]


def test_findings_are_all_that_is_neither_layer_nor_background() -> None:
    labels = np.array([0, 1, 2, 3, FLUID, 9, IGNORE], np.uint8)
    found = is_finding(labels, LAYERS)
    assert found.tolist() == [False, False, False, False, True, True, False]


@given(st.integers(0, 2**16))
def test_layers_follow_boundaries_and_findings_stay_on_top(seed: int) -> None:
    before, after = heights_of(seed), heights_of(seed + 1)
    labels = drawn(before)
    labels[5:9, 2:4] = FLUID
    followed = follow_boundaries(labels, after, LAYERS)
    assert (followed[5:9, 2:4] == FLUID).all()
    bare = beneath(followed, after, LAYERS)
    assert np.array_equal(bare, drawn(after))


def test_a_column_without_boundaries_keeps_its_pixels() -> None:
    heights = heights_of(0)
    labels = drawn(heights)
    heights[:, 3] = np.nan
    assert np.array_equal(follow_boundaries(labels, heights, LAYERS), labels)


def test_without_layers_findings_lie_on_background() -> None:
    labels = np.zeros((DEPTH, 4), np.uint8)
    labels[3:5] = FLUID
    nothing = np.zeros((0, 4), np.float32)
    assert not beneath(labels, nothing, ()).any()
    assert np.array_equal(follow_boundaries(labels, nothing, ()), labels)


def test_a_boundary_moves_to_where_pixels_were_painted_and_others_stay() -> None:
    heights = heights_of(3)
    heights[:, 2] = [2.3, 7.6, 12.4, 18.1]
    before = drawn(heights)
    after = before.copy()
    after[8:10, 2] = 1  # the first layer grows into the second
    followed = follow_pixels(before, after, heights, LAYERS)
    assert followed[1, 2] == 9.5
    unmoved = np.ones_like(heights, bool)
    unmoved[1, 2] = False
    assert np.array_equal(followed[unmoved], heights[unmoved])


def test_a_finding_painted_over_a_boundary_leaves_it_where_it_was() -> None:
    heights = heights_of(4)
    before = drawn(heights)
    after = before.copy()
    after[:, 1:4] = FLUID
    assert np.array_equal(follow_pixels(before, after, heights, LAYERS), heights)


def test_a_boundary_keeps_its_part_of_a_pixel_when_a_finding_is_taken_away() -> None:
    heights = heights_of(4)
    after = drawn(heights)
    before = after.copy()
    before[:, 1:4] = FLUID
    assert np.array_equal(follow_pixels(before, after, heights, LAYERS), heights)


def test_boundaries_go_with_the_last_of_their_layers() -> None:
    heights = heights_of(5)
    before = drawn(heights)
    after = before.copy()
    after[:, 1] = 0
    followed = follow_pixels(before, after, heights, LAYERS)
    assert np.isnan(followed[:, 1]).all()
    assert np.array_equal(followed[:, 2:], heights[:, 2:])


@given(st.integers(0, 2**16))
def test_painting_never_makes_boundaries_cross(seed: int) -> None:
    rng = np.random.default_rng(seed)
    heights = heights_of(seed)
    before = drawn(heights)
    before[4:9, 2:4] = FLUID
    after = before.copy()
    top, left = rng.integers(0, DEPTH - 8), rng.integers(0, 4)
    after[top : top + 8, left : left + 3] = rng.choice([0, *LAYERS, FLUID])
    followed = follow_pixels(before, after, heights, LAYERS)
    assert not (np.diff(followed, axis=0) < 0).any()


def test_a_layer_that_is_painted_over_ends_where_the_next_one_begins() -> None:
    heights = np.array([[2.0], [6.0], [10.3], [15.0]], np.float32)
    before = drawn(heights)
    after = before.copy()
    after[before == 2] = 1
    followed = follow_pixels(before, after, heights, LAYERS)
    assert followed[1, 0] == followed[2, 0] == np.float32(10.5)
    assert followed[3, 0] == 15
    assert np.array_equal(drawn(followed), after)
