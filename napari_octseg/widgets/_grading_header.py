"""Which correction is open; take a model's labels over into it; end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.engine.progress import Progress
from napari_octseg.widgets._layers import plain, volume_of
from napari_octseg.widgets._progress_view import ProgressView
from napari_octseg.widgets._starts import Start, start_of_device, starts_of_layers
from napari_octseg.widgets._stepper import Stepper
from napari_octseg.widgets._take_over import bscans_to_take, take_over
from napari_octseg.widgets._text import amber
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from napari_octseg.editing.grading import Grading
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel


class GradingHeader(QWidget):
    """Name of the correction that is open; hidden while there is none.

    Signals
    -------
    busy_changed
        Whether labels are being taken over: nothing else may change them then.
    """

    busy_changed = Signal(bool)

    def __init__(self, view: GradingView, panel: Panel) -> None:
        super().__init__()
        self._view = view
        self._stepper = Stepper()
        self._n_steps = 0
        self._title = ""
        self.title = QLabel()
        self.title.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self.take_button = QPushButton("Take over")
        self.take_button.setToolTip(
            "Labels of a model, for the B-scans that nobody has corrected"
        )
        self.menu = QMenu(self.take_button)
        self.menu.aboutToShow.connect(self.fill_menu)
        self.take_button.setMenu(self.menu)
        self.finish_button = QPushButton("Close")
        self.finish_button.setToolTip(
            "End this correction; it is kept and can be resumed"
        )
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.hide()
        self.progress_view = ProgressView()
        for button in (self.take_button, self.finish_button, self.cancel_button):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.title, 1)
        row.addWidget(self.take_button)
        row.addWidget(self.finish_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        self.waiting = QLabel()
        self.waiting.setWordWrap(True)
        self.waiting.hide()
        layout.addWidget(self.waiting)
        layout.addWidget(self.progress_view)
        layout.addWidget(self.cancel_button)
        self.finish_button.clicked.connect(view.finish)
        self.cancel_button.clicked.connect(self.cancel)
        self._stepper.advanced.connect(self._on_advanced)
        self._stepper.ended.connect(self._on_ended)
        view.opened.connect(self._on_opened)
        view.changed.connect(self._show_waiting)
        panel.closing.connect(self.cancel)
        self._on_opened(view.grading)

    @property
    def is_busy(self) -> bool:
        """Whether labels are being taken over."""
        return self._stepper.is_busy

    def fill_menu(self) -> None:
        """List what can be taken over now."""
        self.menu.clear()
        for start in self._starts():
            action = self.menu.addAction(start.title)
            action.triggered.connect(lambda _=False, one=start: self.take(one))
        if self.menu.isEmpty():
            hint = self.menu.addAction("Run a model in the Segment tab first")
            hint.setEnabled(False)

    def take(self, start: Start) -> None:
        """Take labels over, B-scan by B-scan, as one edit."""
        grading = self._view.grading
        if grading is None or self.is_busy:
            return
        self._n_steps = len(bscans_to_take(grading, start))
        if not self._n_steps:
            self._view.said.emit(
                "Nothing is taken over: every B-scan is corrected, or has no labels."
            )
            return
        self._title = start.maker or start.title
        self.progress_view.begin(f"Taking over {self._title}")
        self.cancel_button.show()
        self._set_busy(True)
        self._stepper.start(take_over(grading, start, self._view.bscan))

    def cancel(self) -> None:
        """Stop, and take back what was taken over so far."""
        if not self.is_busy:
            return
        self._stepper.cancel()
        self._end()
        grading = self._view.grading
        if grading is not None and (grading.journal.undo_tool or "").endswith(
            self._title
        ):
            self._view.undo()

    def _starts(self) -> list[Start]:
        image = self._view.image_layer
        if image is None:
            return []
        volume = volume_of(image)
        layers = [plain(layer) for layer in self._view.viewer.layers]
        device = start_of_device(volume)
        return [*starts_of_layers(layers, volume), *([device] if device else [])]

    def _show_waiting(self, _: object = None) -> None:
        """Say how many edits are in memory alone, as long as there are any."""
        grading = self._view.grading
        n = 0 if grading is None else grading.n_unwritten
        self.waiting.setVisible(n > 0)
        edits = f"{counted(n, 'edit')} {'waits' if n == 1 else 'wait'}"
        self.waiting.setText(
            amber(f"{edits} for the disk. Make room: the next edit is written with it.")
        )

    def _on_opened(self, grading: Grading | None) -> None:
        self._show_waiting()
        self._stepper.cancel()
        self._end()
        self.setVisible(grading is not None)
        image = self._view.image_layer
        if grading is not None and image is not None:
            self.title.setText(f"<b>{image.name}</b>, by {grading.grader}")
            classes = ", ".join(grading.label_set.names[1:])
            self.title.setToolTip(f"{image.name}\n{classes}")

    def _on_advanced(self, n_done: object) -> None:
        if isinstance(n_done, int):
            self.progress_view.advance(
                Progress(n_done, self._n_steps, f"B-scan {n_done} of {self._n_steps}")
            )

    def _on_ended(self, error: Exception | None) -> None:
        self._end()
        if error is not None:
            self._view.failed.emit(error)
            return
        scans = counted(self._n_steps, "B-scan")
        self._view.said.emit(f"Taken over for {scans}: {self._title}.")

    def _end(self) -> None:
        self.progress_view.end()
        self.cancel_button.hide()
        self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        layer = self._view.labels_layer
        if layer is not None:
            layer.editable = not busy
        self.take_button.setEnabled(not busy)
        self.finish_button.setEnabled(not busy)
        self.busy_changed.emit(busy)
