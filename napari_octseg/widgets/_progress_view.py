"""How far a task is, and how long it will still take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_octseg.engine.progress import Progress


class ProgressView(QWidget):
    """A bar and a sentence; hidden until a task begins."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.label = QLabel()
        self.label.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.bar)
        layout.addWidget(self.label)
        self._first: tuple[float, int] | None = None
        self.hide()

    def begin(self, text: str) -> None:
        """A task has begun, and nothing is done yet."""
        self._first = None
        self.bar.setRange(0, 0)
        self.label.setText(text)
        self.show()

    def advance(self, progress: Progress, *, seconds_left: float | None = None) -> None:
        """Show one step of the task.

        Parameters
        ----------
        progress
            The step.
        seconds_left
            Time until the end, where it is known; else it is told by the steps shown.
        """
        now = time.monotonic()
        if not progress.done:
            # Loading is no unit of work: the time left is counted from its end.
            self._first = (now, 0)
            self.label.setText(_sentence(progress.message))
            return
        started, done_then = self._first or (now, progress.done)
        self._first = (started, done_then)
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        if seconds_left is None:
            left = time_left(
                progress.done - done_then, progress.total - progress.done, now - started
            )
        else:
            left = left_in_words(seconds_left)
        self.label.setText(", ".join(part for part in (progress.message, left) if part))

    def end(self) -> None:
        """The task has ended."""
        self.hide()


def time_left(n_done: int, n_left: int, elapsed_s: float) -> str:
    """Time until the end in words, at the speed so far; empty if that is unknown."""
    if n_done <= 0 or n_left <= 0:
        return ""
    return left_in_words(elapsed_s / n_done * n_left)


def left_in_words(seconds: float) -> str:
    """So much time, as people say it."""
    if seconds < 1:
        return "less than 1 s left"
    if seconds < 100:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("…" if text else "")
