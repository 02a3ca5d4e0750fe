"""From click to click along a boundary; the next piece is shown before its click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.livewire import live_wire
from napari_octseg.errors import EditError
from napari_octseg.widgets._canvas_tool import LEFT, RIGHT, EditingTool
from napari_octseg.widgets._livewire_costs import LiveWireCosts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.widgets._canvas_tools import CanvasTools
    from napari_octseg.widgets._pointer import Pointer

    Click = tuple[float, float]


class LiveWireTool(EditingTool):
    """Each click after the first redraws the columns since the last one: one edit."""

    title = "live-wire"

    def __init__(self, desk: CanvasTools) -> None:
        super().__init__(desk)
        self.costs = LiveWireCosts(desk.view)
        self.costs.improved.connect(self._on_improved)
        self._last: Click | None = None
        self._boundary = 0
        self._at: Pointer | None = None

    @property
    def keeps_boundary(self) -> bool:
        """From the first click on it is that boundary."""
        return self._last is not None

    def take(self) -> None:
        """Another boundary is another wire; edges are looked for before the click."""
        boundary = self.desk.view.boundary
        if self._last is not None and boundary != self._boundary:
            self.cancel()
        if self.grading.boundary_names:
            self.costs.guide(self.desk.view.bscan, boundary)

    def leave(self) -> None:
        """The pieces that were clicked are there already."""
        self._last = None

    def hover(self, at: Pointer) -> None:
        """Show where the boundary would lie after a click here."""
        self._at = at
        if self._last is None:
            return
        try:
            first, path = self._wire(self._last, self._inside(at))
        except EditError:
            self.desk.overlay.show_path(None)
            return
        columns = np.arange(first, first + len(path))
        self.desk.overlay.show_path(np.stack([path, columns], axis=1))

    def press(self, at: Pointer, button: int) -> bool:
        """Begin, or fix the piece up to here; the right button ends the wire."""
        if button == RIGHT:
            self.finish()
        if button != LEFT:
            return False
        click = self._inside(at)
        if self._last is None:
            self._begin_wire(click)
            return False
        try:
            first, path = self._wire(self._last, click)
        except EditError as error:
            self.desk.view.said.emit(str(error))
            return False
        if not self.begin():
            return False
        curve = self._heights[self._boundary].copy()
        curve[first : first + len(path)] = path
        self.change(self._boundary, curve)
        self.commit()
        self._wait_at(click)
        return False

    def double_click(self, at: Pointer) -> None:
        """The first of the two clicks has fixed the last piece."""
        self.finish()

    def finish(self) -> None:
        """The wire ends at the last click."""
        self._last = None
        self.desk.overlay.show_path(None)
        self.desk.overlay.show_clicks([])

    def cancel(self) -> bool:
        """Forget the click that waits for another; pieces that are there stay."""
        waits = self._last is not None
        self.finish()
        return waits

    def _begin_wire(self, click: Click) -> None:
        try:
            self.grading.check_open(self.desk.view.bscan)
        except EditError as error:
            self.desk.view.said.emit(str(error))
            return
        self._boundary = self.desk.view.boundary
        self._wait_at(click)

    def _wait_at(self, click: Click) -> None:
        self._last = click
        self.desk.overlay.show_path(None)
        self.desk.overlay.show_clicks([click])

    def _inside(self, at: Pointer) -> Click:
        """The pointer, moved into the B-scan and between the other boundaries."""
        volume = self.grading.volume
        column = min(max(at.column, 0.0), volume.width - 1.0)
        row = min(max(at.row, 0.0), volume.depth - 1.0)
        upper, lower = self._band()
        if upper is not None and np.isfinite(high := upper[round(column)]):
            row = max(row, float(high))
        if lower is not None and np.isfinite(low := lower[round(column)]):
            row = min(row, float(low))
        return row, column

    def _band(
        self,
    ) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """What a wire that stops at its neighbours lies between."""
        if self.desk.policy == "push":
            return None, None
        heights = self.grading.heights[:, self.desk.view.bscan]
        above, below = heights[: self._boundary], heights[self._boundary + 1 :]
        return (
            np.fmax.reduce(above) if len(above) else None,
            np.fmin.reduce(below) if len(below) else None,
        )

    def _wire(self, start: Click, end: Click) -> tuple[int, NDArray[np.float32]]:
        guide = self.costs.guide(self.desk.view.bscan, self._boundary)
        return live_wire(
            guide.cost, [start, end], band=self._band(), around=guide.around
        )

    def _on_improved(self, bscan: int) -> None:
        if self._at is not None and bscan == self.desk.view.bscan:
            self.hover(self._at)
