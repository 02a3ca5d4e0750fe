"""Even brightness of en-face images made from B-scans that are not equally bright."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.engine.projecting.isotropic import IsotropicGrid

    Map = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_N_COMPARED = 7
"""B-scans whose median says how bright one of them should be."""

_BACKGROUND_SHARE = 1 / 12
"""Width (sigma) of what counts as background, of the width of the field."""


def evened(light: Map, valid: Mask) -> Map:
    """Logarithms of brightness without steps between B-scans.

    Parameters
    ----------
    light
        (n_bscans, width) float32, logarithms of brightness.
    valid
        (n_bscans, width) bool: what counts.

    Returns
    -------
    Each B-scan less the median of its difference to the running median over B-scans: a
    gain of its own is gone, a vessel along it (less than half of its width) stays.
    """
    from scipy.ndimage import median_filter

    some = valid.any(axis=1)
    even = np.where(valid, light, np.float32(np.nan))
    # The median over dim and bright B-scans is itself uneven: once more mends it.
    for _ in range(2):
        own = np.zeros((len(light), 1), np.float32)
        own[some, 0] = np.nanmedian(even[some], axis=1)
        filled = np.where(valid, even, own)
        expected = median_filter(filled, size=(_N_COMPARED, 1), mode="nearest")
        gain = np.nanmedian((even - expected)[some], axis=1, keepdims=True)
        even[some] -= gain
    return np.where(valid, even, light)


def flattened(light: Map, valid: Mask, grid: IsotropicGrid) -> Map:
    """Logarithms of brightness relative to the background; 0 where not valid.

    The background is a Gaussian mean, round on the fundus, of what does not stick out
    from it.
    """
    from scipy.ndimage import gaussian_filter

    n_bscans, width = light.shape
    squareness = (grid.size[1] / width) / (grid.size[0] / n_bscans)
    across = _BACKGROUND_SHARE * width
    sigma = (across * squareness, across)
    counted = valid.astype(np.float32)
    weight = gaussian_filter(counted, sigma, mode="nearest")
    middle = np.float32(np.median(light[valid]))
    flat: Map = (light - middle) * counted
    for _ in range(2):
        limit = 2 * spread(flat[valid])
        usual = flat.clip(-limit, limit)
        usual = gaussian_filter(usual * counted, sigma, mode="nearest")
        flat = (flat - usual / np.maximum(weight, 1e-3)) * counted
    return flat.astype(np.float32)


def spread(values: NDArray[np.float32]) -> np.float32:
    """Robust standard deviation; 1 for constants."""
    deviation = np.median(np.abs(values - np.median(values)))
    return np.float32(1.4826 * deviation) if deviation > 0 else np.float32(1)


def stretched(image: Map, valid: Mask) -> Map:
    """0…1 from the 0.5th to the 99.5th percentile of what is valid."""
    low, high = np.percentile(image[valid], (0.5, 99.5))
    if high <= low:
        return np.full_like(image, 0.5)
    stretched: Map = ((image - low) / (high - low)).clip(0, 1).astype(np.float32)
    return stretched
