"""Vessels from their probability: a threshold, and the lines in their middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def threshold_classes(
    labels: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    least: Mapping[int, float],
) -> NDArray[np.uint8]:
    """Labels in which some classes are where their probability is high enough.

    Parameters
    ----------
    labels
        (height, width) class indices, the most likely ones.
    probabilities
        (n_classes, height, width).
    least
        Smallest probability by class index; lower finds more, as thinner vessels do.
        The most likely of the classes that reach theirs takes the pixel; where one
        falls short, the most likely class without a limit.
    """
    limited = np.fromiter(least, np.intp)
    limits = np.array([least[index] for index in limited], np.float32)[:, None, None]
    own = probabilities[limited]
    own = np.where(own >= limits, own, np.float32(-1))
    best = limited[own.argmax(axis=0)].astype(np.uint8)
    others = probabilities.copy()
    others[limited] = -1
    second = others.argmax(axis=0).astype(np.uint8)
    kept = np.where(np.isin(labels, limited), second, labels)
    return np.where(own.max(axis=0) >= 0, best, kept)


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
