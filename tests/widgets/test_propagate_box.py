from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import Qt

from napari_octseg.editing.grading import Grading
from napari_octseg.editing.review import ReviewState
from napari_octseg.engine.inference import segment
from napari_octseg.widgets._layers import make_labels_layer, note
from napari_octseg.widgets._propagate_box import PropagateBox
from napari_octseg.widgets._propagation_offers import gap_around
from tests.widgets.grading_scene import (
    CLASSES,
    LAYERS,
    MODEL,
    correct,
    flat,
    make_scene,
    predict,
    scan,
)

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
UNSEEN, PREDICTED, CORRECTED, REVIEWED, EXCLUDED = ReviewState
INSIDE = slice(30, 34)  # columns well within what `correct` moves


@pytest.fixture
def scene(viewer, tmp_path):
    made = make_scene(viewer, tmp_path)
    made.box = PropagateBox(made.view, made.panel)
    made.errors = []
    made.view.failed.connect(made.errors.append)
    made.add(made.box)
    yield made
    made.view.close()
    assert not made.errors


def press(qtbot, button) -> None:
    qtbot.waitUntil(button.isEnabled, timeout=10_000)
    qtbot.mouseClick(button, LEFT)


def finish(qtbot, box) -> None:
    qtbot.waitUntil(lambda: not box.is_busy, timeout=30_000)


def origins_of(grading, bscan) -> set[str]:
    return {grading.origin_names[code] for code in grading.origins[bscan]}


def tools(grading) -> list[str]:
    return [edit.tool for edit in grading.journal.edits() if edit.state == "done"]


def test_without_a_grading_nothing_can_be_pressed_and_keys_say_why(scene):
    box = scene.box
    for button in (
        box.copy_button,
        box.interpolate_button,
        box.spread_button,
        box.resolve_button,
    ):
        assert not button.isEnabled()
    box.copy_previous()
    assert box.message.text() == "No grading is open."


def test_copy_takes_labels_and_boundaries_of_the_previous_bscan(qtbot, scene):
    grading = scene.open()
    predict(grading, [3])
    edit = grading.begin("brush")
    edit.set_labels(3, 18, 30, np.full((4, 6), 4, np.uint8))
    edit.commit()
    scene.view.go_to(4)
    press(qtbot, scene.box.copy_button)
    np.testing.assert_array_equal(grading.labels[4], grading.labels[3])
    np.testing.assert_array_equal(grading.heights[:, 4], grading.heights[:, 3])
    assert (grading.labels[4] == 4).sum() == 24
    assert origins_of(grading, 4) == {"propagated"}
    assert grading.states[4] == PREDICTED
    assert scene.box.message.text() == "1 B-scan changed, marked as propagated."
    scene.view.undo()
    assert grading.states[4] == UNSEEN
    assert not grading.labels[4].any()


def test_a_retina_that_lies_deeper_is_met_by_the_copy(qtbot, viewer, tmp_path):
    volume = scan()
    pixels = volume.data.copy()
    pixels[1] = np.roll(pixels[1], 3, axis=0)
    pixels[1, :3] = pixels[0, :3]
    made = make_scene(viewer, tmp_path, type(volume)(pixels))
    box = PropagateBox(made.view, made.panel)
    made.add(box)
    grading = made.open()
    predict(grading, [0])
    made.view.go_to(1)
    press(qtbot, box.copy_button)
    np.testing.assert_allclose(grading.heights[:, 1], flat() + 3)
    made.view.close()


def test_what_cannot_be_copied_is_explained(qtbot, scene):
    grading = scene.open()
    box = scene.box
    qtbot.waitUntil(lambda: "before the first" in box.copy_button.toolTip())
    assert not box.copy_button.isEnabled()
    scene.view.go_to(2)
    box.copy_previous()
    assert "B-scan 1 has no labels" in box.message.text()
    predict(grading)
    grading.set_state(2, REVIEWED)
    box.copy_previous()
    assert "reviewed and therefore locked" in box.message.text()
    assert tools(grading)[-1] == "reviewed"


