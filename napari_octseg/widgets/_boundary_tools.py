"""Drags that change boundaries: pen, magnet, cannot see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.cannot_see import absent
from napari_octseg.editing.magnet import push
from napari_octseg.editing.pen import redraw
from napari_octseg.widgets._canvas_tool import LEFT, EditingTool

if TYPE_CHECKING:
    from napari_octseg.widgets._canvas_tools import CanvasTools
    from napari_octseg.widgets._pointer import Pointer


class PenTool(EditingTool):
    """Redraws the columns under the stroke."""

    title = "pen"

    def __init__(self, desk: CanvasTools) -> None:
        super().__init__(desk)
        self._stroke: list[tuple[float, float]] = []

    def press(self, at: Pointer, button: int) -> bool:
        """Begin a stroke."""
        if button != LEFT or not self.begin():
            return False
        self._stroke = [(at.row, at.column)]
        return True

    def drag(self, at: Pointer) -> None:
        """Lengthen the stroke."""
        self._stroke.append((at.row, at.column))

    def follow(self) -> None:
        """The boundary lies where the stroke is."""
        boundary = self.desk.view.boundary
        curve = redraw(self._heights[boundary], np.array(self._stroke, np.float32))
        self.change(boundary, curve)


class MagnetTool(EditingTool):
    """Pushes the boundary with a round brush; what it has moved stays moved."""

    title = "magnet"

    def __init__(self, desk: CanvasTools) -> None:
        super().__init__(desk)
        self._path: list[tuple[float, float]] = []
        self._curve = np.empty(0, np.float32)

    def hover(self, at: Pointer) -> None:
        """Show how far it reaches."""
        radius = self.desk.radius
        radii = (radius / self._row_length, radius)
        self.desk.overlay.show_circle((at.row, at.column), radii)

    def press(self, at: Pointer, button: int) -> bool:
        """Take hold of the boundary."""
        if button != LEFT or not self.begin():
            return False
        self._path = [(at.row, at.column)]
        self._curve = self._heights[self.desk.view.boundary].copy()
        return True

    def drag(self, at: Pointer) -> None:
        """Note where the brush goes."""
        self._path.append((at.row, at.column))
        self.hover(at)

    def follow(self) -> None:
        """Push from each place to the next."""
        radius, row_length = self.desk.radius, self._row_length
        for here, there in zip(self._path, self._path[1:], strict=False):
            self._curve = push(self._curve, here, there, radius, row_length=row_length)
        del self._path[:-1]
        self.change(self.desk.view.boundary, self._curve)

    @property
    def _row_length(self) -> float:
        """Height of a pixel on the screen divided by its width."""
        image = self.desk.view.image_layer
        assert image is not None
        axial, lateral = np.abs(image.scale[-2:])
        return float(axial / lateral)


class HideTool(EditingTool):
    """Marks the columns under the stroke as those where nobody can see the layers.

    With Shift only the chosen boundary is taken away.
    """

    title = "cannot see"
    changes = "whole columns (Shift: one boundary)"

    def __init__(self, desk: CanvasTools) -> None:
        super().__init__(desk)
        self._from = self._to = 0.0
        self._one_only = False

    def hover(self, at: Pointer) -> None:
        """Show the column at the pointer."""
        self._show(at.column, at.column)

    def press(self, at: Pointer, button: int) -> bool:
        """The first column."""
        if button != LEFT or not self.begin():
            return False
        self._from = self._to = at.column
        self._one_only = "Shift" in at.modifiers
        return True

    def drag(self, at: Pointer) -> None:
        """All columns between the first and the last."""
        self._to = at.column
        self._show(self._from, self._to)

    def follow(self) -> None:
        """They have no boundaries, and labels that count nowhere."""
        first, last = self._columns(self._from, self._to)
        if self._edit is None or last < first:
            return
        if self._one_only:
            columns = slice(first, last + 1)
            only = [self.desk.view.boundary]
            self.change_all(absent(self._heights, columns, only))
            return
        self._edit.reset()
        self._edit.hide_columns(self._bscan, first, last)

    def _columns(self, begin: float, end: float) -> tuple[int, int]:
        width = self.grading.volume.width
        low, high = sorted((begin, end))
        return max(round(low), 0), min(round(high), width - 1)

    def _show(self, begin: float, end: float) -> None:
        self.desk.overlay.show_columns(*self._columns(begin, end))
