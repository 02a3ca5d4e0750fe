"""Where layers are out of order: known for every B-scan, and kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QApplication

from napari_octseg.editing.guard import Violation, violations
from napari_octseg.editing.review import ReviewState
from napari_octseg.engine.progress import Progress
from napari_octseg.widgets._tasks import RunningTask, while_alive

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel

_REST_MS = 150
_FEW = 2
"""B-scans that are checked at once; more of them in a thread."""


class OrderWatch(QObject):
    """Checks a B-scan after each edit of it, and all of them when a grading is opened.

    Signals
    -------
    updated
        More is known than before.
    """

    updated = Signal()

    def __init__(self, view: GradingView, panel: Panel) -> None:
        super().__init__(view)
        self._view = view
        self._found: dict[int, list[Violation]] = {}
        self._waiting: set[int] = set()
        self._late: set[int] = set()
        self._task: RunningTask | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._check)
        view.opened.connect(self._on_opened)
        view.changed.connect(self._on_changed)
        panel.closing.connect(self._stop)
        self._on_opened(view.grading)

    @classmethod
    def of(cls, view: GradingView, panel: Panel) -> OrderWatch:
        """The one watch of a view; made when it is first asked for."""
        found = view.findChildren(cls)
        return found[0] if found else cls(view, panel)

    @property
    def is_busy(self) -> bool:
        """Whether there are B-scans whose order is not known yet."""
        return bool(self._waiting or self._late)

    def violations(self, bscan: int | None = None) -> list[Violation]:
        """What is known of one B-scan, or of all that are not excluded."""
        grading = self._view.grading
        if grading is None:
            return []
        if bscan is not None:
            return list(self._found.get(bscan, ()))
        return [
            one
            for index in sorted(self._found)
            if grading.states[index] != ReviewState.EXCLUDED
            for one in self._found[index]
        ]

    def counts(self) -> NDArray[np.int64]:
        """(n_bscans,) int64: violations that are known of each B-scan."""
        grading = self._view.grading
        counts = np.zeros(0 if grading is None else len(grading.states), np.int64)
        for bscan, found in self._found.items():
            counts[bscan] = len(found)
        return counts

    def settle(self) -> None:
        """Check now what has not been checked; does not return before."""
        grading = self._view.grading
        if grading is None:
            return
        task, self._task = self._task, None
        if task is not None:
            # What it finds from now on is older than what is found here.
            task.cancel()
        for bscan in sorted(self._waiting | self._late):
            self._found[bscan] = violations_of(grading, bscan)
        self._waiting.clear()
        self._late.clear()
        self.updated.emit()

    def _on_opened(self, grading: Grading | None) -> None:
        self._stop()
        self._found.clear()
        if grading is not None and grading.layers:
            self._wait_for(range(len(grading.states)))

    def _on_changed(self, change: Change) -> None:
        grading = self._view.grading
        if grading is not None and grading.layers and "journal" in change.targets:
            self._wait_for(change.bscans)

    def _wait_for(self, bscans: Iterable[int]) -> None:
        if self._task is not None:
            # Perhaps it has seen them half changed: once more, when it has ended.
            self._late.update(bscans)
            return
        self._waiting.update(bscans)
        # Not in the midst of strokes that follow each other.
        self._rest.start()

    def _check(self) -> None:
        grading = self._view.grading
        if grading is None or self._task is not None or not self._waiting:
            return
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            # Not in the midst of a drag either.
            self._rest.start()
            return
        if len(self._waiting) <= _FEW:
            self.settle()
            return
        here = self._view.bscan
        bscans = sorted(self._waiting, key=lambda b: abs(b - here))
        task = RunningTask(iter_order(grading, bscans), "Checking the order of layers")
        task.progressed.connect(while_alive(self._on_progress, task))
        task.failed.connect(self._on_failed)
        task.ended.connect(while_alive(self._on_ended, task))
        self._task = task
        task.start()

    def _on_progress(self, task: RunningTask, step: Progress) -> None:
        if task is not self._task:
            return
        for bscan in step.updated:
            self._found[bscan] = step.result
            self._waiting.discard(bscan)
        if step.done == step.total or self._view.bscan in step.updated:
            self.updated.emit()

    def _on_failed(self, error: Exception) -> None:
        # It would fail again.
        self._waiting.clear()
        self._view.failed.emit(error)

    def _on_ended(self, task: RunningTask) -> None:
        if task is self._task:
            self._task = None
            self._waiting |= self._late
            self._late.clear()
            self._check()

    def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._waiting.clear()
        self._late.clear()
        self._rest.stop()


def violations_of(grading: Grading, bscan: int) -> list[Violation]:
    """Where layers of one B-scan are out of order."""
    return violations(
        grading.labels,
        grading.heights,
        grading.layers,
        grading.label_set,
        grading.boundary_names,
        bscans=[bscan],
    )


def iter_order(
    grading: Grading, bscans: Sequence[int]
) -> Generator[Progress, None, None]:
    """Check the order of B-scans, one by one.

    Yields
    ------
    Progress
        `updated` is the B-scan, `result` the list of its violations.
    """
    for n_done, bscan in enumerate(bscans, 1):
        found = violations_of(grading, bscan)
        yield Progress(n_done, len(bscans), updated=(bscan,), result=found)
