"""Vessels from their probability: a threshold, and the lines in their middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def threshold_class(
    labels: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    index: int,
    least: float,
) -> NDArray[np.uint8]:
    """Labels in which one class is where its probability is high enough.

    Parameters
    ----------
    labels
        (height, width) class indices, the most likely ones.
    probabilities
        (n_classes, height, width).
    index
        The class. Where it falls short, the most likely other class takes the pixel.
    least
        Smallest probability of the class. Lower finds more and thinner vessels.
    """
    reached = probabilities[index] >= least
    others = probabilities.copy()
    others[index] = -1
    second = others.argmax(axis=0).astype(np.uint8)
    lost = (labels == index) & ~reached
    return np.where(reached, np.uint8(index), np.where(lost, second, labels))


def skeleton(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Lines of one pixel in the middle of what is set, as connected as it.

    Parameters
    ----------
    mask
        (height, width) bool.

    Notes
    -----
    Zhang and Suen, *A fast parallel algorithm for thinning digital patterns*, Commun.
    ACM 27(3), 1984.
    """
    from skimage.morphology import skeletonize

    lines: NDArray[np.bool_] = skeletonize(mask).astype(bool)  # type: ignore[no-untyped-call]
    return lines
