"""Scans without labels whose look the training scans are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
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

from napari_octseg.widgets._layers import known_volume, plain
from napari_octseg.wording import counted

if TYPE_CHECKING:
    import napari

    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._panel import Panel


class UnlabelledScans(QWidget):
    """The scans that are open, files, or both.

    Signals
    -------
    changed
        Other scans were chosen.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__()
        self._viewer = viewer
        self._files: tuple[Path, ...] = ()
        self.open_box = QCheckBox()
        self.open_box.setToolTip(
            "Training scans are given their grey values and noise (SVDNA), so that the "
            "model learns the look of your device; needs no labels"
        )
        self.files_button = QPushButton("Files…")
        self.files_button.setToolTip("Scans on the disk, whether they are open or not")
        self.clear_button = QPushButton("None")
        self.clear_button.setToolTip("Take no files")
        self.files_label = QLabel()
        self.files_label.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.files_label, 1)
        row.addWidget(self.files_button)
        row.addWidget(self.clear_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.open_box)
        layout.addLayout(row)
        self.open_box.toggled.connect(self._on_toggled)
        self.files_button.clicked.connect(self._on_files)
        self.clear_button.clicked.connect(self._on_clear)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            panel.listen(event, self._on_layers)
        self._show()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files of the chosen scans, each once."""
        opened = self._open_files() if self.open_box.isChecked() else []
        return tuple(dict.fromkeys((*opened, *self._files)))

    def choose_files(self, files: list[Path]) -> None:
        """Take these files, instead of those before."""
        self._files = tuple(files)
        self._show()
        self.changed.emit()

    def _open_files(self) -> list[Path]:
        found = []
        for volume in open_volumes(self._viewer):
            path = None if volume.source is None else Path(volume.source)
            # Sample data and what was made in napari have no file.
            if path is not None and path.exists():
                found.append(path)
        return found

    def _on_layers(self, event: Any = None) -> None:
        self._show()
        if self.open_box.isChecked():
            self.changed.emit()

    def _on_toggled(self, checked: bool) -> None:
        self.changed.emit()

    def _on_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Scans without labels")
        if names:
            self.choose_files([Path(name) for name in names])

    def _on_clear(self) -> None:
        self.choose_files([])

    def _show(self) -> None:
        n_open, n_files = len(open_volumes(self._viewer)), len(self._open_files())
        self.open_box.setText(
            f"Scans that are open ({n_files})"
            if n_files == n_open
            else f"Open scans ({n_files} of {n_open} have a file)"
        )
        self.open_box.setEnabled(n_files > 0 or self.open_box.isChecked())
        chosen = counted(len(self._files), "file") if self._files else "no files"
        self.files_label.setText(chosen)
        self.files_label.setToolTip("\n".join(map(str, self._files)))
        self.clear_button.setEnabled(bool(self._files))


def open_scans(viewer: napari.Viewer) -> list[Image]:
    """Image layers of the viewer that are scans."""
    layers = [plain(one) for one in viewer.layers]
    return [x for x in layers if isinstance(x, Image) and known_volume(x) is not None]


def open_volumes(viewer: napari.Viewer) -> list[OCTVolume]:
    """Volumes of the scans in the viewer."""
    volumes = (known_volume(layer) for layer in open_scans(viewer))
    return [volume for volume in volumes if volume is not None]
