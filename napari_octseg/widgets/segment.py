"""The Segment panel: run a model on a scan and watch the labels appear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QShortcut,
)

from napari_octseg.errors import OctsegError
from napari_octseg.widgets._choosers import ScanChooser
from napari_octseg.widgets._device_picker import DevicePicker, describe
from napari_octseg.widgets._labels_view import LabelsView
from napari_octseg.widgets._layers import (
    bscan_on_screen,
    volume_of,
)
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._model_card import ModelCardView
from napari_octseg.widgets._model_picker import ModelPicker
from napari_octseg.widgets._panel import Panel
from napari_octseg.widgets._prediction import Prediction
from napari_octseg.widgets._progress_view import ProgressView
from napari_octseg.widgets._range_picker import RangePicker
from napari_octseg.widgets._scale_bar import show_scale_bar
from napari_octseg.widgets._tasks import RunningTask

if TYPE_CHECKING:
    from collections.abc import Generator

    import napari
    from napari.layers import Image

    from napari_octseg.engine.inference import Segmentation
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
        self._prediction: Prediction | None = None
        self.result: Segmentation | None = None
        self.error: Exception | None = None
        self._build()
        self.scan_chooser.layer_changed.connect(self._on_scan)
        self.model_picker.card_changed.connect(self._on_card)
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
        self.card_view = ModelCardView()
        self.device_picker = DevicePicker()
        self.range_picker = RangePicker()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Scan", self.scan_chooser)
        form.addRow("Model", self.model_picker)
        self.body.addLayout(form)
        self.body.addWidget(self.card_view)
        lower = QFormLayout()
        lower.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        lower.addRow("Run on", self.device_picker)
        self.body.addLayout(lower)
        self.body.addWidget(self.range_picker)

        self.run_button = QPushButton("Run")
        self.run_button.setToolTip("Segment the scan; labels appear as they are made")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop; what is done is kept (Esc)")
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        self.body.addLayout(buttons)
        self.escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self.escape.setContext(Qt.ShortcutContext.ApplicationShortcut)
        self.escape.activated.connect(self.cancel)
        self.progress_view = ProgressView()
        self.body.addWidget(self.progress_view)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.body.addWidget(self.status)

        self.labels_view = LabelsView(self._viewer, self, self.scan_chooser)
        self.body.addWidget(self.labels_view)
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
        self._set_busy(self.is_busy)
        volume = self._volume_or_none(layer)
        if layer is None or volume is None:
            return
        self.range_picker.show_volume(volume.n_bscans)
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

    def _on_card(self, card: Any) -> None:
        self.card_view.show_card(card)
        self._set_busy(self.is_busy)

    def _set_busy(self, busy: bool) -> None:
        """Give out the controls that make sense now."""
        has_scan = self.scan_chooser.layer is not None
        has_model = self.model_picker.card is not None
        self.run_button.setEnabled(has_scan and has_model and not busy)
        self.cancel_button.setEnabled(busy)
        self.escape.setEnabled(busy)
        for control in (
            self.scan_chooser,
            self.model_picker,
            self.device_picker,
            self.range_picker,
        ):
            control.setEnabled(not busy)
        if busy:
            self._say("")
        elif not has_scan:
            self._say(_NO_SCAN)
        elif not has_model:
            self._say(_NO_MODEL)
        elif self.status.text() in (_NO_SCAN, _NO_MODEL):
            self._say("")

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))

    # The run

    def _on_run(self) -> None:
        layer, card = self.scan_chooser.layer, self.model_picker.card
        volume = self._volume_or_none(layer)
        if layer is None or card is None or volume is None:
            return
        on_screen = bscan_on_screen(self._viewer, layer)
        steps = segmentation_steps(
            volume,
            card.name,
            self.device_picker.device,
            self.range_picker.bscans(on_screen),
            on_screen,
        )
        prediction = Prediction(self._viewer, layer, volume)
        task = RunningTask(steps, f"Segmenting with {card.title}")
        # The labels are given back even if this panel is gone by then.
        task.ended.connect(prediction.finish)
        task.progressed.connect(self._on_progress)
        task.succeeded.connect(self._on_success)
        task.failed.connect(self._on_failure)
        task.cancelled.connect(self._on_cancelled)
        task.ended.connect(self._on_ended)
        self._task, self._prediction = task, prediction
        self.result = self.error = None
        self._set_busy(True)
        self.card_view.fold()
        self.progress_view.begin("Starting… (the first run takes some seconds longer)")
        task.start()

    def _on_progress(self, progress: Progress) -> None:
        prediction = self._prediction
        if prediction is None or not prediction.is_wanted:
            self.cancel()
            return
        if self.cancel_button.isEnabled():
            self.progress_view.advance(progress)
        shown = prediction.receive(progress)
        if prediction.labels_layer is not None:
            self.labels_view.show_labels(prediction.labels_layer)
        if shown:
            self.labels_view.refresh()

    def _on_success(self, result: Segmentation) -> None:
        prediction = self._prediction
        if prediction is None or not prediction.is_wanted:
            self._say("The scan was closed or replaced: its labels were dropped.")
            return
        self.result = result
        self._say(
            f"{_bscans(prediction.n_done)} in {result.seconds:.1f} s "
            f"with {result.model.title} (version {result.model.version}) "
            f"on {describe(result.device)}"
        )

    def _on_cancelled(self) -> None:
        prediction = self._prediction
        if prediction is None or not prediction.is_wanted:
            self._say("Stopped: the scan or its labels were closed or replaced.")
        elif prediction.n_done:
            self._say(f"Stopped. {_bscans(prediction.n_done)} are kept.")
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
        if self._prediction is not None and not self._prediction.is_wanted:
            self.cancel()

    def _on_step(self, event: Any = None) -> None:
        layer = self.scan_chooser.layer
        if layer is not None:
            self.range_picker.show_bscan(bscan_on_screen(self._viewer, layer))


def segmentation_steps(
    volume: OCTVolume,
    model: str,
    device: str,
    bscans: list[int] | None,
    first: int,
) -> Generator[Progress, None, Segmentation]:
    """`iter_segment`, with torch imported by the thread that runs it."""
    from napari_octseg.engine.inference import iter_segment

    return (
        yield from iter_segment(
            volume, model, device=device, bscans=bscans, first=first
        )
    )


def _bscans(count: int) -> str:
    return "1 B-scan" if count == 1 else f"{count} B-scans"
