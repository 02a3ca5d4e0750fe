"""A grader's session in a window of its own, until the process is killed.

    python -m tests.widgets.grading_session SCAN FLUID RESULT

opens the file SCAN, runs a model, corrects a boundary by live-wire and a cyst at FLUID
(``bscan,row,column``) by smart fill, spreads the correction, reviews the B-scan, writes
what the arrays hold to the file RESULT (``.npz``), and waits to be killed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from tests.widgets.canvas_desk import Desk

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.widgets.workbench import WorkbenchWidget

MODEL = "octid-unet"
BOUNDARY = "ILM"


def until(happened: Callable[[], bool], what: str, seconds: float = 240) -> None:
    """Let the window live until something has happened."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen in {seconds} s")
        QApplication.processEvents()
        time.sleep(0.01)


class Session:
    """A window with the Workbench, and somebody who clicks in it."""

    def __init__(self, viewer: Any) -> None:
        from napari_octseg.widgets.workbench import WorkbenchWidget

        self.viewer = viewer
        self.bench: WorkbenchWidget = WorkbenchWidget(viewer)
        viewer.window.add_dock_widget(self.bench, name="Workbench")
        viewer.window.resize(1500, 950)
        until(self.bench.isVisible, "the Workbench")

    def click(self, button: Any) -> None:
        """Press a button of the panel in front."""
        self.bench.tabs.currentWidget().scroll_area.ensureWidgetVisible(button)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        QApplication.processEvents()

    def turn_to(self, panel: Any) -> None:
        """Bring a tab to the front."""
        self.bench.tabs.setCurrentWidget(panel)
        QApplication.processEvents()

    def open(self, path: Path) -> None:
        """Open a scan."""
        self.turn_to(self.bench.scan)
        n_before = len(self.viewer.layers)
        self.bench.scan.opener.open_path(path)
        until(lambda: len(self.viewer.layers) > n_before, "opening the scan")
        until(lambda: not self.bench.scan.opener.is_busy, "opening the scan")

    def run_model(self) -> None:
        """Segment all B-scans."""
        segment = self.bench.segment
        self.turn_to(segment)
        segment.model_picker.choose(MODEL)
        self.click(segment.run_button)
        until(lambda: not segment.is_busy, "the run")
        if segment.error is not None:
            raise segment.error

    @property
    def grading(self) -> Any:
        """What is being corrected."""
        return self.bench.correct.view.grading

    def begin(self) -> None:
        """Correct what the model made, with a class for cysts."""
        correct = self.bench.correct
        self.turn_to(correct)
        correct.start_box.finding_boxes["IRF"].setChecked(True)
        self.click(correct.start_box.begin_button)
        until(lambda: self.grading is not None, "beginning")
        until(lambda: not correct.header.is_busy, "taking over")

    def desk(self) -> Desk:
        """The canvas, with a mouse."""
        correct = self.bench.correct
        self.viewer.reset_view()
        QApplication.processEvents()
        return Desk(
            self.viewer,
            correct,
            correct.view,
            correct.overlay,
            correct.canvas_tools,
            self.grading,
        )

    def fix_boundary(self) -> None:
        """Three clicks of the live-wire along the ILM, a little below it."""
        correct, desk = self.bench.correct, self.desk()
        self.click(correct.tool_box.buttons["livewire"])
        index = self.grading.boundary_names.index(BOUNDARY)
        correct.view.choose_boundary(index)
        width = self.grading.volume.width
        curve = self.grading.heights[index, correct.view.bscan].copy()
        for column in (0.3, 0.45, 0.6):
            at = round(column * width)
            desk.click(float(curve[at]) + 4, at)
        desk.key(Qt.Key.Key_Return)

    def fill_cyst(self, row: float, column: float) -> None:
        """One click of the smart fill."""
        correct, desk = self.bench.correct, self.desk()
        self.click(correct.tool_box.buttons["smart-fill"])
        correct.view.choose_class(self.grading.label_set.index("IRF"))
        desk.click(row, column)

    def spread(self) -> None:
        """Take the correction along to the neighbours."""
        box = self.bench.correct.propagate_box
        box.spread()
        until(lambda: not box.is_busy, "spreading")

    def review(self) -> None:
        """The key that marks the B-scan as reviewed."""
        self.desk().key(Qt.Key.Key_R)


def main(scan: str, fluid: str, result: str) -> None:
    """The session; it ends by being killed."""
    import napari

    bscan, row, column = (int(part) for part in fluid.split(","))
    session = Session(napari.Viewer())
    session.open(Path(scan))
    session.run_model()
    session.begin()
    session.bench.correct.view.go_to(bscan)
    session.fix_boundary()
    session.fill_cyst(row, column)
    session.spread()
    session.review()
    partial = Path(result).with_name("partial.npz")
    tools = [record.tool for record in session.grading.journal.edits()]
    np.savez(partial, tools=np.array(tools), **session.grading.arrays)
    # Whole, or not there at all: the one who waits for it reads it at once.
    partial.replace(result)
    until(lambda: False, "the kill")


if __name__ == "__main__":
    main(*sys.argv[1:])
