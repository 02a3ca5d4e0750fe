"""Small things taken out of a label image, and gaps in it filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Fill = Literal["background", "nearest"]


def without_small(mask: NDArray[np.bool_], least_px: float) -> NDArray[np.bool_]:
    """`mask` without 8-connected components of fewer than `least_px` pixels."""
    from skimage.measure import label

    parts = label(mask, connectivity=2)  # type: ignore[no-untyped-call]
    large = np.bincount(parts.ravel()) >= least_px
    large[0] = False
    kept: NDArray[np.bool_] = large[parts]
    return kept


def keep_large(
    labels: NDArray[np.uint8],
    *,
    least_px: float | Mapping[int, float],
    classes: Sequence[int] = (),
    fill: Fill = "background",
) -> NDArray[np.uint8]:
    """Labels without small components (8-connected).

    Parameters
    ----------
    labels
        (depth, width) class indices.
    least_px
        Pixels of the smallest component that stays; one number, or one for each class
        that is to be cleaned.
    classes
        Classes to clean where `least_px` is one number; all but the background if
        empty.
    fill
        What removed pixels become: background, or the nearest label that is left.
    """
    removed = np.zeros(labels.shape, bool)
    for index, least in _limits(labels, least_px, classes).items():
        own = labels == index
        removed |= own & ~without_small(own, least)
    if fill == "nearest":
        return fill_nearest(labels, removed)
    return np.where(removed, np.uint8(0), labels)


def fill_holes(
    labels: NDArray[np.uint8],
    *,
    most_px: float | Mapping[int, float],
    classes: Sequence[int] = (),
) -> NDArray[np.uint8]:
    """Labels without small holes of background within a class.

    Parameters
    ----------
    labels
        (depth, width) class indices.
    most_px
        Pixels of the largest hole (4-connected) that is filled; one number, or one for
        each class.
    classes
        Classes to fill where `most_px` is one number; all but the background if empty.
        Only holes that one class surrounds alone are its holes.
    """
    from scipy.ndimage import binary_fill_holes
    from skimage.measure import label as connected

    filled = labels.copy()
    for index, most in _limits(labels, most_px, classes).items():
        own = labels == index
        holes = binary_fill_holes(own) & ~own
        parts = connected(holes, connectivity=1)  # type: ignore[no-untyped-call]
        n_parts = parts.max() + 1
        other = np.bincount(parts.ravel(), (labels != 0).ravel(), n_parts) > 0
        small = (np.bincount(parts.ravel(), minlength=n_parts) <= most) & ~other
        small[0] = False
        filled[small[parts]] = index
    return filled


def fill_nearest(
    labels: NDArray[np.uint8], unassigned: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Unassigned pixels with the label of the nearest assigned one.

    Parameters
    ----------
    labels
        (depth, width).
    unassigned
        (depth, width): pixels whose label does not count. Where nothing is assigned
        all becomes background.
    """
    from scipy.ndimage import distance_transform_edt

    if not unassigned.any():
        return labels
    if unassigned.all():
        return np.zeros_like(labels)
    nearest = distance_transform_edt(
        unassigned, return_distances=False, return_indices=True
    )
    filled: NDArray[np.uint8] = labels[tuple(nearest)]
    return filled


def _limits(
    labels: NDArray[np.uint8],
    limit: float | Mapping[int, float],
    classes: Sequence[int],
) -> dict[int, float]:
    """Limit of each class that is present and meant."""
    present = [int(c) for c in np.unique(labels) if c not in (0, IGNORE)]
    if not isinstance(limit, (int, float)):
        return {c: limit[c] for c in present if c in limit}
    return {c: limit for c in present if not classes or c in classes}
