"""Begin a correction: from labels of the viewer, from the device, or from nothing."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
)

from napari_octseg.bundles.registry import list_models
from napari_octseg.errors import OctsegError
from napari_octseg.labels import canonical_name
from napari_octseg.widgets._choosers import NarrowComboBox, ScanChooser
from napari_octseg.widgets._kept import keep_choice, kept_choice
from napari_octseg.widgets._layers import plain, volume_of
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._resume_list import ResumeList
from napari_octseg.widgets._starts import (
    FINDINGS,
    Start,
    empty_starts,
    start_of_device,
    starts_of_layers,
)

if TYPE_CHECKING:
    import napari

    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._panel import Panel

_GRADER = "grader"


class StartBox(QGroupBox):
    """Choose a scan and what to begin from, or resume an earlier correction.

    Signals
    -------
    begun
        The `Start` that the person chose.
    resumed
        The `FoundJournal` that the person chose.
    grader_changed
        Name of the grader.
    """

    begun = Signal(object)
    resumed = Signal(object)
    grader_changed = Signal(str)

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__("Begin")
        self._viewer = viewer
        self._starts: list[Start] = []
        self._picked = ""
        self.scan_chooser = ScanChooser(viewer, panel)
        self.resume_list = ResumeList(panel)
        self.resume_caption = QLabel("Begun earlier on this scan:")
        self.resume_caption.hide()
        self.start_chooser = NarrowComboBox()
        self.start_chooser.setToolTip(
            "Labels of this scan, the device's own boundaries, or nothing but classes"
        )
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.finding_boxes = {name: QCheckBox(name) for name in FINDINGS}
        self.grader_field = QLineEdit(known_grader())
        self.grader_field.setToolTip("Every edit is kept with this name")
        self.begin_button = QPushButton("Begin")
        self.begin_button.setToolTip("Edits are kept on disk as they are made")
        self._arrange()
        self.scan_chooser.layer_changed.connect(self.refresh)
        self.start_chooser.activated.connect(self._on_picked)
        self.start_chooser.currentIndexChanged.connect(self._show_about)
        self.begin_button.clicked.connect(self._on_begin)
        self.resume_list.wanted.connect(self.resumed)
        self.resume_list.found.connect(
            lambda journals: self.resume_caption.setVisible(bool(journals))
        )
        self.grader_field.editingFinished.connect(self._on_grader)
        for event in ("inserted", "removed", "renamed"):
            panel.listen(getattr(viewer.layers.events, event), self._offer)
        self.refresh()

    def _arrange(self) -> None:
        findings = QHBoxLayout()
        findings.setSpacing(6)
        for box in self.finding_boxes.values():
            findings.addWidget(box)
        findings.addStretch()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Scan", self.scan_chooser)
        form.addRow("Begin from", self.start_chooser)
        form.addRow("Grader", self.grader_field)
        layout = QVBoxLayout(self)
        layout.addWidget(self.resume_caption)
        layout.addWidget(self.resume_list)
        layout.addLayout(form)
        layout.addWidget(self.about)
        layout.addWidget(QLabel("Add classes for findings:"))
        layout.addLayout(findings)
        layout.addWidget(self.begin_button)

    @property
    def grader(self) -> str:
        """Name of the grader; never empty."""
        return self.grader_field.text().strip() or getpass.getuser()

    @property
    def volume(self) -> OCTVolume | None:
        """The chosen scan; None if there is none that can be graded."""
        layer = self.scan_chooser.layer
        if layer is None:
            return None
        try:
            return volume_of(layer)
        except OctsegError:
            return None  # the Scan panel says why

    @property
    def start(self) -> Start | None:
        """What is chosen, with the findings that are ticked."""
        index = self.start_chooser.currentIndex()
        if not 0 <= index < len(self._starts):
            return None
        start: Start = self._starts[index]
        added = [n for n, box in self.finding_boxes.items() if box.isChecked()]
        return start.with_findings(added)

    def refresh(self, _: object = None) -> None:
        """Another scan, or its journals may have changed."""
        volume = self.volume
        self.resume_caption.hide()
        self.resume_list.look(volume)
        self._offer()

    def _offer(self, event: Any = None) -> None:
        """List what can be begun from; the first is the newest labels layer.

        What the person picked stays chosen, as long as it is there.
        """
        volume = self.volume
        self._starts = [] if volume is None else self._found(volume)
        titles = [_entry(start) for start in self._starts]
        self.start_chooser.blockSignals(True)
        self.start_chooser.clear()
        self.start_chooser.addItems(titles or ["no scan is open"])
        if self._picked in titles:
            self.start_chooser.setCurrentIndex(titles.index(self._picked))
        self.start_chooser.blockSignals(False)
        self.begin_button.setEnabled(bool(self._starts))
        self._show_about()

    def _found(self, volume: OCTVolume) -> list[Start]:
        starts = starts_of_layers([plain(x) for x in self._viewer.layers], volume)
        device = start_of_device(volume)
        if device is not None:
            starts.append(device)
        try:
            cards = list_models()
        except OctsegError:
            cards = []  # the Segment panel says what is missing
        return [*starts, *empty_starts(cards)]

    def _on_picked(self, index: int) -> None:
        self._picked = self.start_chooser.itemText(index)

    def _show_about(self, _: object = None) -> None:
        index = self.start_chooser.currentIndex()
        if not 0 <= index < len(self._starts):
            self.about.setText("Open a scan first.")
            return
        start = self._starts[index]
        known = {canonical_name(name) for name in start.label_set.names}
        for name, box in self.finding_boxes.items():
            box.setEnabled(name not in known)
            box.setToolTip("It is among the classes already" if name in known else "")
        layers = " · ".join(start.layers)
        others = [n for n in start.label_set.names[1:] if n not in start.layers]
        parts = [f"Layers: {layers}" if layers else "No layers"]
        if others:
            parts.append("on top: " + " · ".join(others))
        self.about.setText("; ".join(parts) + ".")

    def _on_begin(self) -> None:
        start = self.start
        if start is not None:
            self._on_grader()
            self.begun.emit(start)

    def _on_grader(self) -> None:
        if self.grader == known_grader():
            return
        try:
            keep_choice(_GRADER, self.grader)
        except OctsegError as error:
            show_error(self, error)
        self.grader_changed.emit(self.grader)


def known_grader() -> str:
    """Name of the grader used last, else of who is logged in."""
    known = kept_choice(_GRADER)
    return known if isinstance(known, str) and known else getpass.getuser()


def _entry(start: Start) -> str:
    return start.title if start.labels is not None else f"nothing: {start.title}"
