"""Patches hold the smallest box that differs, and go there and back exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as drawn
from numpy.typing import NDArray

from napari_octseg.editing.patch import TARGETS, Patch, bscan_view, patches_between
from napari_octseg.errors import EditError

N_BSCANS, DEPTH, WIDTH, N_BOUNDARIES = 3, 6, 5, 4
SHAPES = {
    "labels": (N_BSCANS, DEPTH, WIDTH),
    "heights": (N_BOUNDARIES, N_BSCANS, WIDTH),
    "origins": (N_BSCANS, WIDTH),
    "states": (N_BSCANS,),
    "predicted": (N_BOUNDARIES, N_BSCANS, WIDTH),
}
FLOATS = st.sampled_from([np.nan, -1.5, 0.0, 2.25, np.inf])
BYTES = st.integers(0, 255)


def whole(target: str, fill: float = 0) -> dict[str, NDArray[Any]]:
    dtype = np.float32 if target in ("heights", "predicted") else np.uint8
    return {target: np.full(SHAPES[target], fill, dtype)}


@settings(max_examples=150, deadline=None)
@given(data=st.data(), target=st.sampled_from(TARGETS), bscan=st.integers(0, 2))
def test_apply_and_revert_are_inverse_and_touch_one_bscan(
    data: st.DataObject, target: str, bscan: int
) -> None:
    arrays = whole(target)
    dtype = arrays[target].dtype
    values = FLOATS if dtype.kind == "f" else BYTES
    arrays[target] = data.draw(drawn(dtype, SHAPES[target], elements=values))
    before = arrays[target].copy()
    after = before.copy()
    new = bscan_view({target: after}, target, bscan)
    for index in data.draw(st.lists(st.integers(0, new.size - 1), max_size=4)):
        new.flat[index] = data.draw(values)

    view = bscan_view(arrays, target, bscan)
    patch = patches_between(target, bscan, view, new)

    if patch is None:
        np.testing.assert_array_equal(before, after)
        return
    patch.apply(arrays)
    np.testing.assert_array_equal(arrays[target], after)
    patch.revert(arrays)
    np.testing.assert_array_equal(arrays[target], before)


def test_a_patch_is_trimmed_to_what_differs() -> None:
    before = np.zeros((DEPTH, WIDTH), np.uint8)
    after = before.copy()
    after[2, 1] = after[4, 3] = 7
    patch = patches_between("labels", 1, before, after)
    assert patch is not None
    assert (patch.bscan, patch.start, patch.after.shape) == (1, (2, 1), (3, 3))
    assert patch.before.sum() == 0
    assert patch.after.tolist() == [[7, 0, 0], [0, 0, 0], [0, 0, 7]]


def test_absent_heights_are_equal_and_their_coming_and_going_is_not() -> None:
    absent = np.full((N_BOUNDARIES, WIDTH), np.nan, np.float32)
    assert patches_between("heights", 0, absent, absent.copy()) is None
    there = absent.copy()
    there[2, 3] = 1.5
    for before, after in ((absent, there), (there, absent)):
        patch = patches_between("heights", 0, before, after)
        assert patch is not None
        assert (patch.start, patch.after.shape) == ((2, 3), (1, 1))


def test_the_state_of_a_bscan_is_a_patch_without_a_place() -> None:
    arrays = whole("states")
    view = bscan_view(arrays, "states", 2)
    patch = patches_between("states", 2, view, np.array([3], np.uint8))
    assert patch is not None
    assert patch.start == ()
    patch.apply(arrays)
    assert arrays["states"].tolist() == [0, 0, 3]


def test_a_patch_keeps_its_values_when_the_arrays_change_on() -> None:
    before = np.zeros((DEPTH, WIDTH), np.uint8)
    after = before + np.uint8(1)
    patch = patches_between("labels", 0, before, after)
    before[:], after[:] = 9, 9
    assert patch is not None
    assert (patch.before == 0).all() and (patch.after == 1).all()


@pytest.mark.parametrize("target", TARGETS)
def test_the_view_of_a_bscan_writes_through(target: str) -> None:
    arrays = whole(target)
    view = bscan_view(arrays, target, 1)
    view[...] = 1
    assert arrays[target].sum() == view.size == arrays[target].size // N_BSCANS


@pytest.mark.parametrize(
    ("target", "bscan", "start", "shapes"),
    [
        ("colours", 0, (0, 0), ((1, 1), (1, 1))),
        ("labels", 0, (0, 0), ((1, 1), (1, 2))),
        ("labels", 0, (0,), ((1, 1), (1, 1))),
        ("labels", 0, (-1, 0), ((1, 1), (1, 1))),
        ("labels", -1, (0, 0), ((1, 1), (1, 1))),
        ("states", 0, (0,), ((1,), (1,))),
    ],
)
def test_what_cannot_be_a_box_is_refused(
    target: str,
    bscan: int,
    start: tuple[int, ...],
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    before, after = (np.zeros(shape, np.uint8) for shape in shapes)
    with pytest.raises(EditError):
        Patch(target, bscan, start, before, after)


def test_different_types_are_refused() -> None:
    with pytest.raises(EditError, match=r"uint8.*int64"):
        patches_between("origins", 0, np.zeros(3, np.uint8), np.zeros(3, np.int64))


def test_a_box_that_leaves_the_array_is_not_written() -> None:
    arrays = whole("labels")
    ones = np.ones((2, 2), np.uint8)
    patch = Patch("labels", 0, (DEPTH - 1, 0), ones * 0, ones)
    with pytest.raises(EditError, match="inside"):
        patch.apply(arrays)
    assert arrays["labels"].sum() == 0
