"""From corrected B-scans to the others: copy, interpolate, spread, solve again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from napari_octseg.editing.propagate import HALF_DISTANCE, copy_from
from napari_octseg.editing.shifting import axial_offset
from napari_octseg.errors import EditError, OctsegError
from napari_octseg.widgets._progress_view import ProgressView
from napari_octseg.widgets._propagation import (
    Proposal,
    Snapshot,
    drawn_by_hand,
    iter_interpolated,
    iter_resolved,
    iter_spread,
)
from napari_octseg.widgets._propagation_offers import (
    gap_around,
    is_open,
    network_for,
    reached,
    why_no_copy,
    why_no_interpolation,
    why_no_resolve,
    why_no_spread,
)
from napari_octseg.widgets._spread_memory import (
    heights_before_correction,
    remember_spread,
    spread_tool,
)
from napari_octseg.widgets._tasks import RunningTask, while_alive
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.engine.progress import Progress
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel
    from napari_octseg.widgets._propagation import Proposals

    _WhyNot = Callable[[Grading, int], str]

_REST_MS = 100  # reasons are found out when the slider rests
_BUSY = "A propagation is under way."
_NONE = "No grading is open."


class PropagateBox(QGroupBox):
    """Four ways to spare the correction of every B-scan; each is one edit."""

    def __init__(self, view: GradingView, panel: Panel) -> None:
        super().__init__("Propagate")
        self._view = view
        self._task: RunningTask | None = None
        self._changed_since: set[int] = set()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._offer)
        self._build()
        self._actions: tuple[tuple[QPushButton, _WhyNot, str], ...] = (
            (
                self.copy_button,
                why_no_copy,
                "Labels and boundaries of the previous B-scan, moved to the depth of "
                "the retina here",
            ),
            (
                self.interpolate_button,
                why_no_interpolation,
                "Fill the B-scans between the two nearest ones that were corrected or "
                "reviewed",
            ),
            (
                self.spread_button,
                why_no_spread,
                "Move the boundaries of neighbouring B-scans as they were moved here, "
                "less with distance, and snap them to their own image",
            ),
            (
                self.resolve_button,
                self._why_no_resolve,
                "Run the model again on this B-scan and solve its boundaries exactly "
                "through the columns that were corrected by hand",
            ),
        )
        self.copy_button.clicked.connect(self.copy_previous)
        self.interpolate_button.clicked.connect(self.interpolate)
        self.spread_button.clicked.connect(self.spread)
        self.resolve_button.clicked.connect(self.resolve)
        self.cancel_button.clicked.connect(self.cancel)
        view.opened.connect(self._on_opened)
        view.stepped.connect(lambda _: self._rest.start())
        view.changed.connect(self._on_changed)
        panel.listen(view.viewer.layers.events.inserted, self._offer)
        panel.listen(view.viewer.layers.events.removed, self._offer)
        panel.closing.connect(self.cancel)
        self._offer()

    def _build(self) -> None:
        self.copy_button = QPushButton("Copy previous")
        self.interpolate_button = QPushButton("Interpolate")
        self.spread_button = QPushButton("Spread correction")
        self.resolve_button = QPushButton("Solve again")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.hide()
        self.half_box = QDoubleSpinBox()
        self.half_box.setRange(0.5, 100.0)
        self.half_box.setDecimals(1)
        self.half_box.setValue(HALF_DISTANCE)
        self.half_box.setSuffix(" B-scans")
        self.half_box.setToolTip(
            "Distance from the corrected B-scan to where its correction counts half"
        )
        self.progress_view = ProgressView()
        self.message = QLabel()
        self.message.setWordWrap(True)
        layout = QVBoxLayout(self)
        for left, right in (
            (self.copy_button, self.interpolate_button),
            (self.spread_button, self.resolve_button),
        ):
            row = QHBoxLayout()
            row.setSpacing(4)
            for button in (left, right):
                button.setSizePolicy(
                    QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
                )
                row.addWidget(button)
            layout.addLayout(row)
        half = QHBoxLayout()
        half.addWidget(QLabel("Spread: half of it at"))
        half.addWidget(self.half_box)
        half.addStretch()
        layout.addLayout(half)
        for widget in (self.progress_view, self.cancel_button, self.message):
            layout.addWidget(widget)
        self.message.hide()

    @property
    def is_busy(self) -> bool:
        """Whether a propagation is under way."""
        return self._task is not None

    def cancel(self) -> None:
        """Stop what is under way; nothing of it is kept."""
        if self._task is not None:
            self._task.cancel()

    def copy_previous(self) -> None:
        """Give the B-scan on screen the labels and boundaries of the one before."""
        grading = self._ready(why_no_copy)
        if grading is None:
            return
        here = self._view.bscan
        images = (np.asarray(grading.volume.data[b]) for b in (here - 1, here))
        labels, heights = copy_from(
            grading.labels[here - 1],
            grading.heights[:, here - 1],
            rows=axial_offset(*images),
        )
        found = {here: Proposal(heights, labels)}
        self._apply(grading, found, "copy from previous", "propagated")

    def interpolate(self) -> None:
        """Fill the B-scans between the two nearest ones that were done by hand."""
        grading = self._ready(why_no_interpolation)
        pair = None if grading is None else gap_around(grading.states, self._view.bscan)
        if grading is None or pair is None:
            return
        first, second = pair
        bscans = [b for b in range(first + 1, second) if is_open(grading, b)]
        self._begin(
            iter_interpolated(Snapshot.of(grading, pair), first, second, bscans),
            f"interpolate {first} to {second}",
            "interpolated",
        )

    def spread(self) -> None:
        """Give the correction of the B-scan on screen to its neighbours."""
        grading = self._ready(why_no_spread)
        if grading is None:
            return
        here, half = self._view.bscan, self.half_box.value()
        bscans = reached(grading, here, half)
        before = heights_before_correction(grading, here)
        snapshot = Snapshot.of(grading)
        after = drawn_by_hand(snapshot.heights[:, here], before, snapshot.by_hand[here])
        self._begin(
            iter_spread(snapshot, here, before, after, bscans, half),
            spread_tool(here),
            "propagated",
            afterwards=lambda: remember_spread(grading, here, after),
        )

    def resolve(self) -> None:
        """Solve the B-scan on screen again, exactly through its correction."""
        grading = self._ready(self._why_no_resolve)
        result = None if grading is None else network_for(self._view.viewer, grading)
        if grading is None or result is None:
            return
        self._begin(
            iter_resolved(Snapshot.of(grading), self._view.bscan, result),
            "solve again",
            "propagated",
        )

    def _begin(
        self,
        task: Generator[Progress, None, Proposals],
        tool: str,
        origin: str,
        *,
        afterwards: Callable[[], None] | None = None,
    ) -> None:
        grading = self._view.grading
        if grading is None:
            return
        running = RunningTask(task, tool.capitalize())
        running.progressed.connect(self.progress_view.advance)
        running.succeeded.connect(
            while_alive(
                self._on_found,
                grading,
                tool=tool,
                origin=origin,
                afterwards=afterwards,
            )
        )
        running.failed.connect(self._view.failed)
        running.cancelled.connect(
            while_alive(self._say, "Cancelled: nothing was changed.")
        )
        running.ended.connect(self._on_ended)
        self._task = running
        self._changed_since.clear()
        self.progress_view.begin(f"{tool.capitalize()}…")
        self.cancel_button.show()
        self.message.hide()
        self._offer()
        running.start()

    def _on_found(
        self,
        grading: Grading,
        found: Proposals,
        tool: str,
        origin: str,
        afterwards: Callable[[], None] | None,
    ) -> None:
        if grading is not self._view.grading:
            return
        fresh = {b: p for b, p in found.items() if b not in self._changed_since}
        changed = self._apply(grading, fresh, tool, origin)
        if changed and afterwards is not None:
            try:
                afterwards()
            except OctsegError as error:
                self._view.failed.emit(error)

    def _on_ended(self) -> None:
        self._task = None
        self.progress_view.end()
        self.cancel_button.hide()
        self._offer()

    def _apply(
        self, grading: Grading, found: Proposals, tool: str, origin: str
    ) -> bool:
        """One edit of all proposals; whether anything changed."""
        edit = grading.begin(tool, origin=origin)
        n_changed = n_locked = 0
        for bscan, proposal in found.items():
            before = grading.labels[bscan].copy(), grading.heights[:, bscan].copy()
            try:
                if proposal.labels is not None:
                    edit.set_labels(bscan, 0, 0, proposal.labels)
                if grading.layers:
                    # After the findings: boundaries keep their place within a pixel.
                    edit.set_heights(bscan, 0, proposal.heights)
            except EditError:
                n_locked += 1
                continue
            same = np.array_equal(before[0], grading.labels[bscan])
            moved = grading.heights[:, bscan]
            n_changed += not (same and np.array_equal(before[1], moved, equal_nan=True))
        try:
            edit.commit()
        except OctsegError as error:
            self._view.failed.emit(error)
        told = f"{counted(n_changed, 'B-scan')} changed, marked as {origin}."
        if not n_changed:
            told = "Nothing changed."
        if n_locked:
            told += f" {counted(n_locked, 'B-scan')} locked: left as they were."
        self._say(told)
        return n_changed > 0

    def _why_no_resolve(self, grading: Grading, bscan: int) -> str:
        return why_no_resolve(grading, bscan, network_for(self._view.viewer, grading))

    def _reason(self, why_not: _WhyNot) -> str:
        grading = self._view.grading
        if grading is None:
            return _NONE
        return _BUSY if self.is_busy else why_not(grading, self._view.bscan)

    def _ready(self, why_not: _WhyNot) -> Grading | None:
        """The grading, if this can be done now; the reason is said if it cannot."""
        reason = self._reason(why_not)
        if reason:
            self._say(reason)
            return None
        return self._view.grading

    def _on_opened(self, grading: Grading | None) -> None:
        self.cancel()
        self.message.hide()
        self._offer()

    def _on_changed(self, change: Change) -> None:
        if "journal" in change.targets:
            self._changed_since.update(change.bscans)
            self._rest.start()

    def _offer(self, _: object = None) -> None:
        """Enable what can be done on the B-scan on screen, and say why not the rest."""
        for button, why_not, what in self._actions:
            reason = self._reason(why_not)
            button.setEnabled(not reason)
            button.setToolTip(reason or what)

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.show()
        self._view.said.emit(text)
