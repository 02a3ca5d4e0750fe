"""Whole classes on one B-scan are clamped, smoothed, filled, grown and shrunk."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_octseg.editing.grading import Grading
from napari_octseg.editing.review import ReviewState
from napari_octseg.labels import LabelSet
from napari_octseg.widgets._grading_view import GradingView
from napari_octseg.widgets._layers import add_scan
from napari_octseg.widgets._panel import Panel
from napari_octseg.widgets._region_box import RegionBox

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
SET = LabelSet.of(
    "background", "RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "RPE", "IRF", "HF"
)
IRF, HF = 8, 9


class Box:
    """Seven layers of three rows each from row 4 on, and the box beside them."""

    def __init__(self, viewer, volume, path):
        self.panel = Panel()
        self.view = GradingView(viewer, self.panel)
        self.box = RegionBox(self.view)
        self.panel.body.addWidget(self.box)
        viewer.window.add_dock_widget(self.panel, name="Panel")
        self.grading = Grading.open(volume, SET, SET.names[1:8], path=path)
        edit = self.grading.begin("draw")
        heights = np.arange(8, dtype=np.float32)[:, None] * 3 + 3.5
        edit.set_heights(2, 0, np.tile(heights, (1, 48)))
        edit.commit()
        image = add_scan(viewer, volume)
        self.said: list[str] = []
        self.view.said.connect(self.said.append)
        self.view.show(self.grading, image, "correction")

    @property
    def labels(self):
        return self.grading.labels[2]

    def put(self, rows: slice, columns: slice, class_index: int) -> None:
        after = self.labels.copy()
        after[rows, columns] = class_index
        edit = self.grading.begin("brush")
        edit.set_labels(2, 0, 0, after)
        edit.commit()


@pytest.fixture
def one(viewer, volume, tmp_path):
    made = Box(viewer, volume, tmp_path / "j.sqlite")
    yield made
    made.panel.close_down()


def press(qtbot, one: Box, name: str) -> None:
    button = one.box.buttons[name]
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)


def test_fluid_outside_its_layers_is_clamped_and_layers_come_to_light(qtbot, one):
    bare = one.labels.copy()
    one.put(slice(0, 30), slice(10, 14), IRF)
    one.view.choose_class(IRF)
    press(qtbot, one, "clamp")
    rows = np.flatnonzero((one.labels == IRF)[:, 12])
    # From the ILM to the RPE.
    assert rows.tolist() == list(range(4, 22))
    np.testing.assert_array_equal(one.labels[22:], bare[22:])
    assert one.view.grading.journal.undo_tool == "clamp IRF"
    assert one.said[-1] == "Clamped IRF on B-scan 2."


def test_grow_shrink_and_holes(qtbot, one):
    one.put(slice(10, 17), slice(20, 30), IRF)
    one.put(slice(12, 14), slice(24, 26), HF)
    one.view.choose_class(IRF)
    press(qtbot, one, "fill holes")
    assert (one.labels[10:17, 20:30] == IRF).all()
    press(qtbot, one, "grow")
    assert (one.labels[9:18, 21:29] == IRF).all()
    assert (one.labels[10:17, 19:31] == IRF).all()
    press(qtbot, one, "shrink")
    press(qtbot, one, "shrink")
    assert (one.labels[11:16, 21:29] == IRF).all()
    assert not (one.labels[:11] == IRF).any()
    one.view.undo()
    assert (one.labels[10:17, 20:30] == IRF).all()


def test_smoothing_drops_specks(qtbot, one):
    one.put(slice(8, 18), slice(5, 20), IRF)
    one.put(slice(12, 13), slice(40, 41), IRF)
    one.view.choose_class(IRF)
    press(qtbot, one, "smooth")
    assert one.labels[12, 40] != IRF
    assert one.labels[12, 12] == IRF


def test_layers_and_classes_without_limits_are_not_offered_what_makes_no_sense(one):
    one.view.choose_class(1)
    assert not any(button.isEnabled() for button in one.box.buttons.values())
    assert "RNFL is a layer" in one.box.caption.text()
    one.view.choose_class(HF)
    assert one.box.buttons["grow"].isEnabled()


def test_a_reviewed_bscan_stays_as_it_is_and_says_why(qtbot, one):
    one.put(slice(10, 17), slice(20, 30), IRF)
    one.grading.set_state(2, ReviewState.REVIEWED)
    before = one.labels.copy()
    one.view.choose_class(IRF)
    press(qtbot, one, "grow")
    np.testing.assert_array_equal(one.labels, before)
    assert "reviewed" in one.said[-1]


def test_nothing_to_do_is_said(qtbot, one):
    one.view.choose_class(IRF)
    press(qtbot, one, "grow")
    assert one.said[-1] == "IRF on B-scan 2 stays as it is."
    assert one.view.grading.journal.undo_tool == "draw"
