"""What is wrong with the layers of one B-scan, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import boundaries_to_labels, enforce_order
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NO_LAYER = 255
"""Rank of a pixel that belongs to no layer."""

_ROUNDING_PX = 1e-3


@dataclass(frozen=True, eq=False)
class ColumnFaults:
    """Faults of one B-scan.

    `expected` is (depth, width) uint8, the labels as the boundaries say.
    `crossing` is (n_boundaries, width) bool: boundaries above one that should be above
    them. The others are (depth, width) bool: `gap`, pixels that should be of a layer
    and are background or not graded; `misplaced`, pixels of a layer that come after
    pixels of a deeper one; `apart`, pixels of a layer with background between them and
    the stack of layers.
    """

    expected: NDArray[np.uint8]
    crossing: NDArray[np.bool_]
    gap: NDArray[np.bool_]
    misplaced: NDArray[np.bool_]
    apart: NDArray[np.bool_]

    @property
    def columns(self) -> NDArray[np.bool_]:
        """Columns with any fault, (width,) bool."""
        pixels = self.gap | self.misplaced | self.apart
        return np.asarray(np.concatenate([pixels, self.crossing]).any(axis=0))


def ranks_of(labels: NDArray[np.uint8], layers: Sequence[int]) -> NDArray[np.uint8]:
    """Place of each pixel's layer in the stack, 0 at the top; else `NO_LAYER`."""
    table = np.full(256, NO_LAYER, np.uint8)
    table[list(layers)] = range(len(layers))
    ranks: NDArray[np.uint8] = table[labels]
    return ranks


def column_faults(
    labels: NDArray[np.uint8], heights: NDArray[np.float32], layers: Sequence[int]
) -> ColumnFaults:
    """Find what is wrong in each column of a B-scan.

    Findings lie on top of the layers and are never wrong. A column without any
    boundary (all NaN) is absent, and what hangs on one that is absent may be anything.

    Parameters
    ----------
    labels
        (depth, width) uint8.
    heights
        (len(layers) + 1, width) float32, px from the top, NaN = absent.
    layers
        Class index of each layer, top to bottom.

    Raises
    ------
    LabelError
        If heights and layers do not fit together.
    """
    depth = labels.shape[0]
    expected = boundaries_to_labels(heights[:, None], depth, layers)[0]
    present = ~np.isnan(heights).all(axis=0)
    crossing = enforce_order(heights) - heights > _ROUNDING_PX

    blank = (labels == 0) | (labels == IGNORE)
    gap = blank & (expected != 0) & (expected != IGNORE)
    ranks = ranks_of(labels, layers)
    is_layer = ranks != NO_LAYER
    deepest = np.maximum.accumulate(np.where(is_layer, ranks, np.uint8(0)), axis=0)
    misplaced = is_layer & (ranks < deepest) & present
    apart = _apart(labels, expected, is_layer)
    return ColumnFaults(expected, crossing, gap, misplaced, apart)


def _apart(
    labels: NDArray[np.uint8],
    expected: NDArray[np.uint8],
    is_layer: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Layer pixels outside the stack, beyond background that is outside it too."""
    seen = np.logical_or.accumulate(is_layer, axis=0)
    to_come = np.logical_or.accumulate(is_layer[::-1], axis=0)[::-1]
    between = (labels == 0) & (expected == 0) & seen & to_come
    apart: NDArray[np.bool_] = is_layer & (expected == 0) & between.any(axis=0)
    return apart
