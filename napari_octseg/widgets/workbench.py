"""The Workbench: all panels in working order, in one dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QTabBar, QTabWidget, QVBoxLayout, QWidget

from napari_octseg.widgets.correct import CorrectWidget
from napari_octseg.widgets.finetune import FineTuneWidget
from napari_octseg.widgets.ground_truth import GroundTruthWidget
from napari_octseg.widgets.measure import MeasureWidget
from napari_octseg.widgets.scan import ScanWidget
from napari_octseg.widgets.segment import SegmentWidget

if TYPE_CHECKING:
    import napari

    from napari_octseg.widgets._panel import Panel

_TAB_GAP = 13


class WorkbenchWidget(QWidget):
    """One tab per step, from opening a scan to measuring it."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.scan = ScanWidget(napari_viewer)
        self.segment = SegmentWidget(napari_viewer)
        self.correct = CorrectWidget(napari_viewer)
        self.ground_truth = GroundTruthWidget(napari_viewer)
        self.finetune = FineTuneWidget(napari_viewer)
        self.measure = MeasureWidget(napari_viewer)
        self._panels: tuple[Panel, ...] = (
            self.scan,
            self.segment,
            self.correct,
            self.ground_truth,
            self.finetune,
            self.measure,
        )
        self.tabs = QTabWidget()
        self.tabs.setTabBar(_RoomyTabBar())
        self.tabs.addTab(self.scan, "Scan")
        self.tabs.addTab(self.segment, "Segment")
        self.tabs.addTab(self.correct, "Correct")
        self.tabs.addTab(self.ground_truth, "Ground truth")
        self.tabs.addTab(self.finetune, "Fine-tune")
        self.tabs.addTab(self.measure, "Measure")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)

    def event(self, event: QEvent) -> bool:
        """Notice that the dock was closed: napari only takes its content out."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            for panel in self._panels:
                panel.close_down()
        return bool(super().event(event))


class _RoomyTabBar(QTabBar):
    """A tab bar whose titles are all seen, side by side, in the narrowest dock.

    napari's theme cuts their upper edge, and leaves room for four.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setStyleSheet("QTabBar, QTabBar::tab { padding: 3px 0; font-size: 8pt; }")

    def tabSizeHint(self, index: int) -> QSize:
        title = self.fontMetrics().horizontalAdvance(self.tabText(index))
        return QSize(title + _TAB_GAP, super().tabSizeHint(index).height() + 8)
