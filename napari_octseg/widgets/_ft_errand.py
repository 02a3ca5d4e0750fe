"""One short thing at a time, in a thread: start a run, accept a candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._tasks import RunningTask, as_task, while_alive

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from qtpy.QtWidgets import QWidget

    from napari_octseg.widgets._progress_view import ProgressView


class Errand(QObject):
    """What cannot be stopped half way and is over in seconds.

    Signals
    -------
    changed
        One has begun, or ended.
    """

    changed = Signal()

    def __init__(self, panel: QWidget, progress_view: ProgressView) -> None:
        super().__init__(panel)
        self._panel = panel
        self._progress_view = progress_view
        self._task: RunningTask | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return self._task is not None

    def start(
        self, work: Callable[[], Any], text: str, done: Callable[[Any], object]
    ) -> None:
        """Begin, unless something is under way.

        Parameters
        ----------
        work
            Called in a thread.
        text
            What is being done, for people.
        done
            Method of a widget; gets what `work` returned.
        """
        if self._task is not None:
            return
        task = RunningTask(as_task(work, text), text.rstrip("…"))
        task.succeeded.connect(while_alive(self._on_success, done))
        task.failed.connect(while_alive(self._on_failed))
        task.ended.connect(while_alive(self._on_ended, task))
        self._task = task
        self._progress_view.begin(text)
        self.changed.emit()
        task.start()

    def _on_success(self, done: Callable[[Any], object], result: Any) -> None:
        # What is done next may be an errand itself.
        self._task = None
        self._progress_view.end()
        done(result)

    def _on_failed(self, error: Exception) -> None:
        show_error(self._panel, error)

    def _on_ended(self, task: RunningTask) -> None:
        if self._task is task:
            self._task = None
            self._progress_view.end()
        self.changed.emit()
