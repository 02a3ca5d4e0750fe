"""How good a segmentation is: overlap of labels.

Definitions follow the conventions of the field: both empty is a perfect score, one
empty is none; `IGNORE` pixels take no part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Overlap:
    """Pixel counts of one class: in both, in the prediction, in the truth."""

    both: int
    predicted: int
    true: int

    def __add__(self, other: Overlap) -> Overlap:
        return Overlap(
            self.both + other.both,
            self.predicted + other.predicted,
            self.true + other.true,
        )

    @property
    def dice(self) -> float:
        """2 |P ∩ T| / (|P| + |T|), 1 if both are empty."""
        size = self.predicted + self.true
        return 2 * self.both / size if size else 1.0

    @property
    def iou(self) -> float:
        """|P ∩ T| / |P ∪ T|, 1 if both are empty."""
        union = self.predicted + self.true - self.both
        return self.both / union if union else 1.0

    @property
    def precision(self) -> float:
        """|P ∩ T| / |P|; of an empty prediction 1 if the truth is empty too, else 0."""
        if self.predicted:
            return self.both / self.predicted
        return 0.0 if self.true else 1.0

    @property
    def recall(self) -> float:
        """|P ∩ T| / |T|; of an empty truth 1 if nothing was predicted, else 0."""
        if self.true:
            return self.both / self.true
        return 0.0 if self.predicted else 1.0


def overlap(
    predicted: NDArray[np.uint8], true: NDArray[np.uint8], class_index: int
) -> Overlap:
    """Pixel counts of one class; pixels that either side ignores are left out.

    Raises
    ------
    LabelError
        If the shapes differ.
    """
    if predicted.shape != true.shape:
        raise LabelError(
            f"A prediction of shape {predicted.shape} for truth of shape {true.shape}",
            allowed="equal shapes",
        )
    counted = (true != IGNORE) & (predicted != IGNORE)
    p = (predicted == class_index) & counted
    t = (true == class_index) & counted
    return Overlap(int((p & t).sum()), int(p.sum()), int(t.sum()))
