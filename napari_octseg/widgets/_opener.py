"""Buttons that open a file, a folder, a recent one or a sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._opening import SAMPLES, reading_steps, sample_steps
from napari_octseg.widgets._progress_view import ProgressView
from napari_octseg.widgets._recent import recent_files, remember
from napari_octseg.widgets._tasks import RunningTask

if TYPE_CHECKING:
    from collections.abc import Generator

    from qtpy.QtGui import QAction

    from napari_octseg.engine.progress import Progress
    from napari_octseg.io.napari_hooks import LayerData


class Opener(QWidget):
    """Opens scans in a thread, one at a time, with progress and Cancel.

    Signals
    -------
    opened
        The layers, as napari readers give them: a list of tuples.
    """

    opened = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._task: RunningTask | None = None
        self._path: Path | None = None
        self.file_button = _wide(QPushButton("Open file…"))
        self.folder_button = _wide(QPushButton("Open folder…"))
        self.folder_button.setToolTip("A folder of B-scan images, or an export")
        self.recent_button = _wide(QPushButton("Recent"))
        self.sample_button = _wide(QPushButton("Sample data"))
        self.sample_button.setToolTip("An artificial eye, as three devices show it")
        self.recent_menu = QMenu(self)
        self.recent_menu.setToolTipsVisible(True)
        self.sample_menu = QMenu(self)
        for look, title in SAMPLES.items():
            self.sample_menu.addAction(title).setData(look)
        self.recent_button.setMenu(self.recent_menu)
        self.sample_button.setMenu(self.sample_menu)
        self.progress_view = ProgressView()
        self.cancel_button = QPushButton("Cancel")
        self._arrange()
        self.file_button.clicked.connect(self._on_file)
        self.folder_button.clicked.connect(self._on_folder)
        self.recent_menu.aboutToShow.connect(self._fill_recent)
        self.recent_menu.triggered.connect(self._on_recent)
        self.sample_menu.triggered.connect(self._on_sample)
        self.cancel_button.clicked.connect(self.cancel)
        self._set_busy(False)

    def _arrange(self) -> None:
        grid = QGridLayout()
        grid.addWidget(self.file_button, 0, 0)
        grid.addWidget(self.folder_button, 0, 1)
        grid.addWidget(self.recent_button, 1, 0)
        grid.addWidget(self.sample_button, 1, 1)
        row = QHBoxLayout()
        row.addWidget(self.progress_view, 1)
        row.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        layout.addLayout(row)

    @property
    def is_busy(self) -> bool:
        """Whether something is being opened."""
        return self._task is not None

    def open_path(self, path: Path) -> None:
        """Open a file or folder."""
        self._start(reading_steps(path), f"Reading {path.name}", path)

    def open_sample(self, look: str) -> None:
        """Make a phantom with the look of a device."""
        self._start(sample_steps(look), "Making the sample", None)

    def cancel(self) -> None:
        """Wait no longer for what is being opened: it is dropped when it comes."""
        if self._task is not None:
            task, self._task = self._task, None
            task.progressed.disconnect(self.progress_view.advance)
            task.succeeded.disconnect(self._on_opened)
            task.failed.disconnect(self._on_failed)
            task.ended.disconnect(self._on_ended)
            task.cancel()
            self._set_busy(False)

    def _start(
        self,
        steps: Generator[Progress, None, list[LayerData]],
        text: str,
        path: Path | None,
    ) -> None:
        task = RunningTask(steps, text)
        task.progressed.connect(self.progress_view.advance)
        task.succeeded.connect(self._on_opened)
        task.failed.connect(self._on_failed)
        task.ended.connect(self._on_ended)
        self._task, self._path = task, path
        self._set_busy(True)
        self.progress_view.begin(f"{text}…")
        task.start()

    def _on_opened(self, layers: list[LayerData]) -> None:
        if self._path is not None:
            remember(self._path)
        self.opened.emit(layers)

    def _on_failed(self, error: Exception) -> None:
        show_error(self, error)

    def _on_ended(self) -> None:
        self._task = None
        self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        for button in (
            self.file_button,
            self.folder_button,
            self.recent_button,
            self.sample_button,
        ):
            button.setEnabled(not busy)
        self.cancel_button.setVisible(busy)
        if not busy:
            self.progress_view.end()

    def _on_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open an OCT file")
        if name:
            self.open_path(Path(name))

    def _on_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open a folder of B-scans")
        if name:
            self.open_path(Path(name))

    def _fill_recent(self) -> None:
        self.recent_menu.clear()
        for path in recent_files():
            action = self.recent_menu.addAction(path.name)
            action.setToolTip(str(path))
            action.setData(str(path))
        if not self.recent_menu.actions():
            self.recent_menu.addAction("nothing yet").setEnabled(False)

    def _on_recent(self, action: QAction) -> None:
        self.open_path(Path(action.data()))

    def _on_sample(self, action: QAction) -> None:
        self.open_sample(action.data())


def _wide(button: QPushButton) -> QPushButton:
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button
