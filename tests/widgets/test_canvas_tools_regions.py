"""Clicks on regions, on the real canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_octseg.editing.review import ReviewState
from napari_octseg.volume import OCTVolume
from tests.widgets.canvas_desk import (
    DEPTH,
    WIDTH,
    Desk,
    layered_scan,
    make_desk,
    sayings,
    true_heights,
)

if TYPE_CHECKING:
    from pathlib import Path


IRF = 3
_ROW = np.arange(DEPTH)[:, None]
_COLUMN = np.arange(WIDTH)
CYST = np.hypot(_ROW - 57, (_COLUMN - 70) * 1.5) < 8
"""(depth, width): a dark hole in GCIPL."""


@pytest.fixture
def desk(viewer: Any, tmp_path: Path) -> Desk:
    scan = layered_scan()
    pixels = scan.data.copy()
    pixels[1][CYST] //= 5
    volume = OCTVolume(pixels, spacing_um=scan.spacing_um)
    desk = make_desk(viewer, tmp_path, volume, true_heights())
    desk.view.choose_class(IRF)
    return desk


def paint_cyst(desk: Desk) -> None:
    edit = desk.grading.begin("brush")
    labels = desk.labels.copy()
    labels[CYST] = IRF
    edit.set_labels(1, 0, 0, labels)
    edit.commit()


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_smart_fill_takes_the_cyst_that_is_clicked(desk):
    heights, labels = desk.grading.heights.copy(), desk.labels.copy()
    desk.view.choose_tool("smart-fill")
    desk.click(57, 70)
    assert dice(desk.labels == IRF, CYST) > 0.85
    assert np.array_equal(desk.grading.heights, heights)
    assert desk.grading.journal.undo_tool == "smart fill"
    desk.view.undo()
    assert np.array_equal(desk.labels, labels)


def test_dragging_left_shrinks_a_smart_fill_before_it_is_kept(desk):
    desk.view.choose_tool("smart-fill")
    desk.press(57, 70)
    desk.tools.tool.follow()
    whole = int((desk.labels == IRF).sum())
    desk.drag_to(57, 35)
    desk.release()
    kept = int((desk.labels == IRF).sum())
    assert 0 < kept < whole
    assert sum(e.tool == "smart fill" for e in desk.grading.journal.edits()) == 1


def test_a_piece_of_a_finding_is_deleted_and_layers_show_beneath(desk):
    labels = desk.labels.copy()
    paint_cyst(desk)
    desk.view.choose_tool("delete")
    desk.click(57, 70)
    assert np.array_equal(desk.labels, labels)
    desk.view.undo()
    assert np.array_equal(desk.labels == IRF, CYST)


def test_a_piece_is_relabelled(desk):
    paint_cyst(desk)
    desk.view.choose_class(1)
    desk.view.choose_tool("relabel")
    desk.click(57, 70)
    assert not (desk.labels == IRF).any()
    desk.view.undo()
    assert np.array_equal(desk.labels == IRF, CYST)


def test_the_class_under_the_click_is_picked(desk):
    paint_cyst(desk)
    desk.view.choose_class(1)
    desk.view.choose_tool("pick")
    desk.click(57, 70)
    assert desk.view.class_index == IRF
    desk.click(float(true_heights()[0, 1, 20]) + 8, 20)
    assert desk.view.class_index == 1


def test_clicks_on_nothing_say_so_and_change_nothing(desk):
    labels = desk.labels.copy()
    for tool in ("delete", "relabel"):
        desk.view.choose_tool(tool)
        said = sayings(desk)
        desk.click(5, 70)
        assert said[-1]
    assert np.array_equal(desk.labels, labels)


def test_a_reviewed_bscan_says_why_it_is_locked(desk):
    paint_cyst(desk)
    desk.grading.set_state(1, ReviewState.REVIEWED)
    labels = desk.labels.copy()
    for tool in ("smart-fill", "delete", "relabel"):
        desk.view.choose_tool(tool)
        said = sayings(desk)
        desk.click(57, 70)
        assert "reviewed" in said[-1]
    assert np.array_equal(desk.labels, labels)


def test_a_locked_class_is_neither_given_nor_taken(desk):
    paint_cyst(desk)
    desk.grading.locked_classes.add(IRF)
    labels = desk.labels.copy()
    desk.view.choose_class(1)
    for tool in ("delete", "relabel"):
        desk.view.choose_tool(tool)
        said = sayings(desk)
        desk.click(57, 70)
        assert "IRF is locked" in said[-1]
    assert np.array_equal(desk.labels, labels)
