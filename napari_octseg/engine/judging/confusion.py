"""Count pixels by label and prediction; all figures of overlap follow from that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def count_pixels(
    predicted: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    n_classes: int,
    n_codes: int,
) -> NDArray[np.int64]:
    """Pixels of each label code that were given each class.

    Parameters
    ----------
    predicted
        Class indices, any shape.
    codes
        Label codes of the same pixels, numbered as by `datasets.code_table`. Pixels
        that either side ignores are left out.
    n_classes, n_codes
        How many there are of each.

    Returns
    -------
    (n_codes, n_classes) int64.

    Raises
    ------
    LabelError
        If the shapes differ.
    """
    if predicted.shape != codes.shape:
        raise LabelError(
            f"A prediction of shape {predicted.shape} for truth of shape {codes.shape}",
            allowed="equal shapes",
        )
    counted = (codes != IGNORE) & (predicted != IGNORE)
    pair = codes[counted].astype(np.int64) * n_classes + predicted[counted]
    counts = np.bincount(pair, minlength=n_codes * n_classes)
    return counts.reshape(n_codes, n_classes)


def overlap_counts(
    n_pixels: NDArray[np.integer], membership: Sequence[Sequence[bool]]
) -> NDArray[np.int64]:
    """Pixels of each code: in both, in the prediction, in the truth.

    A prediction is right where its class is one that the code may stand for. A class
    that no code stands for is not judged where it is predicted, but a label of another
    class is missed there.

    Parameters
    ----------
    n_pixels
        (…, n_codes, n_classes), as `count_pixels` gives them.
    membership
        (n_codes, n_classes): whether the code may stand for the class.

    Returns
    -------
    (…, n_codes, 3) int64; the arguments of `Overlap`.
    """
    member = np.asarray(membership, np.int64)
    both = (n_pixels * member).sum(-1)
    predicted = (n_pixels.sum(-2)[..., None, :] * member).sum(-1)
    return np.stack([both, predicted, n_pixels.sum(-1)], axis=-1)


def dice_of(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Dice of `overlap_counts`, (…, n_codes); NaN where both sides are empty."""
    size = (counts[..., 1] + counts[..., 2]).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * counts[..., 0] / size)
