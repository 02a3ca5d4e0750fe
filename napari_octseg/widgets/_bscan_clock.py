"""How long a person works on each B-scan."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QApplication

from napari_octseg.errors import OctsegError
from napari_octseg.widgets._window import main_window

if TYPE_CHECKING:
    from napari_octseg.editing.grading import Grading
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel

IDLE_AFTER_S = 60.0
_TICK_MS = 1000
_WRITE_EVERY_S = 10.0


class WorkTime:
    """Seconds that count as work: not those long after the last input.

    Times are those of one monotonic clock, in seconds.
    """

    def __init__(self, now: float, *, idle_after_s: float = IDLE_AFTER_S) -> None:
        self._idle_after_s = idle_after_s
        self._counted_to = now
        self._last_input = now
        self._earned = 0.0

    def stir(self, now: float) -> None:
        """The person has moved something."""
        self._earn(now)
        self._last_input = now

    def take(self, now: float, *, active: bool) -> float:
        """Seconds of work since the last call; none if the window is not active."""
        self._earn(now)
        seconds, self._earned = self._earned, 0.0
        return seconds if active else 0.0

    def _earn(self, now: float) -> None:
        until = min(now, self._last_input + self._idle_after_s)
        self._earned += max(until - self._counted_to, 0.0)
        self._counted_to = now


class BscanClock(QObject):
    """Counts work on the B-scan on screen, into the journal of the grading.

    Signals
    -------
    counted
        Once in a second, while a grading is open.
    """

    counted = Signal()

    def __init__(self, view: GradingView, panel: Panel) -> None:
        super().__init__(panel)
        self._view = view
        self._panel = panel
        self._grading: Grading | None = None
        self._bscan = view.bscan
        self._work = WorkTime(time.monotonic())
        self._written: dict[int, float] = {}
        self._waiting: dict[int, float] = {}
        self._pointer = QCursor.pos()
        self._troubled = False
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._on_tick)
        view.opened.connect(self._on_opened)
        view.stepped.connect(self._on_stepped)
        for signal in (
            view.changed,
            view.tool_changed,
            view.class_changed,
            view.boundary_changed,
        ):
            signal.connect(self._on_input)
        panel.closing.connect(self.stop)
        self._on_opened(view.grading)

    def seconds(self, bscan: int) -> float:
        """Time spent on a B-scan, by everyone and up to now."""
        return self._written.get(bscan, 0.0) + self._waiting.get(bscan, 0.0)

    @property
    def total(self) -> float:
        """Time spent on all B-scans."""
        return sum(self._written.values()) + sum(self._waiting.values())

    def stop(self) -> None:
        """Write what was counted, and count no more."""
        self._count()
        self._write()
        self._timer.stop()
        self._grading = None

    def _on_opened(self, grading: Grading | None) -> None:
        # The one before is still open: it is told before its journal is closed.
        self.stop()
        self._grading = grading
        self._waiting.clear()
        self._written = {} if grading is None else grading.journal.seconds()
        self._bscan = self._view.bscan
        self._work = WorkTime(time.monotonic())
        if grading is not None:
            self._timer.start()

    def _on_input(self, *_: object) -> None:
        self._work.stir(time.monotonic())

    def _on_stepped(self, bscan: int) -> None:
        self._on_input()
        self._count()
        self._bscan = bscan

    def _on_tick(self) -> None:
        # A filter of all events would cost more than it tells.
        pointer = QCursor.pos()
        if pointer != self._pointer:
            self._pointer = pointer
            self._on_input()
        self._count()
        if sum(self._waiting.values()) >= _WRITE_EVERY_S:
            self._write()
        self.counted.emit()

    def _count(self) -> None:
        if self._grading is None:
            return
        seconds = self._work.take(time.monotonic(), active=self._is_active())
        if seconds:
            self._waiting[self._bscan] = self._waiting.get(self._bscan, 0.0) + seconds

    def _is_active(self) -> bool:
        """Whether the window of the panel, or a dialog or dock of it, has the focus."""
        own, active = main_window(self._panel), QApplication.activeWindow()
        if own is None or active is None:
            return False
        return active is own or own.isAncestorOf(active) or active.parent() is own

    def _write(self) -> None:
        if self._grading is None:
            return
        for bscan, seconds in list(self._waiting.items()):
            try:
                self._grading.add_seconds(bscan, seconds)
            except OctsegError as error:
                if not self._troubled:
                    self._view.said.emit(f"The time spent cannot be written: {error}")
                self._troubled = True
                return
            self._troubled = False
            del self._waiting[bscan]
            self._written[bscan] = self._written.get(bscan, 0.0) + seconds
