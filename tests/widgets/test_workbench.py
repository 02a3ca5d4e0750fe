from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_octseg.phantom import LAYER_SET, PhantomSettings, make_phantom
from napari_octseg.widgets._layers import add_scan, make_labels_layer
from napari_octseg.widgets._panel import PANEL_WIDTH
from napari_octseg.widgets.workbench import WorkbenchWidget

pytestmark = pytest.mark.gui
REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_tab_works_and_none_is_dead(qtbot, viewer, models, volume):
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    tabs = workbench.tabs
    titles = [tabs.tabText(i) for i in range(tabs.count())]
    assert titles == [
        "Scan",
        "Segment",
        "Correct",
        "Ground truth",
        "Fine-tune",
        "Measure",
    ]
    where = tabs.tabBar().tabRect(1).center()
    qtbot.mouseClick(tabs.tabBar(), Qt.MouseButton.LeftButton, pos=where)
    assert tabs.currentWidget() is workbench.segment
    layer = add_scan(viewer, volume)
    assert workbench.scan.scan_chooser.layer is layer
    assert workbench.segment.scan_chooser.layer is layer


def test_all_tabs_are_seen_side_by_side(qtbot, viewer, models):
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    qtbot.waitUntil(workbench.isVisible)
    bar = workbench.tabs.tabBar()
    last = bar.tabRect(bar.count() - 1)
    assert last.right() <= PANEL_WIDTH
    for i in range(bar.count()):
        title = bar.fontMetrics().horizontalAdvance(bar.tabText(i))
        assert title < bar.tabRect(i).width()


def test_choosing_a_scan_in_one_tab_chooses_it_in_the_other(
    qtbot, viewer, models, volume
):
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    first = add_scan(viewer, volume)
    add_scan(viewer, volume)
    chooser = workbench.scan.scan_chooser
    chooser.setCurrentIndex(1)
    chooser.activated.emit(1)
    assert workbench.segment.scan_chooser.layer is first


def test_closing_the_workbench_closes_its_panels(viewer, models, volume):
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    viewer.window.remove_dock_widget(workbench)
    add_scan(viewer, volume)
    assert workbench.segment.scan_chooser.layer is None
    workbench.deleteLater()


def test_opening_takes_less_than_half_a_second(viewer, models, volume):
    add_scan(viewer, volume)
    # Time of this process: other programs on the machine do not count.
    started = time.process_time()
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    assert time.process_time() - started < 0.5


def test_the_workbench_imports_no_torch():
    code = (
        "import sys; import napari_octseg.widgets.workbench; "
        "print([m for m in ('torch', 'eyepy', 'SimpleITK', 'monai') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=True,
    )
    assert done.stdout.strip().endswith("[]")


def test_the_picture_of_the_window(qtbot, viewer, tmp_path):
    """The picture in the README is what the window shows."""
    viewer.window.resize(1400, 860)
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    qtbot.waitUntil(workbench.isVisible)
    picker = workbench.segment.model_picker
    picker.choose("octid-unet")
    if picker.card is None or picker.card.name != "octid-unet":
        pytest.skip("the model octid-unet is not in models/ yet")
    phantom = make_phantom(PhantomSettings(shape=(17, 496, 512), seed=5))
    add_scan(viewer, phantom.volume)
    workbench.tabs.setCurrentWidget(workbench.segment)
    workbench.segment.range_picker.one_button.setChecked(True)
    qtbot.mouseClick(workbench.segment.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not workbench.segment.is_busy, timeout=180_000)
    qtbot.waitUntil(workbench.segment.labels_view.isVisible)
    picture = viewer.screenshot(canvas_only=False, flash=False)
    assert picture.shape[1] >= 1000
    canvas = viewer.screenshot(canvas_only=True, flash=False)
    colours = np.unique(canvas[..., :3].reshape(-1, 3), axis=0)
    assert len(colours) > 500
    # Labels are coloured, the scan is grey.
    spread = canvas[..., :3].max(axis=-1).astype(int) - canvas[..., :3].min(axis=-1)
    assert (spread > 40).mean() > 0.02
    keep_picture(picture, "window.png")


def test_the_picture_of_a_correction(qtbot, viewer, monkeypatch, tmp_path):
    """The picture of the Correct tab is what the window shows."""
    monkeypatch.setenv("OCTSEG_JOURNALS", str(tmp_path))
    viewer.window.resize(1400, 900)
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    qtbot.waitUntil(workbench.isVisible)
    settings = PhantomSettings(shape=(9, 496, 512), findings=("IRF",), seed=5)
    phantom = make_phantom(settings)
    image = add_scan(viewer, phantom.volume, "eye")
    labels = make_labels_layer(
        phantom.layers, phantom.volume, LAYER_SET, image_layer=image, name="layers"
    )
    viewer.add_layer(labels)
    correct = workbench.correct
    workbench.tabs.setCurrentWidget(correct)
    correct.start_box.grader_field.setText("anna")
    correct.start_box.finding_boxes["IRF"].setChecked(True)
    qtbot.mouseClick(correct.start_box.begin_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: correct.view.grading is not None)
    qtbot.waitUntil(lambda: not correct.header.is_busy, timeout=30_000)
    qtbot.mouseClick(correct.tool_box.buttons["knots"], Qt.MouseButton.LeftButton)
    correct.view.choose_boundary(4)
    correct.overlay.flush()
    viewer.reset_view()
    viewer.scene.camera.zoom *= 2
    viewer.scene.camera.center = (0, 900, 2900)
    brush = correct.tool_box.buttons["brush"]
    qtbot.waitUntil(lambda: brush.height() >= brush.sizeHint().height())
    plain = viewer.screenshot(canvas_only=True, flash=False)
    correct.overlay.visible = False
    without = viewer.screenshot(canvas_only=True, flash=False)
    assert (plain != without).any(axis=-1).mean() > 0.002
    correct.overlay.visible = True
    picture = viewer.screenshot(canvas_only=False, flash=False)
    assert picture.shape[1] >= 1000
    keep_picture(picture, "correct.png")
    viewer.window.remove_dock_widget(workbench)


def keep_picture(picture: np.ndarray, name: str) -> None:
    """Write a picture of the documentation anew, if that is asked for."""
    if os.environ.get("OCTSEG_UPDATE_PICTURES") == "1":
        from imageio.v3 import imwrite

        target = REPOSITORY / "docs" / "images" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        imwrite(target, picture)
