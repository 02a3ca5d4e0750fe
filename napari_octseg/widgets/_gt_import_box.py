"""Labels of others: into the data set, or into the correction that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_octseg.errors import OctsegError
from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._gt_absent_findings import AbsentFindings
from napari_octseg.widgets._gt_import_source import ImportSource
from napari_octseg.widgets._gt_import_task import (
    Found,
    added_text,
    fitting_scans,
    found_text,
    iter_add,
    iter_read,
    start_of,
)
from napari_octseg.widgets._gt_mapping_table import MappingTable
from napari_octseg.widgets._gt_patient_field import PatientField
from napari_octseg.widgets._gt_task_row import TaskRow
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._panel_in_front import panel_in_front
from napari_octseg.widgets._start_box import known_grader
from napari_octseg.widgets._text import amber
from napari_octseg.widgets._text_labels import wrapped_label

if TYPE_CHECKING:
    from pathlib import Path

    import napari

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.groundtruth.versions import ScanVersion
    from napari_octseg.labels import LabelSet
    from napari_octseg.widgets._data_set_folder import DataSetFolder
    from napari_octseg.widgets._gt_open_correction import OpenCorrection
    from napari_octseg.widgets._gt_summary import Summary
    from napari_octseg.widgets._panel import Panel

_DATA_SET, _CORRECTION = "the data set", "the open correction"
_NOWHERE = (
    "Open a data set above, or a correction on the Correct tab: the labels go there."
)
_INTO_DATA_SET = "All B-scans with labels become ground truth."
_BY_MACHINE = (
    "A machine has made these labels: bring them into a correction of the scan, and "
    "correct them first."
)
_ACCEPTED = "The data set records that they were accepted as they are."
_INTO_CORRECTION = (
    "B-scans that nobody has corrected get these labels, to be looked at and "
    "corrected. One undo takes them back."
)


class ImportBox(QWidget):
    """First what to read; then, once it is read, which class is which, and where to."""

    def __init__(
        self,
        viewer: napari.Viewer,
        folder: DataSetFolder,
        correction: OpenCorrection,
        panel: Panel,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._folder = folder
        self._correction = correction
        self._summary: Summary | None = None
        self.found: Found | None = None
        self._adds = False
        self._build(viewer, panel)
        self.source.changed.connect(self._on_source)
        self.source.wanted.connect(self.read)
        self.target_chooser.currentIndexChanged.connect(self._on_target)
        self.import_button.clicked.connect(self._on_import)
        self.mapping_table.changed.connect(self._on_mapping)
        self.accept_box.toggled.connect(self._show_ready)
        self.patient_field.changed.connect(self._show_ready)
        self.row.busy_changed.connect(self._on_busy)
        correction.changed.connect(self._offer_targets)
        self.details.hide()

    def _build(self, viewer: napari.Viewer, panel: Panel) -> None:
        self.source = ImportSource(viewer, panel)
        self.row = TaskRow(panel)
        self.details = QWidget()
        self.name_label = QElidingLabel()
        self.name_label.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.facts = wrapped_label()
        self.target_chooser = NarrowComboBox()
        self.target_note = wrapped_label()
        self.mapping_table = MappingTable()
        self.mapping_fold = Fold("Classes")
        self.mapping_fold.body.addWidget(self.mapping_table)
        self.absent = AbsentFindings()
        self.accept_box = QCheckBox("Accept as is: I have looked at all of it")
        self.patient_field = PatientField()
        self.import_button = QPushButton("Import")
        self.target_line, self.which_line = QWidget(), QWidget()
        _form(self.target_line).addRow("Into", self.target_chooser)
        self.which_chooser = NarrowComboBox()
        _form(self.which_line).addRow("Labels of", self.which_chooser)
        inner = QVBoxLayout(self.details)
        inner.setContentsMargins(0, 4, 0, 0)
        inner.setSpacing(6)
        for widget in (
            self.name_label,
            self.facts,
            self.target_line,
            self.which_line,
            self.mapping_fold,
            self.absent,
            self.patient_field,
            self.target_note,
            self.accept_box,
            self.import_button,
        ):
            inner.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.source)
        layout.addWidget(self.details)
        layout.addWidget(self.row)

    def show_summary(self, summary: Summary | None) -> None:
        """Another data set is open, or none, or it has changed."""
        self._summary = summary
        self.patient_field.offer(summary)
        self._offer_targets()

    @property
    def target(self) -> str:
        """Where to import into; empty if there is nothing."""
        return str(self.target_chooser.currentText())

    def read(self, path: Path) -> None:
        """Read a file or folder in the chosen format."""
        chosen = self.source.format
        if chosen is None:
            return
        try:
            volume = self.source.volume
            self.source.picker.remember()
        except OctsegError as error:
            show_error(self, error)
            return
        self._show_found(None)
        self.row.start(
            iter_read(chosen, path, volume, on_scan=self.source.lies_on_open_scan),
            f"Reading {path.name}…",
            self._show_found,
        )

    def _on_source(self) -> None:
        # What was read and said is about another format.
        self._show_found(None)
        self.row.say("")

    def _show_found(self, found: Found | None) -> None:
        self.found = found
        self.details.setVisible(found is not None)
        if found is None:
            return
        self.name_label.setText(found.path.name)
        self.name_label.setToolTip(str(found.path))
        self.absent.clear()
        self.accept_box.setChecked(False)
        self.facts.setText(found_text(found))
        if len(found.patients) == 1:
            self.patient_field.clear()
        self._offer_targets()
        self.target_chooser.setCurrentText(self._likely_target(found))

    def _likely_target(self, found: Found) -> str:
        """One scan of the size of that being corrected is most likely that scan."""
        grading = self._correction.grading
        if grading is None or len(found.scans) > 1:
            return _DATA_SET
        fits = bool(fitting_scans(found, grading.labels.shape))
        return _CORRECTION if fits else _DATA_SET

    def _offer_targets(self) -> None:
        """List where to import into; what was chosen stays, if it is there."""
        chosen, chooser = self.target, self.target_chooser
        targets = []
        if self._summary is not None:
            targets.append(_DATA_SET)
        if self._correction.grading is not None:
            targets.append(_CORRECTION)
        if targets != [chooser.itemText(i) for i in range(chooser.count())]:
            chooser.blockSignals(True)
            chooser.clear()
            chooser.addItems(targets)
            if chosen in targets:
                chooser.setCurrentIndex(targets.index(chosen))
            chooser.blockSignals(False)
        self._on_target()

    def _on_target(self, _: int = 0) -> None:
        found, ours = self.found, self._classes
        if found is None:
            return
        self.target_line.setVisible(ours is not None)
        self.mapping_fold.setVisible(ours is not None)
        self.import_button.setVisible(ours is not None)
        if ours is not None:
            if self.mapping_table.show_classes(found.label_set, ours):
                self.mapping_fold.set_unfolded(not self.mapping_table.is_by_name)
            self._on_mapping()
        self._list_fitting()
        self._show_ready()

    def _on_mapping(self) -> None:
        """Title the table, and ask for findings that the file knows nothing of."""
        self._title_classes()
        found, summary = self.found, self._summary
        if found is None or summary is None or self.target != _DATA_SET:
            self.absent.ask(())
            return
        mapping, ours = self.mapping_table.mapping, summary.label_set
        untold = [
            mapping.untold(scan.label_set, ours, summary.layers) for scan in found.scans
        ]
        names = [name for name in ours.names if any(name in one for one in untold)]
        self.absent.ask(names)

    def _title_classes(self) -> None:
        table = self.mapping_table
        n_left_out = len(table.left_out)
        title = "all found by name" if table.is_by_name else "choose what each becomes"
        if n_left_out:
            title = f"{n_left_out} left out"
        self.mapping_fold.button.setText(f"Classes: {title}")

    def _list_fitting(self) -> None:
        """Where several scans of a file fit the correction, one has to be chosen."""
        names = [scan.name for scan in self._fitting]
        chooser = self.which_chooser
        if names != [chooser.itemText(i) for i in range(chooser.count())]:
            chooser.clear()
            chooser.addItems(names)
        self.which_line.setVisible(len(names) > 1)

    @property
    def _fitting(self) -> list[GradedScan]:
        """Scans of the file that have the size of the correction to import into."""
        found, grading = self.found, self._correction.grading
        if found is None or grading is None or self.target != _CORRECTION:
            return []
        return fitting_scans(found, grading.labels.shape)

    @property
    def _classes(self) -> LabelSet | None:
        """Classes of where to import into."""
        grading = self._correction.grading
        if self.target == _CORRECTION and grading is not None:
            return grading.label_set
        if self.target == _DATA_SET and self._summary is not None:
            return self._summary.label_set
        return None

    def _show_ready(self, _: bool = False) -> None:
        self.accept_box.setVisible(self._is_by_machine)
        asks = self._asks_for_patient
        self.patient_field.setVisible(asks)
        note, ready = self._note(asks)
        self.target_note.setText(note)
        self.import_button.setEnabled(ready and not self.row.is_busy)

    @property
    def _asks_for_patient(self) -> bool:
        """Whether the file is of one patient, whom the data set does not know yet."""
        found, summary = self.found, self._summary
        if found is None or summary is None or self.target != _DATA_SET:
            return False
        known = {entry.scan for entry in summary.scans}
        if len(found.patients) > 1 or (self._is_by_machine and not self._accepts):
            return False
        return not known.issuperset(found.hashes)

    @property
    def _is_by_machine(self) -> bool:
        """Whether nobody answers yet for what the data set would get."""
        found = self.found
        return found is not None and self.target == _DATA_SET and found.by_machine

    @property
    def _accepts(self) -> bool:
        return self._is_by_machine and self.accept_box.isChecked()

    def _note(self, asks_for_patient: bool) -> tuple[str, bool]:
        """What importing means, or what it waits for; and whether it can be done."""
        if not self.target:
            return _NOWHERE, False
        if self.target == _CORRECTION:
            if not self._fitting:
                return amber("No labels in it have the size of the open scan."), False
            return _INTO_CORRECTION, True
        if self._is_by_machine and not self._accepts:
            return amber(_BY_MACHINE), False
        note = f"{_INTO_DATA_SET} {_ACCEPTED}" if self._accepts else _INTO_DATA_SET
        if asks_for_patient and not self.patient_field.pseudonym:
            return f"{note} Whose eye is it?", False
        return note, True

    def _on_import(self) -> None:
        if self.found is None:
            return
        try:
            if self.target == _CORRECTION:
                self._into_correction(self.found)
            else:
                self._into_data_set(self.found)
        except OctsegError as error:
            show_error(self, error)

    def _into_data_set(self, found: Found) -> None:
        data_set = self._folder.open()
        if data_set is None:
            return
        patient = self.patient_field.pseudonym
        self.patient_field.forget()
        self._adds = True
        steps = iter_add(
            data_set,
            found,
            self.mapping_table.mapping,
            patient,
            none_of=self.absent.none_of,
            accepted_by=known_grader() if self._accepts else "",
        )
        self.row.start(
            steps,
            f"Importing {found.path.name}…",
            self._on_added,
            cancelled="Cancelled: scans before that are in the data set.",
        )

    def _on_added(self, versions: list[ScanVersion]) -> None:
        self._show_found(None)
        self.row.say(added_text(versions))

    def _into_correction(self, found: Found) -> None:
        correct, grading = self._correction.panel, self._correction.grading
        if correct is None or grading is None:
            return
        scan = self._fitting[max(0, self.which_chooser.currentIndex())]
        name = found.path.name
        start = start_of(scan, name, self.mapping_table.mapping, grading)
        self._show_found(None)
        self.row.say(f"{name} was brought to the Correct tab.")
        # Progress, Cancel and undo are there.
        panel_in_front(self._viewer, self, type(correct), "Correct")
        correct.header.take(start)

    def _on_busy(self, busy: bool) -> None:
        self.source.setEnabled(not busy)
        self.details.setEnabled(not busy)
        if busy:
            return
        self._show_ready()
        if self._adds:
            # Also after an error: scans before it are there.
            self._adds = False
            self._folder.touch()


def _form(widget: QWidget) -> QFormLayout:
    form = QFormLayout(widget)
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form
