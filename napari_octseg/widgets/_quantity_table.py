"""Quantities of all classes as a table that fits into the dock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTableWidgetItem

from napari_octseg.widgets._legend import swatch
from napari_octseg.widgets._plain_table import PlainTable, number_item

if TYPE_CHECKING:
    from napari_octseg.measure.quantify import ClassQuantity, Quantification

_ALONE = {
    "class": "",
    "%": "Share of all classes but the background",
    "mm²": "Area on all B-scans together",
    "nL": "Volume: area times the distance of B-scans; 1000 nL are 1 mm³",
}
_IN_PX = {
    "class": "",
    "%": "Share of all classes but the background",
    "px²": "Area on all B-scans together; mm² need the spacing",
}
_AGAINST = {
    "class": "",
    "%": "Share of all classes but the background, in these labels",
    "true %": "The same in the ground truth",
    "diff.": "Absolute difference of the shares, percentage points",
    "Dice": "Overlap of the two: 0 none, 1 all",
}


class QuantityTable(PlainTable):
    """A row per class; columns depend on ground truth and spacing."""

    def show_quantities(self, found: Quantification) -> None:
        """Fill in the figures."""
        columns = _columns(found)
        self.set_size(len(found.classes), list(columns))
        for column, meaning in enumerate(columns.values()):
            self.horizontalHeaderItem(column).setToolTip(meaning)
        for row, one in enumerate(found.classes):
            name = QTableWidgetItem(
                swatch(one.label_class.colour), one.label_class.name
            )
            name.setToolTip(one.label_class.long_name or one.label_class.name)
            self.setItem(row, 0, name)
            for column, title in list(enumerate(columns))[1:]:
                self.setItem(row, column, number_item(_text(one, title)))
        self.fit_height()


def _columns(found: Quantification) -> dict[str, str]:
    if any(one.true is not None for one in found.classes):
        return _AGAINST
    if any(math.isnan(one.predicted.area_mm2) for one in found.classes):
        return _IN_PX
    return _ALONE


def _text(one: ClassQuantity, column: str) -> str:
    """A figure as the column of that title shows it."""
    amount = one.predicted
    value = {
        "%": amount.percent,
        "px²": amount.area_px,
        "mm²": amount.area_mm2,
        "nL": amount.volume_nl,
        "true %": one.true.percent if one.true is not None else math.nan,
        "diff.": one.percent_difference,
        "Dice": one.dice,
    }[column]
    if value is None or math.isnan(value):
        return "–"
    n_decimals = {"px²": 0, "mm²": 3, "Dice": 3}.get(column, 2)
    if column == "nL":
        n_decimals = 1 if value < 1000 else 0
    return f"{value:,.{n_decimals}f}".replace(",", "\N{NO-BREAK SPACE}")
