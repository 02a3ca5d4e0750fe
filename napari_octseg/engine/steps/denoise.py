"""Filters against speckle, as the published systems use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRIP = 32
"""Rows that are filtered at once."""


def atmed(levels: NDArray[np.uint8], window: int = 13) -> NDArray[np.float32]:
    """Asymmetric triangular fuzzy filter with median centre (ATMED).

    Each pixel becomes the weighted mean of its window. The weights fall linearly from
    1 at the window's median to 0 at its smallest and its largest value; where the
    median is the smallest (largest) value, pixels of that value keep weight 1. A flat
    window gives its plain mean. The image is continued by reflection at its edges.

    Parameters
    ----------
    levels
        (H, W) uint8.
    window
        Side of the square window, odd, px.

    Returns
    -------
    (H, W) float32, 0…255.

    Raises
    ------
    ValueError
        If `window` is even or below 3.

    Notes
    -----
    H. K. Kwan, *Fuzzy filters for noisy image filtering*, ISCAS 2003; RASP-Net uses
    it with a window of 13 on 360 x 480.
    """
    from scipy.ndimage import maximum_filter, minimum_filter
    from skimage.filters.rank import median

    if window < 3 or window % 2 == 0:
        raise ValueError(f"window: {window} must be odd and 3 at least")
    half = window // 2
    rows, columns = levels.shape
    padded = np.pad(levels, half, mode="symmetric")
    own = slice(half, half + rows), slice(half, half + columns)
    square = np.ones((window, window), np.uint8)
    centre = median(padded, square)[own].astype(np.float32)  # type: ignore[no-untyped-call]
    lowest = minimum_filter(padded, window)[own].astype(np.float32)
    highest = maximum_filter(padded, window)[own].astype(np.float32)
    # weight = min(rise * value + rise_at_0, fall * value + fall_at_0). Where one side
    # is empty, its slope counts for the median alone.
    rise = 1 / np.maximum(centre - lowest, 1)
    fall = -1 / np.maximum(highest - centre, 1)
    lines = [rise, 1 - rise * centre, fall, 1 - fall * centre]
    filtered = np.empty(levels.shape, np.float32)
    values = padded.astype(np.float32)
    for top in range(0, rows, _STRIP):  # what is worked on stays in the cache
        strip = slice(top, min(top + _STRIP, rows))
        around = values[strip.start : strip.stop + 2 * half]
        filtered[strip] = _weighted_mean(around, window, *(one[strip] for one in lines))
    return filtered


def _weighted_mean(
    values: NDArray[np.float32],
    window: int,
    rise: NDArray[np.float32],
    rise_at_0: NDArray[np.float32],
    fall: NDArray[np.float32],
    fall_at_0: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Mean of each window of `values`, weighted by the lower of two lines."""
    rows, columns = rise.shape
    weight, other = np.empty_like(rise), np.empty_like(rise)
    weights, total = np.zeros_like(rise), np.zeros_like(rise)
    for row in range(window):
        for column in range(window):
            value = values[row : row + rows, column : column + columns]
            np.multiply(value, rise, out=weight)
            weight += rise_at_0
            np.multiply(value, fall, out=other)
            other += fall_at_0
            np.minimum(weight, other, out=weight)
            weights += weight
            weight *= value
            total += weight
    total /= weights
    return total


def adaptive_wiener(
    image: NDArray[np.float32], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Local mean where an area is even, the image itself where it has structure.

    ``mean + max(var - noise, 0) / max(var, noise) * (image - mean)`` with mean and
    variance of a window of `size` and the mean of all variances as noise. The image is
    continued by reflection at its edges.

    Parameters
    ----------
    image
        (H, W) float32.
    size
        Rows and columns of the window.

    Notes
    -----
    J. S. Lim, *Two-Dimensional Signal and Image Processing*, 1990, p. 548.
    """
    from scipy.ndimage import uniform_filter

    mean = uniform_filter(image, size)
    variance = np.maximum(uniform_filter(image * image, size) - mean * mean, 0)
    noise = variance.mean()
    if noise == 0:
        return image.copy()
    kept = np.maximum(variance - noise, 0) / np.maximum(variance, noise)
    smooth: NDArray[np.float32] = mean + kept * (image - mean)
    return smooth


def enhance(
    image: NDArray[np.float32],
    smoothing: float = 15 / 255,
    clip: float = 0.01,
) -> NDArray[np.float32]:
    """Non-local means (patch 5, search window 5), then CLAHE in 8 x 8 fields.

    Black areas stay black, so that a retina mask survives; single black pixels are
    speckle.

    Parameters
    ----------
    image
        (H, W) float32 in 0…1.
    smoothing
        Grey difference of patches that still count as alike; 15 of 255 in RASP-Net.
    clip
        Limit of contrast enhancement, 0…1.

    Returns
    -------
    (H, W) float32 in 0…1.
    """
    from scipy.ndimage import binary_opening
    from skimage.exposure import equalize_adapthist
    from skimage.restoration import denoise_nl_means

    smooth = denoise_nl_means(
        image, patch_size=5, patch_distance=2, h=smoothing, fast_mode=True
    )
    smooth = np.clip(smooth, 0, 1)
    if smooth.min() == smooth.max():
        return image.copy()
    equal = equalize_adapthist(smooth, clip_limit=clip)
    black = binary_opening(image == 0, np.ones((5, 5)))
    return np.where(black, 0, equal).astype(np.float32)
