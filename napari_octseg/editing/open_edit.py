"""One edit while it is made: the arrays change at once, the journal at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.boundaries import enforce_order
from napari_octseg.editing.columns import (
    beneath,
    follow_boundaries,
    follow_pixels,
    is_finding,
)
from napari_octseg.editing.locks import respect_locks
from napari_octseg.editing.patch import TARGETS, bscan_view, patches_between
from napari_octseg.editing.review import after_edit, after_model
from napari_octseg.errors import EditError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Grading
    from napari_octseg.editing.patch import Patch

_BY_COLUMN = ("human", "propagated", "interpolated", "repaired")
"""Origins that are marked in the columns that changed; models answer for B-scans."""


class OpenEdit:
    """Changes of one tool, from the first to `commit` or `cancel`.

    Made by `Grading.begin`. A drag calls `reset` and sets anew at every move, so that
    the labels follow the pointer, and commits when the button is released.
    """

    def __init__(self, grading: Grading, tool: str, origin: str) -> None:
        self._grading = grading
        self.tool = tool
        self.origin = origin
        self._before: dict[int, dict[str, NDArray[Any]]] = {}
        self._edit_id: int | None = None

    @property
    def bscans(self) -> tuple[int, ...]:
        """B-scans that were touched, in order."""
        return tuple(sorted(self._before))

    def set_heights(
        self, bscan: int, first_column: int, heights: NDArray[np.float32]
    ) -> None:
        """Give columns other boundaries; their labels follow at once.

        Parameters
        ----------
        bscan
            Index of the B-scan.
        first_column
            Where `heights` begins.
        heights
            (n_boundaries, n_columns) float32, px from the top, NaN absent. Boundaries
            of locked layers stay, and nothing crosses them or another boundary.

        Raises
        ------
        EditError
            If the B-scan is reviewed or excluded.
        """
        self._touch(bscan)
        grading = self._grading
        columns = slice(first_column, first_column + heights.shape[1])
        old = grading.heights[:, bscan, columns]
        new = _keep_locked(old, heights, grading.locked_boundaries)
        # In place: a layer of the viewer shows this memory.
        grading.heights[:, bscan, columns] = enforce_order(new)
        labels = grading.labels[bscan, :, columns]
        drawn = follow_boundaries(
            labels, grading.heights[:, bscan, columns], grading.layers
        )
        labels[...] = respect_locks(labels, drawn, grading.locked_classes)
        grading.tell([bscan], "labels", "heights")

    def set_labels(
        self, bscan: int, first_row: int, first_column: int, labels: NDArray[np.uint8]
    ) -> None:
        """Give pixels other classes; boundaries follow.

        Background over a finding shows the layer beneath it.

        Parameters
        ----------
        bscan
            Index of the B-scan.
        first_row, first_column
            Where `labels` begins.
        labels
            (n_rows, n_columns) uint8.

        Raises
        ------
        EditError
            If the B-scan is reviewed or excluded.
        """
        self._touch(bscan)
        before = self._grading.labels[bscan].copy()
        rows = slice(first_row, first_row + labels.shape[0])
        columns = slice(first_column, first_column + labels.shape[1])
        after = before.copy()
        after[rows, columns] = labels
        self._take_pixels(bscan, before, after)

    def adopt_stroke(self, bscan: int, before: NDArray[np.uint8]) -> None:
        """Take over what was painted into the labels already.

        Parameters
        ----------
        bscan
            Index of the B-scan.
        before
            (depth, width) uint8: its labels as they were.

        Raises
        ------
        EditError
            If the B-scan is reviewed or excluded; the stroke is taken back.
        """
        after = self._grading.labels[bscan].copy()
        self._grading.labels[bscan] = before
        try:
            self._touch(bscan)
        except EditError:
            self._grading.tell([bscan], "labels")
            raise
        self._take_pixels(bscan, before, after)

    def _take_pixels(
        self, bscan: int, before: NDArray[np.uint8], after: NDArray[np.uint8]
    ) -> None:
        grading = self._grading
        heights = grading.heights[:, bscan]
        after = respect_locks(before, after, grading.locked_classes)
        bared = (after == 0) & is_finding(before, grading.layers)
        if bared.any():
            after[bared] = beneath(before, heights, grading.layers)[bared]
        heights[...] = follow_pixels(before, after, heights, grading.layers)
        grading.labels[bscan] = after
        grading.tell([bscan], "labels", "heights")

    def hide_columns(self, bscan: int, first: int, last: int) -> None:
        """Mark columns as not gradable: no boundaries, labels `IGNORE`.

        Parameters
        ----------
        bscan
            Index of the B-scan.
        first, last
            Columns; `last` is among them.

        Raises
        ------
        EditError
            If the B-scan is reviewed or excluded.
        """
        self._touch(bscan)
        grading = self._grading
        columns = slice(first, last + 1)
        old = grading.heights[:, bscan, columns]
        old[...] = _keep_locked(
            old, np.full_like(old, np.nan), grading.locked_boundaries
        )
        labels = grading.labels[bscan, :, columns]
        hidden = np.full_like(labels, IGNORE)
        labels[...] = respect_locks(labels, hidden, grading.locked_classes)
        grading.tell([bscan], "labels", "heights")

    def set_prediction(
        self, bscan: int, labels: NDArray[np.uint8], heights: NDArray[np.float32]
    ) -> None:
        """Take over a model's answer, or an imported one, for a whole B-scan.

        Locked classes stay as they are.

        Parameters
        ----------
        bscan
            Index of the B-scan.
        labels
            (depth, width) uint8.
        heights
            (n_boundaries, width) float32.

        Raises
        ------
        EditError
            If the B-scan is reviewed or excluded.
        """
        self._touch(bscan)
        grading = self._grading
        grading.predicted[:, bscan] = heights
        held = grading.locked_boundaries
        own = grading.heights[:, bscan]
        own[...] = _keep_locked(own, heights, held)
        if held:
            own[...] = enforce_order(own)
            labels = follow_boundaries(labels, own, grading.layers)
        grading.labels[bscan] = respect_locks(
            grading.labels[bscan], labels, grading.locked_classes
        )
        grading.tell([bscan], "labels", "heights", "predicted")

    def reset(self) -> None:
        """Put everything back to how it was at the beginning."""
        arrays = self._grading.arrays
        changed = set()
        for bscan, before in self._before.items():
            for target, values in before.items():
                now = bscan_view(arrays, target, bscan)
                # Compared by their bytes: NaN equals NaN.
                if now.tobytes() != values.tobytes():
                    now[...] = values
                    changed.add(target)
        if changed:
            # Whoever shows something else has nothing to draw during a drag.
            self._grading.tell(self.bscans, *changed)

    def cancel(self) -> None:
        """Forget the edit."""
        self.reset()
        self._let_go()

    def commit(self) -> bool:
        """Write what changed to the journal; False if nothing did.

        Further changes may follow and be committed too: they are undone together.

        Raises
        ------
        JournalError
            If it cannot be written; the edit is kept, and written with the next one.
        """
        patches = [patch for bscan in self.bscans for patch in self._patches(bscan)]
        touched = self.bscans
        self._let_go()
        if not patches:
            return False
        try:
            self._edit_id = self._grading.write(self.tool, patches, edit=self._edit_id)
        finally:
            # Written or not, the arrays hold it.
            self._grading.tell(touched, *TARGETS, "journal")
        return True

    def _touch(self, bscan: int) -> None:
        if bscan in self._before:
            return
        self._grading.check_open(bscan)
        self._grading.hold(bscan, self)
        arrays = self._grading.arrays
        self._before[bscan] = {
            target: bscan_view(arrays, target, bscan).copy() for target in TARGETS
        }

    def _let_go(self) -> None:
        self._grading.let_go(self.bscans)
        self._before.clear()

    def _patches(self, bscan: int) -> list[Patch]:
        grading, before = self._grading, self._before[bscan]
        changed = (before["labels"] != grading.labels[bscan]).any(axis=0)
        old, new = before["heights"], grading.heights[:, bscan]
        changed |= ((old != new) & ~(np.isnan(old) & np.isnan(new))).any(axis=0)
        by_model = self.origin not in _BY_COLUMN
        if not (by_model or changed.any()):
            return []
        # A model answers for the whole B-scan, whether or not it changed a column.
        grading.origins[bscan, ... if by_model else changed] = grading.origin_code(
            self.origin
        )
        after = after_edit if self.origin == "human" else after_model
        grading.states[bscan] = after(grading.states[bscan])
        arrays = grading.arrays
        found = (
            patches_between(target, bscan, values, bscan_view(arrays, target, bscan))
            for target, values in before.items()
        )
        return [patch for patch in found if patch is not None]


def _keep_locked(
    old: NDArray[np.float32], new: NDArray[np.float32], locked: Sequence[int]
) -> NDArray[np.float32]:
    """Heights in which locked boundaries stay, with the others on their own side."""
    kept = np.array(new, np.float32)
    for k in locked:
        kept[k] = old[k]
        kept[:k] = np.fmin(kept[:k], old[k], out=kept[:k], where=~np.isnan(kept[:k]))
        below = kept[k + 1 :]
        kept[k + 1 :] = np.fmax(below, old[k], out=below, where=~np.isnan(below))
    return kept
