"""Where the retina is: one band from side to side, whatever else looks like tissue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALLEST = 0.02
"""Least area of a part of the band, as a share of the largest part."""


def retina_band(tissue: NDArray[np.bool_]) -> NDArray[np.int32]:
    """First and last row of the retina in each column.

    Burnt-in text, icons, mirror images and wedges can look like tissue to a network.
    The retina is the largest connected part, and further parts that lie beside it
    (beyond a shadow or a blank column), not above or below it.

    Parameters
    ----------
    tissue
        (H, W): pixels that are more likely tissue than not.

    Returns
    -------
    (2, W): first and last row; first > last in columns without retina.
    """
    from skimage.measure import label, regionprops

    rows, columns = tissue.shape
    band = np.empty((2, columns), np.int32)
    band[0], band[1] = rows, -1
    taken = np.zeros(columns, bool)
    numbered = label(tissue, connectivity=2)  # type: ignore[no-untyped-call]
    found = regionprops(numbered)  # type: ignore[no-untyped-call]
    parts = sorted(found, key=lambda p: -p.area)
    for part in parts:
        if part.area < _SMALLEST * parts[0].area:
            break
        top, left, _, right = part.bbox
        own = part.image  # (rows, columns) of its box
        covered = own.any(axis=0)
        here = slice(left, right)
        if (taken[here] & covered).sum() > 0.2 * covered.sum():
            continue
        first = top + own.argmax(axis=0)
        last = top + own.shape[0] - 1 - own[::-1].argmax(axis=0)
        new = covered & ~taken[here]
        band[0, here][new] = first[new]
        band[1, here][new] = last[new]
        taken[here] |= covered
    return band
