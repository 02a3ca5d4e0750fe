"""Boundary tools, with real mouse events on the real canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_octseg.editing.review import ReviewState
from napari_octseg.widgets._layers import add_scan
from tests.widgets.canvas_desk import (
    DEPTH,
    LEFT,
    MIDDLE,
    RIGHT,
    WIDTH,
    Desk,
    layered_scan,
    make_desk,
    sayings,
    true_heights,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

ILM, RNFL_GCL, BOTTOM = 0, 1, 2
BOUNDARY_TOOLS = ("knots", "pen", "magnet", "hide")


@pytest.fixture
def desk(viewer: Any, tmp_path: Path) -> Desk:
    return make_desk(viewer, tmp_path, layered_scan(), true_heights())


def is_in_order(desk: Desk) -> bool:
    heights = desk.grading.heights[:, desk.view.bscan]
    return bool((np.diff(heights, axis=0) >= 0).all())


def labels_follow(desk: Desk) -> bool:
    """Whether RNFL is exactly what lies between its two boundaries."""
    row = np.arange(DEPTH)[:, None]
    between = (row >= desk.heights(ILM)) & (row < desk.heights(RNFL_GCL))
    return bool(((desk.labels == 1) == between).all())


def camera_of(desk: Desk) -> tuple[float, ...]:
    camera = desk.viewer.scene.camera
    return (camera.zoom, *camera.center)


def test_the_pen_redraws_the_columns_under_its_stroke_and_nothing_else(desk):
    before = desk.heights(RNFL_GCL).copy()
    camera = camera_of(desk)
    desk.view.choose_tool("pen")
    desk.drag((before[40], 40), (before[40] - 8, 60), (before[80] - 6, 80))
    after = desk.heights(RNFL_GCL)
    changed = np.flatnonzero(after != before)
    assert 39 <= changed.min() and changed.max() <= 81
    assert after[60] == pytest.approx(before[40] - 8, abs=0.5)
    assert after[80] == pytest.approx(before[80] - 6, abs=0.5)
    assert labels_follow(desk)
    assert camera_of(desk) == camera
    assert desk.grading.journal.undo_tool == "pen"
    desk.view.undo()
    assert np.array_equal(desk.heights(RNFL_GCL), before)
    assert labels_follow(desk)


def test_labels_follow_while_the_button_is_still_pressed(desk, qtbot: QtBot):
    before = desk.heights(RNFL_GCL).copy()
    n_edits = len(desk.grading.journal.edits())
    desk.view.choose_tool("pen")
    desk.press(before[40], 40)
    desk.drag_to(before[40] - 8, 60)
    qtbot.waitUntil(lambda: bool(desk.heights(RNFL_GCL)[55] < before[55] - 2))
    assert labels_follow(desk)
    assert len(desk.grading.journal.edits()) == n_edits
    desk.release()
    assert len(desk.grading.journal.edits()) == n_edits + 1


def test_the_place_of_the_release_counts_even_if_no_move_came_before(desk):
    before = desk.heights(RNFL_GCL).copy()
    desk.view.choose_tool("pen")
    desk.press(before[40], 40)
    QTest.mouseRelease(desk.canvas, LEFT, pos=desk.screen(before[40] - 8, 60))
    after = desk.heights(RNFL_GCL)
    assert after[60] == pytest.approx(before[40] - 8, abs=0.5)


def test_a_press_takes_the_boundary_that_is_near(desk):
    desk.view.choose_boundary(ILM)
    desk.view.choose_tool("pen")
    desk.hover(desk.heights(BOTTOM)[50], 50)
    assert desk.overlay.hovered == BOTTOM
    assert desk.view.boundary == ILM
    desk.click(desk.heights(BOTTOM)[50], 50)
    assert desk.view.boundary == BOTTOM


def test_a_pinned_boundary_stays_the_chosen_one(desk):
    desk.view.choose_boundary(ILM)
    desk.tools.pinned = True
    desk.view.choose_tool("pen")
    desk.hover(desk.heights(BOTTOM)[50], 50)
    assert desk.overlay.hovered is None
    desk.click(desk.heights(BOTTOM)[50], 50)
    assert desk.view.boundary == ILM


def test_the_hovered_boundary_is_thicker(desk):
    def thickness(boundary: int) -> float:
        desk.overlay.flush()
        n_lines, _, width = desk.grading.heights.shape
        line = desk.overlay.boundary_layer.layer.vertices[2 * n_lines * width :]
        pair = line.reshape(n_lines, width, 2, 2)[boundary, 50]
        return float(np.linalg.norm(pair[0] - pair[1]))

    desk.view.choose_tool("pen")
    desk.hover(5, 50)
    thin = thickness(BOTTOM)
    desk.hover(desk.heights(BOTTOM)[50] + 1, 50)
    assert thickness(BOTTOM) > 2 * thin


def test_a_knot_moves_only_the_stretch_up_to_its_neighbours(desk):
    desk.view.choose_boundary(RNFL_GCL)
    desk.view.choose_tool("knots")
    knots = desk.tools.tool.knots.copy()
    assert len(knots) >= 3
    row, column = knots[1]
    before = desk.heights(RNFL_GCL).copy()
    desk.drag((row, column), (row - 10, column))
    after = desk.heights(RNFL_GCL)
    changed = np.flatnonzero(after != before)
    assert after[int(column)] == pytest.approx(row - 10, abs=0.5)
    assert knots[0, 1] < changed.min()
    assert changed.max() < knots[2, 1]
    assert np.array_equal(desk.tools.tool.knots[:, 1], knots[:, 1])
    assert labels_follow(desk)
    desk.view.undo()
    assert np.array_equal(desk.heights(RNFL_GCL), before)


def test_a_double_click_adds_a_knot_and_does_not_zoom(desk):
    desk.view.choose_boundary(RNFL_GCL)
    desk.view.choose_tool("knots")
    knots = desk.tools.tool.knots
    column = int(knots[:2, 1].mean())
    before, camera = desk.heights(RNFL_GCL).copy(), camera_of(desk)
    desk.double_click(before[column], column)
    assert column in desk.tools.tool.knots[:, 1].round()
    assert len(desk.tools.tool.knots) == len(knots) + 1
    assert np.array_equal(desk.heights(RNFL_GCL), before)
    assert camera_of(desk) == camera


def test_a_knot_is_deleted_and_comes_back_with_undo(desk):
    desk.view.choose_boundary(RNFL_GCL)
    desk.view.choose_tool("knots")
    knots = desk.tools.tool.knots.copy()
    before = desk.heights(RNFL_GCL).copy()
    row, column = knots[1]
    for by in ("right button", "key"):
        if by == "key":
            desk.hover(row, column)
            desk.key(Qt.Key.Key_Delete)
        else:
            desk.click(row, column, RIGHT)
        assert column not in desk.tools.tool.knots[:, 1]
        assert not np.array_equal(desk.heights(RNFL_GCL), before)
        desk.view.undo()
        assert np.array_equal(desk.heights(RNFL_GCL), before)
        assert np.array_equal(desk.tools.tool.knots, knots)


def test_dragging_the_line_beside_all_knots_makes_one(desk):
    desk.view.choose_boundary(RNFL_GCL)
    desk.view.choose_tool("knots")
    knots = desk.tools.tool.knots
    column = int(knots[:2, 1].mean())
    row = float(desk.heights(RNFL_GCL)[column])
    desk.drag((row, column), (row + 6, column))
    assert desk.heights(RNFL_GCL)[column] == pytest.approx(row + 6, abs=0.6)
    assert len(desk.tools.tool.knots) == len(knots) + 1


def test_the_magnet_pushes_what_its_circle_covers(desk):
    before = desk.heights(RNFL_GCL).copy()
    desk.tools.radius = 20
    desk.view.choose_tool("magnet")
    row = float(before[70])
    desk.drag((row, 70), (row - 8, 70))
    after = desk.heights(RNFL_GCL)
    changed = np.flatnonzero(after != before)
    assert after[70] == pytest.approx(row - 8, abs=1.5)
    assert 50 <= changed.min() and changed.max() <= 90
    assert abs(after[55] - before[55]) < abs(after[65] - before[65])
    assert labels_follow(desk)
    desk.view.undo()
    assert np.array_equal(desk.heights(RNFL_GCL), before)


def test_the_circle_of_the_magnet_is_round_on_screen(desk):
    desk.tools.radius = 20
    desk.view.choose_tool("magnet")
    desk.hover(50, 70)
    desk.overlay.flush()
    layer = desk.overlay.tool_layer.layer
    drawn = layer.vertices[np.unique(layer.faces)]
    height, width = np.ptp(drawn, axis=0)
    assert height == pytest.approx(width, rel=0.02)
    assert width == pytest.approx(2 * 20 * 12.0, rel=0.1)


def test_cannot_see_hides_the_columns_under_the_stroke(desk):
    before, labels = desk.grading.heights.copy(), desk.labels.copy()
    desk.view.choose_tool("hide")
    desk.drag((50, 40), (50, 60))
    hidden = np.isnan(desk.grading.heights[:, desk.view.bscan])
    assert hidden[:, 40:61].all()
    assert not hidden[:, :39].any()
    assert not hidden[:, 62:].any()
    assert (desk.labels[:, 40:61] == 255).all()
    desk.view.undo()
    assert np.array_equal(desk.grading.heights, before)
    assert np.array_equal(desk.labels, labels)


def test_cannot_see_with_shift_takes_one_boundary_away(desk):
    desk.view.choose_tool("hide")
    desk.press(desk.heights(RNFL_GCL)[40], 40, key=Qt.KeyboardModifier.ShiftModifier)
    desk.drag_to(desk.heights(RNFL_GCL)[40], 60)
    desk.release()
    hidden = np.isnan(desk.grading.heights[:, desk.view.bscan])
    assert hidden[RNFL_GCL, 40:61].all()
    assert not hidden[[ILM, BOTTOM]].any()


def test_boundaries_never_cross(desk):
    before = desk.grading.heights[:, 1].copy()
    desk.view.choose_tool("pen")
    for policy in ("push", "stop"):
        desk.tools.policy = policy
        desk.drag((before[RNFL_GCL, 40], 40), (85, 60), (85, 80), (10, 100))
        assert is_in_order(desk)
        moved_others = (desk.grading.heights[:, 1] != before)[[ILM, BOTTOM]].any()
        assert moved_others == (policy == "push")
        assert labels_follow(desk)
        desk.view.undo()


def test_a_reviewed_bscan_says_why_it_is_locked_and_stays(desk):
    desk.grading.set_state(desk.view.bscan, ReviewState.REVIEWED)
    before, labels = desk.grading.heights.copy(), desk.labels.copy()
    n_edits = len(desk.grading.journal.edits())
    row = float(before[RNFL_GCL, 1, 50])
    for tool in BOUNDARY_TOOLS:
        desk.view.choose_tool(tool)
        said = sayings(desk)
        desk.drag((row, 50), (row - 10, 70))
        assert "reviewed" in said[-1]
        assert "unlock" in said[-1]
    assert np.array_equal(desk.grading.heights, before)
    assert np.array_equal(desk.labels, labels)
    assert len(desk.grading.journal.edits()) == n_edits


def test_a_locked_layer_keeps_its_boundaries(desk):
    desk.grading.locked_classes.add(1)
    before = desk.grading.heights.copy()
    desk.view.choose_tool("pen")
    row = float(before[RNFL_GCL, 1, 50])
    said = sayings(desk)
    desk.drag((row, 50), (row - 10, 70))
    assert "locked" in said[-1]
    assert np.array_equal(desk.grading.heights, before)


def test_escape_takes_a_drag_back(desk):
    before, labels = desk.grading.heights.copy(), desk.labels.copy()
    row = float(before[RNFL_GCL, 1, 50])
    for tool in BOUNDARY_TOOLS:
        desk.view.choose_tool(tool)
        desk.press(row, 50)
        desk.drag_to(row - 10, 70)
        assert desk.tools.cancel()
        desk.release()
    assert np.array_equal(desk.grading.heights, before)
    assert np.array_equal(desk.labels, labels)
    assert desk.grading.journal.undo_tool == "model"


def test_another_tool_in_the_middle_of_a_drag_loses_nothing(desk):
    before = desk.heights(RNFL_GCL).copy()
    desk.view.choose_tool("pen")
    desk.press(before[40], 40)
    desk.drag_to(before[40] - 8, 60)
    desk.view.choose_tool("pan")
    assert desk.grading.journal.undo_tool == "pen"
    assert desk.heights(RNFL_GCL)[58] < before[58] - 2
    desk.release()


def test_the_left_button_moves_the_camera_again_when_the_tool_is_put_away(desk):
    camera = camera_of(desk)
    desk.view.choose_tool("pen")
    desk.view.choose_tool("pan")
    desk.drag((50, 80), (40, 60))
    assert camera_of(desk) != camera
    camera = camera_of(desk)
    desk.double_click(50, 80)
    assert camera_of(desk) != camera


def test_the_middle_button_moves_the_camera_while_a_tool_is_in_hand(desk):
    desk.view.choose_tool("pen")
    before = desk.grading.heights.copy()
    place = desk.screen(50, 80)
    desk.drag((50, 80), (40, 60), button=MIDDLE)
    moved = desk.screen(50, 80) - place
    assert moved.x() < -20
    assert moved.y() < -10
    assert np.array_equal(desk.grading.heights, before)


def test_a_tool_works_while_the_scan_is_the_selected_layer(desk):
    before, camera = desk.heights(RNFL_GCL).copy(), camera_of(desk)
    desk.view.choose_tool("pen")
    desk.viewer.layers.selection.active = desk.viewer.layers["scan"]
    desk.drag((before[40], 40), (before[40] - 8, 60))
    assert desk.heights(RNFL_GCL)[58] < before[58] - 2
    assert camera_of(desk) == camera


def test_a_3d_view_is_left_alone(desk):
    before = desk.grading.heights.copy()
    desk.view.choose_tool("pen")
    desk.viewer.dims.ndisplay = 3
    desk.drag((50, 40), (40, 60))
    assert np.array_equal(desk.grading.heights, before)


def test_a_single_bscan_of_two_axes_is_corrected_the_same_way(viewer, tmp_path):
    volume = layered_scan(1)
    desk = make_desk(viewer, tmp_path, volume, true_heights(1), flat=True)
    assert desk.view.labels_layer.ndim == 2
    before = desk.heights(RNFL_GCL).copy()
    desk.view.choose_tool("pen")
    desk.drag((before[40], 40), (before[40] - 8, 60))
    assert desk.heights(RNFL_GCL)[58] < before[58] - 2
    assert labels_follow(desk)


def test_boundaries_can_be_drawn_from_nothing(viewer, tmp_path):
    desk = make_desk(viewer, tmp_path, layered_scan(), None)
    desk.view.choose_boundary(ILM)
    desk.view.choose_tool("pen")
    desk.drag((30, 10), (30, 150))
    desk.view.choose_boundary(RNFL_GCL)
    desk.drag((60, 10), (60, 150))
    desk.view.choose_boundary(BOTTOM)
    desk.drag((80, 10), (80, 150))
    assert (desk.labels[45, 20:140] == 1).all()
    assert (desk.labels[70, 20:140] == 2).all()
    assert (desk.labels[:, 155] != 1).all()


def test_labels_without_layers_say_that_they_have_no_boundaries(viewer, tmp_path):
    desk = make_desk(
        viewer,
        tmp_path,
        layered_scan(),
        None,
        classes=("background", "IRF"),
        layers=(),
    )
    desk.view.choose_tool("knots")
    said = sayings(desk)
    desk.drag((30, 40), (20, 40))
    assert "no boundaries" in said[-1]
    desk.view.choose_tool("hide")
    desk.drag((30, 40), (30, 60))
    assert (desk.labels[:, 40:61] == 255).all()


def test_words_tell_the_tool_and_what_it_would_change(desk):
    def words() -> str:
        text = desk.viewer.canvas.overlays.text
        return str(text.text) if text.visible else ""

    desk.view.choose_tool("pen")
    desk.hover(desk.heights(BOTTOM)[50], 50)
    assert words() == "pen · " + desk.grading.boundary_names[BOTTOM]
    desk.view.choose_class(3)
    desk.view.choose_tool("smart-fill")
    assert words() == "smart fill · IRF"
    desk.view.choose_tool("brush")
    assert words() == "brush · IRF"
    desk.grading.set_state(desk.view.bscan, ReviewState.REVIEWED)
    assert words() == "brush · locked: reviewed"
    desk.view.choose_tool("pan")
    assert words() == ""


def test_words_go_with_the_tool_they_are_about(desk):
    text = desk.viewer.canvas.overlays.text
    desk.view.choose_tool("pick")
    desk.hover(50, 50)
    assert text.visible
    desk.view.choose_tool("pan")
    assert not text.visible


def test_the_cursor_is_a_picture_while_a_tool_is_in_hand(desk):
    plain = desk.canvas.cursor().shape()
    desk.view.choose_tool("pen")
    desk.hover(50, 50)
    assert desk.canvas.cursor().shape() == Qt.CursorShape.BitmapCursor
    desk.view.choose_tool("pan")
    assert desk.canvas.cursor().shape() == plain


def test_closing_the_panel_gives_the_canvas_back(desk):
    n_callbacks = len(desk.viewer.mouse_drag_callbacks)
    desk.view.choose_tool("pen")
    desk.panel.close_down()
    assert len(desk.viewer.mouse_drag_callbacks) == n_callbacks - 1
    assert desk.viewer.scene.camera.mouse_pan
    assert [layer.name for layer in desk.viewer.layers] == ["scan", "labels"]


def test_another_scan_can_be_opened_while_a_tool_is_in_hand(desk, qtbot: QtBot):
    desk.view.choose_tool("pen")
    add_scan(desk.viewer, layered_scan(), "other")
    desk.viewer.layers.remove(desk.viewer.layers["labels"])
    qtbot.waitUntil(lambda: desk.view.grading is None)
    assert desk.tools.tool is None


def test_columns_beside_the_bscan_are_left_out(desk):
    desk.view.choose_tool("pen")
    row = float(desk.heights(RNFL_GCL)[WIDTH - 3])
    desk.drag((row, WIDTH - 3), (row, WIDTH + 8), button=LEFT)
    assert np.isfinite(desk.heights(RNFL_GCL)).all()
