"""Layers that are out of order: where, and how to put them right."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from napari_octseg.editing.guard import Violation, repair
from napari_octseg.editing.review import ReviewState
from napari_octseg.editing.runs import runs_of
from napari_octseg.errors import OctsegError
from napari_octseg.widgets._jump_list import JumpList
from napari_octseg.widgets._looking import look_at
from napari_octseg.widgets._order_watch import OrderWatch
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_octseg.editing.grading import Grading
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel

_MOST_ROWS = 200
_REACH = 3  # columns beside a violation that are searched for boundaries


class OrderBox(QGroupBox):
    """Violations of the whole scan, those of the B-scan on screen first."""

    def __init__(self, view: GradingView, panel: Panel) -> None:
        super().__init__("Order of layers")
        self._view = view
        self._watch = OrderWatch.of(view, panel)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.list = JumpList()
        self.repair_button = QPushButton("Repair this B-scan")
        self.repair_all_button = QPushButton("Repair all")
        for button in (self.repair_button, self.repair_all_button):
            button.setToolTip(
                "Give stray pixels to the layers around them and undo crossings; one "
                "undo takes it back. Reviewed B-scans stay as they are."
            )
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.repair_button)
        row.addWidget(self.repair_all_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.summary)
        layout.addWidget(self.list)
        layout.addLayout(row)
        self.repair_button.clicked.connect(self.repair_this)
        self.repair_all_button.clicked.connect(self.repair_all)
        self.list.jumped.connect(self._on_jump)
        self._watch.updated.connect(self._refresh)
        view.opened.connect(self._refresh)
        view.stepped.connect(self._refresh)
        view.changed.connect(self._on_changed)
        self._refresh()

    def open_violations(self) -> int:
        """Number of places out of order, in all B-scans that are not excluded.

        B-scans that have changed since they were checked are checked first.
        """
        self._watch.settle()
        return len(self._watch.violations())

    def repair_this(self) -> None:
        """Put the layers of the B-scan on screen in order."""
        self._repair([self._view.bscan])

    def repair_all(self) -> None:
        """Put the layers of all B-scans in order, as one edit."""
        self._repair(sorted({one.bscan for one in self._watch.violations()}))

    def _repair(self, bscans: Iterable[int]) -> None:
        grading = self._view.grading
        if grading is None:
            return
        chosen = list(bscans)
        free = [b for b in chosen if ReviewState(int(grading.states[b])).is_open]
        edit = grading.begin("repair order", origin="repaired")
        try:
            for bscan in free:
                before = grading.labels[bscan], grading.heights[:, bscan]
                labels, heights = repair(*before, grading.layers)
                moved = ~np.isclose(heights, before[1], rtol=0, atol=0, equal_nan=True)
                changed = (labels != before[0]).any(axis=0) | moved.any(axis=0)
                # Columns in order keep their pixels, also where a boundary is hidden.
                for first, stop in runs_of(changed):
                    edit.set_labels(bscan, 0, first, labels[:, first:stop])
                    edit.set_heights(bscan, first, heights[:, first:stop])
            edit.commit()
        except OctsegError as error:
            edit.cancel()
            self._view.failed.emit(error)
        self._watch.settle()
        told = f"{counted(len(free), 'B-scan')} repaired."
        locked = len(chosen) - len(free)
        if locked:
            told += f" Not touched, because reviewed: {counted(locked, 'B-scan')}."
        self._view.said.emit(told)

    def _on_jump(self, violation: Violation) -> None:
        grading = self._view.grading
        if grading is None:
            return
        columns = (violation.first_column, violation.last_column)
        look_at(self._view, violation.bscan, columns, _row_of(grading, violation))

    def _on_changed(self, change: object) -> None:
        if "states" in getattr(change, "targets", ()):
            self._refresh()

    def _refresh(self, _: object = None) -> None:
        grading = self._view.grading
        self.setEnabled(grading is not None and bool(grading.layers))
        found = self._watch.violations()
        here = self._view.bscan
        found.sort(key=lambda one: (one.bscan != here, one.bscan, one.first_column))
        n_here = sum(one.bscan == here for one in found)
        self.summary.setText(self._told(grading, found, n_here))
        rows: list[tuple[str, object]] = [(_row_text(x), x) for x in found[:_MOST_ROWS]]
        self.list.fill(rows)
        is_open = grading is not None and ReviewState(int(grading.states[here])).is_open
        self.repair_button.setEnabled(bool(n_here) and is_open)
        self.repair_all_button.setEnabled(bool(found))

    def _told(
        self, grading: Grading | None, found: list[Violation], n_here: int
    ) -> str:
        if grading is None:
            return "No grading is open."
        if not grading.layers:
            return "These labels have no layers."
        busy = " Checking the others…" if self._watch.is_busy else ""
        if not found:
            return busy.strip() or "All layers are in order."
        per_bscan = Counter(one.bscan for one in found)
        told = (
            f"{counted(len(found), 'place')} out of order in "
            f"{counted(len(per_bscan), 'B-scan')}, {n_here} of them here."
        )
        if len(found) > _MOST_ROWS:
            told += f" The first {_MOST_ROWS} are listed."
        return told + busy


def _row_text(violation: Violation) -> str:
    first, last = violation.first_column, violation.last_column
    columns = f"column {first}" if first == last else f"columns {first}–{last}"
    return f"B-scan {violation.bscan}, {columns}: {violation.what}"


def _row_of(grading: Grading, violation: Violation) -> float | None:
    """A row in the midst of the boundaries there; None if there are none."""
    columns = slice(
        max(violation.first_column - _REACH, 0), violation.last_column + 1 + _REACH
    )
    heights = grading.heights[:, violation.bscan, columns]
    return float(np.nanmean(heights)) if np.isfinite(heights).any() else None
