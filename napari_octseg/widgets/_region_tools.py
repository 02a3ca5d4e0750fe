"""Clicks that change regions: smart fill, delete, relabel, pick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.clamping import clamp_limits
from napari_octseg.editing.columns import beneath
from napari_octseg.editing.components import delete_component, relabel_component
from napari_octseg.editing.smart_fill import smart_fill
from napari_octseg.labels import IGNORE
from napari_octseg.widgets._canvas_tool import LEFT, CanvasTool, EditingTool

if TYPE_CHECKING:
    from napari_octseg.widgets._canvas_tools import CanvasTools
    from napari_octseg.widgets._pointer import Pointer

_PX_PER_E = 90.0
"""Drag to the right, in pixels of the screen, that grows a smart fill by a factor e."""


class SmartFillTool(EditingTool):
    """Grows a region from the click; dragging right grows it on, left shrinks it."""

    title = "smart fill"
    on_boundaries = False

    def __init__(self, desk: CanvasTools) -> None:
        super().__init__(desk)
        self._image = np.empty((0, 0), np.float32)
        self._before = np.empty((0, 0), np.uint8)
        self._seed = (0, 0)
        self._from: Pointer | None = None
        self._tolerance = 0.0
        self._factor = 1.0

    def press(self, at: Pointer, button: int) -> bool:
        """Grow from here."""
        seed = pixel_at(self, at)
        if button != LEFT or seed is None or not self.begin():
            return False
        self._from, self._seed, self._factor = at, seed, 1.0
        self._image = self.grading.volume.bscan_as_shown(self._bscan)
        self._before = self.grading.labels[self._bscan].copy()
        self._tolerance = self._fill(self.desk.tolerance)
        return True

    def drag(self, at: Pointer) -> None:
        """Further or less far."""
        assert self._from is not None
        moved = (at.column - self._from.column) * at.px_per_column
        self._factor = float(np.exp(moved / _PX_PER_E))

    def follow(self) -> None:
        """The region as it is with this tolerance."""
        if self._edit is not None:
            self._fill(self._tolerance * self._factor)

    def _fill(self, tolerance: float | None) -> float:
        """Fill, and tell the tolerance that it was done with."""
        grading, class_index = self.grading, self.desk.view.class_index
        name = grading.label_set.names[class_index]
        limits = clamp_limits(name, grading.boundary_names, self._heights)
        upper, lower = (None, None) if limits is None else limits
        locked = np.isin(self._before, [*grading.locked_classes])
        filled = smart_fill(
            self._image,
            self._seed,
            tolerance=tolerance,
            upper=upper,
            lower=lower,
            stop=locked,
        )
        assert self._edit is not None
        self._edit.reset()
        after = self._before.copy()
        after[filled.mask] = class_index
        self.set_labels(after)
        return filled.tolerance


class DeleteTool(EditingTool):
    """Takes the clicked piece of a finding away; the layers beneath it show."""

    title = "delete piece"
    on_boundaries = False

    def press(self, at: Pointer, button: int) -> bool:
        """Delete the piece here."""
        pixel = pixel_at(self, at)
        if button != LEFT or pixel is None or not self.begin():
            return False
        labels = self.grading.labels[self._bscan]
        bare = beneath(labels, self._heights, self.grading.layers)
        clicked = int(labels[pixel])
        self.set_labels(delete_component(labels, *pixel, bare))
        commit_click(self, clicked)
        return False


class RelabelTool(EditingTool):
    """Gives the clicked piece the chosen class."""

    title = "relabel"
    on_boundaries = False

    def press(self, at: Pointer, button: int) -> bool:
        """Relabel the piece here."""
        pixel = pixel_at(self, at)
        if button != LEFT or pixel is None or not self.begin():
            return False
        labels = self.grading.labels[self._bscan]
        clicked, class_index = int(labels[pixel]), self.desk.view.class_index
        self.set_labels(relabel_component(labels, *pixel, class_index))
        commit_click(self, clicked, class_index)
        return False


class PickTool(CanvasTool):
    """Chooses the class that is clicked."""

    title = "pick"
    on_boundaries = False

    def press(self, at: Pointer, button: int) -> bool:
        """Choose the class here."""
        pixel = pixel_at(self, at)
        if button == LEFT and pixel is not None:
            class_index = int(self.grading.labels[self.desk.view.bscan][pixel])
            if class_index != IGNORE:
                self.desk.view.choose_class(class_index)
        return False


def commit_click(tool: EditingTool, *class_indices: int) -> None:
    """Commit; if nothing was changed because a class is locked, say so."""
    grading = tool.grading
    if tool.commit():
        return
    locked = [i for i in class_indices if i in grading.locked_classes]
    if locked:
        names = " and ".join(grading.label_set.names[i] for i in locked)
        tool.desk.view.said.emit(f"Nothing was changed: {names} is locked.")


def pixel_at(tool: CanvasTool, at: Pointer) -> tuple[int, int] | None:
    """Row and column of the pixel at the pointer; None outside the B-scan."""
    volume = tool.grading.volume
    row, column = round(at.row), round(at.column)
    if 0 <= row < volume.depth and 0 <= column < volume.width:
        return row, column
    return None
