"""Live-wire: from click to click along a boundary; and snapping a curve to one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.clicks import (
    band_limit,
    check_within,
    row_of_height,
    rows_by_column,
    rows_within,
)
from napari_octseg.editing.cost import cost_at
from napari_octseg.editing.likeness import strength_at, unlike_clicks
from napari_octseg.editing.runs import runs_of
from napari_octseg.editing.shortest_path import (
    cheapest_path,
    smooth_course,
    tolls,
    valley_bottoms,
)
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Curve = NDArray[np.float32]

STEP_PRICE = 0.3
UNLIKE_PRICE = 2.0
SMOOTHNESS = 40.0
_SNAP_STEPS = 3
_STAY_PRICE = 0.01
_SNAP_SMOOTHNESS = 2.0


def live_wire(
    cost: NDArray[np.float32],
    clicks: Sequence[tuple[float, float]],
    *,
    max_step: int = 3,
    band: tuple[Curve | None, Curve | None] = (None, None),
    around: NDArray[np.float32] | None = None,
) -> tuple[int, Curve]:
    """The boundary from click to click.

    The cheapest path through the cost (`shortest_path`), where edges that are stronger
    than those that were clicked are worth no more than these, and, with `around`,
    places that look otherwise than the clicks cost more. Sub-pixel between the clicks,
    exactly through them.

    Parameters
    ----------
    cost
        (depth, width) float32 in 0…1, low on the boundary; row *r* is the height
        ``r - 0.5`` (`cost.boundary_cost`). NaN counts as 1.
    clicks
        (row, column) px in any order. Columns are rounded; of two clicks in one column
        the later one counts.
    max_step
        Rows per column up to which the path may be steep. Where clicks or the band
        leave no other way it is steeper.
    band
        Heights (width,) px of the boundaries above and below, which the path never
        crosses; NaN or None where there is none. Where they cross, the upper one wins.
    around
        (6, width, depth) float32 of the same B-scan (`likeness.surroundings`).

    Returns
    -------
    The first column, and (n_columns,) float32 heights from there to the last click.

    Raises
    ------
    EditError
        If the clicks are in fewer than two columns, or one of them is outside the image
        or outside the band.
    """
    depth, width = cost.shape
    if max_step < 1:
        raise EditError(f"A largest step of {max_step} rows", allowed="1 or more")
    row_at = rows_by_column(clicks, depth, width)
    columns = list(row_at)
    first, end = columns[0], columns[-1] + 1
    upper, lower = (band_limit(band[side], side, width)[first:end] for side in (0, 1))
    lower = np.maximum(upper, lower)
    for column, row in row_at.items():
        check_within(row, column, upper[column - first], lower[column - first])

    by_column = np.ascontiguousarray(cost[:, first:end].T, np.float32)
    np.nan_to_num(by_column, copy=False, nan=1.0, posinf=1.0)
    low, high = rows_within(upper, lower, depth)
    for column, row in row_at.items():
        low[column - first] = high[column - first] = row_of_height(row, depth)
    path = np.empty(end - first, np.intp)
    for start, stop in pairwise(columns):
        stretch = slice(start - first, stop - first + 1)
        path[stretch] = _best_path(
            by_column[stretch],
            None if around is None else around[:, start : stop + 1],
            (low[stretch], high[stretch]),
            max_step,
        )
    fixed = np.full(end - first, np.nan, np.float32)
    clicked = np.array(columns) - first
    clicked_rows = np.array([*row_at.values()], np.float32)
    fixed[clicked] = clicked_rows + 0.5
    bottoms, sharp = valley_bottoms(by_column, path)
    course = smooth_course(bottoms, sharp, SMOOTHNESS, fixed)
    heights = np.clip(course - 0.5, -0.5, depth - 0.5)
    curve = np.clip(heights, upper, lower).astype(np.float32)
    curve[clicked] = np.clip(clicked_rows, upper[clicked], lower[clicked])
    return first, curve


def snap(
    curve: Curve, cost: NDArray[np.float32], *, reach: int, stiffness: float
) -> Curve:
    """A curve moved to the boundary next to it.

    The cheapest offsets from the curve, which keep its shape as far as `stiffness`
    asks.

    Parameters
    ----------
    curve
        (width,) float32 px from the top, NaN absent.
    cost
        (depth, width) float32 in 0…1 (`cost.boundary_cost`). NaN counts as 1.
    reach
        How far any column may move, px, 0 or more.
    stiffness
        Price of a change of the offset by one px from column to column, 0 or more. The
        cost of a column is at most 1.

    Returns
    -------
    (width,) float32: within `reach` of the curve, NaN where it was. Where there is no
    edge the curve stays as it is.

    Raises
    ------
    EditError
        If widths differ, or reach or stiffness is below 0.
    """
    depth, width = cost.shape
    if curve.shape != (width,):
        raise EditError(
            f"A curve of shape {curve.shape} on a B-scan with {width} columns",
            allowed=f"({width},)",
        )
    if reach < 0 or not 0 <= stiffness < np.inf:
        raise EditError(
            f"A reach of {reach} px and a stiffness of {stiffness:g}",
            allowed="0 or more, not infinite",
        )
    offsets = np.arange(-reach, reach + 1, dtype=np.float32)
    toll = tolls(min(_SNAP_STEPS, 2 * reach), stiffness)
    snapped = np.array(curve, np.float32)
    for start, stop in runs_of(np.isfinite(curve)):
        own = snapped[start:stop]
        here = cost_at(cost[:, start:stop], own + offsets[:, None]).T
        stay = np.float32(_STAY_PRICE) * np.abs(offsets)
        stay = (np.nan_to_num(here, nan=1.0) + stay).astype(np.float32)
        path = cheapest_path(stay, toll)
        assert path is not None  # every offset is allowed
        chosen = offsets[path]
        by_column = np.nan_to_num(cost[:, start:stop].T, nan=1.0)
        row = np.clip(np.rint(own + chosen + 0.5), 0, depth - 1).astype(np.intp)
        bottoms, sharp = valley_bottoms(by_column, row)
        shift = np.where(sharp > 0, bottoms - 0.5 - own, chosen)
        shift = smooth_course(shift, sharp, _SNAP_SMOOTHNESS + 10 * stiffness)
        snapped[start:stop] += np.clip(shift, -reach, reach).astype(np.float32)
    inside = np.clip(snapped, -0.5, depth - 0.5)
    # What lay outside the image already is not pulled in.
    return np.where((curve < -0.5) | (curve > depth - 0.5), snapped, inside)


def _best_path(
    cost: NDArray[np.float32],
    around: NDArray[np.float32] | None,
    limits: tuple[NDArray[np.intp], NDArray[np.intp]],
    max_step: int,
) -> NDArray[np.intp]:
    """Rows from the click in the first column to the click in the last one."""
    low, high = limits
    from_row, to_row, n_columns = int(low[0]), int(low[-1]), len(low)
    rows = slice(int(low.min()), int(high.max()) + 1)
    n_rows = rows.stop - rows.start
    share = np.linspace(0, 1, n_columns, dtype=np.float32)[:, None]
    at_start = np.float32(strength_at(cost, 0, from_row))
    at_end = np.float32(strength_at(cost, n_columns - 1, to_row))
    paid = np.maximum(cost[:, rows], at_start + (at_end - at_start) * share)
    if around is not None:
        unlike = unlike_clicks(around, rows, from_row, to_row)
        unlike *= np.float32(UNLIKE_PRICE)
        paid += unlike
    row = np.arange(rows.start, rows.stop)
    if (low[1:-1] > rows.start).any() or (high[1:-1] < rows.stop - 1).any():
        paid[(row < low[:, None]) | (row > high[:, None])] = np.inf
    # The clicks bind: between them the path is as steep as it has to be.
    step = max(max_step, -(-abs(to_row - from_row) // (n_columns - 1)))
    while True:
        toll = tolls(min(step, n_rows), STEP_PRICE)
        path = cheapest_path(paid, toll, from_row - rows.start, to_row - rows.start)
        if path is not None:
            return path + rows.start
        if step > n_rows:
            raise EditError(
                "No way from click to click: what the wire looks at is not a number",
                allowed="finite images",
            )
        step *= 2
