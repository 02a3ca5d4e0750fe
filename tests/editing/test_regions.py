"""Regions smoothed, filled, grown and shrunk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from napari_octseg.editing import regions
from napari_octseg.labels import IGNORE

OWN = 2
PLUS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)


@st.composite
def label_images(draw: st.DrawFn) -> np.ndarray:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    share = draw(st.sampled_from([0.1, 0.5, 0.9]))
    others = random.choice(np.array([0, 1, 3, IGNORE], np.uint8), shape)
    return np.where(random.random(shape) < share, np.uint8(OWN), others)


@settings(max_examples=80, deadline=None)
@given(label_images())
def test_no_tool_writes_into_its_argument_or_takes_ungraded_pixels(
    labels: np.ndarray,
) -> None:
    before = labels.copy()
    for changed in (
        regions.smooth(labels, OWN, 1.5),
        regions.fill_holes(labels, OWN),
        regions.grow(labels, OWN),
        regions.shrink(labels, OWN, beneath=1),
    ):
        assert np.array_equal(labels, before)
        assert changed is not labels
        assert (changed[labels == IGNORE] == IGNORE).all()
        # Only the class itself, and what it lays bare, changes.
        other = (labels != OWN) & (changed != OWN)
        assert np.array_equal(changed[other], labels[other])


@settings(max_examples=80, deadline=None)
@given(label_images())
def test_growing_by_a_pixel_adds_the_four_neighbours(labels: np.ndarray) -> None:
    grown = regions.grow(labels, OWN) == OWN
    wanted = binary_dilation(labels == OWN, PLUS) & (labels != IGNORE)
    assert np.array_equal(grown, wanted)


@settings(max_examples=80, deadline=None)
@given(label_images())
def test_shrinking_is_growing_of_the_rest(labels: np.ndarray) -> None:
    shrunk = regions.shrink(labels, OWN, beneath=1) == OWN
    rest = binary_dilation(labels != OWN, PLUS)
    assert np.array_equal(shrunk, ~rest)


def test_growing_and_shrinking_a_disc_give_it_back() -> None:
    rows, columns = np.mgrid[:40, :40]
    disc = ((rows - 20) ** 2 + (columns - 20) ** 2 <= 81).astype(np.uint8) * OWN
    again = regions.shrink(regions.grow(disc, OWN, 3), OWN, 3)
    assert ((again == OWN) != (disc == OWN)).sum() <= 8


def test_holes_are_filled_up_to_a_size_and_bays_are_not() -> None:
    labels = np.full((20, 20), 1, np.uint8)
    labels[3:17, 3:17] = OWN
    labels[5, 5] = 1
    labels[9:12, 9:12] = 3
    labels[14, 10:20] = 1  # open to the right
    small = regions.fill_holes(labels, OWN, most_px=4)
    assert small[5, 5] == OWN
    assert (small[9:12, 9:12] == 3).all()
    full = regions.fill_holes(labels, OWN)
    assert (full[9:12, 9:12] == OWN).all()
    assert (full[14, 10:] == 1).all()


def test_smoothing_takes_spurs_and_notches_and_leaves_straight_edges() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[:, :20] = OWN
    labels[20, 20:26] = OWN
    labels[10, 14:20] = 0
    smooth = regions.smooth(labels, OWN, 2, beneath=1)
    assert (smooth[:, :20] == OWN).mean() > 0.995
    assert (smooth[20, 21:26] == 1).all()
    assert (smooth[10, 14:19] == OWN).all()
    assert (smooth[30:] == labels[30:]).all()


@pytest.mark.parametrize("tool", ["smooth", "fill_holes", "grow", "shrink"])
def test_a_class_that_is_absent_or_everywhere_stays(tool: str) -> None:
    extra = (2.0,) if tool == "smooth" else ()
    for value in (1, OWN):
        labels = np.full((6, 7), value, np.uint8)
        assert np.array_equal(getattr(regions, tool)(labels, OWN, *extra), labels)
