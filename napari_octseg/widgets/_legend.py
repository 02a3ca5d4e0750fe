"""Classes with their colours, names and areas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QTableWidgetItem

from napari_octseg.io.areas import class_areas
from napari_octseg.labels import IGNORE
from napari_octseg.widgets._plain_table import ICON_SIZE, PlainTable, number_item

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_octseg.labels import LabelClass, LabelSet
    from napari_octseg.volume import OCTVolume


def swatch(colour: str) -> QIcon:
    """A square of a colour, with a grey rim that shows on dark and on light."""
    pixmap = QPixmap(ICON_SIZE, ICON_SIZE)
    pixmap.fill(QColor(colour))
    painter = QPainter(pixmap)
    painter.setPen(QColor(128, 128, 128))
    painter.drawRect(0, 0, ICON_SIZE - 1, ICON_SIZE - 1)
    painter.end()
    return QIcon(pixmap)


class ClassTable(PlainTable):
    """Colour, name and area of every class on the B-scan shown; also the legend."""

    def __init__(self) -> None:
        super().__init__()
        self._label_set: LabelSet | None = None

    def show_classes(self, label_set: LabelSet) -> None:
        """List the classes of a label set, without areas."""
        if label_set == self._label_set:
            return
        self._label_set = label_set
        shown = label_set.classes[1:]
        self.set_size(len(shown), ["class", "area"])
        for row, one in enumerate(shown):
            self.setItem(row, 0, _name_item(one))
            self.setItem(row, 1, number_item(""))
        self.fit_height()

    def show_areas(self, labels: NDArray[np.uint8], volume: OCTVolume) -> None:
        """Fill in the areas on one B-scan.

        Parameters
        ----------
        labels
            (depth, width) class indices; a B-scan that is all `IGNORE` has no areas.
        volume
            Its spacing gives mm²; px where that is unknown.
        """
        if self._label_set is None:
            return
        table = class_areas(labels[None], self._label_set, volume.spacing)
        nothing = bool((labels == IGNORE).all())
        for row, (n_pixels, area_mm2) in enumerate(
            zip(table["n_pixels"], table["area_mm2"], strict=True)
        ):
            if nothing:
                text = "–"
            elif math.isnan(area_mm2):
                text = f"{n_pixels:,} px".replace(",", " ")
            else:
                text = f"{area_mm2:.3f} mm²"
            self.item(row, 1).setText(text)


def _name_item(one: LabelClass) -> QTableWidgetItem:
    long_name = one.long_name if one.long_name != one.name else ""
    item = QTableWidgetItem(
        swatch(one.colour), f"{one.name}  {long_name}" if long_name else one.name
    )
    item.setToolTip(long_name or one.name)
    return item
