"""The pen: a boundary lies where the stroke is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def redraw(
    curve: NDArray[np.float32], stroke: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The curve with the columns under a stroke redrawn.

    Parameters
    ----------
    curve
        (width,) float32 px from the top, NaN absent.
    stroke
        (n, 2) (row, column), in the order in which they were drawn, joined by straight
        lines. Where the stroke crosses a column several times, the last time counts.
        What lies beside the image is left out.

    Returns
    -------
    (width,) float32; only columns under the stroke differ. Columns where the boundary
    was absent get it back.

    Raises
    ------
    EditError
        If the stroke is not made of points, or one of them is not a number.
    """
    points = np.asarray(stroke, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise EditError(
            f"A stroke of shape {points.shape}",
            allowed="(n, 2) finite points (row, column)",
        )
    drawn = np.array(curve, np.float32)
    if not len(points):
        return drawn
    columns, rows = _traced(points[:, 0], points[:, 1])
    inside = (columns >= 0) & (columns < len(curve))
    drawn[columns[inside]] = rows[inside]
    return drawn


def _traced(
    rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Each column that a stroke crosses and the row there, last crossing last."""
    start, end = columns[:-1], columns[1:]
    first = np.ceil(np.minimum(start, end)).astype(np.intp)
    count = np.floor(np.maximum(start, end)).astype(np.intp) - first + 1
    count = np.maximum(count, 0)
    line = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    crossed = first[line] + nth
    length = (end - start)[line]
    vertical = length == 0
    share = (crossed - start[line]) / np.where(vertical, 1, length)
    share[vertical] = 1
    row = rows[line] + share * (rows[line + 1] - rows[line])
    # Going left, the columns of a line are crossed in the other order; that matters to
    # nobody, as each is crossed once. The ends of the stroke cover half a column more.
    ends = np.floor(columns[[0, -1]] + 0.5).astype(np.intp)
    extra = ~np.isin(ends, crossed)
    return (
        np.concatenate([ends[extra], crossed]),
        np.concatenate([rows[[0, -1]][extra], row]),
    )
