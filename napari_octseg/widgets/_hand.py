"""What it means for napari that one of our tools is in hand: mouse, keys, words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_octseg.editing.review import ReviewState
from napari_octseg.widgets._canvas_cursor import canvas_of, tool_cursor
from napari_octseg.widgets._grading_view import BRUSH_TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qtpy.QtWidgets import QWidget

    from napari_octseg.widgets._canvas_tool import CanvasTool
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel

_ZOOMS = "double_click_to_zoom"
"""napari's own callback, which would zoom where a double click ends a live-wire."""


class Hand:
    """Takes the left button, double clicks and some keys from napari, and returns them.

    Parameters
    ----------
    view, panel
        Where.
    keys
        What keys do while a tool is in hand.
    """

    def __init__(
        self, view: GradingView, panel: Panel, keys: Mapping[str, Callable[[], None]]
    ) -> None:
        self._view = view
        self._panel = panel
        self._keys = keys
        self._had: list[tuple[Any, str, Any]] = []
        self._zooms: list[Any] = []
        self._taken = False
        self._canvas: QWidget | None = None
        self._words = ""
        self._text_before: tuple[str, bool] | None = None
        viewer = view.viewer
        panel.listen(viewer.layers.selection.events.active, self._on_active)
        panel.listen(viewer.cursor.events.style, self._on_style)

    def take(self) -> None:
        """A tool is in hand."""
        if self._taken:
            return
        self._taken = True
        self._find_canvas()
        viewer = self._view.viewer
        clicks = viewer.mouse_double_click_callbacks
        self._zooms = [f for f in clicks if getattr(f, "__name__", "") == _ZOOMS]
        for function in self._zooms:
            clicks.remove(function)
        self._on_active()
        viewer.cursor.style = "cross"
        providers: tuple[Any, ...] = (viewer, self._view.labels_layer)
        for provider in providers:
            for key, deed in self._keys.items():
                had = provider.bind_key(key, _without_layer(deed), overwrite=True)
                self._had.append((provider, key, had))

    def leave(self) -> None:
        """No tool is in hand any more: everything is as it was."""
        if not self._taken:
            return
        self._taken = False
        viewer = self._view.viewer
        viewer.mouse_double_click_callbacks.extend(self._zooms)
        for provider, key, had in self._had:
            provider.bind_key(key, had, overwrite=True)
        self._had.clear()
        active = viewer.layers.selection.active
        viewer.scene.camera.mouse_pan = active is None or active.mouse_pan
        # The style says nothing new to napari while it is the same.
        viewer.cursor.style = "standard" if active is None else active.cursor
        if self._canvas is not None and viewer.cursor.style == "standard":
            self._canvas.unsetCursor()
        self._words = ""
        self._write("")

    def show(self, tool: CanvasTool | None, hovered: int | None) -> None:
        """Say what is in hand, and what it would change."""
        words = self._words_for(tool, hovered)
        if words == self._words:
            return
        self._words = words
        self._write(words)
        if self._taken:
            self._set_cursor()

    def _words_for(self, tool: CanvasTool | None, hovered: int | None) -> str:
        view = self._view
        grading = view.grading
        if grading is None or (tool is None and view.tool not in BRUSH_TOOLS):
            return ""
        title = view.tool if tool is None else tool.title
        state = ReviewState(int(grading.states[view.bscan]))
        if not state.is_open:
            return f"{title} · locked: {state.name.lower()}"
        if tool is not None and tool.changes:
            target = tool.changes
        elif tool is not None and tool.on_boundaries:
            names = grading.boundary_names
            chosen = view.boundary if hovered is None else hovered
            target = names[chosen] if chosen < len(names) else "no boundaries"
        else:
            target = grading.label_set.names[view.class_index]
        return f"{title} · {target}"

    def _write(self, words: str) -> None:
        text = self._view.viewer.canvas.overlays.text
        if words and self._text_before is None:
            self._text_before = (text.text, text.visible)
            text.position = "top_left"
        if words:
            text.text, text.visible = words, True
        elif self._text_before is not None:
            text.text, text.visible = self._text_before
            self._text_before = None

    def _on_active(self, event: Any = None) -> None:
        active = self._view.viewer.layers.selection.active
        if self._taken and (active is None or str(active.mode) == "pan_zoom"):
            self._view.viewer.scene.camera.mouse_pan = False

    def _on_style(self, event: Any = None) -> None:
        if self._taken:
            self._set_cursor()

    def _set_cursor(self) -> None:
        if self._canvas is not None:
            self._canvas.setCursor(tool_cursor(self._words))

    def _find_canvas(self) -> None:
        if self._canvas is None and (canvas := canvas_of(self._panel)) is not None:
            canvas.destroyed.connect(self._forget_canvas)
            self._canvas = canvas

    def _forget_canvas(self) -> None:
        self._canvas = None


def _without_layer(deed: Callable[[], None]) -> Callable[[Any], None]:
    def run(_: Any) -> None:
        deed()

    return run
