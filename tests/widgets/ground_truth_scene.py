"""A window with a correction, a data set in a folder, and the Ground truth tab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QMessageBox

from napari_octseg.editing.grading import Grading
from napari_octseg.editing.review import ACCEPT_AS_IS, ReviewState
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.widgets._layers import add_scan
from napari_octseg.widgets._messages import ErrorMessage
from napari_octseg.widgets.correct import CorrectWidget
from napari_octseg.widgets.ground_truth import GroundTruthWidget
from tests.widgets.clicks import press
from tests.widgets.grading_scene import CLASSES, LAYERS, correct, predict, scan

if TYPE_CHECKING:
    from pathlib import Path

LEFT = Qt.MouseButton.LeftButton
PATIENT = "Erika Musterfrau"


class GroundTruthScene:
    """The Correct tab and the Ground truth tab of one window, and who clicks there."""

    def __init__(self, qtbot: Any, viewer: Any, folder: Path) -> None:
        self.qtbot, self.viewer, self.folder = qtbot, viewer, folder
        viewer.window.resize(1300, 1000)
        self.image = add_scan(viewer, scan(), f"{PATIENT} OD")
        self.correct = CorrectWidget(viewer)
        viewer.window.add_dock_widget(self.correct, name="Correct")
        self.panel = GroundTruthWidget(viewer)
        viewer.window.add_dock_widget(self.panel, name="Ground truth", tabify=True)
        self.panel.parentWidget().raise_()
        qtbot.waitUntil(self.panel.isVisible)

    def grade(
        self, layers: tuple[str, ...] = LAYERS, classes: Any = CLASSES
    ) -> Grading:
        """Correct B-scans 1 and 2, review 2, accept 3 as is, exclude 4."""
        grading = Grading.open(scan(), classes, layers, grader="Anna")
        image = getattr(self.image, "__wrapped__", self.image)
        self.correct.view.show(grading, image, "correction")
        predict(grading)
        correct(grading, 1)
        correct(grading, 2)
        grading.set_state(2, ReviewState.REVIEWED)
        grading.set_state(3, ReviewState.REVIEWED, tool=ACCEPT_AS_IS)
        grading.set_state(4, ReviewState.EXCLUDED)
        box = self.panel.scan_box
        self.until(lambda: "3 B-scans" in box.facts.text())
        return grading

    def make_data_set(self, classes: Any = CLASSES, layers: Any = LAYERS) -> DataSet:
        """An empty data set, which all panels work with."""
        made = DataSet.create(self.folder / "set", "Macula", classes, layers)
        self.panel.folder.choose(made.folder)
        self.rest()
        return made

    def add(self, patient: str = PATIENT) -> None:
        """Type the patient, and press the button."""
        box = self.panel.scan_box
        if box.patient_field.isVisible():
            field = box.patient_field.chooser.lineEdit()
            field.clear()
            QTest.keyClicks(field, patient)
        self.click(box.add_button)
        self.rest()

    def click(self, button: Any) -> None:
        """Press a button of the panel."""
        press(self.qtbot, self.panel, button)

    def until(self, happened: Any, seconds: float = 20) -> None:
        """Let the window live until something has happened."""
        self.qtbot.waitUntil(happened, timeout=round(1000 * seconds))

    def rest(self) -> None:
        """Let all tasks of the panel end."""
        panel = self.panel
        rows = [
            panel.data_set_box.row,
            panel.scan_box.row,
            panel.export_box.row,
            panel.import_box.row,
        ]
        self.until(
            lambda: (
                not any(row.is_busy for row in rows)
                and not panel.data_set_box.is_counting
                and not panel.split_box.is_busy
            )
        )

    def message(self) -> str:
        """Text of the message over the window, which is closed then."""
        window = self.panel.window()
        self.until(lambda: bool(window.findChildren(ErrorMessage)))
        shown = window.findChildren(ErrorMessage)[0]
        text = shown.text.text()
        shown.close()
        return str(text)

    def answer(self, words: str) -> str:
        """Press a button of the question over the window; text of the question."""
        window = self.panel.window()
        self.until(lambda: bool(window.findChildren(QMessageBox)))
        [question] = window.findChildren(QMessageBox)
        text = question.text()
        [button] = [b for b in question.buttons() if words in b.text().replace("&", "")]
        self.qtbot.mouseClick(button, LEFT)
        return str(text)


def cells(table: Any) -> list[list[str]]:
    """Texts of a table."""
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]
