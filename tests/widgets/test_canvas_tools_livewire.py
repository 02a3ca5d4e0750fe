"""The live-wire, with real clicks on the real canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import ModelError
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._layers import note
from tests.widgets.canvas_desk import (
    RIGHT,
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
TRUE = true_heights()[:, 1]


@pytest.fixture
def desk(viewer: Any, tmp_path: Path) -> Desk:
    """A scan whose second boundary is wrong by 7 px in the middle."""
    heights = true_heights()
    heights[RNFL_GCL, :, 40:121] += 7
    desk = make_desk(viewer, tmp_path, layered_scan(), heights)
    desk.view.choose_boundary(RNFL_GCL)
    desk.tools.pinned = True
    desk.view.choose_tool("livewire")
    return desk


def previewed(desk: Desk, blue: float = 0.2) -> np.ndarray:
    """Columns that the previewed path reaches, none if there is none.

    It is yellow; white, with as much `blue` as 1, is what Enter would draw.
    """
    desk.overlay.flush()
    layer = desk.overlay.tool_layer.layer
    if not np.ptp(layer.faces):
        return np.empty(0)
    used = np.unique(layer.faces)
    colours = layer.vertex_colors[used]
    drawn = used[(colours[:, 0] == 1) & np.isclose(colours[:, 2], blue)]
    return layer.vertices[drawn, 1] / desk.view.image_layer.scale[-1]


def offered(desk: Desk) -> np.ndarray:
    return previewed(desk, blue=1)


def n_edits(desk: Desk) -> int:
    return n_done(desk, "live-wire")


def n_done(desk: Desk, tool: str) -> int:
    edits = desk.grading.journal.edits()
    return sum(edit.tool == tool and edit.state == "done" for edit in edits)


def test_two_clicks_snap_the_columns_between_them_to_the_edge(desk):
    before = desk.heights(RNFL_GCL).copy()
    assert np.abs(before - TRUE[RNFL_GCL])[45:115].min() > 6
    desk.click(TRUE[RNFL_GCL, 40], 40)
    assert n_edits(desk) == 0
    desk.click(TRUE[RNFL_GCL, 120], 120)
    after = desk.heights(RNFL_GCL)
    assert np.abs(after - TRUE[RNFL_GCL])[41:120].mean() < 1
    outside = np.r_[0:39, 122:160]
    assert np.array_equal(after[outside], before[outside])
    assert n_edits(desk) == 1
    row = np.arange(96)[:, None]
    rnfl = (row >= desk.heights(ILM)) & (row < after)
    assert np.array_equal(desk.labels == 1, rnfl)
    desk.view.undo()
    assert np.array_equal(desk.heights(RNFL_GCL), before)


def test_the_path_is_shown_before_the_click_and_changes_nothing(desk, qtbot: QtBot):
    before = desk.heights(RNFL_GCL).copy()
    desk.click(TRUE[RNFL_GCL, 40], 40)
    desk.hover(TRUE[RNFL_GCL, 100], 100)
    qtbot.waitUntil(lambda: np.ptp(previewed(desk)) > 55)
    columns = previewed(desk)
    assert columns.min() == pytest.approx(40, abs=2)
    assert columns.max() == pytest.approx(100, abs=2)
    assert np.array_equal(desk.heights(RNFL_GCL), before)


def test_every_piece_is_one_edit_and_a_double_click_ends_the_wire(desk):
    desk.click(TRUE[RNFL_GCL, 30], 30)
    desk.click(TRUE[RNFL_GCL, 60], 60)
    desk.double_click(TRUE[RNFL_GCL, 90], 90)
    assert n_edits(desk) == 2
    after = desk.heights(RNFL_GCL).copy()
    desk.click(50, 140)
    assert n_edits(desk) == 2
    assert np.array_equal(desk.heights(RNFL_GCL), after)


@pytest.mark.parametrize("by", ["escape", "right button", "another tool"])
def test_a_wire_ends_and_the_next_click_begins_another(desk, by):
    desk.click(TRUE[RNFL_GCL, 30], 30)
    if by == "escape":
        assert desk.tools.cancel()
    elif by == "right button":
        desk.click(50, 50, RIGHT)
    else:
        desk.view.choose_tool("pen")
        desk.view.choose_tool("livewire")
    assert previewed(desk).size == 0
    assert not desk.tools.cancel()
    desk.click(TRUE[RNFL_GCL, 90], 90)
    assert n_edits(desk) == n_done(desk, "trace") == 0


def test_enter_after_a_second_click_only_ends_the_wire(desk):
    desk.click(TRUE[RNFL_GCL, 30], 30)
    desk.click(TRUE[RNFL_GCL, 60], 60)
    after = desk.heights(RNFL_GCL).copy()
    desk.key(Qt.Key.Key_Return)
    assert np.array_equal(desk.heights(RNFL_GCL), after)
    assert n_done(desk, "trace") == 0
    assert not desk.tools.cancel()


@pytest.mark.parametrize("by", ["enter", "double click"])
def test_one_click_draws_the_stretch_that_is_wrong(desk, by):
    before = desk.heights(RNFL_GCL).copy()
    said = sayings(desk)
    if by == "enter":
        desk.click(TRUE[RNFL_GCL, 80], 80)
        assert np.array_equal(desk.heights(RNFL_GCL), before)
        assert "Enter" in said[-1]
        desk.key(Qt.Key.Key_Return)
    else:
        desk.double_click(TRUE[RNFL_GCL, 80], 80)
    after = desk.heights(RNFL_GCL).copy()
    assert np.abs(after - TRUE[RNFL_GCL]).mean() < 0.6
    changed = np.flatnonzero(after != before)
    assert 30 <= changed[0] <= 40
    assert 120 <= changed[-1] <= 130
    assert n_done(desk, "trace") == 1
    assert n_edits(desk) == 0
    assert "RNFL/GCL was drawn from one click in columns 3" in said[-1]
    assert previewed(desk).size == offered(desk).size == 0
    desk.view.undo()
    assert np.array_equal(desk.heights(RNFL_GCL), before)


@pytest.mark.parametrize("by", ["enter", "double click"])
def test_with_shift_one_click_draws_all_of_it(desk, by):
    desk.view.choose_boundary(BOTTOM)
    said = sayings(desk)
    place = TRUE[BOTTOM, 80], 80
    shift = Qt.KeyboardModifier.ShiftModifier
    before = desk.heights(BOTTOM).copy()
    desk.click(*place)
    desk.key(Qt.Key.Key_Return)
    assert "lies here already" in said[-1]
    assert np.array_equal(desk.heights(BOTTOM), before)
    if by == "enter":
        desk.click(TRUE[BOTTOM, 80] + 3, 80)
        desk.key(Qt.Key.Key_Return, shift)
    else:
        desk.double_click(TRUE[BOTTOM, 80] + 3, 80, shift)
    changed = np.flatnonzero(desk.heights(BOTTOM) != before)
    assert changed[0] < 5
    assert changed[-1] > 154
    assert "from edge to edge" in said[-1]


def test_what_enter_would_draw_is_shown_while_the_first_click_waits(desk, qtbot):
    before = desk.heights(RNFL_GCL).copy()
    desk.click(TRUE[RNFL_GCL, 80], 80)
    qtbot.waitUntil(lambda: np.ptp(offered(desk)) > 70)
    shown = offered(desk)
    assert 28 <= shown.min() <= 42
    assert 118 <= shown.max() <= 132
    desk.hover(TRUE[RNFL_GCL, 90], 90, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: np.ptp(offered(desk)) > 150)
    assert np.array_equal(desk.heights(RNFL_GCL), before)
    assert desk.tools.cancel()
    assert previewed(desk).size == offered(desk).size == 0


def test_where_a_boundary_is_absent_one_click_draws_all_of_it(viewer, tmp_path):
    desk = make_desk(viewer, tmp_path, layered_scan(), None)
    edit = desk.grading.begin("cannot see")
    edit.hide_columns(1, 100, 109)
    edit.commit()
    desk.view.choose_tool("livewire")
    for boundary in (ILM, BOTTOM, RNFL_GCL):
        desk.tools.pinned = True
        desk.view.choose_boundary(boundary)
        desk.double_click(TRUE[boundary, 60], 60)
    found = desk.grading.heights[:, 1]
    graded = np.r_[0:100, 110:160]
    assert np.abs(found - TRUE)[:, graded].mean() < 0.6
    assert np.isnan(found[:, 100:110]).all()
    assert (desk.labels[:, 100:110] == 255).all()
    assert n_done(desk, "trace") == 3
    desk.double_click(TRUE[RNFL_GCL, 105], 105)
    filled = desk.heights(RNFL_GCL)
    assert np.abs(filled - TRUE[RNFL_GCL]).mean() < 0.6


def test_a_trace_stays_between_its_neighbours(desk):
    """Even where it would push: only a neighbour that the click is beyond gives way."""
    others = desk.grading.heights[[ILM, BOTTOM], 1].copy()
    desk.double_click((TRUE[RNFL_GCL, 80] + TRUE[BOTTOM, 80]) / 2, 80)
    assert n_done(desk, "trace") == 1
    assert np.array_equal(desk.grading.heights[[ILM, BOTTOM], 1], others)
    desk.double_click(TRUE[BOTTOM, 80] + 8, 80)
    heights = desk.grading.heights[:, 1]
    assert heights[RNFL_GCL, 80] == pytest.approx(TRUE[BOTTOM, 80] + 8, abs=0.5)
    assert (np.diff(heights, axis=0) >= 0).all()
    assert np.array_equal(heights[ILM], others[0])


def test_a_trace_that_stops_does_not_cross_its_neighbours(desk):
    desk.tools.policy = "stop"
    others = desk.grading.heights[[ILM, BOTTOM], 1].copy()
    desk.double_click(TRUE[BOTTOM, 80] + 8, 80)
    heights = desk.grading.heights[:, 1]
    assert (np.diff(heights, axis=0) >= 0).all()
    assert np.array_equal(heights[[ILM, BOTTOM]], others)


def test_another_bscan_ends_the_wire(desk):
    desk.click(TRUE[RNFL_GCL, 30], 30)
    desk.view.go_to(2)
    desk.click(TRUE[RNFL_GCL, 90], 90)
    assert n_edits(desk) == 0


def test_a_wire_that_stops_stays_between_its_neighbours(desk):
    desk.tools.policy = "stop"
    others = desk.grading.heights[[ILM, BOTTOM], 1].copy()
    desk.click(TRUE[RNFL_GCL, 20], 20)
    desk.click(90, 120)
    heights = desk.grading.heights[:, 1]
    assert (np.diff(heights, axis=0) >= 0).all()
    assert np.array_equal(heights[[ILM, BOTTOM]], others)


def test_a_wire_that_pushes_takes_the_others_along(desk):
    desk.click(TRUE[RNFL_GCL, 20], 20)
    desk.click(90, 120)
    heights = desk.grading.heights[:, 1]
    assert (np.diff(heights, axis=0) >= 0).all()
    assert heights[RNFL_GCL, 120] == pytest.approx(90, abs=0.5)
    assert heights[BOTTOM, 120] >= heights[RNFL_GCL, 120]


def test_a_reviewed_bscan_says_why_no_wire_begins(desk):
    desk.grading.set_state(desk.view.bscan, ReviewState.REVIEWED)
    said = sayings(desk)
    desk.click(TRUE[RNFL_GCL, 30], 30)
    assert "reviewed" in said[-1]
    desk.click(TRUE[RNFL_GCL, 90], 90)
    assert n_edits(desk) == 0


class Known:
    """A segmentation whose model is sure of the true boundaries."""

    def __init__(self, volume: OCTVolume) -> None:
        self.label_set = LabelSet.of("background", "GCIPL", "RNFL")
        row = np.arange(volume.depth)[:, None]
        rnfl = (row >= TRUE[ILM]) & (row < TRUE[RNFL_GCL])
        gcipl = (row >= TRUE[RNFL_GCL]) & (row < TRUE[BOTTOM])
        self.probabilities = np.stack([~(rnfl | gcipl), gcipl, rnfl]).astype(np.float32)

    def probabilities_of(self, index: int) -> np.ndarray:
        return self.probabilities


def test_where_a_model_has_run_the_wire_follows_its_probability(
    viewer, tmp_path, qtbot: QtBot
):
    noise = np.random.default_rng(1).normal(100, 20, (3, 96, 160)).clip(0, 255)
    volume = OCTVolume(noise.astype(np.uint8), spacing_um=(120.0, 6.0, 12.0))
    desk = make_desk(viewer, tmp_path, volume, true_heights())
    note(desk.view.labels_layer, segmentation=Known(volume))
    desk.view.choose_boundary(RNFL_GCL)
    desk.tools.pinned = True
    desk.view.choose_tool("livewire")
    costs = desk.tools.tool.costs
    with qtbot.waitSignal(costs.improved):
        costs.guide(1, RNFL_GCL)
    desk.click(TRUE[RNFL_GCL, 20], 20)
    desk.click(TRUE[RNFL_GCL, 140], 140)
    assert np.abs(desk.heights(RNFL_GCL) - TRUE[RNFL_GCL]).mean() < 1


def test_a_model_that_cannot_be_asked_leaves_the_edges(desk, qtbot: QtBot):
    class Gone(Known):
        def probabilities_of(self, index: int) -> np.ndarray:
            raise ModelError("This segmentation holds no network any more")

    note(desk.view.labels_layer, segmentation=Gone(desk.grading.volume))
    said = sayings(desk)
    desk.click(TRUE[RNFL_GCL, 40], 40)
    desk.hover(TRUE[RNFL_GCL, 80], 80)
    qtbot.waitUntil(lambda: any("edges" in words for words in said))
    desk.click(TRUE[RNFL_GCL, 120], 120)
    assert np.abs(desk.heights(RNFL_GCL) - TRUE[RNFL_GCL])[41:120].mean() < 1


def test_the_top_of_an_rpe_that_holds_the_outer_segments_is_where_it_gets_dark(
    viewer, tmp_path
):
    row = np.arange(96)[:, None] + np.zeros(160)
    grey = np.where(row < 40, 30, np.where(row < 55, 200, np.where(row < 70, 120, 20)))
    volume = OCTVolume(np.stack([grey] * 2).astype(np.uint8), spacing_um=(120, 6, 12))
    layers = ("EZ", "RPE")
    desk = make_desk(
        viewer, tmp_path, volume, None, classes=("background", *layers), layers=layers
    )
    desk.view.choose_tool("livewire")
    assert desk.grading.boundary_names[1] == "EZ/RPE"
    cost = desk.tools.tool.costs.guide(0, 1).cost[:, 80]
    assert cost[55] < 0.4
    assert cost[40] > 0.8
