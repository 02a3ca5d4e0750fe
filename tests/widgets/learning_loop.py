"""Somebody who corrects scans in the window, and teaches a model what was corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_octseg.boundaries import labels_to_boundaries
from napari_octseg.widgets._gt_new_data_set import NewDataSetDialog
from napari_octseg.widgets._messages import ErrorMessage
from tests.widgets.grading_session import Session, until

if TYPE_CHECKING:
    from pathlib import Path

LEFT = Qt.MouseButton.LeftButton
N_LINE = 20
"""Pieces of a line that is drawn across a B-scan."""


@dataclass(frozen=True, eq=False)
class Eye:
    """A scan of one B-scan in a file, and what a grader sees there.

    `truth` is (1, depth, width) uint8; its classes 1, 2, … are the layers.
    """

    patient: str
    path: Path
    truth: np.ndarray

    @property
    def heights(self) -> np.ndarray:
        """True boundaries (n_boundaries, width), px from the top."""
        layers = range(1, int(self.truth.max()) + 1)
        return labels_to_boundaries(self.truth, tuple(layers))[:, 0]


class LoopSession(Session):
    """A window with the Workbench, somebody who clicks there, and pictures of it."""

    def __init__(self, viewer: Any, stations: Path) -> None:
        super().__init__(viewer)
        self._stations = stations
        stations.mkdir(parents=True, exist_ok=True)

    def record(self, station: str) -> None:
        """Keep a picture of the window; nothing must have gone wrong until now."""
        # Panels get their places in rounds: what is asked for asks for more.
        for _ in range(10):
            QApplication.processEvents()
        window = self.viewer.window._qt_window
        messages = [box.text.text() for box in window.findChildren(ErrorMessage)]
        assert not messages, messages
        n = len(list(self._stations.iterdir())) + 1
        path = self._stations / f"{n:02}-{station}.png"
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)

    # Correct

    def open_alone(self, eye: Eye) -> None:
        """Put the scan away that was open, and open another one."""
        self.viewer.layers.clear()
        self.open(eye.path)

    def segment(self, model: str) -> np.ndarray:
        """Run a model on the scan; labels (1, depth, width)."""
        segment = self.bench.segment
        self.turn_to(segment)
        segment.model_picker.choose(model)
        self.click(segment.run_button)
        until(lambda: not segment.is_busy, "the run")
        if segment.error is not None:
            raise segment.error
        return np.array(segment.result.labels)

    def begin_from_prediction(self) -> None:
        """Correct what the model has just made."""
        correct = self.bench.correct
        self.turn_to(correct)
        self.click(correct.start_box.begin_button)
        until(lambda: self.grading is not None, "beginning")
        until(lambda: not correct.header.is_busy, "taking over")

    def draw_boundaries(self, heights: np.ndarray) -> None:
        """Redraw each boundary with the pen, from the middle to either side."""
        correct, desk = self.bench.correct, self.desk()
        self.click(correct.tool_box.buttons["pen"])
        width = heights.shape[1]
        columns = np.linspace(0, width - 1, N_LINE).round().astype(int)
        for boundary, line in enumerate(heights):
            correct.view.choose_boundary(boundary)
            known = columns[np.isfinite(line[columns])]
            start, row = self._hold(boundary, line, known)
            for side in (known[start:], known[start::-1]):
                desk.press(row, side[0])
                assert correct.view.boundary == boundary
                for column in side:
                    desk.drag_to(float(line[column]), column, n_steps=1)
                desk.release()
                row = float(line[side[0]])

    def _hold(
        self, boundary: int, line: np.ndarray, known: np.ndarray
    ) -> tuple[int, float]:
        """Where to take hold of a boundary: place among the known columns, and row.

        In the middle, but where the boundary is now; if it is nowhere, then where it
        should be and no other one is at hand.
        """
        now = self.grading.heights[:, self.bench.correct.view.bscan][:, known]
        far = np.abs(np.arange(len(known)) - len(known) // 2)
        here = np.isfinite(now[boundary])
        if here.any():
            place = int(np.where(here, far, np.inf).argmin())
            return place, float(now[boundary, place])
        gaps = np.nan_to_num(np.abs(now - line[known]), nan=np.inf).min(axis=0)
        place = int(gaps.argmax())
        return place, float(line[known[place]])

    def mark_reviewed(self) -> None:
        """The key of a B-scan that was looked at all over."""
        self.desk().key(Qt.Key.Key_R)

    # Export

    def make_data_set(self, name: str, place: Path) -> Path:
        """Make a data set for such corrections as the one that is open."""
        panel = self.bench.ground_truth
        self.turn_to(panel)
        self.click(panel.data_set_box.new_button)
        [dialog] = panel.window().findChildren(NewDataSetDialog)
        until(dialog.isVisible, "the question")
        dialog.name_field.selectAll()
        QTest.keyClicks(dialog.name_field, name)
        dialog.choose_place(place)
        folder: Path = dialog.folder
        QTest.mouseClick(dialog.make_button, LEFT)
        self._rest()
        return folder

    def add_to_data_set(self, patient: str) -> None:
        """Say whose eye it is, and add it."""
        panel = self.bench.ground_truth
        self.turn_to(panel)
        self._rest()
        box = panel.scan_box
        until(box.patient_field.isVisible, "asking for the patient")
        QTest.keyClicks(box.patient_field.chooser.lineEdit(), patient)
        until(box.add_button.isEnabled, "being ready to add")
        self.click(box.add_button)
        self._rest()

    def hold_out_last(self) -> dict[str, str]:
        """Hold the last patient out, train on the others; what the table says."""
        panel = self.bench.ground_truth
        self.turn_to(panel)
        self._rest()
        if not panel.split_fold.button.isChecked():
            self.click(panel.split_fold.button)
        box = panel.split_box
        table = box.table
        last = table.rowCount() - 1
        for row in range(table.rowCount()):
            wanted = "validation" if row == last else "train"
            # A click moves a patient to the other side; at first it is on none.
            while table.item(row, 3).text() != wanted:
                panel.scroll_area.ensureWidgetVisible(table)
                QApplication.processEvents()
                at = table.visualItemRect(table.item(row, 0)).center()
                QTest.mouseClick(table.viewport(), LEFT, pos=QPoint(at))
                self._rest()
        return {
            table.item(row, 0).text(): table.item(row, 3).text()
            for row in range(table.rowCount())
        }

    def _rest(self) -> None:
        """Let all tasks of the Ground truth tab end."""
        panel = self.bench.ground_truth
        until(
            lambda: (
                not panel.data_set_box.is_counting
                and not panel.scan_box.row.is_busy
                and not panel.split_box.is_busy
            ),
            "the ground truth",
        )

    # Fine-tune

    def prepare_run(self, model: str, *, n_steps: int, rate: str) -> str:
        """Choose a model, the quick preset and its knobs; what the plan says."""
        panel = self.bench.finetune
        self.turn_to(panel)
        setup, box = panel.setup, panel.setup.settings_box
        until(lambda: not setup.is_busy and setup.facts is not None, "the data set")
        setup.model_picker.choose(model)
        self.click(box.presets.button(0))
        self.click(box.fold.button)
        for field, text in ((box.steps_box, str(n_steps)), (box.rate_box, rate)):
            panel.scroll_area.ensureWidgetVisible(field)
            field.setFocus()
            field.selectAll()
            QTest.keyClicks(field, text)
            QTest.keyClick(field, Qt.Key.Key_Return)
        assert (box.steps_box.value(), box.rate_box.value()) == (n_steps, float(rate))
        self.click(box.fold.button)
        until(lambda: not setup.is_busy and setup.is_ready, "the plan")
        text: str = setup.plan_view.sentence.text()
        return text

    def run_fine_tuning(self) -> None:
        """Start the run, and watch it until there is a candidate."""
        panel = self.bench.finetune
        self.click(panel.run_button)
        until(lambda: panel.follower.is_following, "starting")
        plot = panel.run_view.live.dice_plot
        until(
            lambda: bool(plot.curves) and len(plot.curves[0].x) > 2,
            "the validations",
            480,
        )
        self.record("watch")
        until(lambda: not panel.follower.is_following, "the training", 480)
        until(panel.gate.isVisible, "the candidate")
        until(lambda: not panel.errand.is_busy, "the candidate")

    def accept(self, name: str) -> None:
        """Make the candidate a model, and turn to the Segment tab with it."""
        panel = self.bench.finetune
        panel.gate.name_field.selectAll()
        QTest.keyClicks(panel.gate.name_field, name)
        self.click(panel.gate.accept_button)
        until(panel.use_button.isVisible, "accepting")
        until(lambda: not panel.is_busy, "accepting")
        self.click(panel.use_button)
