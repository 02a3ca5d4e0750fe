"""Whole regions of a class: smoothed, filled, grown, shrunk.

Every function takes the labels of one B-scan, (depth, width) uint8, returns new ones
and leaves its argument as it was. Pixels that nobody can grade (`IGNORE`) are never
taken. `beneath` is what comes to light where a class retreats: one class index, or
(depth, width) labels as `columns.beneath` makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels = NDArray[np.uint8]


def paint(labels: Labels, mask: NDArray[np.bool_], class_index: int) -> Labels:
    """Labels with a class in the pixels of a (depth, width) mask."""
    return np.where(mask & (labels != IGNORE), np.uint8(class_index), labels)


def smooth(
    labels: Labels, class_index: int, radius: float, beneath: int | Labels = 0
) -> Labels:
    """Labels in which a class has a smooth outline.

    Parameters
    ----------
    labels
        (depth, width) class indices.
    class_index
        The class to smooth.
    radius
        Details smaller than about this, px, go; straight edges stay where they are.
    beneath
        What comes to light.
    """
    from scipy.ndimage import gaussian_filter

    own = labels == class_index
    # The outline where half of the neighbourhood belongs to the class.
    share = gaussian_filter(own.astype(np.float32), radius, mode="nearest")
    return _become(labels, class_index, own, share > 0.5, beneath)


def fill_holes(labels: Labels, class_index: int, *, most_px: float = np.inf) -> Labels:
    """Labels without the holes that a class surrounds on all sides.

    Parameters
    ----------
    labels
        (depth, width) class indices.
    class_index
        The class to fill.
    most_px
        Pixels of the largest hole (4-connected) that is filled.
    """
    from scipy.ndimage import binary_fill_holes
    from skimage.measure import label

    own = labels == class_index
    holes = binary_fill_holes(own) & ~own
    parts = label(holes, connectivity=1)  # type: ignore[no-untyped-call]
    small = np.bincount(parts.ravel()) <= most_px
    small[0] = False
    return paint(labels, small[parts], class_index)


def grow(labels: Labels, class_index: int, px: float = 1) -> Labels:
    """Labels in which a class reaches `px` further on all sides."""
    from scipy.ndimage import distance_transform_edt

    own = labels == class_index
    if not own.any():
        return labels.copy()
    return paint(labels, distance_transform_edt(~own) <= px, class_index)


def shrink(
    labels: Labels, class_index: int, px: float = 1, beneath: int | Labels = 0
) -> Labels:
    """Labels in which a class ends `px` earlier on all sides but the image's edge."""
    from scipy.ndimage import distance_transform_edt

    own = labels == class_index
    if own.all():
        return labels.copy()
    kept = own & (distance_transform_edt(own) > px)
    return _become(labels, class_index, own, kept, beneath)


def _become(
    labels: Labels,
    class_index: int,
    own: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    beneath: int | Labels,
) -> Labels:
    """Labels in which a class has the wanted pixels and no others."""
    left = np.where(own & ~wanted, np.asarray(beneath, np.uint8), labels)
    return paint(left, wanted & ~own, class_index)
