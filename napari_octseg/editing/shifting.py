"""Retinas that lie at different depths in two B-scans: how far, and moving pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.editing.white import white_areas

if TYPE_CHECKING:
    from numpy.typing import NDArray

_N_BLOCKS = 8
_SHORTEST_OVERLAP = 0.5
_EVEN = 1e-9
_DIGITS = 9
_SAMPLE = 4  # rows and columns


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
    # Small shifts first: the smallest of equally good ones is taken.
    shifts = np.array(sorted(range(-reach, reach + 1), key=abs))
    scores = _correlations(_profiles(first), _profiles(second), shifts)
    return int(shifts[scores.round(_DIGITS).argmax()])


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
    pixels = np.array(bscan, np.float32)
    blank = ~np.isfinite(pixels)
    if blank.any():
        pixels[blank] = 0
    white = white_areas(pixels)
    if white.all():
        return np.zeros((1, len(pixels)))
    if white.any():
        sample = np.s_[::_SAMPLE, ::_SAMPLE]
        told = pixels[sample][~white[sample]]
        pixels[white] = np.median(told) if told.size else 0
    width = pixels.shape[1]
    n_blocks = min(_N_BLOCKS, width)
    first = np.arange(n_blocks) * width // n_blocks
    sums = np.add.reduceat(pixels, first, axis=1, dtype=np.float64)
    means: NDArray[np.float64] = (sums / np.diff(first, append=width)).T
    return means


def _correlations(
    a: NDArray[np.float64], b: NDArray[np.float64], shifts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Mean over the blocks of the correlation of `a` with `b`, shifted up."""
    depth = a.shape[1]
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    top, end = np.maximum(-shifts, 0), depth - np.maximum(shifts, 0)
    n_rows = end - top
    # Of `a` the rows from `top` to `end` overlap, of `b` those `shifts` below them.
    sum_a, spread_a = _sums(a, top, end)
    sum_b, spread_b = _sums(b, top + shifts, end + shifts)
    products = np.stack(
        [np.correlate(two, one, "full") for one, two in zip(a, b, strict=False)]
    )
    together = products[:, depth - 1 + shifts] - sum_a * sum_b / n_rows
    size = np.sqrt(spread_a * spread_b)
    each = np.divide(together, size, out=np.zeros_like(size), where=size > 0)
    mean: NDArray[np.float64] = each.mean(axis=0)
    return mean


def _sums(
    rows: NDArray[np.float64], first: NDArray[np.integer], end: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum, and sum of squared differences from the mean, of stretches of rows."""
    summed, squared = (
        np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
        for values in (rows, rows**2)
    )
    total = summed[:, end] - summed[:, first]
    squares = squared[:, end] - squared[:, first]
    spread = squares - total**2 / (end - first)
    # What is even differs from its mean by rounding only.
    return total, np.where(spread > _EVEN * squared[:, -1:], spread, 0)
