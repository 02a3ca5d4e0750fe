"""Which B-scan comes first: formats number them from either end of the fundus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.volume import ScanPattern

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from napari_octseg.volume import OCTVolume

_BOTTOM_FIRST = ("heidelberg", "spectralis")
_N_BSCANS = 16
_REACH = 2  # rows above and below a boundary whose grey values are compared
_CLEARLY = 1.15


def starts_at_the_bottom(volume: OCTVolume) -> bool:
    """Whether the first B-scan lies lowest on the fundus.

    As told by the positions of the B-scans (mm from the top), else by the device:
    Heidelberg scans upwards. Only rasters have a top and a bottom.
    """
    if volume.n_bscans < 2 or volume.scan_pattern in (
        ScanPattern.CIRCLE,
        ScanPattern.RADIAL,
    ):
        return False
    if volume.positions is not None:
        first, last = (volume.positions[i, :, 1].mean() for i in (0, -1))
        if np.isfinite((first, last)).all() and first != last:
            return bool(first > last)
    device = (volume.device or "").lower()
    return any(word in device for word in _BOTTOM_FIRST)


def is_better_reversed(volume: OCTVolume, heights: NDArray[np.float32]) -> bool | None:
    """Whether boundaries lie better on the edges of the B-scans in reverse order.

    Parameters
    ----------
    volume
        The scan.
    heights
        (n_boundaries, n_bscans, width), px from the top, of this scan.

    Returns
    -------
    None if neither order is clearly better.
    """
    n_bscans = volume.n_bscans
    if n_bscans < 2:
        return None
    chosen = np.unique(np.linspace(0, n_bscans - 1, _N_BSCANS).astype(int))
    scores = np.array(
        [
            [_edge(image, heights[:, bscan]), _edge(image, heights[:, -1 - bscan])]
            for bscan in chosen
            for image in (volume.bscan_as_shown(int(bscan)),)
        ]
    )
    usable = np.isfinite(scores).all(axis=1)
    if not usable.any():
        return None
    as_given, reverse = scores[usable].mean(axis=0)
    if (
        max(as_given, reverse) < _CLEARLY * min(as_given, reverse)
        or as_given == reverse
    ):
        return None
    return bool(reverse > as_given)


def _edge(image: NDArray[np.float32], heights: NDArray[np.float32]) -> Any:
    """Mean difference of the grey values below and above boundaries; NaN if none."""
    depth = len(image)
    known = np.isfinite(heights)
    if not known.any():
        return np.nan
    _, columns = np.nonzero(known)
    rows = np.clip(np.rint(heights[known]).astype(int), _REACH, depth - 1 - _REACH)
    below = sum(image[rows + step, columns] for step in range(_REACH + 1))
    above = sum(image[rows - step, columns] for step in range(1, _REACH + 1))
    return np.abs(below / (_REACH + 1) - above / _REACH).mean()
