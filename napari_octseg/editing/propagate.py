"""From a corrected B-scan to others: copy, interpolate, spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.columns import follow_boundaries
from napari_octseg.editing.ordering import keep_between
from napari_octseg.editing.region_interpolation import (
    check_share,
    interpolate_regions,
)
from napari_octseg.editing.shifting import shift_rows
from napari_octseg.editing.spread import HALF_DISTANCE, spread
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SMOOTH_COLUMNS = 12.0
_LEAST_PX = 1e-3

__all__ = [
    "HALF_DISTANCE",
    "copy_from",
    "interpolate_corrections",
    "interpolate_heights",
    "interpolate_labels",
    "spread",
]


def copy_from(
    labels: NDArray[np.uint8], heights: NDArray[np.float32], *, rows: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Labels and boundaries of one B-scan, for another one.

    Parameters
    ----------
    labels
        (depth, width) uint8 of the B-scan that is copied.
    heights
        (n_boundaries, width) float32 of it, px from the top.
    rows
        By how many pixels the retina lies deeper in the other B-scan
        (`shifting.axial_offset`). Columns stay where they are.

    Returns
    -------
    New labels and heights of the same shapes.
    """
    moved: NDArray[np.float32] = heights + np.float32(rows)
    return shift_rows(labels, rows), moved


def interpolate_heights(
    heights_a: NDArray[np.float32],
    heights_b: NDArray[np.float32],
    share: float,
    *,
    rows: tuple[float, float] = (0, 0),
) -> NDArray[np.float32]:
    """Boundaries between two corrected B-scans: straight from one to the other.

    Where a model has seen the B-scan in between, `interpolate_corrections` is nearer
    to the truth. Neither is snapped to the image afterwards: on real scans that leads
    farther from the truth than the straight line is.

    Parameters
    ----------
    heights_a, heights_b
        (n_boundaries, width) float32, px from the top, NaN absent.
    share
        Where the B-scan lies: 0 at the first, 1 at the second.
    rows
        By how many pixels the retina lies deeper in the B-scan in between than in the
        first and in the second (`shifting.axial_offset`): eyes move.

    Returns
    -------
    (n_boundaries, width) float32, NaN where either is absent; in order if both are.

    Raises
    ------
    EditError
        If the share is outside 0…1.
    """
    check_share(share)
    part = np.float32(share)
    from_a, from_b = (
        heights + np.float32(shift)
        for heights, shift in zip((heights_a, heights_b), rows, strict=True)
    )
    between = (1 - part) * from_a + part * from_b
    return keep_between(between, between, np.isfinite(between))


def interpolate_corrections(
    own: NDArray[np.float32],
    correction_a: NDArray[np.float32],
    correction_b: NDArray[np.float32],
    share: float,
) -> NDArray[np.float32]:
    """Boundaries between two corrected B-scans that a model has seen too.

    What the model said there, plus what lies between the two corrections: the anatomy
    of the B-scan itself is kept, only the model's error is interpolated. Corrections
    are smoothed along the B-scan first: what wavers in them from column to column is
    the hand's and the model's noise, which a neighbour does not share.

    Parameters
    ----------
    own
        (n_boundaries, width) float32: the model's boundaries of the B-scan in between.
    correction_a, correction_b
        (n_boundaries, width) float32, px: corrected minus predicted heights of the two
        B-scans, NaN where either is absent.
    share
        Where the B-scan lies: 0 at the first, 1 at the second.

    Returns
    -------
    (n_boundaries, width) float32 in order, NaN where any of the three is.

    Raises
    ------
    EditError
        If the share is outside 0…1.
    """
    check_share(share)
    part = np.float32(share)
    smooth_a, smooth_b = _along(correction_a), _along(correction_b)
    moved = own + (1 - part) * smooth_a + part * smooth_b
    return keep_between(moved, moved, np.isfinite(moved))


def interpolate_labels(
    labels_a: NDArray[np.uint8],
    labels_b: NDArray[np.uint8],
    heights: NDArray[np.float32],
    share: float,
    *,
    layers: Sequence[int],
    findings: Sequence[int],
    rows: tuple[int, int] = (0, 0),
) -> NDArray[np.uint8]:
    """Labels of a B-scan between two corrected ones.

    Parameters
    ----------
    labels_a, labels_b
        (depth, width) uint8 of the corrected B-scans.
    heights
        (n_boundaries, width) float32: the interpolated boundaries, which the layers
        follow.
    share
        Where the B-scan lies: 0 at the first, 1 at the second.
    layers, findings
        Class indices of the layers, top to bottom, and of what lies on top of them.
    rows
        By how many pixels the retina lies deeper in the B-scan in between than in the
        first and in the second.

    Returns
    -------
    (depth, width) uint8. Columns that cannot be graded in either are `IGNORE`.

    Raises
    ------
    EditError
        If the share is outside 0…1 or the B-scans differ in size.
    """
    regions = interpolate_regions(labels_a, labels_b, share, findings, rows=rows)
    drawn = follow_boundaries(regions, heights, layers)
    hidden = (labels_a == IGNORE).all(axis=0) | (labels_b == IGNORE).all(axis=0)
    drawn[:, hidden] = IGNORE
    return drawn


def _along(correction: NDArray[np.float32]) -> NDArray[np.float32]:
    """A correction without what changes within a few columns.

    Columns that nobody corrected (0) and those without a boundary (NaN) stay so.
    """
    from scipy.ndimage import gaussian_filter1d

    known = np.abs(correction) > _LEAST_PX
    values = np.where(known, correction, 0).astype(np.float64)
    total = gaussian_filter1d(values, _SMOOTH_COLUMNS, axis=1, mode="constant")
    share = gaussian_filter1d(
        known.astype(np.float64), _SMOOTH_COLUMNS, axis=1, mode="constant"
    )
    mean = np.divide(total, share, out=np.zeros_like(total), where=share > 0)
    return np.where(known, mean, correction).astype(np.float32)
