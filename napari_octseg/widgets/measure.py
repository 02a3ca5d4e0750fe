"""The Measure panel: figures of the labels, and the 3-D view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFormLayout

from napari_octseg.widgets._labels_chooser import LabelsChooser
from napari_octseg.widgets._panel import Panel
from napari_octseg.widgets._panel_in_front import panel_in_front
from napari_octseg.widgets._quantify_box import QuantifyBox
from napari_octseg.widgets._stack_box import StackBox

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels
    from qtpy.QtWidgets import QWidget


class MeasureWidget(Panel):
    """Choose labels, and a ground truth if there is one; quantify, look, save."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.labels_chooser = LabelsChooser(napari_viewer, self)
        self.labels_chooser.setToolTip("The labels to measure: a model's or your own")
        self.truth_chooser = LabelsChooser(napari_viewer, self, nothing="none")
        self.truth_chooser.setToolTip("Labels of the same scan to hold them against")
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Labels", self.labels_chooser)
        form.addRow("Ground truth", self.truth_chooser)
        self.body.addLayout(form)
        self.quantify_box = QuantifyBox(
            napari_viewer, self, self.labels_chooser, self.truth_chooser
        )
        self.stack_box = StackBox(napari_viewer, self, self.labels_chooser)
        self.body.addWidget(self.quantify_box)
        self.body.addWidget(self.stack_box)
        self.body.addStretch()


def show_measures(viewer: napari.Viewer, asker: QWidget, layer: Labels) -> None:
    """Bring the Measure panel of this window forward, on these labels.

    Parameters
    ----------
    viewer
        The viewer; without a Measure panel, in the Workbench or of its own, it gets
        one.
    asker
        Any widget of its window.
    layer
        Labels to measure.
    """
    panel = panel_in_front(viewer, asker, MeasureWidget, "Measure")
    panel.labels_chooser.choose(layer)
