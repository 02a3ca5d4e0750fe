"""The data set that is worked with: make it, open it, see what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.engine.progress import Progress
from napari_octseg.errors import OctsegError
from napari_octseg.groundtruth.versions import scan_folders
from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._gt_new_data_set import NewDataSetDialog
from napari_octseg.widgets._gt_short_table import ShortTable
from napari_octseg.widgets._gt_split_box import split_text
from napari_octseg.widgets._gt_summary import iter_summary
from napari_octseg.widgets._gt_task_row import TaskRow
from napari_octseg.widgets._legend import swatch
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._plain_table import PlainTable, number_item
from napari_octseg.widgets._tasks import RunningTask, while_alive
from napari_octseg.widgets._text import amber
from napari_octseg.widgets._text_labels import name_label, wrapped_label
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.widgets._data_set_folder import DataSetFolder
    from napari_octseg.widgets._gt_open_correction import OpenCorrection
    from napari_octseg.widgets._gt_summary import Summary
    from napari_octseg.widgets._panel import Panel

_NOTHING_YET = (
    "Corrected scans are collected in a data set: a folder of its own, from which "
    "models learn. Make a new one, or open one."
)


class DataSetBox(QGroupBox):
    """Name, buttons, counts; scans and classes are folded away.

    Signals
    -------
    summarised
        The `Summary` of the data set, or None if none is open.
    """

    summarised = Signal(object)

    def __init__(
        self, folder: DataSetFolder, correction: OpenCorrection, panel: Panel
    ) -> None:
        super().__init__("Data set")
        self._folder = folder
        self._correction = correction
        self._counting: RunningTask | None = None
        self.summary: Summary | None = None
        self._build(panel)
        self.new_button.clicked.connect(self._on_new)
        self.open_button.clicked.connect(self._on_open)
        self.check_button.clicked.connect(self._on_check)
        self.row.busy_changed.connect(self._on_busy)
        folder.changed.connect(self.refresh)
        panel.closing.connect(self._forget)

    def _build(self, panel: Panel) -> None:
        self.name_label = name_label()
        self.new_button = QPushButton("New…")
        self.open_button = QPushButton("Open…")
        self.facts = wrapped_label()
        self.class_table = PlainTable()
        self.scan_table = ShortTable()
        self.check_button = QPushButton("Check all files")
        self.check_button.setToolTip("Whether each file is as it was when it was added")
        self.row = TaskRow(panel)
        self.class_fold, self.scan_fold = Fold("Classes"), Fold("Scans")
        self.class_fold.body.addWidget(self.class_table)
        self.scan_fold.body.addWidget(self.scan_table)
        self.scan_fold.body.addWidget(self.check_button)
        self.scan_fold.body.addWidget(self.row)
        self.folds = QWidget()
        folds = QVBoxLayout(self.folds)
        folds.setContentsMargins(0, 0, 0, 0)
        folds.setSpacing(2)
        folds.addWidget(self.class_fold)
        folds.addWidget(self.scan_fold)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self.name_label, 1)
        head.addWidget(self.new_button)
        head.addWidget(self.open_button)
        layout = QVBoxLayout(self)
        layout.addLayout(head)
        layout.addWidget(self.facts)
        layout.addWidget(self.folds)

    @property
    def is_counting(self) -> bool:
        """Whether its scans are being counted."""
        return self._counting is not None

    def refresh(self) -> None:
        """Look at the data set anew; its scans are counted in a thread."""
        try:
            data_set = self._folder.open()
        except OctsegError as error:
            # No message over the window: nobody has asked for anything yet.
            self._show_none(str(error))
            return
        if data_set is None:
            gone = self._folder.missing
            self._show_none("" if gone is None else f"{gone} is not there any more.")
            return
        self._show_name(data_set)
        self._forget()
        task = RunningTask(iter_summary(data_set), "Looking at the data set")
        task.succeeded.connect(while_alive(self._on_counted, task))
        task.failed.connect(while_alive(self._on_failed, task))
        self._counting = task
        task.start()

    def _show_name(self, data_set: DataSet) -> None:
        self.name_label.setText(data_set.name)
        self.name_label.setToolTip(str(data_set.folder))
        if self.summary is None or self.summary.folder != data_set.folder:
            self.facts.setText("Counting…")
            self.folds.hide()

    def _show_none(self, why: str) -> None:
        self._forget()
        self.summary = None
        self.name_label.setText("no data set")
        self.name_label.setToolTip("")
        text = _NOTHING_YET if not why else f"{amber(why)} {_NOTHING_YET}"
        self.facts.setText(text)
        self.folds.hide()
        self.summarised.emit(None)

    def _on_counted(self, task: RunningTask, summary: Summary) -> None:
        if task is not self._counting:
            return
        self._counting = None
        self.summary = summary
        self.facts.setText(facts_text(summary))
        self._fill_classes(summary)
        self._fill_scans(summary)
        for widget in (self.class_fold, self.scan_table):
            widget.show()
        self.folds.setVisible(bool(summary.scans))
        self.summarised.emit(summary)

    def _on_failed(self, task: RunningTask, error: Exception) -> None:
        if task is not self._counting:
            return
        self._counting = self.summary = None
        self.facts.setText(amber(str(error)))
        # The check tells of everything that is wrong.
        for widget in (self.class_fold, self.scan_table):
            widget.hide()
        self.folds.show()
        self.scan_fold.set_unfolded(True)
        self.summarised.emit(None)

    def _forget(self) -> None:
        task, self._counting = self._counting, None
        if task is not None:
            task.cancel()

    def _fill_classes(self, summary: Summary) -> None:
        table = self.class_table
        table.set_size(len(summary.classes), ["class", "B-scans", "patients"])
        for row, one in enumerate(summary.classes):
            name = QTableWidgetItem(
                swatch(one.label_class.colour), one.label_class.name
            )
            name.setToolTip(one.label_class.long_name or one.label_class.name)
            table.setItem(row, 0, name)
            table.setItem(row, 1, number_item(str(one.n_bscans)))
            table.setItem(row, 2, number_item(str(one.n_patients)))
        table.fit_height()

    def _fill_scans(self, summary: Summary) -> None:
        table = self.scan_table
        table.set_size(len(summary.scans), ["scan", "patient", "B-scans", "v."])
        table.horizontalHeaderItem(3).setToolTip("Number of the newest version")
        for row, one in enumerate(summary.scans):
            for column, text in enumerate((one.name, one.patient)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                table.setItem(row, column, item)
            table.setItem(row, 2, number_item(str(one.n_graded_bscans)))
            table.setItem(row, 3, number_item(str(one.newest.number)))
        table.fit_height()

    def _on_new(self) -> None:
        dialog = NewDataSetDialog(self, self._correction.grading)
        dialog.made.connect(self._folder.choose)
        dialog.open()

    def _on_open(self) -> None:
        from napari_octseg.groundtruth.data_set import DataSet

        known = self._folder.folder
        name = QFileDialog.getExistingDirectory(
            self, "Open a data set", "" if known is None else str(known.parent)
        )
        if not name:
            return
        try:
            DataSet.open(Path(name))
        except OctsegError as error:
            show_error(self, error)
            return
        self._folder.choose(Path(name))

    def _on_check(self) -> None:
        try:
            data_set = self._folder.open()
        except OctsegError as error:
            show_error(self, error)
            return
        if data_set is not None:
            self.row.start(
                check_steps(data_set), "Checking the files…", self._on_checked
            )

    def _on_checked(self, faults: list[str]) -> None:
        if not faults:
            self.row.say("Every file is as it was when it was added.")
            return
        self.row.say(
            amber(f"{counted(len(faults), 'file')} not as added: {faults[0]}"),
            tip="\n".join(faults),
        )

    def _on_busy(self, busy: bool) -> None:
        self.check_button.setEnabled(not busy)


def check_steps(data_set: DataSet) -> Generator[Progress, None, list[str]]:
    """Read all files; what is wrong with them, in sentences."""
    problems: list[str] = []
    # Those that are damaged cannot be listed, but are counted.
    n_scans = len(scan_folders(data_set.folder))
    for n_done, found in enumerate(data_set.iter_check(), 1):
        problems += found
        yield Progress(n_done, max(n_done, n_scans), f"scan {n_done} of {n_scans}")
    return problems


def facts_text(summary: Summary) -> str:
    """What is in a data set, in a few lines of rich text."""
    if not summary.scans:
        return (
            "No scan yet. What you correct is added below; labels of others can be "
            "imported."
        )
    scans = summary.scans
    n_versions = sum(len(one.versions) for one in scans)
    by_state = {
        "reviewed": summary.n_reviewed,
        "corrected": summary.n_corrected,
        "from others": summary.n_others,
    }
    states = ", ".join(f"{n} {state}" for state, n in by_state.items() if n)
    lines = [
        " · ".join(
            counted(n, noun)
            for n, noun in (
                (len(summary.patients), "patient"),
                (len(scans), "scan"),
                (n_versions, "version"),
            )
        ),
        f"{counted(summary.n_bscans, 'B-scan')} with ground truth"
        + (f": {states}" if states else ""),
        split_text(summary.patients, summary.split),
    ]
    return "<br>".join(lines)
