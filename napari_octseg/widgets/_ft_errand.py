"""One short thing at a time, in a thread: start a run, accept a candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_octseg.errors import OctsegError
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
        self,
        work: Callable[[], Any],
        text: str,
        done: Callable[[Any], object],
        failed: Callable[[OctsegError], object] | None = None,
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
        failed
            Method of a widget that says what went wrong; None: a message over the
            window does.
        """
        if self._task is not None:
            return
        task = RunningTask(as_task(work, text), text.rstrip("…"))
        task.succeeded.connect(while_alive(self._on_success, done))
        task.failed.connect(while_alive(self._on_failed, failed))
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

    def _on_failed(
        self, failed: Callable[[OctsegError], object] | None, error: Exception
    ) -> None:
        if failed is not None and isinstance(error, OctsegError):
            failed(error)
        else:
            show_error(self._panel, error)

    def _on_ended(self, task: RunningTask) -> None:
        if self._task is task:
            self._task = None
            self._progress_view.end()
        self.changed.emit()
