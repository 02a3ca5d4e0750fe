"""Choose a labels layer, or none, among those of the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import Signal

from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._layers import is_overlay, plain

if TYPE_CHECKING:
    import napari

    from napari_octseg.widgets._panel import Panel


class LabelsChooser(NarrowComboBox):
    """The labels layers of the viewer, newest first.

    Parameters
    ----------
    viewer, panel
        Where it is; the panel ends its listening.
    nothing
        Text of an entry for no layer at all; it is then chosen until a person chooses
        another. Without it the chooser follows the layer list while it is enabled.

    Signals
    -------
    layer_changed
        Another labels layer, or None, is the present one.
    """

    layer_changed = Signal(object)

    def __init__(
        self, viewer: napari.Viewer, panel: Panel, *, nothing: str | None = None
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._nothing = nothing
        self._layers: list[Labels] = []
        self._layer: Labels | None = None
        for event in ("inserted", "removed", "reordered", "renamed"):
            panel.listen(getattr(viewer.layers.events, event), self._on_layers)
        if nothing is None:
            panel.listen(viewer.layers.selection.events.active, self._on_active)
        self.activated.connect(self._on_activated)
        self._on_layers()
        if nothing is None:
            self._on_active()

    @property
    def layer(self) -> Labels | None:
        """The present labels layer; None if there is none."""
        return self._layer

    @property
    def layers(self) -> tuple[Labels, ...]:
        """All that can be chosen, newest first."""
        return tuple(self._layers)

    def choose(self, layer: Labels | None) -> None:
        """Make a layer of the viewer the present one."""
        if layer is not None and layer not in self._layers:
            return
        place = 0 if layer is None else self._layers.index(layer)
        has_entry = layer is not None and self._nothing is not None
        self.setCurrentIndex(place + has_entry)
        if layer is not self._layer:
            self._layer = layer
            self.layer_changed.emit(layer)

    def _on_layers(self, event: Any = None) -> None:
        self._layers = [x for x in reversed(list(self._viewer.layers)) if _is_ours(x)]
        names = [layer.name for layer in self._layers]
        self.blockSignals(True)
        self.clear()
        if self._nothing is not None:
            names.insert(0, self._nothing)
        self.addItems(names or ["no labels yet"])
        self.blockSignals(False)
        keep = self._layer if self._layer in self._layers else None
        first = self._layers[0] if self._layers and self._nothing is None else None
        self.choose(keep or first)

    def _on_active(self, event: Any = None) -> None:
        active = plain(self._viewer.layers.selection.active)
        if active in self._layers and self.isEnabled():
            self.choose(active)

    def _on_activated(self, index: int) -> None:
        place = index - (self._nothing is not None)
        self.choose(self._layers[place] if 0 <= place < len(self._layers) else None)


def _is_ours(layer: Any) -> bool:
    return isinstance(layer, Labels) and not is_overlay(layer) and layer.ndim in (2, 3)
