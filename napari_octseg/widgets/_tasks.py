"""Long tasks in a thread of their own: the only place that starts one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from napari.qt.threading import create_worker
from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal
from superqt.utils import GeneratorWorker

from napari_octseg.engine.progress import Progress
from napari_octseg.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A task must outlive the widget that started it until its thread has ended.
_running: set[RunningTask] = set()


class RunningTask(QObject):
    """A task under way, seen from the window; all signals arrive in the GUI thread.

    Connect methods of widgets, which Qt drops when it deletes the widget, or
    `while_alive` of them: a lambda would be called, and find its widget gone.

    Signals
    -------
    progressed
        `Progress` after each unit of work.
    succeeded
        The result of the task.
    failed
        The exception that ended it.
    cancelled
        It stopped because `cancel` was called; what it held has been freed.
    ended
        Last of all and always, whatever happened: give the controls back here.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    ended = Signal()

    def __init__(self, task: Generator[Progress, None, Any], description: str) -> None:
        super().__init__()
        self._task = task
        # superqt's own worker class: napari's would show every error a second time,
        # as a traceback.
        self._worker = create_worker(
            _guarded,
            task,
            _start_thread=False,
            _worker_class=GeneratorWorker,
            _ignore_errors=True,
            _progress={"desc": description},
        )
        self._worker.yielded.connect(self.progressed)
        self._worker.returned.connect(self.succeeded)
        self._worker.errored.connect(self._on_errored)
        self._worker.warned.connect(self._on_warned)
        self._worker.aborted.connect(self._on_aborted)
        self._worker.finished.connect(self._on_finished)

    def start(self) -> None:
        """Begin; connect the signals before."""
        _running.add(self)
        self._worker.start()

    def cancel(self) -> None:
        """Stop after the present unit of work."""
        self._worker.quit()

    def _on_errored(self, error: Exception) -> None:
        logger.error("a task failed", exc_info=error)
        self.failed.emit(error)

    def _on_warned(self, warning: tuple[Any, ...]) -> None:
        logger.warning("%s", warning[0])

    def _on_aborted(self) -> None:
        # Quitting a worker does not close its generator: without this the cleanup of
        # the task, and the memory of the GPU, would wait for the garbage collector.
        self._task.close()
        self.cancelled.emit()

    def _on_finished(self) -> None:
        _running.discard(self)
        self.ended.emit()


def as_task(function: Callable[[], T], message: str) -> Generator[Progress, None, T]:
    """A function that cannot tell its progress, as a task of one step."""
    yield Progress(0, 1, message)
    return function()


def while_alive(
    method: Callable[..., object], *values: Any, **named: Any
) -> Callable[..., None]:
    """A method of a widget with its first values given, silent once Qt deleted it."""
    owner = getattr(method, "__self__")  # noqa: B009  (callables need not have one)

    def call(*told: Any) -> None:
        if isalive(owner):
            method(*values, *told, **named)

    return call


def _guarded(
    task: Generator[Progress, None, Any],
) -> Generator[Progress, None, Any]:
    # superqt takes a RuntimeError for a deleted worker: it drops the error and never
    # says that the worker finished. Every error of torch is a RuntimeError.
    try:
        return (yield from task)
    except RuntimeError as error:
        raise TaskError(
            f"The computation failed: {error}",
            todo="try again; on a GPU that is out of memory, choose the CPU",
        ) from error
