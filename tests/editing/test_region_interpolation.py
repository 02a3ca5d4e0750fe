"""Findings between two corrected B-scans."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.editing.region_interpolation import interpolate_regions
from napari_octseg.errors import EditError

SHAPE = (60, 80)


def disc(row, column, radius, class_index=2, shape=SHAPE):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return np.where(inside, class_index, 0).astype(np.uint8)


def areas(a, b, shares, **options):
    return [
        int((interpolate_regions(a, b, share, [2], **options) == 2).sum())
        for share in shares
    ]


def test_a_cyst_in_both_turns_smoothly_from_one_into_the_other() -> None:
    a, b = disc(30, 40, 15), disc(30, 42, 6)
    sizes = areas(a, b, np.linspace(0, 1, 11))
    assert sizes == sorted(sizes, reverse=True)
    half = np.pi * 10.5**2
    assert abs(sizes[5] - half) < 0.12 * half


def test_a_cyst_in_one_is_gone_half_way() -> None:
    a, b = disc(30, 40, 12), np.zeros(SHAPE, np.uint8)
    sizes = areas(a, b, [0, 0.1, 0.2, 0.3, 0.4, 0.49, 0.5, 0.8])
    assert sizes[0] == (a == 2).sum()
    assert sizes[:6] == sorted(set(sizes[:6]), reverse=True)
    assert sizes[6:] == [0, 0]
    assert areas(b, a, [0.5, 0.51, 1])[0] == 0
    assert areas(b, a, [1])[0] == sizes[0]


def test_cysts_are_told_apart() -> None:
    stays, goes = disc(20, 20, 8), disc(40, 60, 8)
    middle = interpolate_regions(stays | goes, stays, 0.3, [2])
    assert np.array_equal(middle[:, :40], stays[:, :40])
    assert 0 < (middle[:, 40:] == 2).sum() < (goes == 2).sum()


def test_a_deeper_retina_is_followed() -> None:
    a, b = disc(20, 40, 7), disc(40, 40, 7)
    assert areas(a, b, [0.5]) == [0]
    middle = interpolate_regions(a, b, 0.5, [2], rows=(10, -10))
    assert np.array_equal(middle, disc(30, 40, 7))


def test_only_the_classes_asked_for_come_out() -> None:
    a = disc(20, 20, 8) + disc(40, 60, 8, class_index=5)
    assert set(np.unique(interpolate_regions(a, a, 0.5, [5]))) == {0, 5}


def test_where_two_classes_meet_each_pixel_has_one() -> None:
    a = np.zeros(SHAPE, np.uint8)
    a[10:30, 10:70], a[30:50, 10:70] = 2, 3
    b = np.zeros(SHAPE, np.uint8)
    b[10:20, 10:70], b[20:50, 10:70] = 2, 3
    middle = interpolate_regions(a, b, 0.5, [2, 3])
    assert (middle[15] == 2)[10:70].all()
    assert (middle[45] == 3)[10:70].all()
    assert (middle[10:50, 15:65] > 0).mean() > 0.95


def test_a_finding_that_fills_the_picture_stays() -> None:
    full = np.full(SHAPE, 2, np.uint8)
    assert (interpolate_regions(full, full, 0.4, [2]) == 2).all()


@settings(max_examples=25, deadline=None)
@given(
    a=st.tuples(st.integers(5, 55), st.integers(5, 75), st.integers(1, 14)),
    b=st.tuples(st.integers(5, 55), st.integers(5, 75), st.integers(1, 14)),
    share=st.floats(0, 1),
)
def test_nothing_appears_where_neither_had_it(a, b, share) -> None:
    first, second = disc(*a), disc(*b)
    untouched = first.copy(), second.copy()
    middle = interpolate_regions(first, second, share, [2])
    assert not middle[(first | second) == 0].any()
    # What both call fluid is fluid in between.
    assert (middle[(first & second) > 0] == 2).all()
    mirrored = interpolate_regions(second, first, 1 - share, [2])
    assert (middle != mirrored).mean() < 0.01
    assert np.array_equal(interpolate_regions(first, second, 0, [2]), first)
    assert np.array_equal(interpolate_regions(first, second, 1, [2]), second)
    assert np.array_equal(first, untouched[0])
    assert np.array_equal(second, untouched[1])


def test_a_place_outside_is_refused() -> None:
    with pytest.raises(EditError, match="0 to 1"):
        interpolate_regions(disc(9, 9, 3), disc(9, 9, 3), 1.5, [2])
    with pytest.raises(EditError, match="one volume"):
        interpolate_regions(disc(9, 9, 3), np.zeros((5, 5), np.uint8), 0.5, [2])
