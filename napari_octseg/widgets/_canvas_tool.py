"""What every tool on the canvas has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.ordering import keep_order
from napari_octseg.errors import OctsegError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Grading
    from napari_octseg.editing.open_edit import OpenEdit
    from napari_octseg.widgets._canvas_tools import CanvasTools
    from napari_octseg.widgets._pointer import Pointer

LEFT, RIGHT = 1, 2
"""Buttons of the mouse, as vispy counts them."""


class CanvasTool:
    """A tool that is in hand; its methods are what the mouse does.

    Attributes
    ----------
    title
        As it is called next to the pointer, and by undo.
    """

    title = ""
    on_boundaries = True
    """Whether it changes boundaries; else it acts on regions."""

    changes = ""
    """What it changes, where that is not one boundary or one class."""

    def __init__(self, desk: CanvasTools) -> None:
        self.desk = desk

    @property
    def keeps_boundary(self) -> bool:
        """Whether moving the mouse must not choose another boundary now."""
        return False

    @property
    def grading(self) -> Grading:
        """The grading that is open; tools are in hand only while there is one."""
        grading = self.desk.view.grading
        assert grading is not None
        return grading

    def take(self) -> None:
        """It was taken in hand, or the B-scan or the boundary is another one."""

    def leave(self) -> None:
        """It is put away, or another B-scan comes: end what is under way."""

    def hover(self, at: Pointer) -> None:
        """The mouse was moved with no button pressed."""

    def press(self, at: Pointer, button: int) -> bool:
        """A button was pressed; whether a drag begins."""
        return False

    def drag(self, at: Pointer) -> None:
        """The mouse is elsewhere: note where."""

    def follow(self) -> None:
        """Show what the drag does so far; called at most once per frame."""

    def release(self) -> None:
        """The button was let go."""

    def double_click(self, at: Pointer) -> None:
        """After the first click was pressed and released."""

    def finish(self, *, whole: bool = False) -> None:
        """Enter; with Shift it is `whole`."""

    def cancel(self) -> bool:
        """Escape; whether there was something to cancel."""
        return False

    def delete(self) -> None:
        """Delete or Backspace."""


class EditingTool(CanvasTool):
    """A tool whose drag changes one B-scan in one edit."""

    def __init__(self, desk: CanvasTools) -> None:
        super().__init__(desk)
        self._edit: OpenEdit | None = None
        self._bscan = 0
        self._heights = np.empty((0, 0), np.float32)

    def begin(self, title: str = "") -> bool:
        """Begin an edit of the B-scan on screen; False, and said why, if it is locked.

        Its boundaries as they are now are kept: moves of the drag start from them. The
        edit is called `title`, or as the tool is.
        """
        self._bscan = self.desk.view.bscan
        try:
            self.grading.check_open(self._bscan)
        except OctsegError as error:
            self.desk.view.said.emit(str(error))
            return False
        self._edit = self.grading.begin(title or self.title)
        self._heights = self.grading.heights[:, self._bscan].copy()
        return True

    def change(self, boundary: int, curve: NDArray[np.float32]) -> None:
        """Give a boundary other heights than at the beginning of the edit.

        Parameters
        ----------
        boundary
            Its index.
        curve
            (width,) float32, px from the top, NaN absent.
        """
        if self._edit is None:
            return
        heights = self._heights.copy()
        heights[boundary] = np.clip(curve, -0.5, self.grading.volume.depth - 0.5)
        self.change_all(keep_order(heights, boundary, self.desk.policy))

    def change_all(self, heights: NDArray[np.float32]) -> None:
        """Give all boundaries other heights than at the beginning of the edit.

        Parameters
        ----------
        heights
            (n_boundaries, width) float32.
        """
        if self._edit is None:
            return
        before = self._heights
        same = (heights == before) | (np.isnan(heights) & np.isnan(before))
        columns = np.flatnonzero(~same.all(axis=0))
        self._edit.reset()
        if columns.size:
            first, last = int(columns[0]), int(columns[-1]) + 1
            self._edit.set_heights(self._bscan, first, heights[:, first:last])

    def set_labels(self, labels: NDArray[np.uint8]) -> None:
        """Give the pixels of the B-scan other classes, (depth, width) uint8."""
        if self._edit is not None:
            self._edit.set_labels(self._bscan, 0, 0, labels)

    def commit(self) -> bool:
        """Write the edit to the journal; whether anything was changed."""
        edit, self._edit = self._edit, None
        if edit is None:
            return False
        try:
            return edit.commit()
        except OctsegError as error:
            self.desk.view.failed.emit(error)
            return True

    def release(self) -> None:
        """The drag has ended."""
        self.commit()

    def leave(self) -> None:
        """Nothing that was drawn is lost."""
        self.commit()

    def cancel(self) -> bool:
        """Back to how it was before the drag."""
        edit, self._edit = self._edit, None
        if edit is None:
            return False
        edit.cancel()
        return True
