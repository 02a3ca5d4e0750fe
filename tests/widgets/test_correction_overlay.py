from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_octseg.widgets._layers import is_overlay
from tests.widgets.canvas_desk import Desk, layered_scan, make_desk, true_heights

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def desk(viewer: Any, tmp_path: Path) -> Desk:
    return make_desk(viewer, tmp_path, layered_scan(), true_heights())


def drawn_rows(desk: Desk, column: int) -> np.ndarray:
    """Rows at which the boundaries are drawn in a column, in px, by the mesh."""
    layer = desk.overlay.boundary_layer.layer
    n_boundaries, _, width = desk.grading.heights.shape
    bright = layer.vertices[2 * n_boundaries * width :]
    middle = bright.reshape(n_boundaries, width, 2, 2).mean(axis=2)
    return middle[:, column, 0] / desk.view.image_layer.scale[-2]


def test_boundaries_are_one_layer_that_never_becomes_the_active_one(desk):
    overlays = [layer for layer in desk.viewer.layers if is_overlay(layer)]
    assert len(overlays) == 2
    assert desk.viewer.layers.selection.active.name == "labels"
    assert np.allclose(drawn_rows(desk, 80), desk.grading.heights[:, 1, 80])


def test_another_bscan_is_drawn_in_the_same_layer(desk, qtbot: QtBot):
    desk.grading.heights[0, 2] -= 4
    mesh = desk.overlay.boundary_layer.layer
    desk.view.go_to(2)
    expected = desk.grading.heights[:, 2, 80]
    qtbot.waitUntil(lambda: np.allclose(drawn_rows(desk, 80), expected))
    assert desk.overlay.boundary_layer.layer is mesh


def test_a_step_never_shows_the_boundaries_of_another_bscan(desk):
    desk.grading.heights[0, 2] -= 4
    desk.view.choose_tool("pen")
    desk.view.go_to(2)
    # At once: nothing has been drawn between.
    assert np.allclose(drawn_rows(desk, 80), desk.grading.heights[:, 2, 80])


def test_where_columns_are_narrow_lines_have_fewer_points(desk):
    def n_triangles() -> int:
        desk.overlay.flush()
        layer = desk.overlay.boundary_layer.layer
        return int((np.ptp(layer.faces, axis=1) > 0).sum())

    def right_end() -> float:
        return float(desk.overlay.boundary_layer.layer.vertices[..., 1].max())

    n_boundaries, _, width = desk.grading.heights.shape
    assert n_triangles() == 4 * n_boundaries * (width - 1)
    end = right_end()
    scale = desk.view.image_layer.scale[-1]
    desk.viewer.scene.camera.zoom = 0.5 / scale
    assert n_triangles() < 2 * n_boundaries * width
    assert right_end() == pytest.approx(end, abs=5 * scale)


def test_absent_columns_are_gaps(desk):
    edit = desk.grading.begin("cannot see")
    edit.hide_columns(1, 50, 70)
    edit.commit()
    desk.overlay.flush()
    layer = desk.overlay.boundary_layer.layer
    scale = desk.view.image_layer.scale[-1]
    corners = layer.vertices[layer.faces]
    drawn = corners[np.ptp(layer.faces, axis=1) > 0][..., 1] / scale
    assert not ((drawn.max(axis=1) > 50) & (drawn.min(axis=1) < 70)).any()
    assert np.isfinite(layer.vertices).all()


def test_lines_keep_their_width_on_the_screen(desk, qtbot: QtBot):
    def width_in_world() -> float:
        layer = desk.overlay.boundary_layer.layer
        return float(np.ptp(layer.vertices[:2], axis=0).max())

    camera = desk.viewer.scene.camera
    before = width_in_world() * camera.zoom
    camera.zoom *= 4
    qtbot.waitUntil(
        lambda: width_in_world() * camera.zoom == pytest.approx(before, rel=0.05)
    )


def test_knots_do_not_stay_where_the_spacing_was_another(desk, qtbot: QtBot):
    layer = desk.overlay.tool_layer.layer
    desk.view.choose_tool("knots")
    qtbot.waitUntil(lambda: bool(np.ptp(layer.faces, axis=1).any()))
    scale = np.array(desk.view.image_layer.scale)
    desk.view.image_layer.scale = scale * (1, 2, 1)
    qtbot.waitUntil(lambda: not np.ptp(layer.faces, axis=1).any())


def test_overlays_hide_in_3d_and_when_they_are_not_wanted(desk):
    layers = [desk.overlay.boundary_layer.layer, desk.overlay.tool_layer.layer]
    desk.viewer.dims.ndisplay = 3
    assert not any(layer.visible for layer in layers)
    desk.viewer.dims.ndisplay = 2
    assert all(layer.visible for layer in layers)
    desk.overlay.visible = False
    assert not any(layer.visible for layer in layers)


def test_an_overlay_that_was_deleted_is_not_missed(desk):
    desk.viewer.layers.remove(desk.overlay.boundary_layer.layer)
    desk.view.choose_tool("pen")
    before = desk.heights(1).copy()
    desk.drag((before[40], 40), (before[40] - 8, 60))
    assert not np.array_equal(desk.heights(1), before)
    desk.view.close()
    assert not any(is_overlay(layer) for layer in desk.viewer.layers)


@pytest.mark.parametrize("bright", [False, True])
def test_lines_stand_out_on_dark_and_bright_scans(viewer, tmp_path, bright):
    desk = make_desk(viewer, tmp_path, layered_scan(bright=bright), true_heights())
    desk.view.labels_layer.visible = False
    at = desk.screen(desk.heights(0)[80], 80)
    desk.overlay.flush()
    picture = desk.viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    strip = picture[at.y() - 6 : at.y() + 7, at.x()].astype(int)
    colourful = np.ptp(strip, axis=1)
    line = strip[colourful.argmax()]
    grey = strip[colourful < 12].mean(axis=1)
    assert colourful.max() > 80
    # The dark border is darker than the scan on the side where the scan is bright.
    assert grey.min() < 0.6 * grey.max()
    assert line.max() > 150
