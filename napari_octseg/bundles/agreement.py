"""Whether figures measured now are those of the card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.bundles.score import Score

# Field of a score → how it is called, and by how much another processor, which rounds
# otherwise, may move it.
_FIGURES: dict[str, tuple[str, float]] = {
    "dice": ("Dice", 0.005),
    "iou": ("IoU", 0.005),
    "precision": ("precision", 0.005),
    "recall": ("recall", 0.005),
    "roc_auc": ("ROC-AUC", 0.0005),
    "average_precision": ("average precision", 0.005),
    "boundary_mae_px": ("mean absolute error (px)", 0.1),
    "boundary_mae_um": ("mean absolute error (µm)", 0.4),
    "boundary_judged": ("share of columns found", 0.005),
}


@dataclass(frozen=True)
class Difference:
    """One figure: what the card says, and what was measured (None: nothing)."""

    figure: str
    on_card: float
    measured: float | None
    tolerance: float

    @property
    def is_large(self) -> bool:
        """Whether rounding does not explain it."""
        if self.measured is None:
            return True
        return abs(self.measured - self.on_card) > self.tolerance

    def __str__(self) -> str:
        """`Dice of ONL is 0.812, the card says 0.9`."""
        found = "was not measured" if self.measured is None else f"is {self.measured}"
        return f"{self.figure} {found}, the card says {self.on_card}"


def of_card(metrics: Sequence[Score], score: Score) -> Score | None:
    """The score on a card that is of the same data set and split."""
    same = [s for s in metrics if (s.data, s.split) == (score.data, score.split)]
    return same[0] if same else None


def differences(on_card: Score, measured: Score) -> list[Difference]:
    """Figures of the card that were measured otherwise, the largest difference first.

    Figures that the card does not have are no difference: older cards hold fewer.
    """
    found = []
    if on_card.n_images != measured.n_images:
        counts = float(on_card.n_images), float(measured.n_images)
        found.append(Difference("number of images", *counts, 0.0))
    for field, (title, tolerance) in _FIGURES.items():
        expected: dict[str, float] = getattr(on_card, field)
        now: dict[str, float] = getattr(measured, field)
        for name, value in expected.items():
            if now.get(name) != value:
                figure = f"{title} of {name}"
                found.append(Difference(figure, value, now.get(name), tolerance))
    return sorted(found, key=_excess, reverse=True)


def _excess(difference: Difference) -> float:
    if difference.measured is None or not difference.tolerance:
        return float("inf")
    gap = abs(difference.measured - difference.on_card)
    return gap / difference.tolerance
