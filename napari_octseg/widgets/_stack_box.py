"""The controls of the 3-D view: in, around, and back to the B-scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QGroupBox,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.measure.stack_geometry import stack_scale
from napari_octseg.measure.surfaces import iter_surfaces
from napari_octseg.widgets._labels_facts import LabelsNow, labels_now
from napari_octseg.widgets._layers import bscan_on_screen
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._progress_view import ProgressView
from napari_octseg.widgets._stack_view import StackView
from napari_octseg.widgets._tasks import RunningTask, while_alive

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from napari_octseg.measure.surfaces import ClassSurface
    from napari_octseg.widgets._labels_chooser import LabelsChooser
    from napari_octseg.widgets._panel import Panel

_SHOW, _CANCEL, _BACK = "Show in 3-D", "Cancel", "Back to the B-scans"
_HINT = (
    "Drag to turn, scroll to come closer, hold Shift and drag to move. The layer list "
    "hides a class and changes how solid it is."
)
_ONE_BSCAN = "A single B-scan has no third dimension."
_NOTHING = "There is nothing to show: no pixel has a class."


class StackBox(QGroupBox):
    """One button that leads into the 3-D view, cancels on the way, and leads back.

    `view` is the 3-D view while it is shown.
    """

    def __init__(
        self, viewer: napari.Viewer, panel: Panel, chooser: LabelsChooser
    ) -> None:
        super().__init__("3-D view")
        self._viewer = viewer
        self._chooser = chooser
        self._task: RunningTask | None = None
        self.view: StackView | None = None
        self._build()
        chooser.layer_changed.connect(self._on_layer)
        self.button.clicked.connect(self._on_click)
        self.bscan_slider.valueChanged.connect(self._on_bscan)
        self.stretch_box.valueChanged.connect(self._on_stretch)
        panel.listen(viewer.dims.events.ndisplay, self._on_ndisplay)
        panel.closing.connect(self._on_closing)
        self._on_layer()

    def _build(self) -> None:
        self.button = QPushButton(_SHOW)
        self.progress_view = ProgressView()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.bscan_slider = QSlider(Qt.Orientation.Horizontal)
        self.bscan_slider.setToolTip("The B-scan that stands within the stack")
        self.stretch_box = QDoubleSpinBox()
        self.stretch_box.setRange(1.0, 10.0)
        self.stretch_box.setSingleStep(0.5)
        self.stretch_box.setDecimals(1)
        self.stretch_box.setSuffix(" ×")
        self.stretch_box.setToolTip(
            "Draw the retina thicker than it is; the scale bar then holds for the "
            "other directions only"
        )
        self.controls = QWidget()
        form = QFormLayout(self.controls)
        form.setContentsMargins(0, 0, 0, 0)
        self.bscan_label = QLabel("B-scan")
        form.addRow(self.bscan_label, self.bscan_slider)
        form.addRow("Stretch depth", self.stretch_box)
        self.controls.hide()
        layout = QVBoxLayout(self)
        for widget in (self.button, self.progress_view, self.controls, self.message):
            layout.addWidget(widget)

    @property
    def is_busy(self) -> bool:
        """Whether surfaces are being sought."""
        return self._task is not None

    def leave(self) -> None:
        """Go back to the B-scans, if the 3-D view is shown."""
        view, self.view = self.view, None
        if view is not None:
            view.leave()
            self.controls.hide()
            self._on_layer()

    def _on_layer(self, layer: Labels | None = None) -> None:
        if self.view is not None or self.is_busy:
            return
        layer = self._chooser.layer
        has_stack = layer is not None and layer.ndim == 3 and len(layer.data) > 1
        self.button.setText(_SHOW)
        self.button.setEnabled(has_stack)
        self._say(_ONE_BSCAN if layer is not None and not has_stack else "")

    def _on_click(self) -> None:
        if self.view is not None:
            self.leave()
        elif self._task is not None:
            self.button.setEnabled(False)
            self._task.cancel()
        elif self._chooser.layer is not None:
            self._begin(self._chooser.layer)

    def _begin(self, layer: Labels) -> None:
        now = labels_now(layer)
        task = RunningTask(
            iter_surfaces(now.labels, now.label_set),
            "Finding the surface of each class",
        )
        task.progressed.connect(self.progress_view.advance)
        task.succeeded.connect(while_alive(self._on_found, layer, now))
        task.failed.connect(self._on_failed)
        task.ended.connect(self._on_ended)
        self._task = task
        self.button.setText(_CANCEL)
        self._say("")
        self.progress_view.begin("Finding the surface of each class…")
        task.start()

    def _on_found(
        self, layer: Labels, now: LabelsNow, found: tuple[ClassSurface, ...]
    ) -> None:
        if layer not in self._viewer.layers:
            self._say("The labels were closed.")
            return
        if not found:
            self._say(_NOTHING)
            return
        scale, assumed = stack_scale(now.spacing, now.labels.shape)
        bscan = bscan_on_screen(self._viewer, layer)
        self.view = StackView(
            self._viewer, layer, found, now.label_set, scale=scale, volume=now.volume
        )
        has_scan = self.view.bscan_layer is not None
        self.bscan_label.setVisible(has_scan)
        self.bscan_slider.setVisible(has_scan)
        self.bscan_slider.setRange(0, len(now.labels) - 1)
        self.bscan_slider.setValue(bscan)
        self._on_bscan(bscan)
        self._on_stretch(self.stretch_box.value())
        self.controls.show()
        self._say(f"{assumed} {_HINT}".strip())

    def _on_failed(self, error: Exception) -> None:
        show_error(self, error)

    def _on_ended(self) -> None:
        self._task = None
        self.progress_view.end()
        self.button.setEnabled(True)
        if self.view is not None:
            self.button.setText(_BACK)
            return
        said = self.message.text()
        self._on_layer()
        self._say(said or self.message.text())

    def _on_bscan(self, index: int) -> None:
        self.bscan_label.setText(f"B-scan {index}")
        if self.view is not None:
            self.view.show_bscan(index)

    def _on_stretch(self, factor: float) -> None:
        if self.view is not None:
            self.view.stretch(factor)
            self.view.fit()

    def _on_ndisplay(self, event: Any = None) -> None:
        # Somebody has pressed napari's own button.
        if self.view is not None and self._viewer.dims.ndisplay == 2:
            self.leave()

    def _on_closing(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self.leave()

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
