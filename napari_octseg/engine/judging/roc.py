"""Areas under the ROC and the precision-recall curve, exact, over pooled pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ThresholdCounts:
    """Pixels at or above each threshold, from the highest threshold down.

    Attributes
    ----------
    n_true, n_false
        (n_thresholds,) int64: how many of them are of the class, how many are not.
        There is a threshold for each value that occurs, so nothing is lost to bins; the
        last one has all pixels above it.
    """

    n_true: NDArray[np.int64]
    n_false: NDArray[np.int64]

    @property
    def roc_auc(self) -> float:
        """Area under the ROC curve (trapezoid); NaN unless both kinds of pixel occur.

        The chance that a pixel of the class has a higher probability than another one,
        ties counting half.
        """
        n_true, n_false = int(self.n_true[-1]), int(self.n_false[-1])
        if not n_true or not n_false:
            return float("nan")
        right = np.concatenate([[0], self.n_true]) / n_true
        wrong = np.concatenate([[0], self.n_false]) / n_false
        return float(((right[1:] + right[:-1]) / 2 * np.diff(wrong)).sum())

    @property
    def average_precision(self) -> float:
        """Precision at each threshold, weighted by the recall it adds.

        Steps, not a trapezoid, which would be optimistic (Davis & Goadrich, ICML 2006).
        NaN if no pixel is of the class.
        """
        if not self.n_true[-1]:
            return float("nan")
        precision = self.n_true / (self.n_true + self.n_false)
        added = np.diff(self.n_true, prepend=0) / self.n_true[-1]
        return float((precision * added).sum())


def count_by_threshold(
    probability: NDArray[np.floating], is_true: NDArray[np.bool_]
) -> ThresholdCounts:
    """Count pixels of a class at each threshold of its probability.

    Parameters
    ----------
    probability
        (n,) of each pixel; only the order matters.
    is_true
        (n,): whether the pixel is of the class.

    Raises
    ------
    LabelError
        If there are no pixels, their numbers differ or a probability is NaN.
    """
    if probability.shape != is_true.shape or probability.ndim != 1 or not is_true.size:
        raise LabelError(
            f"Probabilities of shape {probability.shape} for truth of {is_true.shape}",
            allowed="one probability for each pixel, and at least one pixel",
        )
    if np.isnan(probability).any():
        raise LabelError("Probabilities that are not a number cannot be ranked")
    order = np.argsort(probability)[::-1]
    ranked = probability[order]
    # Equal probabilities share a threshold: the last of them has all of them above.
    last = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)
    n_true = np.cumsum(is_true[order], dtype=np.int64)[last]
    return ThresholdCounts(n_true, last + 1 - n_true)
