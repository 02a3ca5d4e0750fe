"""Work on the labels of a grading, in pieces between which the window answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_octseg.errors import OctsegError

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_ONCE_S = 0.03


class Stepper(QObject):
    """Runs an iterator in the GUI thread, where alone a grading may be changed.

    Signals
    -------
    advanced
        What the iterator yielded last.
    ended
        None, or the error that ended it. Not sent after `cancel`.
    """

    advanced = Signal(object)
    ended = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._steps: Iterator[object] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._go_on)

    @property
    def is_busy(self) -> bool:
        """Whether there is something left to do."""
        return self._steps is not None

    def start(self, steps: Iterator[object]) -> None:
        """Begin; one thing at a time."""
        self._steps = steps
        self._timer.start()

    def cancel(self) -> None:
        """Do no more."""
        self._timer.stop()
        self._steps = None

    def _go_on(self) -> None:
        until = time.monotonic() + _AT_ONCE_S
        last: object = None
        try:
            while self._steps is not None:
                last = next(self._steps)
                if time.monotonic() >= until:
                    break
        except StopIteration:
            self.cancel()
            self.ended.emit(None)
            return
        except OctsegError as error:
            self.cancel()
            self.ended.emit(error)
            return
        self.advanced.emit(last)
