"""Findings of a B-scan that lies between two corrected ones.

Shapes are blended through their signed distances: Herman, Zheng and Bucholtz,
*Shape-based interpolation*, IEEE Comput. Graph. Appl. 12(3):69-79, 1992.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.shifting import shift_rows
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_MARGIN = 2
"""Pixels around a shape in which its distances are computed."""


def interpolate_regions(
    labels_a: NDArray[np.uint8],
    labels_b: NDArray[np.uint8],
    share: float,
    classes: Sequence[int],
    *,
    rows: tuple[int, int] = (0, 0),
) -> NDArray[np.uint8]:
    """Regions of a B-scan between two others, class by class.

    A region that overlaps with one of the same class in the other B-scan turns
    smoothly into it. One without a counterpart shrinks from its rim and is gone half
    way. Where two classes meet, the one that is deeper inside wins.

    Parameters
    ----------
    labels_a, labels_b
        (depth, width) uint8: class indices of the two B-scans.
    share
        Where the B-scan lies: 0 at the first, 1 at the second.
    classes
        Class indices of the findings to interpolate.
    rows
        By how many pixels the retina lies deeper in the B-scan in between than in the
        first and in the second.

    Returns
    -------
    (depth, width) uint8: these classes, 0 elsewhere.

    Raises
    ------
    EditError
        If the share is outside 0…1 or the B-scans differ in size.
    """
    check_share(share)
    if labels_a.shape != labels_b.shape:
        raise EditError(
            f"B-scans of {labels_a.shape} and {labels_b.shape} pixels",
            allowed="two B-scans of one volume",
        )
    first, second = shift_rows(labels_a, rows[0]), shift_rows(labels_b, rows[1])
    regions = np.zeros(labels_a.shape, np.uint8)
    deepest = np.zeros(labels_a.shape, np.float32)
    for class_index in classes:
        for box, depth in _blended(first == class_index, second == class_index, share):
            wins = depth > deepest[box]
            deepest[box][wins] = depth[wins]
            regions[box][wins] = class_index
    return regions


def check_share(share: float) -> None:
    """Refuse a place that is not between two B-scans.

    Raises
    ------
    EditError
        If it is outside 0…1.
    """
    if not 0 <= share <= 1:
        raise EditError(f"The share {share:g}", allowed="0 to 1")


_Box = tuple[slice, slice]


def _blended(
    a: NDArray[np.bool_], b: NDArray[np.bool_], share: float
) -> Iterator[tuple[_Box, NDArray[np.float32]]]:
    """Each shape in between, as its box and how deep each pixel is inside of it."""
    from scipy.ndimage import find_objects, label

    # What touches in one picture laid over the other belongs together.
    together, _ = label(a | b)
    for group, found in enumerate(find_objects(together), start=1):
        box = _widened(found)
        inside = together[box] == group
        own_a, own_b = a[box] & inside, b[box] & inside
        if own_a.any() and own_b.any():
            depth = (1 - share) * _depth(own_a) + share * _depth(own_b)
        else:
            gone = share if own_a.any() else 1 - share
            alone = _depth(own_a | own_b)
            depth = alone - np.float32(2 * gone) * alone.max()
        yield box, depth.astype(np.float32)


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Signed distance to the rim, px: positive inside, never 0."""
    from scipy.ndimage import distance_transform_edt

    # The edge of the image is a rim too: a mask that fills it has a finite depth.
    inside = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] - 0.5
    outside = distance_transform_edt(~mask) - 0.5
    return np.asarray(np.where(mask, inside, -outside), np.float32)


def _widened(box: _Box) -> _Box:
    rows, columns = (slice(max(s.start - _MARGIN, 0), s.stop + _MARGIN) for s in box)
    return rows, columns
