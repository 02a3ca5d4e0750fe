"""Choose the scan to work on, among the image layers of the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox

from napari_octseg.widgets._layers import is_overlay, plain

if TYPE_CHECKING:
    import napari

    from napari_octseg.widgets._panel import Panel


class NarrowComboBox(QComboBox):
    """A combo box that long entries do not widen."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.setMinimumContentsLength(12)


class ScanChooser(NarrowComboBox):
    """The image layers of the viewer; follows the layer list and leads it.

    Signals
    -------
    layer_changed
        Another image layer, or None, is the present one; or it got other pixels.
    """

    layer_changed = Signal(object)

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__()
        self._viewer = viewer
        self._layers: list[Image] = []
        self._layer: Image | None = None
        self.setToolTip("The scan to work on: any image layer of the viewer")
        for event in ("inserted", "removed", "reordered", "renamed"):
            panel.listen(getattr(viewer.layers.events, event), self._on_layers)
        panel.listen(viewer.layers.selection.events.active, self._on_active)
        panel.closing.connect(self._unwatch)
        self.activated.connect(self._on_activated)
        self._on_layers()
        self._on_active()

    @property
    def layer(self) -> Image | None:
        """The present image layer; None if there is none."""
        return self._layer

    @property
    def layers(self) -> tuple[Image, ...]:
        """All image layers that can be chosen, newest first."""
        return tuple(self._layers)

    def _on_layers(self, event: Any = None) -> None:
        # Newest first, as in the layer list.
        layers = [x for x in reversed(list(self._viewer.layers)) if _is_scan(x)]
        self._layers = layers
        self.blockSignals(True)
        self.clear()
        self.addItems([layer.name for layer in layers])
        if not layers:
            self.addItem("no scan is open")
        self.blockSignals(False)
        keep = self._layer if self._layer in layers else None
        self._set(keep or (layers[0] if layers else None))

    def _on_active(self, event: Any = None) -> None:
        active = plain(self._viewer.layers.selection.active)
        if active in self._layers:
            self._set(active)

    def _on_activated(self, index: int) -> None:
        if index < len(self._layers):
            # The other panels follow the layer list.
            self._viewer.layers.selection.active = self._layers[index]
            self._set(self._layers[index])

    def _set(self, layer: Image | None) -> None:
        if layer is not None:
            self.setCurrentIndex(self._layers.index(layer))
        if layer is not self._layer:
            self._unwatch()
            self._layer = layer
            if layer is not None:
                layer.events.data.connect(self._on_pixels)
            self.layer_changed.emit(layer)

    def _unwatch(self) -> None:
        if self._layer is not None:
            self._layer.events.data.disconnect(self._on_pixels)

    def _on_pixels(self, event: Any = None) -> None:
        self.layer_changed.emit(self._layer)


def _is_scan(layer: Any) -> bool:
    return isinstance(layer, Image) and not is_overlay(layer) and layer.ndim in (2, 3)
