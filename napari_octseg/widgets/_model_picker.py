"""Choose a model among the bundles on this computer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItem, QStandardItemModel

from napari_octseg.bundles.registry import Bundle, list_bundles
from napari_octseg.errors import ModelError
from napari_octseg.widgets._choosers import NarrowComboBox

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard


class ModelPicker(NarrowComboBox):
    """Models for B-scans; those that cannot be used are grey, with the reason.

    Signals
    -------
    card_changed
        The `ModelCard` of another model, or None.
    """

    card_changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._bundles: list[Bundle] = []
        self.refresh()
        self.currentIndexChanged.connect(self._on_index)

    @property
    def card(self) -> ModelCard | None:
        """Card of the chosen model; None if there is no usable one."""
        index = self.currentIndex()
        return self._bundles[index].card if 0 <= index < len(self._bundles) else None

    def choose(self, name: str) -> None:
        """Choose the model of that name, if it is listed and usable."""
        for index, bundle in enumerate(self._bundles):
            if bundle.name == name and bundle.card is not None:
                self.setCurrentIndex(index)

    def refresh(self) -> None:
        """Read the bundle folders again: a new model may have come."""
        before = self.card
        # Models for en-face images have no use for B-scans.
        self._bundles = [
            bundle
            for bundle in _bundles()
            if bundle.card is None or bundle.card.input.plane == "bscan"
        ]
        items = QStandardItemModel(self)
        for bundle in self._bundles:
            items.appendRow(_item(bundle))
        self.blockSignals(True)
        self.setModel(items)
        usable = [i for i, b in enumerate(self._bundles) if b.card is not None]
        self.setCurrentIndex(usable[0] if usable else -1)
        if before is not None:
            self.choose(before.name)
        self.blockSignals(False)
        if self.card != before:
            self.card_changed.emit(self.card)

    def showPopup(self) -> None:
        """List the models that are there now."""
        self.refresh()
        super().showPopup()

    def _on_index(self, index: int) -> None:
        self.card_changed.emit(self.card)


def _bundles() -> list[Bundle]:
    try:
        return list_bundles()
    except ModelError as error:
        # The panel opens, and says what is missing.
        return [Bundle("no model", Path(), None, str(error), shipped=True)]


def _item(bundle: Bundle) -> QStandardItem:
    if bundle.card is not None:
        item = QStandardItem(bundle.card.title)
        item.setToolTip(bundle.card.description)
        return item
    item = QStandardItem(f"{bundle.name} – cannot be used")
    item.setToolTip(bundle.problem or "")
    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
    return item
