"""The labels of one layer: classes, areas on the B-scan shown, overlays, saving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtWidgets import QGroupBox, QLabel, QPushButton, QVBoxLayout
from superqt.utils import qthrottled

from napari_octseg.widgets._layers import (
    bscan_on_screen,
    facts_of,
    has_known_plane,
    known_volume,
    plain,
)
from napari_octseg.widgets._legend import ClassTable
from napari_octseg.widgets._overlay_switch import OverlaySwitch
from napari_octseg.widgets._overlays import BoundaryOverlay, ColumnStrip
from napari_octseg.widgets._results import title_of
from napari_octseg.widgets._runs import is_enface
from napari_octseg.widgets._save_labels import LabelsSaver

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._choosers import ScanChooser
    from napari_octseg.widgets._panel import Panel
    from napari_octseg.widgets._results import Result

# A stroke of the brush, or a run, changes labels many times in a second.
_REST_MS = 100


class LabelsView(QGroupBox):
    """Follows the labels layer that was made or selected last; hidden until then."""

    def __init__(
        self, viewer: napari.Viewer, panel: Panel, scan_chooser: ScanChooser
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._scan_chooser = scan_chooser
        self._layer: Labels | None = None
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.class_table = ClassTable()
        self.boundary_switch = OverlaySwitch("Show boundaries", viewer, panel)
        self.unsure_switch = OverlaySwitch(
            "Show where the model is unsure", viewer, panel
        )
        self.unsure_switch.setToolTip(
            "A strip above the B-scan: the brighter, the less sure the model is there"
        )
        self.saver = LabelsSaver()
        self.save_button = self.saver.button
        self.measure_button = QPushButton("Quantify…")
        self.measure_button.setToolTip(
            "Shares, areas and volumes of the whole scan, and the 3-D view"
        )
        self.measure_button.clicked.connect(self._on_measure)
        layout = QVBoxLayout(self)
        for widget in (
            self.caption,
            self.class_table,
            self.boundary_switch,
            self.unsure_switch,
            self.measure_button,
            self.saver,
        ):
            layout.addWidget(widget)
        self._show_areas_soon = qthrottled(self._show_areas, timeout=_REST_MS)
        panel.listen(viewer.dims.events.current_step, self._on_change)
        panel.listen(viewer.layers.selection.events.active, self._on_active)
        panel.listen(viewer.layers.events.removed, self._on_removed)
        panel.closing.connect(self._forget)
        self.hide()
        self._on_active()

    @property
    def layer(self) -> Labels | None:
        """The labels layer shown."""
        return self._layer

    def show_labels(self, layer: Labels) -> None:
        """Show another labels layer; it must carry a volume and a label set."""
        if layer is self._layer:
            return
        self._forget()
        self._layer = layer
        for event in _events_of(layer):
            event.connect(self._on_change)
        self.saver.offer(layer)
        self.class_table.show_classes(facts_of(layer)["label_set"])
        self._offer_overlays(layer)
        self.show()
        self._show_areas()

    def refresh(self) -> None:
        """The labels have grown."""
        self.boundary_switch.redraw()
        self.unsure_switch.redraw()
        self._show_areas()

    def _on_active(self, event: Any = None) -> None:
        active = plain(self._viewer.layers.selection.active)
        if isinstance(active, Labels) and {"volume", "label_set"} <= set(
            facts_of(active)
        ):
            self.show_labels(active)

    def _on_measure(self) -> None:
        from napari_octseg.widgets.measure import show_measures

        if self._layer is not None:
            show_measures(self._viewer, self, self._layer)

    def _on_removed(self, event: Any) -> None:
        if event.value is self._layer:
            self._forget()
            self.hide()
            self.boundary_switch.offer(None, None)
            self.unsure_switch.offer(None, None)

    def _forget(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None:
            self.saver.offer(None)
            for event in _events_of(layer):
                event.disconnect(self._on_change)

    def _offer_overlays(self, layer: Labels) -> None:
        segmentation: Result | None = facts_of(layer).get("segmentation")
        image = self._image_of(layer)
        if segmentation is None or image is None:
            self.boundary_switch.offer(None, None)
            self.unsure_switch.offer(None, None)
            return
        viewer, title = self._viewer, title_of(segmentation)
        boundaries, uncertainty = segmentation.boundaries, segmentation.uncertainty
        self.unsure_switch.offer(
            uncertainty,
            lambda: ColumnStrip(viewer, image, uncertainty, name=f"unsure – {title}"),
        )
        if boundaries is None:
            self.boundary_switch.offer(None, None)
            return
        self.boundary_switch.offer(
            boundaries,
            lambda: BoundaryOverlay(
                viewer, image, boundaries, name=f"boundaries – {title}"
            ),
        )

    def _image_of(self, layer: Labels) -> Image | None:
        """The scan that a labels layer belongs to."""
        volume = facts_of(layer)["volume"]
        for other in self._scan_chooser.layers:
            if known_volume(other) is volume:
                return other
        return None

    def _on_change(self, event: Any = None) -> None:
        self._show_areas_soon()

    def _show_areas(self) -> None:
        layer = self._layer
        if layer is None:
            return
        volume: OCTVolume = facts_of(layer)["volume"]
        index = bscan_on_screen(self._viewer, layer)
        image = self._image_of(layer)
        is_picture = image is not None and is_enface(image)
        self.setTitle(
            "Labels on this picture" if is_picture else "Labels on this B-scan"
        )
        place = layer.name if is_picture else f"{layer.name}, B-scan {index}"
        remark = (
            "Research use only."
            if has_known_plane(volume)
            else "In px, for the spacing is unknown."
        )
        self.caption.setText(f"{place}. {remark}")
        labels = layer.data if layer.ndim == 2 else layer.data[index]
        self.class_table.show_areas(labels, volume)


def _events_of(layer: Labels) -> tuple[Any, ...]:
    """Events after which areas may be others."""
    # Undo and redo say nothing but that the picture was drawn anew (`set_data`).
    return layer.events.paint, layer.events.scale, layer.events.set_data
