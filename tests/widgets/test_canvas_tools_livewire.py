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


def previewed(desk: Desk) -> np.ndarray:
    """Columns that the previewed path reaches, none if there is none."""
    desk.overlay.flush()
    layer = desk.overlay.tool_layer.layer
    drawn = layer.vertices[np.unique(layer.faces)]
    if not np.ptp(layer.faces):
        return np.empty(0)
    return drawn[:, 1] / desk.view.image_layer.scale[-1]


def n_edits(desk: Desk) -> int:
    return sum(edit.tool == "live-wire" for edit in desk.grading.journal.edits())


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


@pytest.mark.parametrize("by", ["escape", "enter", "right button", "another tool"])
def test_a_wire_ends_and_the_next_click_begins_another(desk, by):
    desk.click(TRUE[RNFL_GCL, 30], 30)
    if by == "escape":
        assert desk.tools.cancel()
    elif by == "enter":
        desk.key(Qt.Key.Key_Return)
    elif by == "right button":
        desk.click(50, 50, RIGHT)
    else:
        desk.view.choose_tool("pen")
        desk.view.choose_tool("livewire")
    assert previewed(desk).size == 0
    assert not desk.tools.cancel()
    desk.click(TRUE[RNFL_GCL, 90], 90)
    assert n_edits(desk) == 0


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
    qtbot.waitUntil(lambda: bool(said))
    assert "edges" in said[-1]
    desk.click(TRUE[RNFL_GCL, 120], 120)
    assert np.abs(desk.heights(RNFL_GCL) - TRUE[RNFL_GCL])[41:120].mean() < 1
