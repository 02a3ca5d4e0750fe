"""Find the held-out B-scans on which a candidate is worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.data.datasets import code_table
from napari_octseg.engine.data.graded_source import scan_and_index
from napari_octseg.engine.finetuning.worst import WorstBscan
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.data.datasets import LabelledBscan


class WorstFinder:
    """The few B-scans with the lowest Dice, kept while all of them pass by.

    All are seen with the labels of the candidate first, then with those of the parent.

    Parameters
    ----------
    n
        How many are kept.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._kept: list[tuple[float, LabelledBscan, NDArray[np.uint8]]] = []
        self._before: dict[int, tuple[NDArray[np.uint8], float]] = {}

    def see(
        self,
        bscan: LabelledBscan,
        labels: NDArray[np.uint8],
        dice: float,
        *,
        is_candidate: bool,
    ) -> None:
        """Take note of what a model says of a B-scan, in classes of the candidate."""
        if is_candidate:
            self._kept.append((dice, bscan, labels))
            self._kept.sort(key=lambda one: one[0])
            del self._kept[self._n :]
        elif any(one is bscan for _, one, _ in self._kept):
            self._before[id(bscan)] = labels, dice

    def all(self, card: ModelCard) -> tuple[WorstBscan, ...]:
        """Those found, the worst first."""
        classes = card.label_set.names
        return tuple(
            WorstBscan(
                name=_name_of(bscan),
                image=bscan.volume.bscan_as_shown(bscan.index),
                truth=truth_of(bscan, classes, after),
                before=self._before[id(bscan)][0],
                after=after,
                dice_before=self._before[id(bscan)][1],
                dice_after=dice,
            )
            for dice, bscan, after in self._kept
        )


def _name_of(bscan: LabelledBscan) -> str:
    if bscan.source.kind != "ground truth":
        return bscan.name
    scan, index = scan_and_index(bscan.name)
    return f"{scan}, B-scan {index}"


def truth_of(
    bscan: LabelledBscan, classes: Sequence[str], predicted: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Labels as class indices; of several classes the predicted one, if it is one."""
    table = code_table(bscan.source, classes)
    truth = np.full(bscan.codes.shape, IGNORE, np.uint8)
    for code, row in enumerate(table.membership):
        members = np.flatnonzero(row).astype(np.uint8)
        right = np.where(np.isin(predicted, members), predicted, members[0])
        truth = np.where(bscan.codes == code, right, truth)
    return truth
