"""Weights that fall with distance: along a B-scan and from B-scan to B-scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def distance_to(marked: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of each place to the nearest marked one.

    Parameters
    ----------
    marked
        (n,) bool.

    Returns
    -------
    (n,) float32, in places; infinite if none is marked.
    """
    places = np.arange(len(marked))
    found = np.flatnonzero(marked)
    if not len(found):
        return np.full(len(marked), np.inf, np.float32)
    after = np.searchsorted(found, places)
    left = found[np.maximum(after - 1, 0)]
    right = found[np.minimum(after, len(found) - 1)]
    nearest = np.minimum(np.abs(places - left), np.abs(right - places))
    return np.asarray(nearest, np.float32)


def falling(distance: NDArray[np.float32], half: float) -> NDArray[np.float32]:
    """Weight of a distance: 1 at 0, a half at `half`, 0 at infinity.

    Parameters
    ----------
    distance
        Any shape, at least 0.
    half
        Distance at which the weight is a half, above 0; same unit.
    """
    return np.asarray(np.exp2(-distance / np.float32(half)), np.float32)
