"""A check box that shows and hides a drawing on top of the scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from qtpy.QtWidgets import QCheckBox

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Layer

    from napari_octseg.widgets._panel import Panel


class Overlay(Protocol):
    """Something drawn on a scan, in a layer of its own."""

    layer: Layer

    def redraw(self) -> None:
        """What it shows has changed."""

    def remove(self) -> None:
        """Take its layer out of the viewer."""


class OverlaySwitch(QCheckBox):
    """Draws what was offered while it is checked.

    It stays checked from one scan or run to the next, and is unchecked when the layer
    is deleted from the layer list.
    """

    def __init__(self, text: str, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__(text)
        self._viewer = viewer
        self._subject: object = None
        self._draw: Callable[[], Overlay] | None = None
        self._overlay: Overlay | None = None
        self.setEnabled(False)
        self.toggled.connect(self._on_toggled)
        panel.closing.connect(self._clear)
        panel.listen(viewer.layers.events.removed, self._on_removed)

    def offer(self, subject: object, draw: Callable[[], Overlay] | None) -> None:
        """Offer a drawing of `subject`; None if there is none to draw."""
        if draw is not None and subject is self._subject:
            self.redraw()
            return
        self._clear()
        self._subject = subject if draw is not None else None
        self._draw = draw
        self.setEnabled(draw is not None)
        self._on_toggled(self.isChecked())

    def redraw(self) -> None:
        """What is drawn has changed."""
        if self._overlay is not None:
            self._overlay.redraw()

    def _clear(self) -> None:
        overlay, self._overlay = self._overlay, None
        if overlay is not None:
            overlay.remove()

    def _on_toggled(self, checked: bool) -> None:
        if not checked:
            self._clear()
        elif self._draw is not None and self._overlay is None:
            self._overlay = self._draw()

    def _on_removed(self, event: Any) -> None:
        if self._overlay is not None and event.value is self._overlay.layer:
            self.setChecked(False)
