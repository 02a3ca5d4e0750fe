"""Which patients are held out: a table in which a click moves one to the other side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QPushButton, QTableWidgetItem, QVBoxLayout, QWidget

from napari_octseg.errors import OctsegError
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.split import TRAIN, VALIDATION
from napari_octseg.widgets._gt_short_table import ShortTable
from napari_octseg.widgets._legend import swatch
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._plain_table import number_item
from napari_octseg.widgets._tasks import RunningTask, as_task
from napari_octseg.widgets._text import amber
from napari_octseg.widgets._text_labels import wrapped_label
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.widgets._data_set_folder import DataSetFolder
    from napari_octseg.widgets._gt_summary import Summary

_SIDE_COLOURS = {TRAIN: "#8a8a8a", VALIDATION: "#56b4e9"}
_SIDE_TEXTS = {TRAIN: "train", VALIDATION: "validation", "": "not decided"}


class SplitBox(QWidget):
    """A row per patient, with the side it is on."""

    def __init__(self, folder: DataSetFolder) -> None:
        super().__init__()
        self._folder = folder
        self._patients: tuple[str, ...] = ()
        self._split: dict[str, str] = {}
        self._unsaved: dict[str, str] = {}
        self._task: RunningTask | None = None
        self.hint = wrapped_label(
            "A model never learns from the patients held out for validation: they tell "
            "how good it is. A click on a patient moves it to the other side."
        )
        self.table = ShortTable()
        self.table.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        self.note = wrapped_label()
        self.propose_button = QPushButton("Propose")
        self.propose_button.setToolTip(
            "Hold out a fifth of the patients, by chance; who is decided stays"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.hint, self.table, self.note, self.propose_button):
            layout.addWidget(widget)
        self.table.cellClicked.connect(self._on_clicked)
        self.propose_button.clicked.connect(self._on_propose)

    def show_summary(self, summary: Summary) -> None:
        """List the patients of a data set."""
        self._patients = summary.patients
        if self._task is None:
            self._split = {**summary.split, **self._unsaved}
        self.table.set_size(
            len(self._patients), ["patient", "scans", "B-scans", "side"]
        )
        for row, patient in enumerate(self._patients):
            scans = [one for one in summary.scans if one.patient == patient]
            n_bscans = sum(one.n_graded_bscans for one in scans)
            name = QTableWidgetItem(patient)
            name.setToolTip(patient)
            self.table.setItem(row, 0, name)
            self.table.setItem(row, 1, number_item(str(len(scans))))
            self.table.setItem(row, 2, number_item(str(n_bscans)))
            self.table.setItem(row, 3, QTableWidgetItem())
        self._show_sides()
        self.table.fit_height()

    @property
    def is_busy(self) -> bool:
        """Whether sides are being proposed or written."""
        return self._task is not None

    def side_of(self, patient: str) -> str:
        """Side of a patient; empty if nobody has decided."""
        return self._split.get(patient, "")

    def _show_sides(self) -> None:
        for row, patient in enumerate(self._patients):
            side = self.side_of(patient)
            item = self.table.item(row, 3)
            item.setText(_SIDE_TEXTS[side])
            item.setIcon(swatch(_SIDE_COLOURS[side]) if side else QIcon())
        self.table.resizeColumnToContents(3)
        text = split_text(self._patients, self._split)
        self.note.setText(text)
        self.propose_button.setEnabled(
            not self.is_busy
            and any(not self.side_of(patient) for patient in self._patients)
        )

    def _on_clicked(self, row: int, _: int) -> None:
        patient = self._patients[row]
        other = TRAIN if self.side_of(patient) == VALIDATION else VALIDATION
        self._split[patient] = self._unsaved[patient] = other
        self._show_sides()
        self._save()

    def _on_propose(self) -> None:
        self._run(DataSet.fill_split, "Proposing who is held out", self._on_proposed)

    def _on_proposed(self, split: dict[str, str]) -> None:
        # What was clicked meanwhile is written next.
        self._split = {**split, **self._unsaved}

    def _save(self) -> None:
        """Write the sides that changed; another writer may have to be waited for."""
        if self._task is not None or not self._unsaved:
            return
        sides, self._unsaved = self._unsaved, {}
        self._run(lambda data_set: data_set.set_split(sides), "Saving who is held out")

    def _run(
        self,
        deed: Callable[[DataSet], object],
        description: str,
        done: Callable[[Any], None] | None = None,
    ) -> None:
        """Do something to the data set in a thread."""
        try:
            data_set = self._folder.open()
        except OctsegError as error:
            self._on_failed(error)
            self._folder.touch()
            return
        if data_set is None:
            return
        task = RunningTask(as_task(partial(deed, data_set), description), description)
        if done is not None:
            task.succeeded.connect(done)
        task.failed.connect(self._on_failed)
        task.ended.connect(self._on_ended)
        self._task = task
        self._show_sides()
        task.start()

    def _on_ended(self) -> None:
        self._task = None
        self._show_sides()
        if self._unsaved:
            self._save()
        else:
            self._folder.touch()

    def _on_failed(self, error: Exception) -> None:
        # What is in the folder is shown again at the end.
        self._unsaved = {}
        show_error(self, error)
        self._show_sides()


def split_text(patients: tuple[str, ...], split: dict[str, str]) -> str:
    """Who is held out, and what is wrong with it, as rich text."""
    sides = [split.get(patient, "") for patient in patients]
    if not patients:
        return "There is no patient yet."
    if len(patients) == 1:
        return (
            "With one patient, B-scans of the same eye have to be held out: figures "
            "will look better than they are for other patients."
        )
    undecided = sides.count("")
    if VALIDATION not in sides:
        return amber("Nobody is held out yet.")
    if TRAIN not in sides and not undecided:
        return amber("Everybody is held out: a model has nothing to learn from.")
    n_held = counted(sides.count(VALIDATION), "patient")
    text = f"{n_held} of {len(patients)} held out for validation."
    if undecided:
        text += " " + amber(f"{counted(undecided, 'patient')} not decided yet.")
    return text
