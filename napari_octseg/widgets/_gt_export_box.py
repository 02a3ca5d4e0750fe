"""Write the data set in a format of others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_octseg.errors import OctsegError
from napari_octseg.widgets._gt_export_task import Exported, iter_export
from napari_octseg.widgets._gt_format_picker import FormatPicker, writable_formats
from napari_octseg.widgets._gt_task_row import TaskRow
from napari_octseg.widgets._messages import show_error
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from napari_octseg.widgets._data_set_folder import DataSetFolder
    from napari_octseg.widgets._panel import Panel


class ExportBox(QWidget):
    """Format, button, and what was written."""

    def __init__(self, folder: DataSetFolder, panel: Panel) -> None:
        super().__init__()
        self._folder = folder
        self._written: Path | None = None
        self.picker = FormatPicker(writable_formats, "export_format")
        self.button = QPushButton("Export…")
        self.button.setToolTip("The newest version of every scan, in a new folder")
        self.row = TaskRow(panel)
        self.show_button = QPushButton("Show the folder")
        self.show_button.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.picker, self.button, self.row, self.show_button):
            layout.addWidget(widget)
        self.button.clicked.connect(self._on_click)
        self.row.busy_changed.connect(self._on_busy)
        self.show_button.clicked.connect(self._on_show)
        self.picker.chosen.connect(self._on_chosen)

    def _on_click(self) -> None:
        chosen = self.picker.format
        if chosen is None:
            return
        name = QFileDialog.getExistingDirectory(self, "Make the export in this folder")
        if not name:
            return
        try:
            data_set = self._folder.open()
            self.picker.remember()
        except OctsegError as error:
            show_error(self, error)
            return
        if data_set is None:
            return
        self.row.start(
            iter_export(data_set, chosen, Path(name)),
            f"Exporting as {chosen.title}…",
            self._on_done,
            cancelled="Cancelled: nothing is left of it.",
        )

    def _on_done(self, done: Exported) -> None:
        self._written = done.folder
        self.row.say(exported_text(done), tip=str(done.folder))
        self.show_button.show()

    def _on_busy(self, busy: bool) -> None:
        self.button.setEnabled(not busy)
        self.picker.setEnabled(not busy)
        if busy:
            self.show_button.hide()

    def _on_chosen(self, _: object) -> None:
        # What was said is about another format.
        self.row.say("")
        self.show_button.hide()

    def _on_show(self) -> None:
        if self._written is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(os.fspath(self._written)))


def exported_text(done: Exported) -> str:
    """How much was written, and where."""
    megabytes = done.n_bytes / 1e6
    size = f"{megabytes:.0f} MB" if megabytes >= 10 else f"{megabytes:.1f} MB"
    return (
        f"{counted(done.n_scans, 'scan')} in {counted(len(done.files), 'file')}, "
        f"{size}, in {done.folder.name}."
    )
