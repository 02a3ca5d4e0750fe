"""The Scan panel: open a scan, see what was opened, correct its spacing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFormLayout, QGroupBox, QLabel, QVBoxLayout

from napari_octseg.errors import OctsegError
from napari_octseg.io.checks import sanity_warnings
from napari_octseg.io.spacing_defaults import default_spacing, known_device
from napari_octseg.widgets._choosers import ScanChooser
from napari_octseg.widgets._layers import (
    add_layers,
    known_volume,
    set_spacing,
    volume_of,
)
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._opener import Opener
from napari_octseg.widgets._overlay_switch import OverlaySwitch
from napari_octseg.widgets._overlays import BoundaryOverlay
from napari_octseg.widgets._panel import Panel
from napari_octseg.widgets._resume_list import ResumeList
from napari_octseg.widgets._scale_bar import show_scale_bar
from napari_octseg.widgets._scan_facts import ScanFacts
from napari_octseg.widgets._spacing_form import SpacingForm

if TYPE_CHECKING:
    import napari
    from napari.layers import Image
    from qtpy.QtGui import QShowEvent

    from napari_octseg.editing.identity import FoundJournal
    from napari_octseg.io.napari_hooks import LayerData
    from napari_octseg.volume import OCTVolume, Spacing


class ScanWidget(Panel):
    """Open a scan; see eye, device, size and spacing, and where each came from."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.opener = Opener()
        self.scan_chooser = ScanChooser(napari_viewer, self)
        self.hint = QLabel(
            "Open a file, drop one on the image area, or take sample data."
        )
        self.hint.setWordWrap(True)
        self.resume_list = ResumeList(self)
        self.facts = ScanFacts()
        self.spacing_form = SpacingForm()
        self.boundary_switch = OverlaySwitch(
            "Show the device's boundaries", napari_viewer, self
        )
        self._arrange()
        self.closing.connect(self.opener.cancel)
        self.opener.opened.connect(self._on_opened)
        self.scan_chooser.layer_changed.connect(self._on_scan)
        self.resume_list.wanted.connect(self._on_resume)
        self.spacing_form.edited.connect(self._on_spacing)
        self._on_scan(self.scan_chooser.layer)

    def _arrange(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Scan", self.scan_chooser)
        self.facts_box = QGroupBox("What was opened")
        QVBoxLayout(self.facts_box).addWidget(self.facts)
        self.spacing_box = QGroupBox("Spacing in µm")
        QVBoxLayout(self.spacing_box).addWidget(self.spacing_form)
        self.body.addWidget(self.opener)
        self.body.addLayout(form)
        self.body.addWidget(self.hint)
        self.body.addWidget(self.resume_list)
        self.body.addWidget(self.facts_box)
        self.body.addWidget(self.spacing_box)
        self.body.addWidget(self.boundary_switch)
        self.body.addStretch()

    def _on_opened(self, layers: list[LayerData]) -> None:
        add_layers(self._viewer, layers)

    def _on_scan(self, layer: Image | None) -> None:
        volume = None
        if layer is not None:
            try:
                volume = volume_of(layer)
            except OctsegError as error:
                show_error(self, error)
        self.hint.setVisible(volume is None)
        for part in (self.facts_box, self.spacing_box):
            part.setVisible(volume is not None)
        self._offer_boundaries(layer, volume)
        self.resume_list.look(volume)
        if volume is None:
            return
        self.facts.show_volume(volume)
        self.spacing_form.show_scan(volume)
        self._show_advice(volume)
        show_scale_bar(self._viewer, volume)

    def _on_resume(self, journal: FoundJournal) -> None:
        from napari_octseg.widgets.correct import resume_in_front

        layer = self.scan_chooser.layer
        if layer is not None:
            resume_in_front(self._viewer, self, journal, layer)

    def showEvent(self, event: QShowEvent) -> None:
        """Corrections may have been made in another tab."""
        super().showEvent(event)
        layer = self.scan_chooser.layer
        self.resume_list.look(None if layer is None else known_volume(layer))

    def _on_spacing(self, spacing: Spacing) -> None:
        layer = self.scan_chooser.layer
        if layer is not None:
            volume = set_spacing(self._viewer, layer, spacing)
            self.facts.show_volume(volume)
            self._show_advice(volume)
            show_scale_bar(self._viewer, volume)

    def _show_advice(self, volume: OCTVolume) -> None:
        self.facts.show_warnings(sanity_warnings(volume))
        device = known_device(volume.device, volume.shape)
        self.spacing_form.suggest(
            default_spacing(volume), "" if device is None else device.name
        )

    def _offer_boundaries(self, layer: Image | None, volume: OCTVolume | None) -> None:
        boundaries = None if volume is None else volume.boundaries
        self.boundary_switch.setVisible(boundaries is not None)
        if layer is None or boundaries is None:
            self.boundary_switch.offer(None, None)
            return
        viewer = self._viewer
        self.boundary_switch.setToolTip(", ".join(boundaries.names))
        self.boundary_switch.offer(
            boundaries,
            lambda: BoundaryOverlay(
                viewer, layer, boundaries, name="device boundaries"
            ),
        )
