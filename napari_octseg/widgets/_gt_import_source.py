"""What to read labels of others from: a format, a file or folder, perhaps a scan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.widgets._choosers import ScanChooser
from napari_octseg.widgets._gt_format_picker import FormatPicker, readable_formats
from napari_octseg.widgets._layers import volume_of

if TYPE_CHECKING:
    import napari

    from napari_octseg.groundtruth.formats.registry import ExchangeFormat
    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._panel import Panel


class ImportSource(QWidget):
    """Formats without pixels ask for the scan; some formats can do either.

    Signals
    -------
    changed
        Another format is chosen.
    wanted
        Path of the file or folder that the person chose.
    """

    changed = Signal()
    wanted = Signal(object)

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__()
        self.picker = FormatPicker(readable_formats, "import_format")
        self.scan_chooser = ScanChooser(viewer, panel)
        self.scan_line = QWidget()
        self.scan_line.hide()
        self.of_open_scan = QCheckBox("On the scan")
        self.of_open_scan.setToolTip(
            "Take the pixels of a scan that is open, not those that the file names"
        )
        self.scan_caption = QLabel("Labels of")
        self.file_button = QPushButton("Choose file…")
        self.folder_button = QPushButton("Choose folder…")
        self._arrange()
        self.picker.chosen.connect(self._on_format)
        self.of_open_scan.toggled.connect(self.scan_chooser.setVisible)
        self.file_button.clicked.connect(self._on_file)
        self.folder_button.clicked.connect(self._on_folder)

    def _arrange(self) -> None:
        scan = QHBoxLayout(self.scan_line)
        scan.setContentsMargins(0, 0, 0, 0)
        scan.addWidget(self.of_open_scan)
        scan.addWidget(self.scan_caption)
        scan.addWidget(self.scan_chooser, 1)
        scan.addStretch()
        buttons = QHBoxLayout()
        buttons.addWidget(self.file_button)
        buttons.addWidget(self.folder_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.picker)
        layout.addWidget(self.scan_line)
        layout.addLayout(buttons)

    @property
    def format(self) -> ExchangeFormat | None:
        """The format that is chosen; None before this was seen."""
        return self.picker.format

    @property
    def lies_on_open_scan(self) -> bool:
        """Whether the labels are to be read for a scan that is open."""
        chosen = self.format
        return chosen is not None and (
            chosen.read is None or self.of_open_scan.isChecked()
        )

    @property
    def volume(self) -> OCTVolume | None:
        """The scan that the labels are of; None if none is open, or none is needed.

        Raises
        ------
        VolumeError
            If the chosen image is no stack of B-scans.
        """
        layer = self.scan_chooser.layer
        return volume_of(layer) if self.lies_on_open_scan and layer else None

    def _on_format(self, chosen: ExchangeFormat) -> None:
        self.scan_line.setVisible(chosen.read_labels_for is not None)
        self.of_open_scan.setVisible(chosen.read is not None)
        self.scan_caption.setVisible(chosen.read is None)
        self.of_open_scan.setChecked(False)
        self.scan_chooser.setVisible(chosen.read is None)
        self.file_button.setVisible(bool(chosen.suffixes))
        self.changed.emit()

    def _on_file(self) -> None:
        chosen = self.format
        if chosen is None:
            return
        endings = " ".join(f"*{suffix}" for suffix in chosen.suffixes)
        kinds = f"{chosen.title} ({endings});;All files (*)"
        name, _ = QFileDialog.getOpenFileName(self, f"Import {chosen.title}", "", kinds)
        if name:
            self.wanted.emit(Path(name))

    def _on_folder(self) -> None:
        chosen = self.format
        if chosen is None:
            return
        name = QFileDialog.getExistingDirectory(self, f"Import {chosen.title}")
        if name:
            self.wanted.emit(Path(name))
