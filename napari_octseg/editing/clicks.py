"""Where a person has clicked, and between which heights a path may run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ROUNDING_PX = 1e-3


def check_click(row: float, column: float, shape: tuple[int, ...]) -> None:
    """Raise an `EditError` for a click outside a B-scan of `shape` (depth, width)."""
    depth, width = shape
    if not (-0.5 <= row <= depth - 0.5 and -0.5 <= column <= width - 0.5):
        raise EditError(
            f"A click at row {row:.1f}, column {column:.1f}",
            allowed=f"rows 0…{depth - 1}, columns 0…{width - 1}",
            todo="click inside the B-scan",
        )


def rows_by_column(
    clicks: Sequence[tuple[float, float]], depth: int, width: int
) -> dict[int, float]:
    """Row of the last click in each clicked column, from left to right.

    Parameters
    ----------
    clicks
        (row, column) px in any order; columns are rounded.
    depth, width
        Of the B-scan.

    Raises
    ------
    EditError
        If a click is outside the B-scan, or they are in fewer than two columns.
    """
    row_at: dict[int, float] = {}
    for row, column in clicks:
        check_click(row, column, (depth, width))
        row_at[min(max(round(column), 0), width - 1)] = float(row)
    if len(row_at) < 2:
        raise EditError(
            f"{len(clicks)} click{'s' * (len(clicks) != 1)} in {len(row_at)} column"
            f"{'s' * (len(row_at) != 1)}",
            allowed="at least two clicks in different columns",
            todo="click again further along the boundary",
        )
    return dict(sorted(row_at.items()))


def band_limit(
    curve: NDArray[np.float32] | None, side: int, width: int
) -> NDArray[np.float64]:
    """One side of the band a path must stay in.

    Parameters
    ----------
    curve
        (width,) px from the top, NaN where there is no limit; None for no limit at all.
    side
        0: the path lies below the curve. 1: above it.
    width
        Columns of the B-scan.

    Returns
    -------
    (width,) float64, infinite where there is no limit.

    Raises
    ------
    EditError
        If the curve has another width.
    """
    none = np.inf if side else -np.inf
    if curve is None:
        return np.full(width, none)
    if curve.shape != (width,):
        raise EditError(
            f"A band of shape {curve.shape} on a B-scan with {width} columns",
            allowed=f"({width},)",
        )
    return np.where(np.isnan(curve), none, curve).astype(np.float64)


def check_within(row: float, column: int, upper: float, lower: float) -> None:
    """Raise an `EditError` for a click outside the band of its column."""
    if upper - _ROUNDING_PX <= row <= lower + _ROUNDING_PX:
        return
    above = row < upper
    raise EditError(
        f"A click at row {row:.1f}, column {column}, {'above' if above else 'below'} "
        f"the boundary at row {upper if above else lower:.1f}",
        allowed="clicks between the boundaries above and below",
        todo="click between them, or let the boundary push the others",
    )


def row_of_height(height: float, depth: int) -> int:
    """Row of the cost that is nearest to a height."""
    return min(max(round(height + 0.5), 0), depth - 1)


def rows_within(
    upper: NDArray[np.float64], lower: NDArray[np.float64], depth: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last row of the cost in each column; at least one.

    Parameters
    ----------
    upper, lower
        (n_columns,) heights, infinite where there is no limit.
    depth
        Rows of the cost.
    """
    low = np.ceil(np.clip(upper + 0.5, 0, depth - 1)).astype(np.intp)
    high = np.floor(np.clip(lower + 0.5, 0, depth - 1)).astype(np.intp)
    # Between two boundaries less than a pixel apart the nearest row has to do.
    thin = high < low
    high[thin] = low[thin]
    return low, high
