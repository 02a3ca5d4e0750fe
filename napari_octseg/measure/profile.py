"""RASP-Net's 3-D macular profile: on how many B-scans each pixel has each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.engine.progress import Progress
from napari_octseg.measure.quantify import as_stack

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray


def iter_occupancy(
    labels: Any, n_classes: int
) -> Generator[Progress, None, NDArray[np.uint16]]:
    """Count the B-scans on which each pixel has each class.

    Parameters
    ----------
    labels
        (n_bscans, depth, width) or (depth, width) class indices; other codes than
        those of the classes, such as `IGNORE`, count for none.
    n_classes
        Classes of the label set, with the background.

    Yields
    ------
    Progress, after each B-scan.

    Returns
    -------
    (n_classes, depth, width) uint16, 0…n_bscans; the background is counted too.

    Raises
    ------
    LabelError
        If the labels are no integers, or have other axes.
    """
    stack = as_stack(labels, "labels")
    # The last place is for what counts for no class.
    counts = np.zeros((n_classes + 1, *stack.shape[1:]), np.uint16)
    rows, columns = np.indices(stack.shape[1:], sparse=True)
    for index in range(len(stack)):
        bscan = np.asarray(stack[index]).astype(np.int64)
        known = (bscan >= 0) & (bscan < n_classes)
        counts[np.where(known, bscan, n_classes), rows, columns] += 1
        yield Progress(index + 1, len(stack), f"B-scan {index}")
    return counts[:n_classes]
