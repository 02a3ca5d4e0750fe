"""Knots of a boundary: a few points through which PCHIP draws the whole curve.

PCHIP (Fritsch & Carlson, *Monotone piecewise cubic interpolation*, SIAM J. Numer. Anal.
17:238, 1980) never overshoots between two knots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.runs import runs_of
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Curve = NDArray[np.float32]
    Knots = NDArray[np.float32]


def knots_of(curve: Curve, tolerance_px: float = 1.0) -> Knots:
    """Few knots whose PCHIP keeps to the curve.

    Starts from the ends of each stretch and adds a knot where a stretch is furthest
    off, as Douglas & Peucker do with straight lines (Cartographica 10:112, 1973).

    Parameters
    ----------
    curve
        (width,) float32 px from the top, NaN absent.
    tolerance_px
        Largest distance between the curve and the PCHIP through its knots, px, above 0.

    Returns
    -------
    (n, 2) float32 (row, column), from left to right. They lie on the curve; the first
    and last column of each stretch without NaN are among them.

    Raises
    ------
    EditError
        If the tolerance is not above 0.
    """
    if not tolerance_px > 0:
        raise EditError(f"A tolerance of {tolerance_px:g} px", allowed="above 0")
    columns = [
        start + _columns_of_run(curve[start:stop], tolerance_px)
        for start, stop in runs_of(np.isfinite(curve))
    ]
    chosen = np.concatenate([np.empty(0, np.intp), *columns])
    return np.stack([curve[chosen], chosen.astype(np.float32)], axis=1)


def move_knot(curve: Curve, knots: Knots, index: int, row: float) -> Curve:
    """The curve with one knot moved up or down.

    The shift is PCHIP of 0 at the neighbours and the whole at the knot, so the detail
    of the curve is kept.

    Parameters
    ----------
    curve
        (width,) float32 px from the top, NaN absent.
    knots
        (n, 2) float32 (row, column), by column.
    index
        Knot that moves.
    row
        Where to, px from the top.

    Returns
    -------
    (width,) float32. Only the columns between the neighbours differ; NaN ends the
    stretch too.

    Raises
    ------
    EditError
        If there is no such knot, or the curve is absent at it.
    """
    column = _column(curve, knots, index)
    left, right = _neighbours(curve, knots, index)
    anchors = sorted({left, column, right})
    shift = [float(row) - float(curve[column]) if c == column else 0.0 for c in anchors]
    between = np.arange(left, right + 1)
    moved = np.array(curve, np.float32)
    if len(anchors) > 1:
        # A flat point beyond each end makes the shift level off there as well.
        x = [anchors[0] - 1, *anchors, anchors[-1] + 1]
        y = [shift[0], *shift, shift[-1]]
        change = _pchip(x, y, between)
        inner = slice(left + (left != column), right + 1 - (right != column))
        moved[inner] += change[inner.start - left : inner.stop - left].astype(
            np.float32
        )
    moved[column] = row
    return moved


def add_knot(curve: Curve, knots: Knots, column: int) -> Knots:
    """Knots with one more on the curve, which stays as it is.

    Parameters
    ----------
    curve
        (width,) float32 px from the top, NaN absent.
    knots
        (n, 2) float32 (row, column), by column.
    column
        Where. If a knot is there already, nothing is added.

    Returns
    -------
    (n + 1, 2) or (n, 2) float32, by column.

    Raises
    ------
    EditError
        If the column is outside the image or the curve is absent there.
    """
    if not 0 <= column < len(curve):
        raise EditError(f"Column {column}", allowed=f"0…{len(curve) - 1}")
    if not np.isfinite(curve[column]):
        raise EditError(
            f"No boundary in column {column}",
            allowed="columns where the boundary is seen",
            todo="draw it there with the pen first",
        )
    if (knots[:, 1] == column).any():
        return knots
    place = int(np.searchsorted(knots[:, 1], column))
    knot = np.array([curve[column], column], np.float32)
    return np.insert(knots, place, knot, axis=0)


def delete_knot(curve: Curve, knots: Knots, index: int) -> tuple[Curve, Knots]:
    """Curve and knots without one knot: PCHIP joins its neighbours.

    Parameters
    ----------
    curve
        (width,) float32 px from the top, NaN absent.
    knots
        (n, 2) float32 (row, column), by column.
    index
        Knot that goes.

    Returns
    -------
    (width,) float32, of which only the columns between the neighbours differ, and
    (n - 1, 2) float32 knots.

    Raises
    ------
    EditError
        If there is no such knot, or it holds the end of the boundary.
    """
    column = _column(curve, knots, index)
    left, right = _neighbours(curve, knots, index)
    held = knots[:, 1].astype(np.intp)
    if left not in held[:index] or right not in held[index + 1 :]:
        raise EditError(
            f"The knot in column {column} holds the end of the boundary",
            allowed="knots with a neighbour on both sides",
            todo='to take away the end itself, use "cannot see"',
        )
    rest = np.delete(knots, index, axis=0)
    run = rest[_same_run(curve, rest, column)]
    between = np.arange(left + 1, right)
    drawn = np.array(curve, np.float32)
    # Rows of the curve itself: knots may be older than it.
    at = run[:, 1].astype(np.intp)
    drawn[between] = _pchip(at, curve[at].astype(float), between)
    return drawn, rest


def _pchip(x: ArrayLike, y: ArrayLike, at: NDArray[np.intp]) -> NDArray[np.float64]:
    """The curve through (x, y), at other places."""
    # scipy.interpolate takes a third of a second to load: not when a window opens.
    from scipy.interpolate import pchip_interpolate

    drawn: NDArray[np.float64] = pchip_interpolate(x, y, at)
    return drawn


def _columns_of_run(curve: Curve, tolerance_px: float) -> NDArray[np.intp]:
    """Columns of the knots of a curve without NaN."""
    n = len(curve)
    columns = np.unique([0, n - 1])
    rows = curve.astype(np.float64)
    every = np.arange(n)
    while n > 2:
        drawn = _pchip(columns, rows[columns], every)
        # What PCHIP gives is rounded to float32 where it is used.
        error = np.abs(drawn.astype(np.float32) - rows)
        error[columns] = 0
        worst = np.maximum.reduceat(error, columns[:-1])
        bad = np.flatnonzero(worst > tolerance_px)
        if not len(bad):
            break
        stretches = zip(columns[bad], columns[bad + 1], strict=True)
        more = [start + int(error[start:stop].argmax()) for start, stop in stretches]
        columns = np.union1d(columns, more)
    return columns.astype(np.intp)


def _column(curve: Curve, knots: Knots, index: int) -> int:
    if not 0 <= index < len(knots):
        raise EditError(f"Knot {index} of {len(knots)}", allowed="a knot that is there")
    column = int(knots[index, 1])
    if not np.isfinite(curve[column]):
        raise EditError(
            f"The boundary has no height at its knot in column {column}",
            allowed="knots on the boundary",
            todo="find its knots again",
        )
    return column


def _run_at(curve: Curve, column: int) -> tuple[int, int]:
    """First column and end of the stretch without NaN that a column is in."""
    runs = runs_of(np.isfinite(curve))
    return next(run for run in runs if run[0] <= column < run[1])


def _same_run(curve: Curve, knots: Knots, column: int) -> NDArray[np.bool_]:
    """Knots in the stretch without NaN that the column is in."""
    first, end = _run_at(curve, column)
    return (knots[:, 1] >= first) & (knots[:, 1] < end)


def _neighbours(curve: Curve, knots: Knots, index: int) -> tuple[int, int]:
    """Columns of the knots beside one, or of the ends of its stretch."""
    column = int(knots[index, 1])
    first, end = _run_at(curve, column)
    others = np.delete(knots[:, 1], index).astype(np.intp)
    others = others[(others >= first) & (others < end)]
    left = max((int(c) for c in others if c < column), default=first)
    right = min((int(c) for c in others if c > column), default=end - 1)
    return left, right
