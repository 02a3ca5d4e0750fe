"""Knots on a boundary: drag, add, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.knots import add_knot, delete_knot, knots_of, move_knot
from napari_octseg.widgets._canvas_tool import LEFT, RIGHT, EditingTool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.widgets._canvas_tools import CanvasTools
    from napari_octseg.widgets._pointer import Pointer

_TOLERANCE_PX = 1.5
_AT_HAND_PX = 9.0
_DRAG_FROM_PX = 3.0


class KnotTool(EditingTool):
    """Knots of the chosen boundary; between two of them the boundary keeps its detail.

    Pressing the line beside all knots and dragging takes the line itself: a knot is
    made there.
    """

    title = "knots"

    def __init__(self, desk: CanvasTools) -> None:
        super().__init__(desk)
        self.knots = np.empty((0, 2), np.float32)
        """(n, 2) float32 (row, column) on the chosen boundary, by column."""
        self._at_hand: int | None = None
        self._pressed: Pointer | None = None
        self._now: Pointer | None = None
        self._mine = False

    def take(self) -> None:
        """Find the knots of the chosen boundary, unless its change was made by them."""
        if not self._mine:
            self.knots = np.empty((0, 2), np.float32)
            if self.grading.boundary_names:
                self.knots = knots_of(self._curve(), _TOLERANCE_PX)
            self._at_hand = None
        self._show()

    def hover(self, at: Pointer) -> None:
        """Show which knot a press would take."""
        self._at_hand = self._near(at)
        self._show()

    def press(self, at: Pointer, button: int) -> bool:
        """Take a knot or the line; with the right button delete a knot."""
        self._at_hand = self._near(at)
        if button == RIGHT:
            self.delete()
        if button != LEFT or not self.begin():
            return False
        self._pressed = self._now = at
        return True

    def drag(self, at: Pointer) -> None:
        """Note where the knot goes."""
        self._now = at

    def follow(self) -> None:
        """Move the knot, and the stretch up to its neighbours with it."""
        start, now = self._pressed, self._now
        if self._edit is None or start is None or now is None:
            return
        boundary = self.desk.view.boundary
        curve = self._heights[boundary]
        if self._at_hand is None:
            moved = start.distances_to(np.array([now.row]), np.array([now.column]))
            if moved[0] < _DRAG_FROM_PX or not self._add(start):
                return
        assert self._at_hand is not None
        column = int(self.knots[self._at_hand, 1])
        row = float(curve[column]) + now.row - start.row
        self.change(boundary, move_knot(curve, self.knots, self._at_hand, row))
        # It may have been stopped by another boundary.
        self.knots[self._at_hand, 0] = self._curve()[column]
        self._show()

    def double_click(self, at: Pointer) -> None:
        """Add a knot to the line."""
        if self._near(at) is None:
            self._add(at)
            self._show()

    def delete(self) -> None:
        """Delete the knot at the pointer: the curve joins its neighbours."""
        if self._at_hand is None or not self.begin():
            return
        boundary = self.desk.view.boundary
        curve, knots = delete_knot(self._heights[boundary], self.knots, self._at_hand)
        self.knots, self._at_hand = knots, None
        self.change(boundary, curve)
        self.commit()
        self._show()

    def begin(self, title: str = "") -> bool:
        """Begin an edit that the knots make themselves."""
        self._mine = super().begin(title)
        return self._mine

    def commit(self) -> bool:
        """Write the edit; the knots stay where they are."""
        changed = super().commit()
        self._mine = False
        return changed

    def cancel(self) -> bool:
        """Put the boundary and its knots back."""
        cancelled = super().cancel()
        self._mine = False
        if cancelled:
            self.take()
        return cancelled

    def _curve(self) -> NDArray[np.float32]:
        view = self.desk.view
        curve: NDArray[np.float32] = self.grading.heights[view.boundary, view.bscan]
        return curve

    def _add(self, at: Pointer) -> bool:
        """Add a knot in the column of the pointer if it is on the line."""
        if not self.desk.on_chosen_boundary(at):
            return False
        column = min(max(round(at.column), 0), self.grading.volume.width - 1)
        self.knots = add_knot(self._curve(), self.knots, column)
        self._at_hand = int(np.flatnonzero(self.knots[:, 1] == column)[0])
        return True

    def _near(self, at: Pointer) -> int | None:
        if not len(self.knots):
            return None
        distances = at.distances_to(self.knots[:, 0], self.knots[:, 1])
        nearest = int(distances.argmin())
        return nearest if distances[nearest] <= _AT_HAND_PX else None

    def _show(self) -> None:
        self.desk.overlay.show_knots(self.knots, self._at_hand)
