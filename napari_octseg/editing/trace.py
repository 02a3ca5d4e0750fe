"""A whole boundary from one click, or as much of it as is wrong.

Where the live-wire needs a click at both ends, this follows the boundary from one click
to both sides: to the edges of the B-scan, or until it meets the boundary that is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.clicks import band_limit, check_click, row_of_height
from napari_octseg.editing.likeness import strength_at, unlike_clicks
from napari_octseg.editing.livewire import SMOOTHNESS, STEP_PRICE, UNLIKE_PRICE
from napari_octseg.editing.shortest_path import (
    cheapest_path,
    smooth_course,
    tolls,
    valley_bottoms,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Curve = NDArray[np.float32]

_STEEPEST = 3  # rows per column
_UNLIKE_HALF_PX = 100.0
_OUTSIDE_PRICE = 20.0


def trace(
    cost: NDArray[np.float32],
    click: tuple[float, float],
    *,
    band: tuple[Curve | None, Curve | None] = (None, None),
    around: NDArray[np.float32] | None = None,
) -> Curve:
    """The boundary through a click, from the left edge to the right one.

    Parameters
    ----------
    cost
        (depth, width) float32 in 0…1, low on the boundary; row *r* is the height
        ``r - 0.5`` (`cost.boundary_cost`). NaN counts as 1.
    click
        (row, column) px.
    band
        Heights (width,) px of the boundaries above and below, which it crosses in the
        column of the click at most; NaN or None where there is none.
    around
        (6, width, depth) float32 of the same B-scan (`likeness.surroundings`): places
        that look otherwise than the click cost more, the less the farther away.

    Returns
    -------
    (width,) float32 heights, exactly through the click.

    Raises
    ------
    EditError
        If the click is outside the B-scan, or a curve of the band has another width.
    """
    depth, width = cost.shape
    row, column = click
    check_click(row, column, cost.shape)
    at = min(max(round(column), 0), width - 1)
    from_row = row_of_height(row, depth)
    by_column = np.nan_to_num(np.ascontiguousarray(cost.T, np.float32), nan=1.0)
    paid = np.maximum(by_column, np.float32(strength_at(by_column, at, from_row)))
    upper, lower = (band_limit(band[side], side, width) for side in (0, 1))
    lower = np.maximum(upper, lower)
    height = np.arange(depth) - 0.5
    outside = (height < upper[:, None]) | (height > lower[:, None])
    paid[outside] += np.float32(_OUTSIDE_PRICE)
    path = np.full(width, from_row, np.intp)
    toll = tolls(min(_STEEPEST, depth), STEP_PRICE)
    # Outward from the click, to the right and then to the left.
    for side in (np.s_[at:], np.s_[at::-1]):
        here = paid[side]
        if around is not None:
            near = np.exp2(-np.arange(len(here), dtype=np.float32) / _UNLIKE_HALF_PX)
            unlike = unlike_clicks(around[:, side], slice(0, depth), from_row, None)
            here = here + UNLIKE_PRICE * near[:, None] * unlike
        found = cheapest_path(here, toll, from_row)
        assert found is not None  # nothing is forbidden, only dear
        path[side] = found
    fixed = np.full(width, np.nan, np.float32)
    fixed[at] = row + 0.5
    fine = smooth_course(*valley_bottoms(by_column, path), SMOOTHNESS, fixed)
    curve = np.clip(np.clip(fine - 0.5, -0.5, depth - 0.5), upper, lower)
    curve[at] = row
    return curve.astype(np.float32)


def retrace(
    curve: Curve, traced: Curve, column: int, *, within_px: float = 0.5
) -> tuple[int, Curve]:
    """The part of a traced boundary up to where it meets the one that is there.

    Parameters
    ----------
    curve, traced
        (width,) float32 px from the top; NaN in `curve` is never met.
    column
        Where the click was.
    within_px
        How near is met.

    Returns
    -------
    The first column, and (n_columns,) float32 heights from there on.
    """
    met = np.abs(curve - traced) <= within_px
    before = np.flatnonzero(met[:column])
    after = np.flatnonzero(met[column + 1 :])
    first = int(before[-1]) if len(before) else 0
    last = column + 1 + int(after[0]) if len(after) else len(curve) - 1
    return first, traced[first : last + 1]
