"""Retinas that lie at different depths in two B-scans: how far, and moving pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.editing.white import white_areas

if TYPE_CHECKING:
    from numpy.typing import NDArray

_N_BLOCKS = 8
_SHORTEST_OVERLAP = 0.5


def axial_offset(
    first: NDArray[Any], second: NDArray[Any], *, reach: int | None = None
) -> int:
    """By how many pixels the retina lies deeper in the second B-scan.

    The shift with the best mean correlation of row profiles; profiles are taken in
    eight blocks of columns, so that a tilted retina has sharp ones too.

    Parameters
    ----------
    first, second
        (depth, width) B-scans of the same size, any dtype. White areas at their edges
        are left out.
    reach
        Largest shift that is tried, px; an eighth of the depth by default.

    Returns
    -------
    Rows; positive if `second` has to be moved up to match. 0 if nothing correlates.
    """
    depth = first.shape[0]
    reach = depth // 8 if reach is None else reach
    reach = min(reach, int(depth * _SHORTEST_OVERLAP))
    a, b = _profiles(first), _profiles(second)
    # Small shifts first: the smallest of equally good ones is taken.
    shifts = sorted(range(-reach, reach + 1), key=abs)
    scores = [_correlation(a, b, shift) for shift in shifts]
    return shifts[int(np.argmax(scores))]


def shift_rows(labels: NDArray[np.uint8], rows: int) -> NDArray[np.uint8]:
    """Labels moved down by `rows` (up if negative); the edge rows fill what is bared.

    Parameters
    ----------
    labels
        (depth, width) uint8.
    rows
        Any number of pixels.
    """
    depth = labels.shape[0]
    source = np.clip(np.arange(depth) - rows, 0, depth - 1)
    moved: NDArray[np.uint8] = labels[source]
    return moved


def _profiles(bscan: NDArray[Any]) -> NDArray[np.float64]:
    """(n_blocks, depth): mean of each row in each block of columns."""
    pixels = np.nan_to_num(np.asarray(bscan, np.float32))
    white = white_areas(pixels)
    if white.all():
        return np.zeros((1, len(pixels)))
    pixels[white] = np.median(pixels[~white])
    blocks = np.array_split(pixels.astype(np.float64), _N_BLOCKS, axis=1)
    return np.stack([block.mean(axis=1) for block in blocks if block.shape[1]])


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64], shift: int) -> float:
    depth = a.shape[1]
    one = a[:, max(-shift, 0) : depth - max(shift, 0)]
    other = b[:, max(shift, 0) : depth - max(-shift, 0)]
    one = one - one.mean(axis=1, keepdims=True)
    other = other - other.mean(axis=1, keepdims=True)
    size = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    product = (one * other).sum(axis=1)
    each = np.divide(product, size, out=np.zeros_like(size), where=size > 0)
    return float(each.mean())
