"""Ask for what a new data set needs: a name, a place, and its classes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
)
from superqt import QElidingLabel

from napari_octseg.bundles.registry import list_models
from napari_octseg.errors import OctsegError
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._starts import Start, empty_starts
from napari_octseg.widgets._text_labels import wrapped_label

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_octseg.editing.grading import Grading

_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_WIDTH = 400


class NewDataSetDialog(QDialog):
    """Makes the data set itself, and stays open when that is refused.

    Signals
    -------
    made
        Folder of the new data set.
    """

    made = Signal(object)

    def __init__(self, parent: QWidget, grading: Grading | None) -> None:
        super().__init__(parent.window())
        self.setWindowTitle("New data set")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        self._starts = class_choices(grading)
        self._place = Path.home()
        self.name_field = QLineEdit("Ground truth")
        self.place_label = QElidingLabel()
        self.place_label.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.place_button = QPushButton("Choose…")
        self.class_chooser = NarrowComboBox()
        self.class_chooser.addItems([start.title for start in self._starts])
        self.about = wrapped_label()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.make_button = self.buttons.addButton(
            "Make", QDialogButtonBox.ButtonRole.AcceptRole
        )
        self._arrange()
        self.name_field.textChanged.connect(self._show)
        self.place_button.clicked.connect(self._on_place)
        self.class_chooser.currentIndexChanged.connect(self._show)
        self.buttons.accepted.connect(self._on_make)
        self.buttons.rejected.connect(self.reject)
        self._show()

    def _arrange(self) -> None:
        place = QHBoxLayout()
        place.addWidget(self.place_label, 1)
        place.addWidget(self.place_button)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Name", self.name_field)
        form.addRow("Folder", place)
        form.addRow("Classes", self.class_chooser)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addLayout(form)
        layout.addWidget(self.about)
        layout.addWidget(self.buttons)

    @property
    def folder(self) -> Path:
        """Folder that will be made."""
        return self._place / _NOT_IN_NAMES.sub("-", self.name_field.text()).strip("-.")

    def choose_place(self, place: Path) -> None:
        """Make the folder of the data set in another one."""
        self._place = place
        self._show()

    def _show(self, _: object = None) -> None:
        self.place_label.setText(str(self.folder))
        self.place_label.setToolTip(str(self.folder))
        start = self._starts[self.class_chooser.currentIndex()]
        self.about.setText(
            f"{classes_text(start)} All scans of a data set have the same classes."
        )
        self.make_button.setEnabled(self.folder != self._place)

    def _on_place(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self, "Where to keep the data set", str(self._place)
        )
        if name:
            self.choose_place(Path(name))

    def _on_make(self) -> None:
        start = self._starts[self.class_chooser.currentIndex()]
        try:
            made = DataSet.create(
                self.folder,
                self.name_field.text().strip(),
                start.label_set,
                start.layers,
            )
        except OctsegError as error:
            show_error(self, error)
            return
        self.made.emit(made.folder)
        self.accept()


def class_choices(grading: Grading | None) -> list[Start]:
    """Classes that a data set can have; those of the open correction come first."""
    try:
        cards = list_models()
    except OctsegError:
        cards = []  # the Segment panel says what is missing
    choices = [
        Start(f"as models label: {one.title}", one.label_set, one.layers)
        for one in empty_starts(cards)
    ]
    if grading is not None:
        layers = tuple(grading.label_set.names[index] for index in grading.layers)
        own = Start("as in the open correction", grading.label_set, layers)
        choices.insert(0, own)
    return choices


def classes_text(start: Start) -> str:
    """`Layers: RNFL · GCIPL; on top: IRF.`."""
    layers = " · ".join(start.layers)
    others = " · ".join(n for n in start.label_set.names[1:] if n not in start.layers)
    if not layers:
        return f"Classes: {others}."
    return f"Layers: {layers}" + (f"; on top: {others}." if others else ".")
