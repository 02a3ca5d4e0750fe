"""One task at a time, with its progress, a way to stop it, and how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._progress_view import ProgressView
from napari_octseg.widgets._tasks import RunningTask, while_alive
from napari_octseg.widgets._text_labels import wrapped_label

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_octseg.engine.progress import Progress
    from napari_octseg.widgets._panel import Panel


class TaskRow(QWidget):
    """Takes no room until a task is started or something is said.

    Signals
    -------
    busy_changed
        Whether a task is under way.
    """

    busy_changed = Signal(bool)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._task: RunningTask | None = None
        self._on_cancel = ""
        self.progress_view = ProgressView()
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.hide()
        self.message = wrapped_label()
        self.message.hide()
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.progress_view, 1)
        row.addWidget(self.cancel_button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.message)
        self.cancel_button.clicked.connect(self.cancel)
        panel.closing.connect(self.cancel)

    @property
    def is_busy(self) -> bool:
        """Whether a task is under way."""
        return self._task is not None

    def start(
        self,
        steps: Generator[Progress, None, Any],
        text: str,
        done: Callable[[Any], object],
        *,
        cancelled: str = "Cancelled.",
    ) -> None:
        """Begin a task.

        Parameters
        ----------
        steps
            The task.
        text
            What is being done, for people.
        done
            Method of a widget; gets the result.
        cancelled
            What to say when it was stopped.
        """
        self.say("")
        self._on_cancel = cancelled
        task = RunningTask(steps, text.rstrip("…"))
        task.progressed.connect(self.progress_view.advance)
        task.succeeded.connect(while_alive(done))
        task.failed.connect(self._on_failed)
        task.cancelled.connect(self._on_cancelled)
        task.ended.connect(while_alive(self._on_ended, task))
        self._task = task
        self.progress_view.begin(text)
        self.cancel_button.setEnabled(True)
        self.cancel_button.show()
        self.busy_changed.emit(True)
        task.start()

    def cancel(self) -> None:
        """Stop the task after its present unit of work."""
        if self._task is not None:
            self.cancel_button.setEnabled(False)
            self._task.cancel()

    def say(self, text: str, *, tip: str = "") -> None:
        """Show a sentence, and more of it on hover; none if it is empty."""
        self.message.setText(text)
        self.message.setToolTip(tip)
        self.message.setVisible(bool(text))

    def _on_failed(self, error: Exception) -> None:
        show_error(self, error)

    def _on_cancelled(self) -> None:
        self.say(self._on_cancel)

    def _on_ended(self, task: RunningTask) -> None:
        if task is not self._task:
            # What it found has started the next one.
            return
        self._task = None
        self.progress_view.end()
        self.cancel_button.hide()
        self.busy_changed.emit(False)
