"""What is measured on a labels layer: its labels, their classes, their spacing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.io.label_files import LabelFile, class_indices
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import Origin, Spacing
from napari_octseg.widgets._layers import facts_of, spacing_of

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_octseg.volume import OCTVolume


@dataclass(frozen=True, eq=False)
class LabelsNow:
    """The labels of a layer as they were at one moment.

    `labels` are (n_bscans, depth, width), a copy that later edits do not touch;
    `volume` is the scan that they belong to, if it is known and of their size.
    """

    name: str
    labels: NDArray[Any]
    label_set: LabelSet
    names_classes: bool
    spacing: Spacing
    volume: OCTVolume | None

    def in_classes_of(self, other: LabelsNow) -> NDArray[np.uint8]:
        """These labels in the classes of others: by name, if they have names.

        Raises
        ------
        LabelError
            If a label is none of these classes.
        """
        own = self.label_set if self.names_classes else None
        file = LabelFile(self.name, self.labels, own, self.spacing)
        return class_indices(file, other.label_set)


def labels_now(layer: Labels) -> LabelsNow:
    """Copy the labels of a layer, with what is known about them."""
    facts = facts_of(layer)
    labels = np.array(layer.data)
    labels = labels[None] if labels.ndim == 2 else labels
    volume: OCTVolume | None = facts.get("volume")
    if volume is not None and volume.shape != labels.shape:
        volume = None  # cropped, or drawn on something else
    spacing = spacing_of(layer, Origin.FILE) if volume is None else volume.spacing
    label_set: LabelSet | None = facts.get("label_set")
    names_classes = label_set is not None
    if label_set is None:
        highest = labels[(labels >= 0) & (labels < IGNORE)].max(initial=0)
        label_set = LabelSet.numbered(int(highest))
    return LabelsNow(layer.name, labels, label_set, names_classes, spacing, volume)
