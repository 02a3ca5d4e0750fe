"""The correction of one B-scan, given to its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.livewire import snap
from napari_octseg.editing.nearness import distance_to, falling
from napari_octseg.editing.ordering import keep_between
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    CostIn = Callable[[int, int], NDArray[np.float32]]

HALF_DISTANCE = 3.0
"""B-scans from a correction to where it counts half, unless told otherwise."""

SNAP_REACH_PX = 3
"""How far a propagated boundary may move to an edge of the image."""

SNAP_STIFFNESS = 0.5

_LEAST_WEIGHT = 0.1
_LEAST_CHANGE_PX = 1e-3
_TAPER_COLUMNS = 8


def spread(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    neighbours: Mapping[int, NDArray[np.float32]],
    *,
    bscan: int,
    half_distance: float = HALF_DISTANCE,
    cost_of: CostIn | None = None,
    closed: Mapping[int, NDArray[np.bool_]] | None = None,
    reach: int = SNAP_REACH_PX,
) -> dict[int, NDArray[np.float32]]:
    """Give the correction of one B-scan to its neighbours.

    Each boundary moves by the same pixels, times a weight that halves every
    `half_distance` B-scans, then snaps to the image of its own B-scan. Only columns
    that were corrected change; the correction fades towards its ends. What was not
    corrected stays and is never crossed.

    Parameters
    ----------
    before, after
        (n_boundaries, width) float32, px from the top: the corrected B-scan.
    neighbours
        (n_boundaries, width) float32 by index of the B-scan: those that may change, so
        neither reviewed nor excluded ones.
    bscan
        Index of the corrected B-scan.
    half_distance
        B-scans, above 0.
    cost_of
        Gives the `cost.boundary_cost` of (B-scan, boundary); None not to snap.
    closed
        (width,) bool by index of the B-scan: columns to leave, such as those a person
        has drawn.
    reach
        How far a boundary may move to snap, px.

    Returns
    -------
    New heights by index, of the neighbours that change. Those where less than a tenth
    of the correction would arrive are left out.

    Raises
    ------
    EditError
        If the half distance is not above 0.
    """
    if not half_distance > 0:
        raise EditError(f"A half distance of {half_distance:g}", allowed="above 0")
    change = after - before
    touched = np.abs(change) > _LEAST_CHANGE_PX  # NaN is no change
    found: dict[int, NDArray[np.float32]] = {}
    for index, heights in neighbours.items():
        distance = np.array(abs(index - bscan), np.float32)
        weight = falling(distance, half_distance)
        if index == bscan or weight < _LEAST_WEIGHT:
            continue
        moves = touched & np.isfinite(heights)
        if closed is not None and index in closed:
            moves &= ~closed[index]
        fade = _fade(moves)
        moved = np.where(moves, heights + weight * fade * change, heights)
        if cost_of is not None:
            for k in np.flatnonzero(moves.any(axis=1)).tolist():
                snapped = snap(
                    moved[k], cost_of(index, k), reach=reach, stiffness=SNAP_STIFFNESS
                )
                pull = np.where(np.isfinite(snapped), snapped - moved[k], 0)
                moved[k] += fade[k] * pull
        moved = keep_between(heights, moved.astype(np.float32), moves)
        if not np.array_equal(moved, heights, equal_nan=True):
            found[index] = moved
    return found


def _fade(moves: NDArray[np.bool_]) -> NDArray[np.float32]:
    """1 within each run of columns, falling smoothly to 0 just outside its ends."""
    rim = np.stack([distance_to(~row) for row in moves]) if len(moves) else moves
    rising = np.clip(rim / np.float32(_TAPER_COLUMNS + 1), 0, 1)
    return (rising * rising * (3 - 2 * rising)).astype(np.float32)
