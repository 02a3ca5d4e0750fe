"""The correction that is open, on its way into the data set."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QCheckBox,
    QGroupBox,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
)

from napari_octseg.editing.harvest import gathered, harvest
from napari_octseg.engine.progress import Progress
from napari_octseg.errors import OctsegError
from napari_octseg.groundtruth.class_mapping import propose
from napari_octseg.groundtruth.scan_hash import scan_name
from napari_octseg.groundtruth.versions import Kept
from napari_octseg.widgets._gt_absent_findings import AbsentFindings
from napari_octseg.widgets._gt_mapping_table import MappingTable
from napari_octseg.widgets._gt_patient_field import PatientField
from napari_octseg.widgets._gt_scan_facts import (
    NOTHING_OPEN,
    added_cell,
    harvest_text,
    state_rows,
)
from napari_octseg.widgets._gt_task_row import TaskRow
from napari_octseg.widgets._layers import volume_of
from napari_octseg.widgets._legend import swatch
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._order_question import ask_about_order
from napari_octseg.widgets._plain_table import PlainTable, number_item
from napari_octseg.widgets._resume_list import day_text
from napari_octseg.widgets._review_facts import STATE_COLOURS, STATE_TEXTS
from napari_octseg.widgets._save_labels import order_check_of
from napari_octseg.widgets._tasks import as_task
from napari_octseg.widgets._text_labels import name_label, wrapped_label
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_octseg.editing.grading import Grading
    from napari_octseg.editing.harvest import Harvest
    from napari_octseg.groundtruth.class_mapping import ClassMapping
    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.groundtruth.versions import ScanEntry, ScanVersion
    from napari_octseg.widgets._data_set_folder import DataSetFolder
    from napari_octseg.widgets._gt_open_correction import OpenCorrection
    from napari_octseg.widgets._gt_scan_facts import StateRow
    from napari_octseg.widgets._gt_summary import Summary
    from napari_octseg.widgets._panel import Panel


_OTHER_CLASSES = "The data set has other classes: choose what each class becomes."

_PALE = "#8a8a8a"


class ScanBox(QGroupBox):
    """What of it is ground truth, whose eye it is, and a button that adds it."""

    def __init__(
        self, folder: DataSetFolder, correction: OpenCorrection, panel: Panel
    ) -> None:
        super().__init__("This scan")
        self._folder = folder
        self._correction = correction
        self._summary: Summary | None = None
        self._found: Harvest | None = None
        self._shown: Grading | None = None
        self._checked: Grading | None = None
        self._build(panel)
        self.add_button.clicked.connect(self._on_add)
        self.patient_field.changed.connect(self._show_ready)
        self.replace_box.toggled.connect(self._show_known)
        self.mapping_table.changed.connect(self._show_absent)
        self.row.busy_changed.connect(self._on_busy)
        correction.changed.connect(self.refresh)
        self.refresh()

    def _build(self, panel: Panel) -> None:
        self.name_label = name_label()
        self.table = PlainTable()
        self.facts = wrapped_label()
        self.known = wrapped_label()
        self.patient_field = PatientField()
        self.mapping_note = wrapped_label()
        self.mapping_table = MappingTable("in the correction")
        self.absent = AbsentFindings()
        self.note = wrapped_label()
        self.replace_box = QCheckBox("Replace what is there")
        self.replace_box.setToolTip(
            "B-scans and columns that are graded in the data set, but not in this "
            "correction, drop out of use; older versions keep them"
        )
        self.add_button = QPushButton("Add to data set")
        self.add_button.setToolTip("As a new version; nothing there is overwritten")
        self.row = TaskRow(panel)
        layout = QVBoxLayout(self)
        for widget in (
            self.name_label,
            self.table,
            self.facts,
            self.known,
            self.mapping_note,
            self.mapping_table,
            self.absent,
            self.patient_field,
            self.note,
            self.replace_box,
            self.add_button,
            self.row,
        ):
            layout.addWidget(widget)

    def show_summary(self, summary: Summary | None) -> None:
        """Another data set is open, or none, or it has changed."""
        self._summary = summary
        self.patient_field.offer(summary)
        self.refresh()

    def refresh(self) -> None:
        """Look at the correction anew."""
        grading, image = self._correction.grading, self._correction.image_layer
        is_open = grading is not None and image is not None
        if grading is not self._shown:
            # Another scan, perhaps of another patient.
            self._shown = grading
            self.patient_field.clear()
            self.absent.clear()
            self.replace_box.setChecked(False)
            self.row.say("")
        for widget in (self.name_label, self.table, self.add_button):
            widget.setVisible(is_open)
        if grading is None or image is None:
            self._found = None
            self.facts.setText(NOTHING_OPEN)
            for hidden in (
                self.known,
                self.mapping_note,
                self.mapping_table,
                self.absent,
                self.patient_field,
                self.note,
                self.replace_box,
            ):
                hidden.hide()
            return
        try:
            self._found = harvest(grading)
        except OctsegError as error:
            self._found = None
            self.facts.setText(str(error))
            self._show_ready()
            return
        self.name_label.setText(image.name)
        self.name_label.setToolTip(image.name)
        self._fill(state_rows(grading, self._found))
        self.facts.setText(harvest_text(self._found))
        self._show_known()
        self._show_mapping(grading)
        self._show_ready()

    def _fill(self, rows: list[StateRow]) -> None:
        self.table.set_size(len(rows), ["state", "B-scans", "to add"])
        self.table.horizontalHeaderItem(2).setToolTip(
            "B-scans, and the part of their columns that you answer for"
        )
        for place, row in enumerate(rows):
            name = QTableWidgetItem(
                swatch(STATE_COLOURS[row.state]), row.state.name.lower()
            )
            name.setToolTip(STATE_TEXTS[row.state])
            self.table.setItem(place, 0, name)
            self.table.setItem(place, 1, number_item(str(row.n_bscans)))
            self.table.setItem(place, 2, number_item(added_cell(row)))
            if not row.n_added:
                for column in range(3):
                    self.table.item(place, column).setForeground(QColor(_PALE))
        self.table.fit_height()

    @property
    def _entry(self) -> ScanEntry | None:
        """The scan as it is in the data set already."""
        grading, summary = self._correction.grading, self._summary
        if grading is None or summary is None:
            return None
        known_by = grading.journal.identity.scan
        return next((one for one in summary.scans if one.scan == known_by), None)

    def _show_known(self, _: bool = False) -> None:
        entry = self._entry
        self.known.setVisible(entry is not None)
        if entry is None:
            self.patient_field.fix("")
            return
        then = datetime.fromisoformat(entry.newest.time).timestamp()
        text = (
            f"In the data set as {entry.name} of patient {entry.patient}, "
            f"version {entry.newest.number} of {day_text(then, time.time())}."
        )
        ours = self._found.bscans if self._found else ()
        only_there = tuple(b for b in entry.newest.graded_bscans if b not in ours)
        if ours and only_there and not self.replace_box.isChecked():
            text += f" {Kept(entry.newest.number, only_there, ())}"
        self.known.setText(text)
        self.patient_field.fix(entry.patient)

    def _show_mapping(self, grading: Grading) -> None:
        summary = self._summary
        asks = summary is not None and not _is_known(grading, summary)
        if summary is not None and asks:
            self.mapping_table.show_classes(grading.label_set, summary.label_set)
        self.mapping_note.setText(_OTHER_CLASSES)
        self.mapping_note.setVisible(asks)
        self.mapping_table.setVisible(asks)
        self._show_absent()

    def _show_absent(self) -> None:
        """Ask for findings that the correction knows nothing of."""
        grading, summary = self._correction.grading, self._summary
        if grading is None or summary is None:
            self.absent.ask(())
            return
        mapping, own = self._mapping(grading, summary), grading.label_set
        self.absent.ask(
            ()
            if mapping is None
            else mapping.untold(own, summary.label_set, summary.layers)
        )

    def _mapping(
        self, grading: Grading, data_set: DataSet | Summary
    ) -> ClassMapping | None:
        """How the classes of the correction become those of the data set."""
        layers = tuple(grading.label_set.names[index] for index in grading.layers)
        own = grading.label_set.names, layers
        if own == (data_set.label_set.names, data_set.layers):
            return None
        if self.mapping_table.isVisibleTo(self):
            return self.mapping_table.mapping
        return propose(grading.label_set, data_set.label_set)

    def _show_ready(self) -> None:
        if self._correction.grading is None:
            return
        has_any = bool(self._found and self._found.bscans)
        why = ""
        if self._folder.folder is None:
            why = "Make or open a data set above, to add this scan to it."
        elif has_any and not self.patient_field.pseudonym:
            why = "Whose eye is it? Scans of one patient have to stay together."
        self.patient_field.setVisible(
            has_any and self._summary is not None and self._entry is None
        )
        self.add_button.setText(
            "Add as a new version" if self._entry is not None else "Add to data set"
        )
        self.replace_box.setVisible(has_any and self._entry is not None)
        self.note.setText(why)
        self.note.setVisible(bool(why))
        self.add_button.setEnabled(
            has_any and not why and self._summary is not None and not self.row.is_busy
        )

    def _on_add(self) -> None:
        self._correction.settle()
        grading, layer = self._correction.grading, self._correction.labels_layer
        if grading is None or layer is None:
            return
        try:
            bscans = harvest(grading).bscans
        except OctsegError as error:
            show_error(self, error)
            return
        check = order_check_of(layer, bscans)
        self._checked = grading
        if check is None:
            self._add()
            return
        self.row.start(
            as_task(check, "checking the order of the layers"),
            "Checking the order of the layers…",
            self._on_checked,
        )

    def _on_checked(self, n_violations: int) -> None:
        if not n_violations:
            self._add()
            return
        ask_about_order(self, "Add to data set", "Add anyway", n_violations, self._add)

    def _add(self) -> None:
        grading, image = self._correction.grading, self._correction.image_layer
        patient = self.patient_field.pseudonym
        if grading is None or image is None or grading is not self._checked:
            self.row.say("The correction was closed meanwhile: nothing was added.")
            return
        try:
            data_set = self._folder.open()
            if data_set is None:
                return
            gather = gathered(
                grading, patient=patient, name="scan", volume=volume_of(image)
            )
        except OctsegError as error:
            show_error(self, error)
            return
        self.patient_field.forget()
        self.row.start(
            iter_add(
                data_set,
                gather,
                self._mapping(grading, data_set),
                self.absent.none_of,
                replaces=self.replace_box.isChecked(),
            ),
            "Adding to the data set…",
            self._on_added,
            cancelled="Cancelled: nothing was added.",
        )

    def _on_added(self, added: tuple[ScanVersion, GradedScan]) -> None:
        version, scan = added
        self.row.say(added_text(version, scan), tip=str(version.folder))
        # It was asked for once.
        self.replace_box.setChecked(False)
        self._folder.touch()

    def _on_busy(self, busy: bool) -> None:
        self.patient_field.setEnabled(not busy)
        self.mapping_table.setEnabled(not busy)
        self.absent.setEnabled(not busy)
        self.replace_box.setEnabled(not busy)
        self._show_ready()


def iter_add(
    data_set: DataSet,
    gather: Callable[[], GradedScan],
    mapping: ClassMapping | None,
    none_of: tuple[str, ...] = (),
    *,
    replaces: bool = False,
) -> Generator[Progress, None, tuple[ScanVersion, GradedScan]]:
    """Add a scan under a name that tells nothing; in the classes of the data set.

    Unless it `replaces` what is there, columns that are graded only there stay.
    """
    yield Progress(0, 2, "gathering what was corrected")
    scan = gather()
    scan = replace(scan, name=scan_name(scan.volume))
    untold: tuple[str, ...] = ()
    if mapping is not None:
        untold = mapping.untold(scan.label_set, data_set.label_set, data_set.layers)
        scan = mapping.apply(scan, data_set.label_set, data_set.layers, none_of=none_of)
    yield Progress(1, 2, "writing")
    added = data_set.add(
        scan,
        replaces=replaces,
        whole=scan.reviewed_bscans,
        untold=set(untold) - set(none_of),
    )
    return added, scan


def added_text(version: ScanVersion, scan: GradedScan) -> str:
    """What was added."""
    if not version.is_new:
        return f"Nothing has changed since version {version.number} of {version.name}."
    parts = [counted(len(scan.graded_bscans), "B-scan")]
    if scan.provenance is not None:
        states = [scan.provenance.states[bscan] for bscan in scan.graded_bscans]
        parts += [
            f"{states.count(state)} {state}"
            for state in ("reviewed", "corrected")
            if state in states
        ]
        n_accepted = sum(scan.provenance.accepted)
        if n_accepted:
            parts.append(f"{n_accepted} accepted as is")
    told = f"{parts[0]} ({', '.join(parts[1:])})" if parts[1:] else parts[0]
    text = f"Added as {version.name}, version {version.number}: {told}."
    return text if version.kept is None else f"{text} {version.kept}"


def _is_known(grading: Grading, summary: Summary) -> bool:
    """Whether every class of the correction is a class of the data set, by name."""
    proposed = propose(grading.label_set, summary.label_set)
    return all(source == target for source, target in proposed.renames)
