"""Where there is something to see: the entropy region of interest of RETOUCH."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PART = 0.1
"""Least area of a part of the region, as a share of its largest part."""
_FLOOR = 99.5
"""Percentile of the darkest area's grey values that still count as noise."""


def entropy_roi(
    image: NDArray[np.float32],
    *,
    radius: int = 15,
    least: float = 0.1,
    closing: int = 55,
) -> NDArray[np.bool_]:
    """Region with structure, found from the grey values alone.

    Local entropy in a disk, above a share of its largest value; closed; each column
    filled from its first to its last pixel. What is no brighter than noise counts as
    one grey value, and so does white. Small parts elsewhere are left out.

    Parameters
    ----------
    image
        (H, W) float32 in 0…1, as shown.
    radius
        Radius of the entropy's disk, px.
    least
        Share of the largest entropy that is structure. Published is 0.01, which in
        scans whose vitreous is not black is nearly everywhere.
    closing
        Radius of the closing disk, px.

    Returns
    -------
    (H, W) bool; all True where nothing has structure.

    Notes
    -----
    Tennakoon et al., ISBI 2018, whose code also adds the true fluid; this one works
    where no truth is known.
    """
    from skimage.filters.rank import entropy
    from skimage.morphology import disk

    levels = np.clip(image * 255, 0, 255).astype(np.uint8)
    levels[levels <= noise_floor(levels, radius)] = 0
    levels[image >= 1] = 0
    found = entropy(levels, disk(radius))  # type: ignore[no-untyped-call]
    if found.max() <= 0:
        return np.ones(image.shape, bool)
    closed = close_with_disk(found > least * found.max(), closing)
    return fill_columns(_large_parts(closed))


def noise_floor(levels: NDArray[np.uint8], radius: int) -> float:
    """Grey value that noise hardly exceeds: a high percentile of the darkest area.

    Parameters
    ----------
    levels
        (H, W) uint8.
    radius
        Half the side of the squares whose means tell the darkest fifth.
    """
    from scipy.ndimage import uniform_filter

    mean = uniform_filter(levels.astype(np.float32), 2 * radius + 1)
    dark = mean <= np.percentile(mean, 20)
    return float(np.percentile(levels[dark], _FLOOR))


def close_with_disk(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Binary closing with a disk of any radius, in the time of two distance maps.

    A pixel is in the dilation where the nearest one of the mask is within `radius`,
    and stays in the erosion where the nearest one outside is farther. Beyond the image
    nothing is set, and nothing is worn off from there.
    """
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return mask.copy()
    margin = int(np.ceil(radius)) + 1
    wide = np.pad(mask, margin)
    dilated = distance_transform_edt(~wide) <= radius
    closed: NDArray[np.bool_] = distance_transform_edt(dilated) > radius
    return closed[margin:-margin, margin:-margin] | mask


def fill_columns(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Each column filled from its first to its last pixel."""
    from_above = np.logical_or.accumulate(mask, axis=0)
    from_below = np.logical_or.accumulate(mask[::-1], axis=0)[::-1]
    filled: NDArray[np.bool_] = from_above & from_below
    return filled


def _large_parts(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`mask` without parts that are small beside its largest."""
    from skimage.measure import label

    parts = label(mask, connectivity=2)  # type: ignore[no-untyped-call]
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    large: NDArray[np.bool_] = (sizes >= _PART * max(sizes.max(), 1))[parts]
    return large
