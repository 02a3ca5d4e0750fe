"""Choose a model among the bundles on this computer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItem, QStandardItemModel

from napari_octseg.bundles.registry import Bundle, list_bundles
from napari_octseg.errors import ModelError
from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._window import main_window

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_octseg.bundles.card import ModelCard


class ModelPicker(NarrowComboBox):
    """All models; those that cannot be used are grey, with the reason.

    Parameters
    ----------
    nothing
        Text of an entry for no model, which is the first choice; the models below it
        are then those for B-scans.

    Signals
    -------
    card_changed
        The `ModelCard` of another model, or None.
    """

    card_changed = Signal(object)

    def __init__(self, *, nothing: str | None = None) -> None:
        super().__init__()
        self._nothing = nothing
        self._suits: Callable[[ModelCard], bool] | None = None
        self._bundles: list[Bundle | None] = []
        self.refresh()
        self.currentIndexChanged.connect(self._on_index)

    @property
    def bundle(self) -> Bundle | None:
        """The chosen model; None if there is no usable one, or none was chosen."""
        index = self.currentIndex()
        return self._bundles[index] if 0 <= index < len(self._bundles) else None

    @property
    def card(self) -> ModelCard | None:
        """Card of the chosen model."""
        bundle = self.bundle
        return None if bundle is None else bundle.card

    def choose(self, name: str) -> None:
        """Choose the model of that name, if it is listed and usable."""
        for index, bundle in enumerate(self._bundles):
            if bundle is not None and bundle.name == name and bundle.card is not None:
                self.setCurrentIndex(index)

    def show_only(self, suits: Callable[[ModelCard], bool] | None) -> None:
        """List the usable models of which this is true; all models for None."""
        self._suits = suits
        self.refresh()

    def refresh(self) -> None:
        """Read the bundle folders again: a new model may have come."""
        before = self.card
        self._bundles = [
            bundle
            for bundle in _bundles()
            if self._suits is None
            or (bundle.card is not None and self._suits(bundle.card))
        ]
        items = QStandardItemModel(self)
        if self._nothing is not None:
            self._bundles = [None, *filter(_takes_bscans, self._bundles)]
            items.appendRow(QStandardItem(self._nothing))
        for bundle in self._bundles:
            if bundle is not None:
                items.appendRow(_item(bundle))
        self.blockSignals(True)
        self.setModel(items)
        self.setCurrentIndex(self._first())
        if before is not None:
            self.choose(before.name)
        self.blockSignals(False)
        if self.card != before:
            self.card_changed.emit(self.card)

    def showPopup(self) -> None:
        """List the models that are there now."""
        self.refresh()
        super().showPopup()

    def _first(self) -> int:
        """What is chosen at first: nothing, a model for B-scans, or any model."""
        if self._nothing is not None:
            return 0
        usable = [i for i, b in enumerate(self._bundles) if b is not None and b.card]
        for_bscans = [i for i in usable if _takes_bscans(self._bundles[i])]
        return next(iter([*for_bscans, *usable]), -1)

    def _on_index(self, index: int) -> None:
        self.card_changed.emit(self.card)


def refresh_pickers(asker: QWidget) -> None:
    """Have all lists of models in the window of a widget read the folders again."""
    for picker in (main_window(asker) or asker.window()).findChildren(ModelPicker):
        picker.refresh()


def _takes_bscans(bundle: Bundle | None) -> bool:
    """Whether a model is for B-scans, as far as is known."""
    return bundle is not None and (
        bundle.card is None or bundle.card.input.plane == "bscan"
    )


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
