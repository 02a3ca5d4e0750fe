"""Follow a run that goes on in a process of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_octseg.errors import OctsegError

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_octseg.engine.finetuning.events import Event
    from napari_octseg.engine.finetuning.run import Run
    from napari_octseg.engine.finetuning.status import RunStatus

logger = logging.getLogger(__name__)

POLL_MS = 250
_LOOKS_AT_A_CRASH = 4
_LOOKS_AT_A_CANCEL = 40
"""Between a worker that is stopped and the one that measures there is a moment."""


class RunFollower(QObject):
    """Reads what a run has written, a few times in a second; the run knows nothing.

    Attributes
    ----------
    run
        The run that is followed; None before one is.
    events
        All its steps so far.
    status
        How it stands; None before it was looked at.

    Signals
    -------
    advanced
        There are new steps.
    ended
        The run does no more: it is finished, cancelled, failed, or its worker died.
    """

    advanced = Signal()
    ended = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.run: Run | None = None
        self.events: list[Event] = []
        self.status: RunStatus | None = None
        self._next = 0
        self._n_crashed = 0
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.look)

    @property
    def is_following(self) -> bool:
        """Whether a run is under way, as far as is known."""
        return bool(self._timer.isActive())

    def follow(self, run: Run) -> None:
        """Follow a run from its first step on."""
        self.stop()
        self.run, self.status = run, None
        self.events, self._next, self._n_crashed = [], 0, 0
        self._timer.start()
        self.look()

    def stop(self) -> None:
        """Look no more; the run goes on."""
        self._timer.stop()

    def look(self) -> None:
        """Read what is new."""
        if self.run is None:
            return
        try:
            # Asked first: what it wrote before it ended is read after.
            self.status = self.run.status
            new, self._next = self.run.events(self._next)
        except (OctsegError, OSError) as error:
            # It may have been removed; a disk that is busy for a moment answers later.
            logger.warning("the run %s cannot be read: %s", self.run.folder, error)
            if not self.run.folder.is_dir():
                self.stop()
                self.ended.emit()
            return
        self.events += new
        if new:
            self.advanced.emit()
        crashed = self.status.has_crashed
        self._n_crashed = self._n_crashed + 1 if crashed else 0
        most = _LOOKS_AT_A_CANCEL if self.run.is_stopping else _LOOKS_AT_A_CRASH
        if self.status.has_ended or self._n_crashed >= most:
            self.stop()
            self.ended.emit()
