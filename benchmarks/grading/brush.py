"""The brush that napari has: a disc of one class, moved along a stroke."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

if TYPE_CHECKING:
    from numpy.typing import NDArray

RADII = (1.0, 1.5, 2.5, 4.0, 6.0, 9.0, 13.0, 20.0)
"""What a grader sets it to; 40 px is the largest diameter of napari's slider."""


def covered(
    path: NDArray[np.float32], radius: float, shape: tuple[int, int]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Pixels under a stroke.

    Parameters
    ----------
    path
        (n, 2) float32, (row, column), steps of about a pixel.
    radius
        Of the disc, px.
    shape
        Of the B-scan: (depth, width).

    Returns
    -------
    A box around the stroke, and which of its pixels the disc has touched.
    """
    reach = int(np.ceil(radius)) + 1
    at = np.rint(path).astype(np.intp)
    low = np.maximum(at.min(axis=0) - reach, 0)
    high = np.minimum(at.max(axis=0) + reach + 1, shape)
    box = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))
    size = np.maximum(high - low, 0)
    if not size.all():
        return box, np.zeros(size, bool)
    # The path may leave the B-scan, the box may not.
    around = np.ones(size + 2 * reach, bool)
    around[tuple((np.clip(at - low + reach, 0, size + 2 * reach - 1)).T)] = False
    near = distance_transform_edt(around) <= radius
    inner: NDArray[np.bool_] = near[reach:-reach, reach:-reach]
    return box, inner


def paint(
    labels: NDArray[np.uint8],
    path: NDArray[np.float32],
    radius: float,
    class_index: int,
) -> NDArray[np.uint8]:
    """Labels after one stroke.

    Parameters
    ----------
    labels
        (depth, width) uint8; not written into.
    path, radius
        As for `covered`.
    class_index
        What is painted; 0 erases.
    """
    painted = labels.copy()
    box, touched = covered(path, radius, labels.shape)
    painted[box][touched] = class_index
    return painted