def test_interpolation_fills_what_lies_between_two_corrected_bscans(qtbot, scene):
    grading = scene.open()
    for bscan, shift in ((1, 0.0), (5, 2.0)):
        edit = grading.begin("pen")
        edit.set_heights(bscan, 0, flat() + np.float32(shift))
        edit.commit()
    grading.set_state(4, EXCLUDED)
    scene.view.go_to(2)
    press(qtbot, scene.box.interpolate_button)
    finish(qtbot, scene.box)
    for bscan, moved in ((2, 0.5), (3, 1.0)):
        np.testing.assert_allclose(grading.heights[:, bscan], flat() + moved, atol=1e-4)
        assert origins_of(grading, bscan) == {"interpolated"}
        assert grading.states[bscan] == PREDICTED
        assert set(np.unique(grading.labels[bscan])) == {0, 1, 2, 3}
    for bscan in (0, 4, 6):
        assert not grading.labels[bscan].any()
    assert "2 B-scans changed, marked as interpolated." in scene.box.message.text()
    assert tools(grading)[-1] == "interpolate 1 to 5"
    scene.view.undo()
    assert not grading.labels[2:4].any()


def test_interpolation_keeps_what_a_model_saw_and_moves_it_by_the_error(qtbot, scene):
    grading = scene.open()
    predict(grading)
    for bscan, by in ((2, 2.0), (6, 4.0)):
        correct(grading, bscan, by)
    scene.view.go_to(6)
    press(qtbot, scene.box.interpolate_button)
    finish(qtbot, scene.box)
    moved = grading.heights[2, 3:6, INSIDE] - flat()[2, INSIDE]
    np.testing.assert_allclose(moved.mean(axis=1), [2.5, 3.0, 3.5], atol=1e-4)
    np.testing.assert_array_equal(grading.heights[:2, 4], flat()[:2])
    assert origins_of(grading, 4) == {"interpolated", MODEL}


def test_findings_are_interpolated_too(qtbot, scene):
    grading = scene.open()
    predict(grading)
    for bscan, first in ((0, 10), (4, 18)):
        edit = grading.begin("brush")
        edit.set_labels(bscan, 18, first, np.full((5, 20), 4, np.uint8))
        edit.commit()
    scene.view.go_to(2)
    press(qtbot, scene.box.interpolate_button)
    finish(qtbot, scene.box)
    columns = np.flatnonzero((grading.labels[2] == 4).any(axis=0))
    assert abs(columns[0] - 14) <= 3
    assert abs(columns[-1] - 33) <= 3
    # Boundaries under it are where they were.
    np.testing.assert_allclose(grading.heights[:, 2], flat(), atol=1e-4)


def test_without_two_corrected_bscans_there_is_nothing_to_fill(qtbot, scene):
    grading = scene.open()
    predict(grading)
    correct(grading, 3)
    scene.view.go_to(1)
    scene.box.interpolate()
    assert "nothing to fill" in scene.box.message.text()
    assert not scene.box.is_busy


def test_a_correction_fades_over_its_neighbours(qtbot, scene):
    grading = scene.open()
    # The model was 3 px too high everywhere; the person puts one B-scan right.
    predict(grading, shift=-3.0)
    edit = grading.begin("pen")
    edit.set_heights(4, 0, flat())
    edit.commit()
    grading.set_state(5, REVIEWED)
    correct(grading, 3, by=1.0)
    drawn = grading.heights[:, 3].copy()
    scene.box.half_box.setValue(1.0)
    scene.view.go_to(4)
    press(qtbot, scene.box.spread_button)
    finish(qtbot, scene.box)
    error = np.abs(grading.heights - flat()[:, None]).mean(axis=(0, 2))
    assert error[4] == 0
    assert error[5] == 3
    # Moved by a part and snapped to the image: nearer to the truth than before.
    assert error[6] < 2.5
    assert error[0] == 3
    by_hand = grading.origins[3] == grading.origin_code("human")
    np.testing.assert_array_equal(grading.heights[:, 3, by_hand], drawn[:, by_hand])
    assert "propagated" in origins_of(grading, 6)
    assert origins_of(grading, 5) == {MODEL}
    assert tools(grading)[-1] == "spread from B-scan 4"


def test_a_correction_is_given_once_also_after_a_restart(qtbot, scene):
    grading = scene.open()
    predict(grading)
    correct(grading, 4, by=2.0)
    scene.view.go_to(4)
    press(qtbot, scene.box.spread_button)
    finish(qtbot, scene.box)
    given = grading.heights.copy()
    scene.box.spread()
    assert "newly corrected by hand" in scene.box.message.text()
    scene.view.close()
    grading = scene.open()
    np.testing.assert_array_equal(grading.heights, given)
    scene.view.go_to(4)
    scene.box.spread()
    assert "newly corrected by hand" in scene.box.message.text()
    scene.view.undo()
    press(qtbot, scene.box.spread_button)
    finish(qtbot, scene.box)
    np.testing.assert_array_equal(grading.heights, given)


