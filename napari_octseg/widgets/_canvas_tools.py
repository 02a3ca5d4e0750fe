"""The tools on the canvas: which one is in hand, and what the mouse does to it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from qtpy.QtCore import QObject

from napari_octseg.errors import EditError, OctsegError
from napari_octseg.widgets._boundary_tools import HideTool, MagnetTool, PenTool
from napari_octseg.widgets._canvas_tool import LEFT
from napari_octseg.widgets._hand import Hand
from napari_octseg.widgets._knot_tool import KnotTool
from napari_octseg.widgets._livewire_tool import LiveWireTool
from napari_octseg.widgets._pace import Pace
from napari_octseg.widgets._pointer import (
    nearest_boundary,
    pointer_of,
    shows_bscans,
)
from napari_octseg.widgets._region_tools import (
    DeleteTool,
    PickTool,
    RelabelTool,
    SmartFillTool,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import napari

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.widgets._canvas_tool import CanvasTool
    from napari_octseg.widgets._correction_overlay import CorrectionOverlay
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel
    from napari_octseg.widgets._pointer import Pointer

REACH_PX = 12.0
"""How near to a boundary the pointer must be, in pixels of the screen."""

_MIDDLE = 3


class CanvasTools(QObject):
    """Gives the mouse on the canvas to the tool that is chosen in the view.

    While one of these tools is in hand the left button does not move the camera: the
    middle button does, and the wheel zooms.

    Attributes
    ----------
    policy
        Whether a boundary that is moved against another one pushes it, or stops.
    tolerance
        How far a smart fill grows, px; found from the image if None.
    pinned
        Whether only the chosen boundary can be taken hold of, however near another is.
    """

    def __init__(
        self, view: GradingView, overlay: CorrectionOverlay, panel: Panel
    ) -> None:
        super().__init__(view)
        self.view = view
        self.overlay = overlay
        self.panel = panel
        self.policy: Literal["push", "stop"] = "push"
        self.tolerance: float | None = None
        self.pinned = False
        self._radius = 15.0
        self._tools: dict[str, CanvasTool] = {
            "knots": KnotTool(self),
            "pen": PenTool(self),
            "livewire": LiveWireTool(self),
            "magnet": MagnetTool(self),
            "hide": HideTool(self),
            "smart-fill": SmartFillTool(self),
            "delete": DeleteTool(self),
            "relabel": RelabelTool(self),
            "pick": PickTool(self),
        }
        self._tool: CanvasTool | None = None
        self._at: Pointer | None = None
        self._hovered: int | None = None
        self._dragging = False
        self._pace = Pace(self)
        self._hand = Hand(view, panel, self._keys())
        viewer = view.viewer
        # Read-only views of napari hand out new methods each time: keep these.
        self._callbacks = (
            (viewer.mouse_move_callbacks, self._on_move),
            (viewer.mouse_drag_callbacks, self._on_press),
            (viewer.mouse_double_click_callbacks, self._on_double_click),
        )
        for callbacks, function in self._callbacks:
            callbacks.append(function)
        view.tool_changed.connect(self._on_tool)
        view.class_changed.connect(self._on_chosen)
        view.boundary_changed.connect(self._on_chosen)
        view.stepped.connect(self._on_step)
        view.changed.connect(self._on_changed)
        view.opened.connect(self._on_opened)
        panel.listen(viewer.scene.camera.events.zoom, self._on_zoom)
        panel.closing.connect(self._close)

    @property
    def tool(self) -> CanvasTool | None:
        """The tool in hand; None for those of napari, and for none."""
        return self._tool

    @property
    def radius(self) -> float:
        """Reach of the magnet along the boundary, in columns."""
        return self._radius

    @radius.setter
    def radius(self, radius: float) -> None:
        self._radius = min(max(radius, 2.0), 200.0)
        if self._tool is not None and self._at is not None and not self._dragging:
            self._tool.hover(self._at)

    def cancel(self) -> bool:
        """Escape: give up what is half done; whether there was something."""
        self._pace.drop()
        return self._tool is not None and self._tool.cancel()

    def finish(self, *, whole: bool = False) -> None:
        """Enter, with Shift `whole`: end what is under way."""
        if self._tool is not None:
            self._pace.flush()
            self._attempt(partial(self._tool.finish, whole=whole))

    def delete(self) -> None:
        """Delete what is at hand, such as a knot."""
        if self._tool is not None:
            self._attempt(self._tool.delete)

    def on_chosen_boundary(self, at: Pointer) -> bool:
        """Whether a place is on the chosen boundary, and on no other."""
        grading = self.view.grading
        assert grading is not None
        heights, chosen = grading.heights[:, self.view.bscan], self.view.boundary
        return nearest_boundary(heights, at, REACH_PX, chosen) == chosen

    def _keys(self) -> dict[str, Callable[[], None]]:
        """What keys do while a tool is in hand."""
        return {
            "Enter": self.finish,
            "Shift-Enter": partial(self.finish, whole=True),
            "Delete": self.delete,
            "Backspace": self.delete,
        }

    def _is_ready(self) -> bool:
        layer = self.view.labels_layer
        if self._tool is None or layer is None:
            return False
        active = self.view.viewer.layers.selection.active
        # Another layer may be drawn on: then the mouse is its own.
        return shows_bscans(self.view.viewer, layer) and (
            active is None or str(active.mode) == "pan_zoom"
        )

    def _on_tool(self, name: str) -> None:
        self._put_away()
        self._tool = self._tools.get(name)
        tool = self._tool
        if tool is not None and self.view.grading is not None:
            self._hand.take()
            tool.take()
        self._tell()

    def _put_away(self) -> None:
        self._pace.flush()
        if self._tool is not None and self.view.grading is not None:
            self._tool.leave()
        self._tool = None
        self._dragging = False
        self._hovered = None
        self._hand.leave()
        self.overlay.clear()

    def _on_opened(self, grading: Grading | None) -> None:
        self._at = None
        self._tell()

    def _on_step(self, bscan: int) -> None:
        self._pace.flush()
        if self._tool is not None:
            self._tool.leave()
            self.overlay.clear()
            self._tool.take()
        self._dragging = False
        self._tell()
        # Now: else the image would be drawn once with the boundaries of another one.
        self.overlay.flush()

    def _on_chosen(self, chosen: int) -> None:
        if self._tool is not None and self.view.grading is not None:
            self._tool.take()
        self._tell()

    def _on_changed(self, change: Change) -> None:
        if self.view.bscan not in change.bscans:
            return
        taken = self._tool is not None and not self._dragging
        if taken and "heights" in change.targets:
            assert self._tool is not None
            self._tool.take()
        if "states" in change.targets:
            self._tell()

    def _on_move(self, viewer: napari.Viewer, event: Any) -> None:
        layer = self.view.labels_layer
        if layer is None or not self._is_ready():
            return
        self._at = pointer_of(event, layer)
        self._pace.soon(self._hover)

    def _on_zoom(self, event: Any = None) -> None:
        """What the tool has drawn keeps its size on the screen."""
        layer, at = self.view.labels_layer, self._at
        if layer is None or at is None or self._dragging or not self._is_ready():
            return
        per_row, per_column = abs(layer.scale[-2:]) * self.view.viewer.scene.camera.zoom
        self._at = replace(at, px_per_row=per_row, px_per_column=per_column)
        self._pace.soon(self._hover)

    def _hover(self) -> None:
        if self._tool is None or self._at is None or self.view.grading is None:
            return
        self._find_hovered(self._at)
        self._attempt(partial(self._tool.hover, self._at))
        self._tell()

    def _find_hovered(self, at: Pointer) -> None:
        tool, grading = self._tool, self.view.grading
        assert tool is not None and grading is not None
        self._hovered = None
        if not tool.on_boundaries:
            return
        chosen = self.view.boundary
        near = nearest_boundary(
            grading.heights[:, self.view.bscan], at, REACH_PX, chosen
        )
        if near == chosen or not (self.pinned or tool.keeps_boundary):
            self._hovered = near

    def _on_press(
        self, viewer: napari.Viewer, event: Any
    ) -> Generator[None, None, None]:
        layer, tool = self.view.labels_layer, self._tool
        if layer is None or tool is None or not self._is_ready():
            return
        if event.button == _MIDDLE:
            yield from self._move_camera(event)
            return
        # With Alt napari draws a box to zoom into.
        if "Alt" in (at := pointer_of(event, layer)).modifiers:
            return
        self._pace.flush()
        self._at = at
        if not self._take_hold(tool, at):
            return
        if not self._attempt(partial(tool.press, at, event.button)):
            return
        self._dragging = True
        yield
        while event.type == "mouse_move" and self._dragging:
            self._at = pointer_of(event, layer)
            tool.drag(self._at)
            self._pace.soon(partial(self._attempt, tool.follow))
            yield
        if self._dragging:
            end = pointer_of(event, layer)
            # The last moves before the release may not have come: vispy drops those
            # that follow each other within 10 ms.
            if end != self._at:
                tool.drag(end)
                self._pace.soon(partial(self._attempt, tool.follow))
            self._pace.flush()
            self._dragging = False
            self._attempt(tool.release)
            self._tell()

    def _attempt(self, deed: Callable[[], object]) -> bool:
        """Do something; False if it did not work, was not begun, or says so itself."""
        try:
            return bool(deed())
        except EditError as error:
            self.view.said.emit(str(error))
        except OctsegError as error:
            self.view.failed.emit(error)
        if self._tool is not None:
            self._tool.cancel()
        return False

    def _take_hold(self, tool: CanvasTool, at: Pointer) -> bool:
        """Choose the boundary at the pointer; False if there is none to change."""
        if not tool.on_boundaries:
            return True
        grading = self.view.grading
        assert grading is not None
        if tool.changes and "Shift" not in at.modifiers:
            return True
        if not grading.boundary_names:
            self.view.said.emit("These labels have no layers, and so no boundaries.")
            return False
        self._find_hovered(at)
        if self._hovered is not None and self._hovered != self.view.boundary:
            self.view.choose_boundary(self._hovered)
        if self.view.boundary in grading.locked_boundaries:
            name = grading.boundary_names[self.view.boundary]
            self.view.said.emit(f"{name} is a boundary of a locked layer.")
            return False
        return True

    def _on_double_click(self, viewer: napari.Viewer, event: Any) -> None:
        layer, tool = self.view.labels_layer, self._tool
        if layer is None or tool is None or not self._is_ready():
            return
        if event.button == LEFT:
            at = pointer_of(event, layer)
            self._attempt(partial(tool.double_click, at))

    def _move_camera(self, event: Any) -> Generator[None, None, None]:
        camera = self.view.viewer.scene.camera
        before = event.pos
        yield
        while event.type == "mouse_move":
            right, down = (event.pos - before) / event.camera_zoom
            center = list(camera.center)
            center[-2:] = center[-2] - down, center[-1] - right
            camera.center = tuple(center)
            before = event.pos
            yield

    def _tell(self) -> None:
        """Show next to the pointer, and on the canvas, what a click would change."""
        tool, grading = self._tool, self.view.grading
        chosen = None
        if grading is not None and tool is not None and tool.on_boundaries:
            n_boundaries = len(grading.boundary_names)
            chosen = self.view.boundary if n_boundaries else None
        self.overlay.highlight(self._hovered, chosen)
        self._hand.show(tool, self._hovered)

    def _close(self) -> None:
        for callbacks, function in self._callbacks:
            if function in callbacks:
                callbacks.remove(function)
        self._hand.leave()
