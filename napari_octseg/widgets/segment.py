"""The Segment panel: run a model on a scan and watch the labels appear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QShortcut,
)

from napari_octseg.engine.suitability import check_suits
from napari_octseg.errors import OctsegError
from napari_octseg.widgets._choosers import ScanChooser
from napari_octseg.widgets._compare import CompareView
from napari_octseg.widgets._device_picker import DevicePicker
from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._labels_view import LabelsView
from napari_octseg.widgets._layers import (
    bscan_on_screen,
    known_volume,
    note,
    volume_of,
)
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._model_card import ModelCardView
from napari_octseg.widgets._model_picker import ModelPicker
from napari_octseg.widgets._panel import Panel
from napari_octseg.widgets._progress_view import ProgressView
from napari_octseg.widgets._range_picker import RangePicker
from napari_octseg.widgets._runs import (
    CompareRun,
    LabelsRun,
    Order,
    PictureRun,
    Run,
    VesselRun,
    is_enface,
)
from napari_octseg.widgets._scale_bar import show_scale_bar
from napari_octseg.widgets._second_model import Purpose, SecondModel
from napari_octseg.widgets._tasks import RunningTask
from napari_octseg.widgets._vessel_view import VesselView
from napari_octseg.wording import counted

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.progress import Progress
    from napari_octseg.volume import OCTVolume

_NO_SCAN = "Open a scan, or take sample data from the Scan panel."
_NO_MODEL = "No model can be used: open the list of models to see why."


class SegmentWidget(Panel):
    """Choose a scan, a model, a device and B-scans; run, watch, save.

    `result` is what the last run returned, and `error` what it failed with; both are
    None while it runs and after it was stopped.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._task: RunningTask | None = None
        self._run: Run | None = None
        self._refusal = self._said_refusal = ""
        self.result: Any = None
        self.error: Exception | None = None
        self._build()
        self.scan_chooser.layer_changed.connect(self._on_scan)
        self.model_picker.card_changed.connect(self._on_card)
        self.second_model.changed.connect(self._on_choice)
        self.enface_box.toggled.connect(self._on_enface)
        self.run_button.clicked.connect(self._on_run)
        self.cancel_button.clicked.connect(self.cancel)
        # Once the panel is closed, nobody could cancel the run any more.
        self.closing.connect(self.cancel)
        self.listen(napari_viewer.dims.events.current_step, self._on_step)
        self.listen(napari_viewer.layers.events.removed, self._on_removed)
        self._on_scan(self.scan_chooser.layer)
        self._on_card(self.model_picker.card)

    def _build(self) -> None:
        self.scan_chooser = ScanChooser(self._viewer, self)
        self.model_picker = ModelPicker()
        self.second_model = SecondModel()
        self.card_view = ModelCardView()
        self.device_picker = DevicePicker()
        self.range_picker = RangePicker()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Scan", self.scan_chooser)
        form.addRow("Model", self.model_picker)
        self.body.addLayout(form)
        self.body.addWidget(self.card_view)
        self.enface_box = QCheckBox("This picture is seen from the front")
        self.enface_box.setToolTip(
            "An en-face image, such as OCTA or a fundus photograph, and no B-scan"
        )
        self.body.addWidget(self.enface_box)
        lower = QFormLayout()
        lower.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        lower.addRow("Run on", self.device_picker)
        self.body.addWidget(self.second_model)
        self.body.addLayout(lower)
        self.body.addWidget(self.range_picker)
        self.more_fold = Fold("More")
        self.flips_box = QCheckBox()
        self.more_fold.body.addWidget(self.flips_box)
        self.body.addWidget(self.more_fold)

        self.run_button = QPushButton("Run")
        self.run_button.setToolTip("Segment the scan; labels appear as they are made")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop; what is done is kept (Esc)")
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        # However long the card is, these are in view.
        self.footer.setContentsMargins(8, 4, 8, 8)
        self.footer.addLayout(buttons)
        self.escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self.escape.setContext(Qt.ShortcutContext.ApplicationShortcut)
        self.escape.activated.connect(self.cancel)
        self.progress_view = ProgressView()
        self.footer.addWidget(self.progress_view)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.footer.addWidget(self.status)

        self.labels_view = LabelsView(self._viewer, self, self.scan_chooser)
        self.compare_view = CompareView(self._viewer, self)
        self.vessel_view = VesselView(self._viewer, self)
        self.compare_view.labels_shown.connect(self.labels_view.show_labels)
        for view in (self.compare_view, self.vessel_view, self.labels_view):
            self.body.addWidget(view)
        self.body.addStretch()
        self._set_busy(False)

    @property
    def is_busy(self) -> bool:
        """Whether a run is under way."""
        return self._task is not None

    def cancel(self) -> None:
        """Stop the run under way after the present batch; what is done is kept."""
        if self._task is not None:
            self.cancel_button.setEnabled(False)
            self.progress_view.label.setText("Stopping…")
            self._task.cancel()

    # What to run

    def _on_scan(self, layer: Image | None) -> None:
        volume = self._volume_or_none(layer)
        self.vessel_view.show_scan(layer)
        self.compare_view.show_scan(layer)
        if volume is not None:
            self.range_picker.show_volume(volume.n_bscans)
        self._show_choice()
        if layer is None or volume is None:
            return
        self.range_picker.show_bscan(bscan_on_screen(self._viewer, layer))
        show_scale_bar(self._viewer, volume)

    def _volume_or_none(self, layer: Image | None) -> OCTVolume | None:
        if layer is None:
            return None
        try:
            return volume_of(layer)
        except OctsegError as error:
            show_error(self, error)
            return None

    def _on_card(self, card: ModelCard | None) -> None:
        self.card_view.show_bundle(self.model_picker.bundle)
        self.second_model.show_first(card)
        self._on_choice()

    def _on_choice(self) -> None:
        """Another model, purpose or kind of picture was chosen."""
        self._say("")
        self._show_choice()

    def _on_enface(self, checked: bool) -> None:
        layer = self.scan_chooser.layer
        if layer is not None:
            note(layer, plane="enface" if checked else "bscan")
        self._on_choice()

    def _show_choice(self) -> None:
        """Show what can be chosen for this scan and model, and why it cannot be run."""
        layer, card = self.scan_chooser.layer, self.model_picker.card
        # Whether it is a scan at all was said when it was chosen.
        volume = known_volume(layer) if layer is not None else None
        for_enface = card is not None and card.input.plane == "enface"
        n_bscans_open = 0 if volume is None else volume.n_bscans
        marked = layer is not None and is_enface(layer)
        self.enface_box.setVisible(n_bscans_open == 1 and (for_enface or marked))
        self.enface_box.blockSignals(True)
        self.enface_box.setChecked(marked)
        self.enface_box.blockSignals(False)
        # A vessel map is made of the whole volume, by one model.
        self.second_model.setVisible(not for_enface)
        self.range_picker.setVisible(n_bscans_open > 1 and not for_enface)
        self.flips_box.setText(
            "Average over flips and turns of the picture"
            if for_enface
            else "Average with mirrored B-scans (twice the time)"
        )
        self._refusal = self._reason_against(card, layer, volume)
        self._set_busy(self.is_busy)

    def _reason_against(
        self, card: ModelCard | None, layer: Image | None, volume: OCTVolume | None
    ) -> str:
        """Why the model cannot run on the scan; empty if it can."""
        if card is None or layer is None or volume is None:
            return ""
        if self.second_model.problem:
            return self.second_model.problem
        try:
            check_suits(card, volume, is_enface=is_enface(layer))
        except OctsegError as error:
            hint = ""
            if self.enface_box.isVisibleTo(self) and not is_enface(layer):
                hint = " If this picture is seen from the front, say so above."
            return f"{error.got}.{hint}"
        return ""

    def _set_busy(self, busy: bool) -> None:
        """Give out the controls that make sense now."""
        has_scan = self.scan_chooser.layer is not None
        has_model = self.model_picker.card is not None
        can_run = has_scan and has_model and not self._refusal
        self.run_button.setEnabled(can_run and not busy)
        self.cancel_button.setEnabled(busy)
        self.escape.setEnabled(busy)
        for control in (
            self.scan_chooser,
            self.model_picker,
            self.second_model,
            self.enface_box,
            self.device_picker,
            self.range_picker,
            self.flips_box,
        ):
            control.setEnabled(not busy)
        if busy:
            self._say("")
        elif not has_scan:
            self._say(_NO_SCAN)
        elif not has_model:
            self._say(_NO_MODEL)
        elif self._refusal:
            self._say(self._refusal)
        elif self.status.text() in (_NO_SCAN, _NO_MODEL, self._said_refusal):
            self._say("")
        self._said_refusal = self._refusal

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))

    # The run

    def _on_run(self) -> None:
        layer, card = self.scan_chooser.layer, self.model_picker.card
        volume = self._volume_or_none(layer)
        if layer is None or card is None or volume is None:
            return
        run = self._run_of(layer, card, volume)
        second = self.second_model.card
        titles = " and ".join(one.title for one in (card, second) if one is not None)
        task = RunningTask(run.steps(), f"Segmenting with {titles}")
        # The labels are given back even if this panel is gone by then.
        task.ended.connect(run.finish)
        task.progressed.connect(self._on_progress)
        task.succeeded.connect(self._on_success)
        task.failed.connect(self._on_failure)
        task.cancelled.connect(self._on_cancelled)
        task.ended.connect(self._on_ended)
        self._task, self._run = task, run
        self.result = self.error = None
        self._set_busy(True)
        self.card_view.fold()
        self.progress_view.begin("Starting… (the first run takes some seconds longer)")
        task.start()

    def _run_of(self, layer: Image, card: ModelCard, volume: OCTVolume) -> Run:
        """What the choices ask for."""
        on_screen = bscan_on_screen(self._viewer, layer)
        second, purpose = self.second_model.card, self.second_model.purpose
        parts = self.second_model.layers_and_findings()
        cards = (card,) if second is None else (card, second)
        if purpose is Purpose.MERGE and parts is not None:
            cards = parts
        order = Order(
            viewer=self._viewer,
            image_layer=layer,
            volume=volume,
            models=tuple(one.name for one in cards),
            device=self.device_picker.device,
            flips=self.flips_box.isChecked(),
            bscans=self.range_picker.bscans(on_screen),
            first=on_screen,
        )
        if card.input.plane == "enface":
            if is_enface(layer):
                return PictureRun(order)
            return VesselRun(order, self.vessel_view)
        if second is not None and purpose is Purpose.COMPARE:
            return CompareRun(order, self.compare_view)
        self.compare_view.forget()
        merge = second is not None and purpose is Purpose.MERGE
        return LabelsRun(order, merge=merge)

    def _on_progress(self, progress: Progress) -> None:
        run = self._run
        if run is None or not run.is_wanted:
            self.cancel()
            return
        if self.cancel_button.isEnabled():
            self.progress_view.advance(progress)
        shown = run.receive(progress)
        if run.labels_layer is not None:
            self.labels_view.show_labels(run.labels_layer)
        if shown:
            self.labels_view.refresh()

    def _on_success(self, result: Any) -> None:
        run = self._run
        if run is None or not run.is_wanted:
            self._say("The scan was closed or replaced: its labels were dropped.")
            return
        self.result = result
        self._say(run.succeed(result))
        if run.labels_layer is not None:
            self.labels_view.show_labels(run.labels_layer)
        views = {CompareRun: self.compare_view, VesselRun: self.vessel_view}
        self.scroll_area.ensureWidgetVisible(views.get(type(run), self.labels_view))
        # The speed here is known now.
        self.card_view.show_bundle(self.model_picker.bundle)

    def _on_cancelled(self) -> None:
        run = self._run
        if run is None or not run.is_wanted:
            self._say("Stopped: the scan or its labels were closed or replaced.")
        elif run.n_done:
            self._say(f"Stopped. {counted(run.n_done, 'B-scan')} are kept.")
        else:
            self._say("Stopped before the first labels.")

    def _on_failure(self, error: Exception) -> None:
        self.error = error
        self._say("The run ended with an error.")
        show_error(self, error)

    def _on_ended(self) -> None:
        self._task = None
        self.progress_view.end()
        status = self.status.text()
        self._set_busy(False)
        self._say(status or self.status.text())
        self.labels_view.refresh()

    def _on_removed(self, event: Any) -> None:
        if self._run is not None and not self._run.is_wanted:
            self.cancel()

    def _on_step(self, event: Any = None) -> None:
        layer = self.scan_chooser.layer
        if layer is not None:
            self.range_picker.show_bscan(bscan_on_screen(self._viewer, layer))
