"""The corrections of a scan that were begun earlier, to be gone on with."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_octseg.editing.identity import find_journals
from napari_octseg.labels import BACKGROUND
from napari_octseg.widgets._tasks import RunningTask, as_task, while_alive
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from napari_octseg.editing.identity import FoundJournal
    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._panel import Panel

_MOST = 3


class ResumeList(QWidget):
    """One line and one button per journal of a scan; hidden where there is none.

    The scan is recognised by its content, which a thread reads.

    Signals
    -------
    wanted
        The `FoundJournal` that the person wants to go on with.
    found
        The journals of the scan, when they are known.
    """

    wanted = Signal(object)
    found = Signal(object)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._volume: OCTVolume | None = None
        self._task: RunningTask | None = None
        self.buttons: list[QPushButton] = []
        self.labels: list[QLabel] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        panel.closing.connect(self._forget)
        self.hide()

    def look(self, volume: OCTVolume | None) -> None:
        """Look for the journals of a scan, or of none."""
        if volume is self._volume and self._task is not None:
            return
        if volume is not self._volume:
            self._show([])
        self._forget()
        self._volume = volume
        if volume is None:
            return
        task = RunningTask(
            as_task(lambda: find_journals(volume), "looking for corrections"),
            "looking for corrections",
        )
        self._task = task
        # A scan whose pixels cannot be read has said so elsewhere.
        task.succeeded.connect(while_alive(self._on_found, task))
        task.start()

    def _on_found(self, task: RunningTask, journals: list[FoundJournal]) -> None:
        if task is not self._task:
            return
        self._task = None
        worth = [journal for journal in journals if journal.n_edits]
        self._show(worth)
        self.found.emit(worth)

    def _show(self, journals: list[FoundJournal]) -> None:
        while (item := self._layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        self.buttons, self.labels = [], []
        for journal in journals[:_MOST]:
            self._layout.addWidget(self._line(journal))
        self.setVisible(bool(journals))

    def _line(self, journal: FoundJournal) -> QWidget:
        line = QWidget()
        label = QLabel(journal_text(journal, time.time()))
        label.setWordWrap(True)
        label.setToolTip(", ".join(journal.label_set.names))
        button = QPushButton("Resume")
        button.setToolTip("Go on where this correction ended; undo goes back beyond it")
        button.clicked.connect(lambda: self.wanted.emit(journal))
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label, 1)
        row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.labels.append(label)
        self.buttons.append(button)
        return line

    def _forget(self) -> None:
        task, self._task = self._task, None
        self._volume = None
        if task is not None:
            task.cancel()


def journal_text(journal: FoundJournal, now: float) -> str:
    """`12 edits from yesterday 17:40, by anna (RNFL, GCIPL, … SRF)`."""
    text = counted(journal.n_edits, "edit")
    if journal.last_time is not None:
        text += f" from {day_text(journal.last_time, now)}"
    if journal.grader:
        text += f", by {journal.grader}"
    names = [name for name in journal.label_set.names if name != BACKGROUND]
    shown = names if len(names) <= 4 else [*names[:2], "…", names[-1]]
    return f"{text} ({', '.join(shown)})".replace(", …,", " …")


def day_text(then: float, now: float) -> str:
    """`today 17:40`, `yesterday 17:40` or `3 May 2026 17:40`, in local time.

    Parameters
    ----------
    then, now
        Seconds since 1970 (UTC).
    """
    moment, today = datetime.fromtimestamp(then), datetime.fromtimestamp(now).date()
    if moment.date() == today:
        day = "today"
    elif moment.date() == today - timedelta(days=1):
        day = "yesterday"
    else:
        day = f"{moment.day} {moment:%B %Y}"
    return f"{day} {moment:%H:%M}"
