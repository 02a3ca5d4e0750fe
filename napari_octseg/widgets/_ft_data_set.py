"""The ground truth that a model is to learn from, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_octseg.errors import OctsegError
from napari_octseg.widgets._tasks import RunningTask, as_task, while_alive
from napari_octseg.widgets._text import red
from napari_octseg.widgets._text_labels import name_label
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.labels import LabelSet
    from napari_octseg.widgets._data_set_folder import DataSetFolder
    from napari_octseg.widgets._panel import Panel

_NONE_YET = (
    "There is no ground truth yet: correct some B-scans, and add them to a data set on "
    "the Ground truth tab."
)
_EMPTY = "It holds no corrected B-scan yet: add one on the Ground truth tab."


@dataclass(frozen=True)
class DataSetFacts:
    """What is told of a data set, and what a model has to share with it."""

    folder: Path
    name: str
    label_set: LabelSet
    n_bscans: int
    n_scans: int
    n_patients: int
    n_held_out: int


class DataSetLine(QGroupBox):
    """Name of the data set, what is in it, and a button to where it is made.

    Signals
    -------
    told
        `DataSetFacts`, or None without a data set that can be trained on.
    asked
        The Ground truth tab is wanted.
    """

    told = Signal(object)
    asked = Signal()

    def __init__(self, folder: DataSetFolder, panel: Panel) -> None:
        super().__init__("Ground truth")
        self._folder = folder
        self._reading: RunningTask | None = None
        self.facts: DataSetFacts | None = None
        self.name_label = name_label()
        self.change_button = QPushButton("Change…")
        self.change_button.setToolTip("Choose, make or fill a data set")
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.name_label, 1)
        row.addWidget(self.change_button)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.summary)
        self.change_button.clicked.connect(self.asked)
        folder.changed.connect(self.refresh)
        panel.closing.connect(self._forget)

    @property
    def is_busy(self) -> bool:
        """Whether it is being read."""
        return self._reading is not None

    def refresh(self) -> None:
        """Look at the data set anew, in a thread."""
        try:
            data_set = self._folder.open()
        except OctsegError as error:
            self._show_none(red(error.got))
            return
        if data_set is None:
            self._show_none(_NONE_YET)
            return
        self._forget()
        task = RunningTask(
            as_task(lambda: facts_of(data_set), "reading"), "Looking at the data set"
        )
        task.succeeded.connect(while_alive(self._on_read, task))
        task.failed.connect(while_alive(self._on_failed, task))
        self._reading = task
        task.start()

    def _on_read(self, task: RunningTask, facts: DataSetFacts) -> None:
        if task is not self._reading:
            return
        self._reading = None
        self.name_label.setText(facts.name)
        self.name_label.setToolTip(str(facts.folder))
        self.summary.setText(summary_of(facts))
        self.facts = facts if facts.n_bscans else None
        self.told.emit(self.facts)

    def _on_failed(self, task: RunningTask, error: Exception) -> None:
        if task is self._reading:
            self._show_none(red(getattr(error, "got", str(error))))

    def _show_none(self, text: str) -> None:
        self._forget()
        self.name_label.setText("no data set")
        self.name_label.setToolTip("")
        self.summary.setText(text)
        self.facts = None
        self.told.emit(None)

    def _forget(self) -> None:
        task, self._reading = self._reading, None
        if task is not None:
            task.cancel()


def facts_of(data_set: DataSet) -> DataSetFacts:
    """Count scans and patients.

    Raises
    ------
    ReadError
        If a file of the data set is damaged.
    """
    scans = data_set.scans()
    split = data_set.split()
    patients = {scan.patient for scan in scans}
    return DataSetFacts(
        data_set.folder,
        data_set.name,
        data_set.label_set,
        sum(scan.n_graded_bscans for scan in scans),
        len(scans),
        len(patients),
        sum(split.get(patient) == "validation" for patient in patients),
    )


def summary_of(facts: DataSetFacts) -> str:
    """The counts in words."""
    if not facts.n_bscans:
        return _EMPTY
    text = (
        f"{counted(facts.n_bscans, 'corrected B-scan')} of "
        f"{counted(facts.n_scans, 'scan')}, {counted(facts.n_patients, 'patient')}"
    )
    if facts.n_held_out:
        text += f"; {counted(facts.n_held_out, 'patient')} held out to judge"
    return text
