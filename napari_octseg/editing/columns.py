"""One B-scan's layer pixels and boundaries, each following the other.

Boundary heights are the truth of a layer, its pixels are derived; findings (fluid,
drusen, …) are pixels on top of the layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import boundaries_to_labels, labels_to_boundaries
from napari_octseg.editing.ordering import keep_between
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def is_finding(labels: NDArray[np.uint8], layers: Sequence[int]) -> NDArray[np.bool_]:
    """Pixels of classes that are no layer: they lie on top of the layers.

    Parameters
    ----------
    labels
        Class indices, any shape, uint8.
    layers
        Class indices of the layers.
    """
    table = np.ones(256, np.bool_)
    table[[0, IGNORE, *layers]] = False
    found: NDArray[np.bool_] = table[labels]
    return found


def follow_boundaries(
    labels: NDArray[np.uint8], heights: NDArray[np.float32], layers: Sequence[int]
) -> NDArray[np.uint8]:
    """Labels whose layers lie between the boundaries; findings stay on top.

    Parameters
    ----------
    labels
        (depth, n_columns) uint8.
    heights
        (n_boundaries, n_columns) float32, px from the top, NaN absent. A column without
        any boundary keeps its pixels.
    layers
        Class indices of the layers, top to bottom.
    """
    drawn = beneath(labels, heights, layers)
    on_top = is_finding(labels, layers)
    drawn[on_top] = labels[on_top]
    return drawn


def beneath(
    labels: NDArray[np.uint8], heights: NDArray[np.float32], layers: Sequence[int]
) -> NDArray[np.uint8]:
    """What lies under the findings: layers, where there are boundaries.

    Same parameters as `follow_boundaries`. Where a column has no boundary, findings
    lie on background.
    """
    bare = labels.copy()
    bare[is_finding(labels, layers)] = 0
    if not len(heights):
        return bare
    depth = labels.shape[0]
    drawn: NDArray[np.uint8]
    drawn = boundaries_to_labels(heights[:, None, :], depth, layers)[0]
    nobody = np.isnan(heights).all(axis=0)
    drawn[:, nobody] = bare[:, nobody]
    return drawn


def follow_pixels(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    heights: NDArray[np.float32],
    layers: Sequence[int],
) -> NDArray[np.float32]:
    """Heights of the boundaries after pixels were painted.

    A boundary whose pixels did not move keeps its sub-pixel height. One that a finding
    hides keeps its height too, but gives way to those that moved.

    Parameters
    ----------
    before, after
        (depth, n_columns) uint8: labels before and after.
    heights
        (n_boundaries, n_columns) float32 before.
    layers
        Class indices of the layers, top to bottom.
    """
    if not len(heights):
        return heights
    columns = np.flatnonzero((before != after).any(axis=0))
    old = labels_to_boundaries(before[None, :, columns], layers)[:, 0]
    new = labels_to_boundaries(after[None, :, columns], layers)[:, 0]
    # Where a finding has hidden it, a height may be there that fits these pixels.
    fits = np.ceil(heights[:, columns]) - np.float32(0.5) == new
    moved = np.isfinite(new) & (new != old) & ~fits
    followed = heights.copy()
    together = np.where(moved, new, heights[:, columns])
    followed[:, columns] = keep_between(together, together, ~moved)
    # All of its layers were erased, and nothing hides them.
    erased = np.isnan(new).all(axis=0) & np.isfinite(old).any(axis=0)
    erased &= ~is_finding(after[:, columns], layers).any(axis=0)
    followed[:, columns[erased]] = np.nan
    return followed
