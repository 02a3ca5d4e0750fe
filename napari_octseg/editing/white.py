"""White areas at the edges of a picture, which are no signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEARLY = 0.97
_SMEAR_PX = 4


def white_areas(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a picture is at its brightest from the top or the bottom edge on.

    Registration leaves such wedges beside, above and below a B-scan.

    Parameters
    ----------
    pixels
        (depth, width) float32 without NaN.

    Returns
    -------
    (depth, width) bool: these areas and 4 px around them, into which compression has
    smeared them. The whole of an even picture.
    """
    dim = pixels < _NEARLY * pixels.max()
    depth = len(pixels)
    rows = np.arange(depth)[:, None]
    return (rows < _smeared(dim)) | (depth - 1 - rows < _smeared(dim[::-1]))


def _smeared(dim: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Rows of the white area that begins at the top edge, by column."""
    from scipy.ndimage import maximum_filter1d

    n_rows = np.zeros(dim.shape[1], np.intp)
    reaching = np.flatnonzero(~dim[0])
    below = dim[:, reaching]
    n_rows[reaching] = np.where(below.any(axis=0), below.argmax(axis=0), len(dim))
    n_rows = maximum_filter1d(n_rows, 2 * _SMEAR_PX + 1)
    return np.where(n_rows > 0, n_rows + _SMEAR_PX, 0)
