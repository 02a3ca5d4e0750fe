"""The smallest box that an edit changes, with what it held before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

TARGETS = ("labels", "heights", "origins", "states", "predicted")
"""The arrays of a grading that an edit may change."""

# Boundaries come first in these, B-scans first in the others.
_BY_BOUNDARY = ("heights", "predicted")


@dataclass(frozen=True, eq=False)
class Patch:
    """One box of one array on one B-scan, before and after an edit.

    Parameters
    ----------
    target
        Which array: one of `TARGETS`.
    bscan
        Index of the B-scan.
    start
        First index of the box in the B-scan's own array (`bscan_view`): (row, column)
        of labels, (boundary, column) of heights and of predicted, (column,) of origins,
        () of states.
    before, after
        What the box holds before and after: same shape and dtype; one value, (1,), of
        states.

    Raises
    ------
    EditError
        If target and shapes cannot be those of a box.
    """

    target: str
    bscan: int
    start: tuple[int, ...]
    before: NDArray[Any]
    after: NDArray[Any]

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise EditError(
                f"A change of '{self.target}'", allowed="one of " + ", ".join(TARGETS)
            )
        _check_same(self.before, self.after)
        n_axes = 0 if self.target == "states" else self.before.ndim
        if (
            len(self.start) != n_axes
            or self.bscan < 0
            or min(self.start, default=0) < 0
        ):
            raise EditError(
                f"A box of {self.target} of B-scan {self.bscan} at {self.start}",
                allowed="one index per axis of the B-scan, none of them negative",
            )

    def apply(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write what comes after the edit into the arrays of a grading."""
        self._box(arrays)[...] = self.after

    def revert(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write what was there before the edit into the arrays of a grading."""
        self._box(arrays)[...] = self.before

    def _box(self, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        return box_of(arrays, self.target, self.bscan, self.start, self.before.shape)


def bscan_view(
    arrays: Mapping[str, NDArray[Any]], target: str, bscan: int
) -> NDArray[Any]:
    """The part of an array that belongs to one B-scan; writing to it writes through.

    Parameters
    ----------
    arrays
        Whole arrays of a grading by their names: labels (n_bscans, depth, width),
        heights and predicted (n_boundaries, n_bscans, width), origins (n_bscans,
        width), states (n_bscans,).
    target
        Name of one of them.
    bscan
        Index of the B-scan.

    Returns
    -------
    (depth, width) of labels, (n_boundaries, width) of heights and of predicted,
    (width,) of origins, (1,) of states.
    """
    array = arrays[target]
    if target in _BY_BOUNDARY:
        return array[:, bscan]
    if target == "states":
        return array[bscan : bscan + 1]
    view: NDArray[Any] = array[bscan]
    return view


def box_of(
    arrays: Mapping[str, NDArray[Any]],
    target: str,
    bscan: int,
    start: tuple[int, ...],
    shape: tuple[int, ...],
) -> NDArray[Any]:
    """A box of one B-scan; writing to it writes through.

    Raises
    ------
    EditError
        If the box is not wholly inside the array.
    """
    view = bscan_view(arrays, target, bscan)
    index = tuple(slice(i, i + n) for i, n in zip(start, shape, strict=False))
    box = view[index]
    if box.shape != tuple(shape):
        raise EditError(
            f"A box of {target} of shape {tuple(shape)} at {start}",
            allowed=f"a box inside {view.shape}",
        )
    return box


def patches_between(
    target: str, bscan: int, before: NDArray[Any], after: NDArray[Any]
) -> Patch | None:
    """The change of one B-scan, trimmed to the box in which anything differs.

    Parameters
    ----------
    target, bscan
        Which array, and which B-scan of it.
    before, after
        The B-scan's own array (`bscan_view`) before and after: same shape and dtype.
        NaN equals NaN.

    Returns
    -------
    A patch with copies of what it needs; None if nothing differs.

    Raises
    ------
    EditError
        If shapes or dtypes differ.
    """
    _check_same(before, after)
    changed = np.atleast_1d(before != after)
    if np.issubdtype(before.dtype, np.floating):
        changed &= ~np.atleast_1d(np.isnan(before) & np.isnan(after))
    if not changed.any():
        return None
    before, after = np.atleast_1d(before), np.atleast_1d(after)
    box, axes = [], range(changed.ndim)
    for axis in axes:
        hit = np.flatnonzero(changed.any(axis=tuple(a for a in axes if a != axis)))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    start = () if target == "states" else tuple(part.start for part in box)
    index = tuple(box)
    return Patch(target, bscan, start, before[index].copy(), after[index].copy())


def _check_same(before: NDArray[Any], after: NDArray[Any]) -> None:
    if before.shape != after.shape or before.dtype != after.dtype:
        raise EditError(
            f"A change from {before.dtype} of shape {before.shape} "
            f"to {after.dtype} of shape {after.shape}",
            allowed="the same shape and dtype before and after",
        )
