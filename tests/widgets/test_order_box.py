from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_octseg.editing.review import ReviewState
from napari_octseg.widgets._order_box import OrderBox
from napari_octseg.widgets._order_watch import OrderWatch
from tests.widgets.grading_scene import make_scene, predict

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
REVIEWED, EXCLUDED = ReviewState.REVIEWED, ReviewState.EXCLUDED


@pytest.fixture
def scene(viewer, tmp_path):
    made = make_scene(viewer, tmp_path)
    made.box = OrderBox(made.view, made.panel)
    made.said, made.errors = [], []
    made.view.said.connect(made.said.append)
    made.view.failed.connect(made.errors.append)
    made.add(made.box)
    yield made
    made.view.close()
    assert not made.errors


def settled(qtbot, scene) -> None:
    watch = OrderWatch.of(scene.view, scene.panel)
    qtbot.waitUntil(lambda: not watch.is_busy and watch._task is None, timeout=30_000)


def damage(grading, bscan, column=30) -> None:
    """An island of the third layer within the first: no tool of ours makes one."""
    edit = grading.begin("import", origin="file")
    labels = grading.labels[bscan].copy()
    labels[12:14, column : column + 3] = 3
    edit.set_prediction(bscan, labels, grading.heights[:, bscan].copy())
    edit.commit()


def test_order_is_said_when_there_is_nothing_to_say(qtbot, scene):
    assert not scene.box.isEnabled()
    predict(scene.open())
    settled(qtbot, scene)
    assert scene.box.summary.text() == "All layers are in order."
    assert scene.box.open_violations() == 0
    assert not scene.box.repair_all_button.isEnabled()


def test_a_violation_is_listed_as_soon_as_it_is_there(qtbot, scene):
    grading = scene.open()
    predict(grading)
    settled(qtbot, scene)
    damage(grading, 4)
    assert scene.box.open_violations() >= 1
    settled(qtbot, scene)
    assert scene.box.list.count() >= 1
    assert scene.box.list.item(0).text().startswith("B-scan 4, column")
    assert "0 of them here" in scene.box.summary.text()
    assert not scene.box.repair_button.isEnabled()
    grading.undo()
    settled(qtbot, scene)
    qtbot.waitUntil(lambda: scene.box.list.count() == 0)


def test_a_click_leads_to_its_bscan_and_column(qtbot, scene):
    grading = scene.open()
    predict(grading)
    damage(grading, 6, column=50)
    settled(qtbot, scene)
    shown = scene.box.list
    place = shown.visualItemRect(shown.item(0)).center()
    zoom = scene.viewer.scene.camera.zoom
    qtbot.mouseClick(shown.viewport(), LEFT, pos=QPoint(20, place.y()))
    assert scene.view.bscan == 6
    # Columns are 10 µm wide.
    assert scene.viewer.scene.camera.center[-1] == pytest.approx(510, abs=15)
    assert scene.viewer.scene.camera.zoom >= zoom
    # Those of the B-scan on screen come first.
    damage(grading, 2)
    settled(qtbot, scene)
    assert shown.item(0).text().startswith("B-scan 6")


def test_repair_of_this_bscan_is_one_edit(qtbot, scene):
    grading = scene.open()
    predict(grading)
    damage(grading, 2)
    damage(grading, 5)
    settled(qtbot, scene)
    before = grading.labels.copy()
    scene.view.go_to(2)
    qtbot.mouseClick(scene.box.repair_button, LEFT)
    assert scene.said[-1] == "1 B-scan repaired."
    assert (grading.labels[2] != before[2]).any()
    np.testing.assert_array_equal(grading.labels[5], before[5])
    names = {grading.origin_names[code] for code in grading.origins[2]}
    assert "repaired" in names
    assert grading.states[2] == ReviewState.PREDICTED
    scene.view.undo()
    np.testing.assert_array_equal(grading.labels, before)


def test_repair_all_leaves_reviewed_ones_and_says_so(qtbot, scene):
    grading = scene.open()
    predict(grading)
    for bscan in (1, 3, 5):
        damage(grading, bscan)
    grading.set_state(3, REVIEWED)
    settled(qtbot, scene)
    locked = grading.labels[3].copy()
    qtbot.mouseClick(scene.box.repair_all_button, LEFT)
    assert scene.said[-1] == (
        "2 B-scans repaired. Not touched, because reviewed: 1 B-scan."
    )
    np.testing.assert_array_equal(grading.labels[3], locked)
    assert {
        one.bscan for one in OrderWatch.of(scene.view, scene.panel).violations()
    } == {3}
    assert scene.box.open_violations() >= 1
    grading.set_state(3, EXCLUDED)
    assert scene.box.open_violations() == 0


def test_labels_without_layers_have_no_order(qtbot, scene):
    scene.open(layers=())
    settled(qtbot, scene)
    assert "no layers" in scene.box.summary.text()
    assert scene.box.open_violations() == 0
    assert not scene.box.isEnabled()


def test_a_bscan_that_changes_during_the_check_is_checked_again(qtbot, scene):
    grading = scene.open()
    predict(grading)
    watch = OrderWatch.of(scene.view, scene.panel)
    watch._check()  # as its timer does
    assert watch.is_busy
    assert watch._task is not None
    damage(grading, 8)
    settled(qtbot, scene)
    assert watch.counts()[8] >= 1


def test_there_is_one_watch_for_all_boxes(scene):
    assert OrderWatch.of(scene.view, scene.panel) is OrderWatch.of(
        scene.view, scene.panel
    )


def test_closing_the_panel_ends_the_check(qtbot, scene):
    predict(scene.open())
    watch = OrderWatch.of(scene.view, scene.panel)
    watch._check()  # as its timer does
    assert watch.is_busy
    assert watch._task is not None
    scene.close_panel()
    assert watch._task is None
    assert not watch.is_busy
