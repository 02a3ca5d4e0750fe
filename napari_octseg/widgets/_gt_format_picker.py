"""Choose an exchange format, and read what it carries and what it loses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from napari_octseg.groundtruth.formats.registry import FORMATS
from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._kept import keep_choice, kept_choice
from napari_octseg.widgets._text_labels import wrapped_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QShowEvent

    from napari_octseg.groundtruth.formats.registry import ExchangeFormat


class FormatPicker(QWidget):
    """A list of titles, and what is to be known of the one that is chosen.

    It is filled when it is seen first: the modules of the formats are many.

    Parameters
    ----------
    formats
        Gives those to choose from, at least one.
    remembered_as
        Under which the format used last is kept.

    Signals
    -------
    chosen
        Another `ExchangeFormat` is chosen.
    """

    chosen = Signal(object)

    def __init__(
        self, formats: Callable[[], list[ExchangeFormat]], remembered_as: str
    ) -> None:
        super().__init__()
        self._find = formats
        self._formats: list[ExchangeFormat] = []
        self._key = remembered_as
        self.chooser = NarrowComboBox()
        self.about = wrapped_label()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Format", self.chooser)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(form)
        layout.addWidget(self.about)
        self.chooser.currentIndexChanged.connect(self._on_chosen)

    @property
    def format(self) -> ExchangeFormat | None:
        """The format that is chosen; None before this was seen."""
        return self._formats[self.chooser.currentIndex()] if self._formats else None

    @property
    def names(self) -> list[str]:
        """Names of the formats that can be chosen."""
        return [one.name for one in self._formats]

    def choose(self, name: str) -> None:
        """Choose the format of a name."""
        self.chooser.setCurrentIndex(self.names.index(name))

    def remember(self) -> None:
        """Offer the format that is chosen first the next time.

        Raises
        ------
        WriteError
            If that cannot be kept.
        """
        if self.format is not None:
            keep_choice(self._key, self.format.name)

    def showEvent(self, event: QShowEvent) -> None:
        """Find the formats, the first time."""
        super().showEvent(event)
        if self._formats:
            return
        self._formats = self._find()
        self.chooser.blockSignals(True)
        self.chooser.addItems([one.title for one in self._formats])
        kept = kept_choice(self._key)
        if kept in self.names:
            self.choose(kept)
        self.chooser.blockSignals(False)
        self._on_chosen()

    def _on_chosen(self, _: int = 0) -> None:
        one = self.format
        if one is not None:
            self.about.setText(f"{one.what} {one.loses}".strip())
            self.chosen.emit(one)


def writable_formats() -> list[ExchangeFormat]:
    """Formats that a data set can be exported in."""
    return [one for one in FORMATS.values() if one.write is not None]


def readable_formats() -> list[ExchangeFormat]:
    """Formats that labels can be imported from."""
    return [
        one
        for one in FORMATS.values()
        if one.read is not None or one.read_labels_for is not None
    ]
