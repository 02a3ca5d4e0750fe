"""From click to click along a boundary, or all of it from the first click alone.

What a click or Enter would draw is shown before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.livewire import live_wire
from napari_octseg.editing.runs import runs_of
from napari_octseg.editing.trace import retrace, trace
from napari_octseg.errors import EditError
from napari_octseg.labels import IGNORE
from napari_octseg.widgets._canvas_tool import LEFT, RIGHT, EditingTool
from napari_octseg.widgets._livewire_costs import LiveWireCosts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.widgets._canvas_tools import CanvasTools
    from napari_octseg.widgets._pointer import Pointer

    Curve = NDArray[np.float32]
    Click = tuple[float, float]

_MET_PX = 0.5
"""How near a boundary that is drawn by itself comes to the old one to end there."""

_OFFERED_PX = 800_000
"""Pixels of a B-scan up to which a trace takes at most 20 ms, and is shown before."""


class LiveWireTool(EditingTool):
    """Each click after the first redraws the columns since the last one: one edit.

    Enter or a double click with no second click draws the boundary from the first one
    alone: the stretch that is wrong, up to where it meets the old line; all of it where
    there was none, or with Shift.
    """

    title = "live-wire"

    def __init__(self, desk: CanvasTools) -> None:
        super().__init__(desk)
        self.costs = LiveWireCosts(desk.view)
        self.costs.improved.connect(self._on_improved)
        self._last: Click | None = None
        self._boundary = 0
        self._at: Pointer | None = None
        self._alone = False
        self._traced: Curve | None = None
        self._offers_whole = False

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
        if self._alone:
            self._offer(afresh=True)

    def leave(self) -> None:
        """The pieces that were clicked are there already."""
        self._last, self._alone = None, False

    def hover(self, at: Pointer) -> None:
        """Show where the boundary would lie after a click here."""
        self._at = at
        if self._last is None:
            return
        whole = "Shift" in at.modifiers
        if self._alone and whole != self._offers_whole:
            self._offers_whole = whole
            self._offer()
        try:
            path = _points(*self._wire(self._last, self._inside(at)))
        except EditError:
            path = None
        self.desk.overlay.show_path(path)

    def press(self, at: Pointer, button: int) -> bool:
        """Begin, or fix the piece up to here; the right button ends the wire."""
        if button == RIGHT:
            self._end()
        if button != LEFT:
            return False
        click = self._inside(at)
        if self._last is None:
            self._offers_whole = "Shift" in at.modifiers
            self._begin_wire(click)
            return False
        try:
            first, path = self._wire(self._last, click)
        except EditError as error:
            self.desk.view.said.emit(str(error))
            return False
        if not self.begin():
            return False
        self._alone = False
        curve = self._heights[self._boundary].copy()
        curve[first : first + len(path)] = path
        self.change(self._boundary, curve)
        self.commit()
        self._wait_at(click)
        return False

    def double_click(self, at: Pointer) -> None:
        """The first of the two clicks has begun the wire, or fixed its last piece."""
        self.finish(whole="Shift" in at.modifiers)

    def finish(self, *, whole: bool = False) -> None:
        """The wire ends at the last click; from a first one alone it goes on by itself.

        `whole`: to both edges of the B-scan, whatever is there already.
        """
        click = self._last if self._alone else None
        traced = self._traced
        self._end()
        if click is not None:
            if traced is None:
                traced = self._trace(click)
            self._draw_from(click, traced, whole)

    def cancel(self) -> bool:
        """Forget the click that waits for another; pieces that are there stay."""
        waits = self._last is not None
        self._end()
        return waits

    def _end(self) -> None:
        self._last, self._alone, self._traced = None, False, None
        self.desk.overlay.show_path(None)
        self.desk.overlay.show_offer(None)
        self.desk.overlay.show_clicks([])

    def _begin_wire(self, click: Click) -> None:
        try:
            self.grading.check_open(self.desk.view.bscan)
        except EditError as error:
            self.desk.view.said.emit(str(error))
            return
        self._boundary = self.desk.view.boundary
        self._alone = True
        self._wait_at(click)
        self._offer(afresh=True)
        name = self.grading.boundary_names[self._boundary]
        self.desk.view.said.emit(
            f"Click further along {name}, or press Enter to draw it from this click."
        )

    def _wait_at(self, click: Click) -> None:
        self._last = click
        self.desk.overlay.show_path(None)
        self.desk.overlay.show_offer(None)
        self.desk.overlay.show_clicks([click])

    def _offer(self, *, afresh: bool = False) -> None:
        """Show what Enter would draw."""
        assert self._last is not None
        volume = self.grading.volume
        if afresh:
            quick = volume.depth * volume.width <= _OFFERED_PX
            self._traced = self._trace(self._last) if quick else None
        if self._traced is not None:
            part = self._to_draw(self._last, self._traced, self._offers_whole)
            self.desk.overlay.show_offer(None if part is None else _points(*part))

    def _trace(self, click: Click) -> Curve:
        """The boundary from one click to both edges, between the other boundaries."""
        guide = self.costs.guide(self.desk.view.bscan, self._boundary)
        upper, lower = self._neighbours()
        if self.desk.policy == "push":
            # A neighbour that the click is beyond is wrong itself: it is pushed.
            row, column = click
            if upper is not None and row < upper[round(column)]:
                upper = None
            if lower is not None and row > lower[round(column)]:
                lower = None
        return trace(guide.cost, click, band=(upper, lower), around=guide.around)

    def _to_draw(
        self, click: Click, traced: Curve, whole: bool
    ) -> tuple[int, Curve] | None:
        """First column and heights that a trace would change; None if it does not."""
        bscan = self.desk.view.bscan
        old = self.grading.heights[self._boundary, bscan]
        column = round(click[1])
        hidden = (self.grading.labels[bscan] == IGNORE).all(axis=0)
        for start, stop in runs_of(hidden):
            # Who clicks among columns that nobody could grade, can.
            hidden[start:stop] = not start <= column < stop
        new = np.where(hidden, old, traced).astype(np.float32)
        first, part = (0, new)
        if not whole:
            first, part = retrace(old, new, column, within_px=_MET_PX)
        was = old[first : first + len(part)]
        same = (np.abs(part - was) <= _MET_PX) | (np.isnan(part) & np.isnan(was))
        return None if same.all() else (first, part)

    def _draw_from(self, click: Click, traced: Curve, whole: bool) -> None:
        name = self.grading.boundary_names[self._boundary]
        found = self._to_draw(click, traced, whole)
        if found is None:
            self.desk.view.said.emit(
                f"{name} lies here already: click where it is wrong, or hold Shift to "
                "draw all of it."
            )
            return
        if not self.begin("trace"):
            return
        first, part = found
        last = first + len(part) - 1
        curve = self._heights[self._boundary].copy()
        curve[first : last + 1] = part
        self.change(self._boundary, curve)
        self.commit()
        where = f"in columns {first} to {last}, up to where it meets the old line"
        if len(part) == len(curve):
            where = "from edge to edge"
        self.desk.view.said.emit(f"{name} was drawn from one click {where}.")

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

    def _band(self) -> tuple[Curve | None, Curve | None]:
        """What a wire that stops at its neighbours lies between."""
        return (None, None) if self.desk.policy == "push" else self._neighbours()

    def _neighbours(self) -> tuple[Curve | None, Curve | None]:
        """The boundaries above and below, in each column the nearest there is."""
        heights = self.grading.heights[:, self.desk.view.bscan]
        above, below = heights[: self._boundary], heights[self._boundary + 1 :]
        return (
            np.fmax.reduce(above) if len(above) else None,
            np.fmin.reduce(below) if len(below) else None,
        )

    def _wire(self, start: Click, end: Click) -> tuple[int, Curve]:
        guide = self.costs.guide(self.desk.view.bscan, self._boundary)
        return live_wire(
            guide.cost, [start, end], band=self._band(), around=guide.around
        )

    def _on_improved(self, bscan: int) -> None:
        if bscan != self.desk.view.bscan:
            return
        if self._alone:
            self._offer(afresh=True)
        if self._at is not None:
            self.hover(self._at)


def _points(first: int, path: Curve) -> NDArray[np.float32]:
    """(n, 2) row and column of heights from a column on."""
    return np.stack([path, np.arange(first, first + len(path), dtype=np.float32)], 1)
