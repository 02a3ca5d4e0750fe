"""White areas at the edges of a picture, which are no signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import maximum_filter

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
    bright = pixels >= _NEARLY * pixels.max()
    from_top = np.logical_and.accumulate(bright, axis=0)
    from_bottom = np.logical_and.accumulate(bright[::-1], axis=0)[::-1]
    areas: NDArray[np.bool_] = maximum_filter(from_top | from_bottom, 2 * _SMEAR_PX + 1)
    return areas
