"""A grading in the viewer: its labels layer, the B-scan on screen, what is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_octseg.boundaries import Boundaries
from napari_octseg.errors import EditError, OctsegError
from napari_octseg.widgets._layers import (
    bscan_on_screen,
    make_labels_layer,
    note,
    redraw,
)
from napari_octseg.widgets._stroke import labels_before

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.widgets._panel import Panel

BRUSH_TOOLS = {
    "brush": "paint",
    "erase": "erase",
    "fill": "fill",
    "polygon": "polygon",
}
"""Tools that are modes of napari's labels layer."""


class GradingView(QObject):
    """Shows a grading, catches what napari's own tools paint, and says what changed.

    Signals
    -------
    opened
        Another `Grading`, or None when it was closed.
    changed
        The `Change` of the grading.
    stepped
        Index of the B-scan that is now on screen.
    tool_changed, class_changed, boundary_changed
        Name of the tool, class index, index of the boundary: what is chosen now.
    said
        A sentence for the status line.
    failed
        An error for the person.
    """

    opened = Signal(object)
    changed = Signal(object)
    stepped = Signal(int)
    tool_changed = Signal(str)
    class_changed = Signal(int)
    boundary_changed = Signal(int)
    said = Signal(str)
    failed = Signal(object)

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__()
        self.viewer = viewer
        self.grading: Grading | None = None
        self.image_layer: Image | None = None
        self.labels_layer: Labels | None = None
        self.tool = "pan"
        self.class_index = 1
        self.boundary = 0
        self._bscan = 0
        self._thumbnail_too = False
        self._before: dict[int, NDArray[np.uint8]] = {}
        self._take_soon = QTimer(self)
        self._take_soon.setSingleShot(True)
        self._take_soon.setInterval(0)
        self._take_soon.timeout.connect(self._take_strokes)
        self._refresh_soon = QTimer(self)
        self._refresh_soon.setSingleShot(True)
        self._refresh_soon.setInterval(0)
        self._refresh_soon.timeout.connect(self._refresh)
        panel.listen(viewer.dims.events.current_step, self._on_step)
        panel.listen(viewer.layers.events.removed, self._on_removed)
        panel.closing.connect(self.close)

    @property
    def bscan(self) -> int:
        """Index of the B-scan on screen."""
        return self._bscan

    def show(self, grading: Grading, image_layer: Image, name: str) -> None:
        """Show a grading over its scan; the one before is closed."""
        self.close()
        self.grading, self.image_layer = grading, image_layer
        layer = make_labels_layer(
            grading.labels,
            grading.volume,
            grading.label_set,
            image_layer=image_layer,
            name=name,
        )
        note(layer, grading=True)
        if grading.boundary_names:
            boundaries = Boundaries(grading.boundary_names, grading.heights)
            note(layer, corrected=boundaries, layers=grading.layers)
        layer.events.paint.connect(self._on_paint)
        grading.changed.connect(self._on_changed)
        self.labels_layer = layer
        self.class_index = 1 if len(grading.label_set) > 1 else 0
        self.boundary = 0
        # Who hears of the new layer may ask for the B-scan, class or boundary.
        self._bscan = bscan_on_screen(self.viewer, image_layer)
        self.viewer.add_layer(layer)
        self._bscan = bscan_on_screen(self.viewer, image_layer)
        self.opened.emit(grading)
        self.choose_class(self.class_index)
        self.choose_tool("pan")

    def finish(self) -> bool:
        """Close, but not while edits wait for the disk: then say so, and stay."""
        if self.grading is not None:
            # What is half drawn is an edit too.
            self.choose_tool("pan")
            try:
                self.grading.flush()
            except OctsegError as error:
                self.failed.emit(error)
                return False
        self.close()
        return True

    def close(self) -> None:
        """Write what is left, and take the labels layer's tools away; labels stay."""
        self._take_strokes()
        grading, layer = self.grading, self.labels_layer
        if grading is None:
            return
        self.choose_tool("pan")
        self.grading = self.labels_layer = self.image_layer = None
        grading.changed.disconnect(self._on_changed)
        if layer is not None:
            layer.events.paint.disconnect(self._on_paint)
            # Edits of it would be in no journal any more.
            layer.editable = False
            note(layer, grading=False)
        self.opened.emit(None)
        try:
            grading.close()
        except OctsegError as error:
            self.failed.emit(error)

    def go_to(self, bscan: int) -> None:
        """Bring a B-scan on screen."""
        image = self.image_layer
        if image is None or image.ndim == 2:
            return
        axis = self.viewer.dims.ndim - image.ndim
        world = float(image.data_to_world((bscan, 0, 0))[-3])
        self.viewer.dims.set_point(axis, world)

    def choose_tool(self, tool: str) -> None:
        """Take another tool in hand."""
        self.tool = tool
        layer = self.labels_layer
        # It may be gone: then this view closes.
        if layer is not None and layer in list(self.viewer.layers):
            self.viewer.layers.selection.active = layer
            layer.mode = BRUSH_TOOLS.get(tool, "pan_zoom")
            # napari's hints name its own keys, which mean something else here.
            layer.help = self.viewer.help = ""
        self.tool_changed.emit(tool)

    def choose_class(self, class_index: int) -> None:
        """Choose what is painted."""
        self.class_index = class_index
        if self.labels_layer is not None:
            self.labels_layer.selected_label = class_index
        self.class_changed.emit(class_index)

    def choose_boundary(self, boundary: int) -> None:
        """Choose which boundary is drawn."""
        self.boundary = boundary
        self.boundary_changed.emit(boundary)

    def undo(self) -> None:
        """Take the last edit back, whatever made it."""
        self._travel("undo", "Undone", "Nothing to undo.")

    def redo(self) -> None:
        """Make again what was undone."""
        self._travel("redo", "Redone", "Nothing to redo.")

    def _travel(self, way: str, done: str, nothing: str) -> None:
        self._take_strokes()
        if self.grading is None:
            return
        try:
            tool = getattr(self.grading, way)()
        except EditError as error:
            self.said.emit(str(error))
            return
        except OctsegError as error:
            self.failed.emit(error)
            return
        self.said.emit(nothing if tool is None else f"{done}: {tool}.")

    def _on_paint(self, event: Any) -> None:
        grading, layer = self.grading, self.labels_layer
        if grading is None or layer is None:
            return
        for bscan, labels in labels_before(layer.data, event.value).items():
            self._before.setdefault(bscan, labels)
        # napari would bring these back into labels that have changed since.
        layer._reset_history()
        same = (np.array_equal(grading.labels[b], x) for b, x in self._before.items())
        if all(same):
            # napari tells of a polygon just before it paints it.
            self._take_soon.start()
        else:
            self._take_strokes()

    def _take_strokes(self) -> None:
        """Put what was painted into the journal."""
        grading, before = self.grading, self._before
        self._before = {}
        self._take_soon.stop()
        if grading is None or not before:
            return
        edit = grading.begin(self.tool)
        refused: OctsegError | None = None
        for bscan, labels in before.items():
            try:
                edit.adopt_stroke(bscan, labels)
            except EditError as error:
                refused = error
        try:
            edit.commit()
        except OctsegError as error:
            self.failed.emit(error)
        if refused is not None:
            self.said.emit(str(refused))

    def _on_changed(self, change: Change) -> None:
        shown = self._bscan in change.bscans or self.viewer.dims.ndisplay == 3
        if shown and "labels" in change.targets:
            # A drag changes labels several times per frame.
            self._thumbnail_too |= "journal" in change.targets
            self._refresh_soon.start()
        self.changed.emit(change)

    def _refresh(self) -> None:
        layer, too = self.labels_layer, self._thumbnail_too
        self._thumbnail_too = False
        if layer is None:
            return
        if too:
            layer.refresh(extent=False)
        else:
            redraw(layer)

    def _on_step(self, event: Any = None) -> None:
        if self.image_layer is None:
            return
        bscan = bscan_on_screen(self.viewer, self.image_layer)
        if bscan != self._bscan:
            self._bscan = bscan
            self.stepped.emit(bscan)

    def _on_removed(self, event: Any) -> None:
        if event.value in (self.labels_layer, self.image_layer):
            # Not now: layers removed while napari removes one crash its drawing.
            QTimer.singleShot(0, self._close_if_gone)

    def _close_if_gone(self) -> None:
        if not {self.labels_layer, self.image_layer} <= set(self.viewer.layers):
            self.close()
