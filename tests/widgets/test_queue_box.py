from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_octseg.boundaries import Boundaries
from napari_octseg.editing.review import ReviewState
from napari_octseg.widgets._layers import make_labels_layer, note
from napari_octseg.widgets._queue_box import QueueBox, reviewed_edits_px
from tests.widgets.grading_scene import (
    CLASSES,
    N_BSCANS,
    WIDTH,
    correct,
    make_scene,
    predict,
    scan,
)

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
REVIEWED, EXCLUDED = ReviewState.REVIEWED, ReviewState.EXCLUDED


@pytest.fixture
def scene(viewer, tmp_path):
    made = make_scene(viewer, tmp_path)
    made.box = QueueBox(made.view, made.panel)
    made.said = []
    made.view.said.connect(made.said.append)
    made.add(made.box)
    yield made
    made.view.close()


def add_prediction(scene, labels, unsure, name="prediction"):
    """The labels layer of a model, as the Segment tab leaves it."""
    image = next(x for x in scene.viewer.layers if x.name == "eye")
    uncertainty = np.repeat(np.array(unsure, np.float32)[:, None], WIDTH, axis=1)
    result = SimpleNamespace(
        labels=labels,
        uncertainty=uncertainty,
        label_set=CLASSES,
        boundaries=Boundaries((), np.zeros((0, N_BSCANS, WIDTH), np.float32)),
    )
    layer = make_labels_layer(
        labels, scene.volume, CLASSES, image_layer=image, name=name
    )
    note(layer, segmentation=result)
    scene.viewer.add_layer(layer)


def ready(qtbot, box) -> None:
    qtbot.waitUntil(
        lambda: box._gathered is not None and not box.is_busy, timeout=30_000
    )


def row(box, bscan):
    texts = [box.list.item(i).text() for i in range(box.list.count())]
    return next((t for t in texts if t.split(":")[0] == f"B-scan {bscan}"), None)


def test_without_a_grading_there_is_no_list(scene):
    assert not scene.box.isEnabled()
    scene.box.go_next()
    assert not scene.said


def test_the_bscan_that_the_model_is_unsure_of_comes_first(qtbot, scene):
    unsure = [0.1] * N_BSCANS
    unsure[7] = 0.6
    add_prediction(scene, np.zeros(scene.volume.shape, np.uint8), unsure)
    grading = scene.open()
    predict(grading)
    ready(qtbot, scene.box)
    qtbot.waitUntil(lambda: scene.box.list.count() > 0)
    assert scene.box.suggestions[0].bscan == 7
    assert "the model is unsure" in row(scene.box, 7)
    qtbot.mouseClick(scene.box.next_button, LEFT)
    assert scene.view.bscan == 7
    assert scene.said[-1].startswith("B-scan 7: the model is unsure")
    # Not twice the same.
    qtbot.mouseClick(scene.box.next_button, LEFT)
    assert scene.view.bscan != 7


def test_where_two_models_disagree_is_worth_a_look(qtbot, scene):
    first = np.zeros(scene.volume.shape, np.uint8)
    second = first.copy()
    second[1, 10:40] = 2
    add_prediction(scene, first, [0.1] * N_BSCANS, "first")
    add_prediction(scene, second, [0.1] * N_BSCANS, "second")
    predict(scene.open())
    ready(qtbot, scene.box)
    assert scene.box.suggestions[0].bscan == 1
    assert "models disagree" in row(scene.box, 1)


def test_a_second_model_that_runs_later_is_taken_in(qtbot, scene):
    first = np.zeros(scene.volume.shape, np.uint8)
    add_prediction(scene, first, [0.1] * N_BSCANS, "first")
    predict(scene.open())
    ready(qtbot, scene.box)
    assert scene.box._gathered.disagreement is None
    second = first.copy()
    second[6, 10:40] = 2
    add_prediction(scene, second, [0.1] * N_BSCANS, "second")
    qtbot.waitUntil(lambda: scene.box.suggestions[0].bscan == 6, timeout=30_000)
    assert "models disagree" in row(scene.box, 6)


def test_low_signal_is_a_reason(qtbot, viewer, tmp_path):
    volume = scan()
    pixels = volume.data.copy()
    pixels[2] = np.random.default_rng(1).integers(0, 60, pixels[2].shape)
    made = make_scene(viewer, tmp_path, type(volume)(pixels))
    box = QueueBox(made.view, made.panel)
    made.add(box)
    predict(made.open())
    ready(qtbot, box)
    assert box.suggestions[0].bscan == 2
    assert "low signal" in row(box, 2)
    made.view.close()


def test_a_click_on_a_row_leads_there(qtbot, scene):
    predict(scene.open())
    ready(qtbot, scene.box)
    shown = scene.box.list
    item = shown.item(2)
    place = shown.visualItemRect(item).center()
    qtbot.mouseClick(shown.viewport(), LEFT, pos=QPoint(20, place.y()))
    assert scene.view.bscan == scene.box.suggestions[2].bscan


def test_reviewed_bscans_leave_the_list_and_the_near_ones_fall_back(qtbot, scene):
    grading = scene.open()
    predict(grading)
    ready(qtbot, scene.box)
    first = scene.box.suggestions[0].bscan
    grading.set_state(first, REVIEWED)
    qtbot.waitUntil(lambda: row(scene.box, first) is None)
    ranked = [one.bscan for one in scene.box.suggestions]
    assert ranked.index(first + 1) > 0
    for bscan in range(N_BSCANS):
        grading.set_state(bscan, EXCLUDED if bscan % 2 else REVIEWED)
    qtbot.waitUntil(lambda: not scene.box.suggestions)
    assert not scene.box.next_button.isEnabled()
    assert "All B-scans" in scene.box.message.text()
    scene.box.go_next()
    assert scene.said[-1] == "No other B-scan is left to review."


def test_the_stop_hint_comes_when_the_last_reviews_changed_little(
    qtbot, viewer, tmp_path
):
    made = make_scene(viewer, tmp_path, scan(16))
    box = QueueBox(made.view, made.panel)
    made.add(box)
    grading = made.open()
    predict(grading)
    correct(grading, 0, by=7.9)
    edit = grading.begin("pen")
    edit.set_heights(0, 0, grading.heights[:, 0] + np.float32(5))
    edit.commit()
    for bscan in range(10):
        grading.set_state(bscan, REVIEWED)
    box.rank()
    edits = reviewed_edits_px(grading)
    assert len(edits) == 10
    assert edits[0] > 1
    assert box.stop_hint.isHidden()
    grading.set_state(10, REVIEWED)
    qtbot.waitUntil(lambda: not box.stop_hint.isHidden())
    assert "less than 1 px" in box.stop_hint.text()
    made.view.undo()
    qtbot.waitUntil(box.stop_hint.isHidden)
    made.view.close()


def test_a_grading_without_layers_is_ranked_too(qtbot, scene):
    scene.open(layers=())
    ready(qtbot, scene.box)
    scene.box.go_next()
    assert scene.view.bscan != 0


def test_closing_the_panel_ends_the_search(qtbot, scene):
    scene.open()
    task = scene.box._task
    scene.close_panel()
    assert not scene.box.is_busy
    if task is not None:
        qtbot.waitUntil(lambda: not task._worker.is_running, timeout=10_000)
