"""Columns in which nobody can see the boundaries: no height, no label, no measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def absent(
    heights: NDArray[np.float32],
    columns: slice,
    boundaries: Sequence[int] | None = None,
) -> NDArray[np.float32]:
    """Heights with boundaries absent in some columns.

    Parameters
    ----------
    heights
        (n_boundaries, n_columns) float32, px from the top, NaN absent.
    columns
        Which columns; what reaches beyond the image is left out.
    boundaries
        Which boundaries; all by default.

    Returns
    -------
    (n_boundaries, n_columns) float32.

    Raises
    ------
    EditError
        If there is no such boundary.
    """
    n_boundaries = len(heights)
    chosen = list(range(n_boundaries) if boundaries is None else boundaries)
    wrong = [k for k in chosen if not 0 <= k < n_boundaries]
    if wrong:
        raise EditError(
            f"Boundary {wrong[0]} of {n_boundaries}", allowed=f"0…{n_boundaries - 1}"
        )
    width = heights.shape[1]
    first, stop = columns.start or 0, columns.stop
    first = min(max(first, 0), width)
    stop = width if stop is None else min(max(stop, first), width)
    without = np.array(heights, np.float32)
    without[chosen, first:stop] = np.nan
    return without
