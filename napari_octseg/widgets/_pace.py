"""Does something at most once per frame, and never forgets the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

FRAME_MS = 16


class Pace(QObject):
    """Runs the newest of several calls: the first at once, the others frame by frame.

    A mouse reports up to a thousand places in a second. What is drawn for each of them
    would pile up behind the pointer.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._call: Callable[[], object] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.flush)

    def soon(self, call: Callable[[], object]) -> None:
        """Run `call` now, or when the frame is over; it replaces one that waits."""
        self._call = call
        if not self._timer.isActive():
            self.flush()

    def flush(self) -> None:
        """Run now what waits."""
        call, self._call = self._call, None
        if call is not None:
            call()
            # From its end: drawing may take longer than a frame.
            self._timer.start()

    def drop(self) -> None:
        """Forget what waits."""
        self._call = None
