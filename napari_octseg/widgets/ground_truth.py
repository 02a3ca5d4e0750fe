"""The Ground truth panel: corrections into a data set, and the data set to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.widgets._data_set_folder import DataSetFolder
from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._gt_data_set_box import DataSetBox
from napari_octseg.widgets._gt_export_box import ExportBox
from napari_octseg.widgets._gt_import_box import ImportBox
from napari_octseg.widgets._gt_open_correction import OpenCorrection
from napari_octseg.widgets._gt_scan_box import ScanBox
from napari_octseg.widgets._gt_split_box import SplitBox
from napari_octseg.widgets._panel import Panel

if TYPE_CHECKING:
    import napari
    from qtpy.QtGui import QShowEvent

    from napari_octseg.widgets._gt_summary import Summary


class GroundTruthWidget(Panel):
    """A data set; this scan into it; who is held out; export and import."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.folder = DataSetFolder(self)
        self.correction = OpenCorrection(self)
        self.data_set_box = DataSetBox(self.folder, self.correction, self)
        self.scan_box = ScanBox(self.folder, self.correction, self)
        self.split_box = SplitBox(self.folder)
        self.export_box = ExportBox(self.folder, self)
        self.import_box = ImportBox(napari_viewer, self.folder, self.correction, self)
        self.split_fold = Fold("Hold out patients")
        self.split_fold.body.addWidget(self.split_box)
        self.export_fold = Fold("Export the data set")
        self.export_fold.body.addWidget(self.export_box)
        self.import_fold = Fold("Import labels of others")
        self.import_fold.body.addWidget(self.import_box)
        for widget in (
            self.data_set_box,
            self.scan_box,
            self.split_fold,
            self.export_fold,
            self.import_fold,
        ):
            self.body.addWidget(widget)
        self.body.addStretch()
        self.data_set_box.summarised.connect(self._on_summary)
        self._on_summary(None)

    def _on_summary(self, summary: Summary | None) -> None:
        has_scans = summary is not None and bool(summary.scans)
        self.split_fold.setVisible(has_scans)
        self.export_fold.setVisible(has_scans)
        if summary is not None:
            self.split_box.show_summary(summary)
        self.scan_box.show_summary(summary)
        self.import_box.show_summary(summary)

    def showEvent(self, event: QShowEvent) -> None:
        """Corrections were made in another tab, or scans added by another program."""
        super().showEvent(event)
        self.correction.look()
        self.data_set_box.refresh()