def test_a_bscan_edited_meanwhile_is_left_alone(qtbot, scene):
    grading = scene.open()
    predict(grading)
    correct(grading, 4, by=3.0)
    scene.view.go_to(4)
    qtbot.waitUntil(scene.box.spread_button.isEnabled)
    scene.box.spread()
    edit = grading.begin("pen")
    mine = flat() + np.float32(1)
    edit.set_heights(5, 0, mine)
    edit.commit()
    finish(qtbot, scene.box)
    np.testing.assert_array_equal(grading.heights[:, 5], mine)
    assert origins_of(grading, 5) == {"human"}
    assert "propagated" in origins_of(grading, 3)


def test_it_can_be_cancelled_and_nothing_is_changed(qtbot, scene):
    grading = scene.open()
    predict(grading)
    correct(grading, 4)
    before = grading.heights.copy()
    scene.view.go_to(4)
    press(qtbot, scene.box.spread_button)
    assert scene.box.cancel_button.isVisible()
    qtbot.mouseClick(scene.box.cancel_button, LEFT)
    finish(qtbot, scene.box)
    np.testing.assert_array_equal(grading.heights, before)
    assert "Cancelled" in scene.box.message.text()
    assert not scene.box.cancel_button.isVisible()


def test_without_a_model_there_is_nothing_to_spread_or_to_solve(qtbot, scene):
    grading = scene.open()
    edit = grading.begin("pen")
    edit.set_heights(0, 0, flat())
    edit.commit()
    box = scene.box
    qtbot.waitUntil(lambda: "No model has run" in box.spread_button.toolTip())
    assert "run it in the Segment tab" in box.resolve_button.toolTip()
    assert not box.resolve_button.isEnabled()


def test_the_model_solves_again_exactly_through_the_correction(
    qtbot, scene, tiny_bundle
):
    tiny_bundle(
        "tiny", classes=("background", *LAYERS, "IRF"), layers=LAYERS, widths=(4, 4)
    )
    result = segment(scene.volume, "tiny", device="cpu", bscans=[2])
    image = next(x for x in scene.viewer.layers if x.name == "eye")
    layer = make_labels_layer(
        result.labels, scene.volume, CLASSES, image_layer=image, name="prediction"
    )
    note(layer, segmentation=result)
    scene.viewer.add_layer(layer)
    grading = scene.open()
    predict(grading)
    scene.view.go_to(2)
    qtbot.waitUntil(
        lambda: "Nothing was corrected" in scene.box.resolve_button.toolTip()
    )
    correct(grading, 2, by=2.0)
    press(qtbot, scene.box.resolve_button)
    finish(qtbot, scene.box)
    held = grading.heights[2, 2, 20:44]
    np.testing.assert_array_equal(held, flat(24)[2] + 2)
    assert (np.diff(grading.heights[:, 2], axis=0) >= 0).all()
    assert tools(grading)[-1] == "solve again"
    # What a person has drawn stays theirs, and holds the next time too.
    human = grading.origin_code("human")
    np.testing.assert_array_equal(
        np.flatnonzero(grading.origins[2] == human), np.arange(20, 44)
    )
    assert "propagated" in origins_of(grading, 2)


def test_what_was_propagated_is_no_correction_to_spread(qtbot, scene):
    grading = scene.open()
    predict(grading)
    correct(grading, 2)
    correct(grading, 6)
    scene.view.go_to(4)
    press(qtbot, scene.box.interpolate_button)
    finish(qtbot, scene.box)
    assert (grading.heights[2, 4] != flat()[2]).any()
    scene.box.spread()
    assert "No boundary was newly corrected" in scene.box.message.text()


def test_closing_the_panel_ends_what_runs(qtbot, scene):
    grading = scene.open()
    predict(grading)
    correct(grading, 4)
    before = grading.heights.copy()
    scene.view.go_to(4)
    press(qtbot, scene.box.spread_button)
    task = scene.box._task
    with qtbot.waitSignal(task.ended, timeout=10_000):
        scene.close_panel()
    again = Grading.open(
        scene.volume, CLASSES, LAYERS, path=scene.folder / "journal.sqlite"
    )
    np.testing.assert_array_equal(again.heights, before)
    again.close()


@given(st.lists(st.sampled_from(list(ReviewState)), min_size=1), st.data())
def test_the_gap_is_between_the_nearest_two_done_by_hand(states, data):
    here = data.draw(st.integers(0, len(states) - 1))
    found = gap_around(np.array(states, np.uint8), here)
    if found is None:
        return
    first, second = found
    assert first <= here <= second
    assert states[first].by_hand and states[second].by_hand
    assert not any(state.by_hand for state in states[first + 1 : second])
    assert any(state.is_open for state in states[first + 1 : second])
