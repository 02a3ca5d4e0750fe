"""Count what one model says of the scans of one data set, B-scan by B-scan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.data.datasets import code_table
from napari_octseg.engine.evaluation import HELD_OUT
from napari_octseg.engine.finetuning.paired import OneModel
from napari_octseg.engine.judging.confusion import (
    count_pixels,
    dice_of,
    overlap_counts,
)
from napari_octseg.engine.judging.tally import Tally
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.data.source import Source
    from napari_octseg.engine.judging.tally import Judged


class Counting:
    """Figures of one model on one source.

    Parameters
    ----------
    source
        Whose scans are counted.
    candidate
        Card whose classes the codes of the source are read as.
    card
        Of the model; a class that it does not know is never right.
    """

    def __init__(self, source: Source, candidate: ModelCard, card: ModelCard) -> None:
        names, order = card.label_set.names, candidate.label_set.names
        self._has_same_classes = names == order
        table = code_table(source, order)
        members = [
            {name for name, inside in zip(order, row, strict=True) if inside}
            for row in table.membership
        ]
        membership = tuple(tuple(n in own for n in names) for own in members)
        self._table = replace(table, membership=membership)
        layers = card.layers if self._has_same_classes else ()
        self._tally = Tally(self._table, names, layers)
        self._n_classes = len(names)
        self._to_candidate = np.zeros(256, np.uint8)
        self._to_candidate[IGNORE] = IGNORE
        for index, name in enumerate(names):
            self._to_candidate[index] = order.index(name) if name in order else 0
        self.model = OneModel(np.array([any(row) for row in membership]))

    def add(self, judged: Judged) -> float:
        """Add a B-scan; its mean Dice over the classes that either side has."""
        self._tally.add(
            judged if self._has_same_classes else replace(judged, heights=None)
        )
        pixels = count_pixels(
            judged.labels, judged.codes, self._n_classes, len(self._table.names)
        )
        counts = overlap_counts(pixels, self._table.membership)
        self.model.counts.append(counts)
        dice = dice_of(counts[1:])
        return float(np.nanmean(dice)) if np.isfinite(dice).any() else 1.0

    def in_classes_of_candidate(self, judged: Judged) -> NDArray[np.uint8]:
        """Its labels as class indices of the candidate; unknown classes: background."""
        return np.asarray(self._to_candidate[judged.labels])

    def finished(self, source: str) -> OneModel:
        """All figures."""
        self.model.score = self._tally.score(source, HELD_OUT)
        return self.model
