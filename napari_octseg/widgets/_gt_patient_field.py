"""Whose eye it is: typed in as it is known, shown as it will be stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_octseg.errors import OctsegError
from napari_octseg.groundtruth.pseudonyms import pseudonym_of
from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._text import trouble_text
from napari_octseg.widgets._text_labels import wrapped_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.widgets._gt_summary import Summary


class PatientField(QWidget):
    """A field to type into, or to choose a patient of the data set from.

    What is typed is never kept: only the pseudonym made of it leaves this field.

    Signals
    -------
    changed
        Another patient, or none, is given.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._known: tuple[str, ...] = ()
        self._fixed = ""
        self._pseudonym_of: Callable[[str], str] = pseudonym_of
        self.chooser = NarrowComboBox()
        self.chooser.setEditable(True)
        self.chooser.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        # It would show names that were typed before.
        self.chooser.setCompleter(None)
        self.chooser.setToolTip(
            "The same name or number gives the same patient again; it is kept nowhere"
        )
        field = self.chooser.lineEdit()
        field.setPlaceholderText("name or number")
        self.stored = wrapped_label()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Patient", self.chooser)
        form.addRow(self.stored)
        self.chooser.editTextChanged.connect(self._on_text)
        self._on_text()

    @property
    def pseudonym(self) -> str:
        """Of the patient; empty if nobody is given, or none can be made."""
        if self._fixed:
            return self._fixed
        text: str = self.chooser.currentText().strip()
        if not text or text in self._known:
            return text
        try:
            return self._pseudonym_of(text)
        except OctsegError:
            return ""

    def offer(self, summary: Summary | None) -> None:
        """Let one of the patients of a data set be chosen; what is typed stays."""
        patients = () if summary is None else summary.patients
        self._pseudonym_of = pseudonym_of if summary is None else summary.pseudonym_of
        if patients == self._known:
            self._on_text()
            return
        self._known = patients
        text = self.chooser.currentText()
        self.chooser.blockSignals(True)
        self.chooser.clear()
        self.chooser.addItems(self._known)
        self.chooser.setEditText(text)
        self.chooser.blockSignals(False)
        self._on_text()

    def fix(self, pseudonym: str) -> None:
        """The patient is known, whatever is typed; empty: it is not."""
        if pseudonym != self._fixed:
            self._fixed = pseudonym
            self._on_text()

    def clear(self) -> None:
        """Nobody is given any more."""
        self._fixed = ""
        self.chooser.clearEditText()

    def forget(self) -> None:
        """Show the pseudonym in place of what was typed."""
        self.chooser.setEditText(self.pseudonym)

    def _on_text(self, _: str = "") -> None:
        text = self.chooser.currentText().strip()
        self.stored.setText(self._told(text))
        self.stored.setVisible(bool(text))
        self.changed.emit()

    def _told(self, text: str) -> str:
        if text in self._known:
            return "A patient of the data set."
        if not text:
            return ""
        try:
            pseudonym = self._pseudonym_of(text)
        except OctsegError as error:
            return trouble_text(error)
        again = " already in the data set;" if pseudonym in self._known else ""
        return f"Stored as <b>{pseudonym}</b>,{again} the name is not kept."
