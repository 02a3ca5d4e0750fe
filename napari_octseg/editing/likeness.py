"""What a boundary looks like where a person has clicked on it, and where else it does.

Learning from the clicks keeps a path from leaping to a stronger boundary nearby, as
"on-the-fly training" does in Mortensen & Barrett, *Interactive segmentation with
intelligent scissors*, Graphical Models and Image Processing 60:349, 1998.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.cost import without_gaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALONG_PX = 3.0
_WINDOWS_PX = ((-30, -16), (-16, -6), (-6, 0), (0, 6), (6, 16), (16, 30))
"""First and last row (exclusive) of each window, from the row of the cost."""

_TOLERANCE = 0.04
"""Difference in brightness, as a share of the image's range, that is half unlike."""

_NEAR_COLUMNS = 4
_NEAR_ROWS = 2


def surroundings(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brightness above and below every place where a boundary may run.

    Parameters
    ----------
    image
        (depth, width) float32, any range; NaN where the scan shows nothing.

    Returns
    -------
    (6, width, depth) float32, columns before rows: means of three windows above and
    three below the height ``r - 0.5``, as a share of the image's range (percentiles 1
    to 99).
    """
    from scipy.ndimage import gaussian_filter1d

    shown, _ = without_gaps(image)
    low, high = np.percentile(shown[::3, ::3], (1, 99))
    shown = (shown - np.float32(low)) / np.float32(max(high - low, 1e-6))
    along = gaussian_filter1d(shown, _ALONG_PX, axis=1, truncate=3.0)
    depth, width = along.shape
    sums = np.zeros((width, depth + 1), np.float32)
    np.cumsum(along.T, axis=1, out=sums[:, 1:])
    row = np.arange(depth)
    means = np.empty((len(_WINDOWS_PX), width, depth), np.float32)
    for mean, (first, last) in zip(means, _WINDOWS_PX, strict=True):
        top = np.clip(row + first, 0, depth - 1)
        end = np.clip(row + last, top + 1, depth)
        np.subtract(sums.take(end, 1), sums.take(top, 1), out=mean)
        mean /= (end - top).astype(np.float32)
    return means


def unlike_clicks(
    around: NDArray[np.float32], rows: slice, from_row: int, to_row: int | None
) -> NDArray[np.float32]:
    """How little each place looks like the clicks at the ends of a stretch.

    Parameters
    ----------
    around
        (6, n_columns, depth) float32: `surroundings` of the columns from click to
        click.
    rows
        Rows of the cost that are of interest.
    from_row, to_row
        Rows of the cost of the clicks in the first and the last column; None if there
        is no click in the last one, which then looks like the first.

    Returns
    -------
    (n_columns, n_rows) float32, 0 (alike) … 1.
    """
    share = np.linspace(0, 1, around.shape[1], dtype=np.float32)[:, None]
    total: NDArray[np.float32] | None = None
    for window in around:
        start = window[0, from_row]
        end = start if to_row is None else window[-1, to_row]
        difference = window[:, rows] - (start + (end - start) * share)
        difference *= difference
        total = difference if total is None else np.add(total, difference, out=total)
    assert total is not None
    total /= np.float32(len(around) * _TOLERANCE**2)
    total /= total + 1
    return total


def strength_at(cost: NDArray[np.float32], column: int, row: int) -> float:
    """Cost of the edge that a click is on, or next to.

    Parameters
    ----------
    cost
        (width, depth) float32 in 0…1.
    column, row
        Where the click is.
    """
    columns = slice(max(column - _NEAR_COLUMNS, 0), column + _NEAR_COLUMNS + 1)
    rows = slice(max(row - _NEAR_ROWS, 0), row + _NEAR_ROWS + 1)
    return float(np.median(cost[columns, rows].min(axis=1)))
