"""How far the B-scan on screen, and all of the scan, have come; what to say to it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from napari_octseg.editing.review import (
    ACCEPT_AS_IS,
    ReviewState,
    after_exclude_key,
    after_review_key,
    count_states,
)
from napari_octseg.errors import EditError, OctsegError
from napari_octseg.widgets._bscan_clock import BscanClock
from napari_octseg.widgets._review_facts import (
    STATE_COLOURS,
    STATE_TEXTS,
    duration_text,
    edit_text,
    review_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.editing.review import BscanReview
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel

_REST_MS = 100
_FINISHED = (ReviewState.REVIEWED, ReviewState.EXCLUDED)
_ACCEPT, _ACCEPT_AS_IS, _NEXT = "Accept and next", "Accept as is, and next", "Next"


class ReviewBox(QGroupBox):
    """State of the B-scan on screen, what can be said to it, and the counts of all."""

    def __init__(self, view: GradingView, panel: Panel) -> None:
        super().__init__("Review")
        self._view = view
        self.clock = BscanClock(view, panel)
        self._review: BscanReview | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._find_facts)
        self._build()
        self.next_button.clicked.connect(self.accept_and_next)
        self.reviewed_button.clicked.connect(self.toggle_reviewed)
        self.exclude_button.clicked.connect(self.toggle_excluded)
        self.reopen_button.clicked.connect(self.reopen)
        view.opened.connect(self._refresh)
        view.stepped.connect(self._refresh)
        view.changed.connect(self._on_changed)
        self.clock.counted.connect(self._tell_facts)
        self._refresh()

    def _build(self) -> None:
        self.state_label = QLabel()
        self.state_label.setWordWrap(True)
        self.facts_label = QLabel()
        self.facts_label.setWordWrap(True)
        self.next_button = QPushButton(_ACCEPT)
        self.reviewed_button = QPushButton("Reviewed")
        self.reviewed_button.setToolTip(
            "A person has looked at every pixel of this B-scan: lock it"
        )
        self.exclude_button = QPushButton("Exclude")
        self.exclude_button.setToolTip("Leave this B-scan out of the ground truth")
        self.reopen_button = QPushButton("Reopen")
        self.reopen_button.setToolTip("Unlock this B-scan, so that it can be edited")
        row = QHBoxLayout()
        row.setSpacing(4)
        for button in (self.reviewed_button, self.exclude_button, self.reopen_button):
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            # The first has the longest words, and its key.
            row.addWidget(button, 3 if button is self.reviewed_button else 2)
        self.bar = QProgressBar()
        self.bar.setFormat("%v of %m finished")
        self.counts_label = QLabel()
        self.counts_label.setWordWrap(True)
        self.counts_label.setToolTip("Colours of the strip beneath the B-scan slider")
        layout = QVBoxLayout(self)
        for widget in (self.state_label, self.facts_label, self.next_button):
            layout.addWidget(widget)
        layout.addLayout(row)
        layout.addWidget(self.bar)
        layout.addWidget(self.counts_label)

    @property
    def state(self) -> ReviewState:
        """Review state of the B-scan on screen."""
        grading = self._view.grading
        if grading is None:
            return ReviewState.UNSEEN
        return ReviewState(int(grading.states[self._view.bscan]))

    def accept_and_next(self) -> None:
        """Mark the B-scan on screen as reviewed, and show the next one to look at.

        A prediction that nobody has changed is accepted as is, and the journal says so.
        A B-scan without labels has nothing to accept and stays as it is.
        """
        grading, bscan = self._view.grading, self._view.bscan
        if grading is None:
            return
        said = []
        if self.state is ReviewState.UNSEEN:
            said.append(f"B-scan {bscan} has no labels: nothing was accepted.")
        elif self.state not in _FINISHED and not self._set(ReviewState.REVIEWED):
            return
        following = next_open(grading.states, bscan)
        if following is None:
            said.append("No other B-scan is left to review.")
        else:
            self._view.go_to(following)
        if said:
            self._view.said.emit(" ".join(said))

    def toggle_reviewed(self) -> None:
        """Mark the B-scan on screen as reviewed, or open it again if it is."""
        self._toggle(after_review_key)

    def toggle_excluded(self) -> None:
        """Leave the B-scan on screen out of the ground truth, or take it in again."""
        self._toggle(after_exclude_key)

    def reopen(self) -> None:
        """Unlock the B-scan on screen."""
        if self.state is ReviewState.REVIEWED:
            self.toggle_reviewed()
        elif self.state is ReviewState.EXCLUDED:
            self.toggle_excluded()

    def _toggle(self, key: Callable[..., ReviewState]) -> None:
        grading = self._view.grading
        if grading is None:
            return
        origins = grading.origins[self._view.bscan]
        human = grading.origin_code("human")
        nobody = grading.origin_code("nobody")
        try:
            state = key(
                int(self.state),
                edited=bool((origins == human).any()),
                predicted=bool(((origins != human) & (origins != nobody)).any()),
            )
        except EditError as error:
            self._view.said.emit(str(error))
            return
        self._set(state)

    def _set(self, state: ReviewState) -> bool:
        grading, bscan = self._view.grading, self._view.bscan
        if grading is None:
            return False
        untouched = self.state is ReviewState.PREDICTED
        tool = ""
        if state is ReviewState.REVIEWED and untouched:
            tool = ACCEPT_AS_IS
        elif state not in _FINISHED:
            tool = "reopen"
        try:
            grading.set_state(bscan, state, tool=tool)
        except OctsegError as error:
            self._view.failed.emit(error)
            return False
        word = "accepted as is" if tool == ACCEPT_AS_IS else state.name.lower()
        self._view.said.emit(f"B-scan {bscan}: {word}.")
        return True

    def _on_changed(self, change: Change) -> None:
        if "states" in change.targets or "journal" in change.targets:
            self._refresh()

    def _refresh(self, _: object = None) -> None:
        grading = self._view.grading
        self.setEnabled(grading is not None)
        if grading is None:
            self.state_label.setText("No grading is open.")
            for label in (self.facts_label, self.counts_label):
                label.clear()
            self.bar.setRange(0, 1)
            self.bar.setValue(0)
            return
        self._show_state()
        # The journal is asked when the slider rests.
        self._rest.start()
        self._show_counts(grading)

    def _show_state(self) -> None:
        state = self.state
        self.state_label.setText(
            f"{_square(state)} <b>B-scan {self._view.bscan}: {state.name.lower()}</b>"
            f" – {escape(STATE_TEXTS[state])}"
        )
        finished = state in _FINISHED
        as_is = state is ReviewState.PREDICTED
        self.reviewed_button.setText("Accept as is" if as_is else "Reviewed")
        self.reviewed_button.setEnabled(not finished)
        self.exclude_button.setEnabled(not finished)
        self.reopen_button.setEnabled(finished)
        passes_by = finished or state is ReviewState.UNSEEN
        text = _ACCEPT_AS_IS if as_is else _NEXT if passes_by else _ACCEPT
        self.next_button.setText(text)
        self.next_button.setToolTip(
            "Go to the next B-scan that is not finished"
            if passes_by
            else "Mark this B-scan as reviewed and go to the next one not finished"
        )

    def _find_facts(self) -> None:
        grading = self._view.grading
        if grading is not None:
            self._review = review_of(self._view, grading, self._view.bscan)
        self._tell_facts()

    def _tell_facts(self) -> None:
        review, bscan = self._review, self._view.bscan
        if review is None or review.bscan != bscan or self._view.grading is None:
            self.facts_label.clear()
            return
        edit = edit_text(review)
        parts = [
            review.grader,
            duration_text(self.clock.seconds(bscan)),
            f"mean edit {edit}" if edit else "",
        ]
        self.facts_label.setText(" · ".join(part for part in parts if part))

    def _show_counts(self, grading: Grading) -> None:
        counts = count_states(grading.states)
        self.bar.setRange(0, len(grading.states))
        self.bar.setValue(sum(counts[state] for state in _FINISHED))
        told = "&nbsp; ".join(
            f"{_square(state)}&nbsp;{n}&nbsp;{state.name.lower()}"
            for state, n in counts.items()
            if n
        )
        self.counts_label.setText(f"{told}<br>{duration_text(self.clock.total)} in all")


def next_open(states: NDArray[np.uint8], bscan: int) -> int | None:
    """The next B-scan that is neither reviewed nor excluded; from the start if need be.

    Parameters
    ----------
    states
        (n_bscans,) uint8, `ReviewState`.
    bscan
        Where to begin; it is the last one that is considered, and not by itself.

    Returns
    -------
    Its index, or None if all the others are finished.
    """
    open_ones = np.flatnonzero(~np.isin(states, [int(state) for state in _FINISHED]))
    others = open_ones[open_ones != bscan]
    if not len(others):
        return None
    after = others[others > bscan]
    return int(after[0] if len(after) else others[0])


def _square(state: ReviewState) -> str:
    return f'<span style="color:{STATE_COLOURS[state]}">■</span>'
