"""What next: the B-scans that are worth looking at first, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QGroupBox, QLabel, QPushButton, QVBoxLayout
from superqt.utils import qthrottled

from napari_octseg.editing.queue import Evidence, may_stop, what_next
from napari_octseg.editing.review import REVIEWS, ReviewState, mean_edit_px
from napari_octseg.widgets._evidence import iter_gathered, predictions_of
from napari_octseg.widgets._jump_list import JumpList
from napari_octseg.widgets._order_watch import OrderWatch
from napari_octseg.widgets._progress_view import ProgressView
from napari_octseg.widgets._tasks import RunningTask, while_alive

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.editing.queue import Suggestion
    from napari_octseg.widgets._evidence import Gathered
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel
    from napari_octseg.widgets._results import Result

_REST_MS = 200
_N_LEAST, _BELOW_PX = 10, 1.0
_STOP = (
    f"The last {_N_LEAST} B-scans that were reviewed had changed by less than "
    f"{_BELOW_PX:g} px: the rest may be good enough."
)


class QueueBox(QGroupBox):
    """A ranked list; a click, the button or `go_next` shows a B-scan of it.

    The scan is looked through in a thread, from when the box is first seen.
    """

    def __init__(self, view: GradingView, panel: Panel) -> None:
        super().__init__("What next")
        self._view = view
        self._watch = OrderWatch.of(view, panel)
        self._task: RunningTask | None = None
        self._gathered: Gathered | None = None
        self._compared: list[tuple[int, int]] | None = None
        self.suggestions: list[Suggestion] = []
        self.next_button = QPushButton("Show the next one")
        self.next_button.setToolTip("Show the B-scan that is most worth looking at")
        self.list = JumpList()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.stop_hint = QLabel(_STOP)
        self.stop_hint.setWordWrap(True)
        self.stop_hint.hide()
        self.progress_view = ProgressView()
        layout = QVBoxLayout(self)
        for widget in (
            self.next_button,
            self.list,
            self.message,
            self.stop_hint,
            self.progress_view,
        ):
            layout.addWidget(widget)
        self._rank_soon = qthrottled(self._rank_if_seen, timeout=_REST_MS)
        self.next_button.clicked.connect(self.go_next)
        self.list.jumped.connect(view.go_to)
        view.opened.connect(self._on_opened)
        view.changed.connect(self._on_changed)
        view.stepped.connect(self._mark)
        self._watch.updated.connect(self._on_watched)
        panel.listen(view.viewer.layers.events.inserted, self._on_layers)
        panel.listen(view.viewer.layers.events.removed, self._on_layers)
        panel.closing.connect(self._stop)
        self._on_opened(view.grading)

    @property
    def is_busy(self) -> bool:
        """Whether the scan is being looked through."""
        return self._task is not None

    def go_next(self) -> None:
        """Show the B-scan that is most worth looking at, other than the present one."""
        grading = self._view.grading
        if grading is None:
            return
        self._gather()
        self.rank()
        here = self._view.bscan
        others = [one for one in self.suggestions if one.bscan != here]
        if not others:
            self._view.said.emit("No other B-scan is left to review.")
            return
        self._view.go_to(others[0].bscan)
        self._view.said.emit(_text(others[0]))

    def rank(self) -> None:
        """Rank anew, by what is known now."""
        grading = self._view.grading
        if grading is None:
            return
        gathered = self._gathered
        evidence = Evidence(
            grading.states,
            uncertainty=self._uncertainty(),
            disagreement=None if gathered is None else gathered.disagreement,
            n_violations=self._watch.counts() if grading.layers else None,
            signal=None if gathered is None else gathered.signal,
        )
        self.suggestions = what_next(evidence)
        self.list.fill([(_text(one), one.bscan) for one in self.suggestions])
        self.message.setText(
            "" if self.suggestions else "All B-scans are reviewed or excluded."
        )
        self.message.setVisible(not self.suggestions)
        self.next_button.setEnabled(bool(self.suggestions))
        self.stop_hint.setVisible(
            may_stop(reviewed_edits_px(grading), n_least=_N_LEAST, below_px=_BELOW_PX)
        )
        self._mark(self._view.bscan)

    def showEvent(self, event: QShowEvent) -> None:
        """The box is seen: now its list is needed."""
        super().showEvent(event)
        self._gather()
        self.rank()

    def _results(self) -> list[Result]:
        grading = self._view.grading
        if grading is None:
            return []
        return predictions_of(self._view.viewer, grading.volume)

    def _uncertainty(self) -> np.ndarray[Any, np.dtype[np.float32]] | None:
        results = self._results()
        return results[0].uncertainty if results else None

    def _gather(self) -> None:
        """Look through the scan in a thread, unless that was done or is under way."""
        grading, results = self._view.grading, self._results()
        # A model that is still running knows more the next time.
        compared = [(id(r), _n_segmented(r)) for r in results[:2]]
        if grading is None or self._task is not None or compared == self._compared:
            return
        self._compared = compared
        signal = None if self._gathered is None else self._gathered.signal
        task = RunningTask(
            iter_gathered(grading.volume, results, signal), "Looking through the scan"
        )
        task.progressed.connect(self.progress_view.advance)
        task.succeeded.connect(while_alive(self._on_gathered, grading))
        task.failed.connect(self._view.failed)
        task.ended.connect(while_alive(self._on_ended, task))
        self._task = task
        self.progress_view.begin("Looking through the scan…")
        task.start()

    def _on_gathered(self, grading: Grading, found: Gathered) -> None:
        if grading is self._view.grading:
            self._gathered = found
            self.rank()

    def _on_ended(self, task: RunningTask) -> None:
        if task is self._task:
            self._task = None
            self.progress_view.end()
            # Another model may have run meanwhile.
            self._on_layers()

    def _on_opened(self, grading: Grading | None) -> None:
        self._stop()
        self._gathered = self._compared = None
        self.suggestions = []
        self.setEnabled(grading is not None)
        self.list.fill([])
        self.message.setVisible(False)
        self.stop_hint.hide()
        if self.isVisible():
            self._gather()
            self.rank()

    def _on_changed(self, change: Change) -> None:
        if "journal" in change.targets:
            self._rank_soon()

    def _on_watched(self) -> None:
        self._rank_soon()

    def _on_layers(self, event: Any = None) -> None:
        if self.isVisible():
            self._gather()
            self._rank_soon()

    def _rank_if_seen(self) -> None:
        if self.isVisible():
            self._gather()
            self.rank()

    def _mark(self, bscan: int) -> None:
        rows = [i for i, one in enumerate(self.suggestions) if one.bscan == bscan]
        self.list.mark(rows[0] if rows else None)

    def _stop(self) -> None:
        task, self._task = self._task, None
        self.progress_view.end()
        if task is not None:
            task.cancel()


def reviewed_edits_px(grading: Grading) -> list[float]:
    """Mean edit, in px, of the B-scans that are reviewed now, the oldest first."""
    order: dict[int, None] = {}
    for edit in grading.journal.edits(tools=REVIEWS):
        if edit.state == "done":
            for bscan in edit.bscans:
                order.pop(bscan, None)
                order[bscan] = None
    bscans = [b for b in order if grading.states[b] == ReviewState.REVIEWED]
    edits = mean_edit_px(grading.predicted[:, bscans], grading.heights[:, bscans])
    return [float(edit) for edit in edits]


def _n_segmented(result: Result) -> int:
    return int(np.isfinite(result.uncertainty).any(axis=1).sum())


def _text(suggestion: Suggestion) -> str:
    reasons = ", ".join(suggestion.reasons)
    return f"B-scan {suggestion.bscan}" + (f": {reasons}" if reasons else "")
