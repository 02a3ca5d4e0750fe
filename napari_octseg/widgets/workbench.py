"""The Workbench: all panels in working order, in one dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QTabBar, QTabWidget, QVBoxLayout, QWidget

from napari_octseg.widgets.correct import CorrectWidget
from napari_octseg.widgets.measure import MeasureWidget
from napari_octseg.widgets.scan import ScanWidget
from napari_octseg.widgets.segment import SegmentWidget

if TYPE_CHECKING:
    import napari

    from napari_octseg.widgets._panel import Panel


class WorkbenchWidget(QWidget):
    """One tab per step: open a scan, segment it, correct and measure its labels."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.scan = ScanWidget(napari_viewer)
        self.segment = SegmentWidget(napari_viewer)
        self.correct = CorrectWidget(napari_viewer)
        self.measure = MeasureWidget(napari_viewer)
        self._panels: tuple[Panel, ...] = (
            self.scan,
            self.segment,
            self.correct,
            self.measure,
        )
        self.tabs = QTabWidget()
        self.tabs.setTabBar(_RoomyTabBar())
        self.tabs.addTab(self.scan, "Scan")
        self.tabs.addTab(self.segment, "Segment")
        self.tabs.addTab(self.correct, "Correct")
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
    """A tab bar with room for its titles: napari's theme cuts their upper edge."""

    def tabSizeHint(self, index: int) -> QSize:
        hint = super().tabSizeHint(index)
        return QSize(hint.width() + 12, hint.height() + 8)
