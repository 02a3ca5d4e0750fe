"""Which class of others is which of ours: a table with a choice in each row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.errors import OctsegError
from napari_octseg.groundtruth.class_mapping import (
    LEFT_OUT,
    ClassMapping,
    propose,
    read_mapping,
    write_mapping,
)
from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._legend import swatch
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._plain_table import PlainTable
from napari_octseg.widgets._text import amber
from napari_octseg.widgets._text_labels import wrapped_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QWheelEvent

    from napari_octseg.labels import LabelSet

_LEFT_OUT_TEXT = "leave out"
_KINDS = "Table (*.csv)"


class MappingTable(QWidget):
    """One row per class of others, with the class of ours it becomes.

    Parameters
    ----------
    source
        Title of the classes of others.

    Signals
    -------
    changed
        Another class was chosen in a row.
    """

    changed = Signal()

    def __init__(self, source: str = "in the file") -> None:
        super().__init__()
        self._source = source
        self._names: tuple[str, ...] = ()
        self._targets: tuple[str, ...] = ()
        self.table = PlainTable()
        self.choosers: list[NarrowComboBox] = []
        self.note = wrapped_label()
        self.open_button = QPushButton("Open table…")
        self.open_button.setToolTip("A table of two columns, saved here or written")
        self.save_button = QPushButton("Save table…")
        self.save_button.setToolTip("Keep these choices for other files")
        row = QHBoxLayout()
        row.addWidget(self.open_button)
        row.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.table)
        layout.addWidget(self.note)
        layout.addLayout(row)
        self.open_button.clicked.connect(self._on_open)
        self.save_button.clicked.connect(self._on_save)

    @property
    def mapping(self) -> ClassMapping:
        """What is chosen."""
        return ClassMapping(
            tuple(
                (name, _target_of(chooser))
                for name, chooser in zip(self._names, self.choosers, strict=True)
            )
        )

    @property
    def left_out(self) -> tuple[str, ...]:
        """Classes of others that become none of ours."""
        return tuple(
            name for name, target in self.mapping.renames if target == LEFT_OUT
        )

    @property
    def is_by_name(self) -> bool:
        """Whether every class becomes the class that has its name."""
        return all(name == target for name, target in self.mapping.renames)

    def show_classes(self, theirs: LabelSet, ours: LabelSet) -> bool:
        """List the classes of others, each with the class of ours that it is like.

        What a person chose stays where the classes are the same as before.

        Returns
        -------
        Whether they are others than before.
        """
        if (theirs.names, ours.names) == (self._names, self._targets):
            return False
        self._names, self._targets = theirs.names, ours.names
        self._fill(theirs, ours)
        self._show(propose(theirs, ours))
        return True

    def _fill(self, theirs: LabelSet, ours: LabelSet) -> None:
        self.table.set_size(len(theirs), [self._source, "becomes"])
        self.choosers = []
        for row, one in enumerate(theirs.classes):
            name = QTableWidgetItem(swatch(one.colour), one.name)
            name.setToolTip(one.long_name or one.name)
            self.table.setItem(row, 0, name)
            chooser = _Chooser()
            for target in ours.classes:
                chooser.addItem(swatch(target.colour), target.name, target.name)
            chooser.addItem(_LEFT_OUT_TEXT, LEFT_OUT)
            chooser.activated.connect(self._on_chosen)
            self.table.setCellWidget(row, 1, chooser)
            self.choosers.append(chooser)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(header.ResizeMode.Stretch)
        self.table.fit_height()

    def _show(self, mapping: ClassMapping) -> None:
        wanted = dict(mapping.renames)
        for name, chooser in zip(self._names, self.choosers, strict=True):
            place = chooser.findData(wanted.get(name, _target_of(chooser)))
            chooser.setCurrentIndex(place if place >= 0 else chooser.count() - 1)
        self._tell()

    def _tell(self) -> None:
        left_out = self.left_out
        self.note.setVisible(bool(left_out))
        if left_out:
            self.note.setText(amber(_left_out_text(left_out)))

    def _on_chosen(self, _: int) -> None:
        self._tell()
        self.changed.emit()

    def _on_open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open table", "", _KINDS)
        if not name:
            return
        try:
            mapping = read_mapping(Path(name))
        except OctsegError as error:
            show_error(self, error)
            return
        self._show(mapping)
        self.changed.emit()

    def _on_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save table", "classes.csv", _KINDS)
        if not name:
            return
        path = Path(name)
        if path.suffix.lower() != ".csv":
            path = Path(f"{path}.csv")
        try:
            write_mapping(self.mapping, path)
        except OctsegError as error:
            show_error(self, error)


class _Chooser(NarrowComboBox):
    """Lets the wheel scroll the panel, instead of choosing another class unseen."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


def _target_of(chooser: NarrowComboBox) -> str:
    return str(chooser.currentData())


def _left_out_text(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is left out: its pixels count as not graded."
    shown = ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
    return f"{len(names)} classes are left out, as if not graded: {shown}."
