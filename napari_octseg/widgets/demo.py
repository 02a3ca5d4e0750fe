"""The demonstration: a sample volume, the Workbench, and a first segmentation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import napari
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

from napari_octseg.errors import ModelError, TaskError
from napari_octseg.widgets._layers import add_scan, facts_of
from napari_octseg.widgets._save_labels import writer_of
from napari_octseg.widgets.workbench import WorkbenchWidget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.layers import Labels

MODEL = "octid-unet"
LIMIT_S = 900.0


def run_demo(*, out: Path | None = None) -> None:
    """Open napari on the sample volume and segment it with the first model.

    Parameters
    ----------
    out
        Folder for a screenshot, the labels and the areas, when nobody sits at the
        screen: the window closes after the run. None leaves it to a person.

    Raises
    ------
    OctsegError
        If the model is missing, the run failed or a file could not be written.
    """
    from napari_octseg.phantom import make_phantom
    from napari_octseg.phantom.sample import SAMPLE

    viewer = napari.Viewer(title="napari-octseg demo")
    viewer.window.resize(1400, 860)
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench", area="right")
    # The scan is fitted to the canvas, whose size is known once the dock is laid out.
    QApplication.processEvents()
    add_scan(viewer, make_phantom(SAMPLE).volume, "OCT phantom")
    segment = workbench.segment
    workbench.tabs.setCurrentWidget(segment)
    segment.model_picker.choose(MODEL)
    if out is None:
        QTimer.singleShot(0, segment.run_button.click)
        napari.run()
        return
    try:
        if not segment.run_button.isEnabled():
            raise ModelError("No model can be used", todo="install napari-octseg again")
        segment.run_button.click()
        _wait(lambda: not segment.is_busy)
        if segment.error is not None:
            raise segment.error
        labels_layer = segment.labels_view.layer
        if segment.result is None or labels_layer is None:
            raise TaskError(
                "The demonstration was stopped before its end",
                todo="run it again, and leave its window alone",
            )
        # Show what a click shows, for the picture.
        segment.labels_view.boundary_switch.setChecked(True)
        _write(viewer, labels_layer, out)
    finally:
        viewer.close()


def _write(viewer: napari.Viewer, layer: Labels, out: Path) -> None:
    """Screenshot of the window, labels in two formats, areas per class."""
    from napari_octseg.io.areas import class_areas, save_areas

    out.mkdir(parents=True, exist_ok=True)
    QApplication.processEvents()
    viewer.screenshot(str(out / "screenshot.png"), canvas_only=False, flash=False)
    for name in ("labels.tif", "labels.eye"):
        writer_of(layer, out / name)()
    facts = facts_of(layer)
    areas = class_areas(layer.data, facts["label_set"], facts["volume"].spacing)
    save_areas(areas, out / "areas.csv")


def _wait(condition: Callable[[], bool]) -> None:
    """Run the event loop until the condition holds.

    Raises
    ------
    TaskError
        If it does not within `LIMIT_S`.
    """
    deadline = time.monotonic() + LIMIT_S
    loop, ticks = QEventLoop(), QTimer()
    ticks.timeout.connect(loop.quit)
    ticks.start(50)
    while not condition():
        if time.monotonic() > deadline:
            raise TaskError(f"The demonstration took more than {LIMIT_S:.0f} s")
        loop.exec()
