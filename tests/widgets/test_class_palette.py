"""The palette chooses, locks and hides classes."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_octseg.editing.grading import Grading
from napari_octseg.labels import LabelSet
from napari_octseg.widgets._class_palette import ClassPalette
from napari_octseg.widgets._grading_view import GradingView
from napari_octseg.widgets._layers import add_scan
from napari_octseg.widgets._panel import PANEL_WIDTH, Panel

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
SET = LabelSet.of("background", "RNFL", "GCIPL", "SRF")


@pytest.fixture
def palette(viewer, volume, tmp_path):
    panel = Panel()
    view = GradingView(viewer, panel)
    one = ClassPalette(view)
    panel.body.addWidget(one)
    panel.body.addStretch()
    viewer.window.add_dock_widget(panel, name="Panel")
    image = add_scan(viewer, volume)
    path = tmp_path / "j.sqlite"
    grading = Grading.open(volume, SET, SET.names[1:3], path=path)
    view.show(grading, image, "correction")
    one.view = view
    yield one
    panel.close_down()


def test_it_lists_classes_with_name_key_lock_and_eye(palette):
    assert [row.choose_button.text() for row in palette.rows.values()] == [
        "RNFL",
        "GCIPL",
        "SRF",
    ]
    assert [row.key_label.text() for row in palette.rows.values()] == ["1", "2", "3"]
    assert "subretinal fluid" in palette.rows[3].choose_button.toolTip()
    for row in palette.rows.values():
        for button in (row.choose_button, row.lock_button, row.eye_button):
            assert button.focusPolicy() == Qt.FocusPolicy.TabFocus


def test_a_click_chooses_what_is_painted(qtbot, palette):
    qtbot.mouseClick(palette.rows[3].choose_button, LEFT)
    assert palette.view.class_index == 3
    assert palette.view.labels_layer.selected_label == 3
    palette.view.choose_class(1)
    assert palette.rows[1].choose_button.isChecked()
    assert not palette.rows[3].choose_button.isChecked()


def test_stepping_goes_round(palette):
    seen = []
    for _ in range(4):
        palette.step(1)
        seen.append(palette.view.class_index)
    assert seen == [2, 3, 1, 2]
    palette.step(-1)
    palette.step(-1)
    assert palette.view.class_index == 3
    palette.choose(9)
    assert palette.view.class_index == 3


def test_a_locked_class_is_not_painted_over(qtbot, palette):
    view = palette.view
    grading = view.grading

    def paint(class_index: int, rows: slice) -> None:
        edit = grading.begin("brush")
        after = grading.labels[0].copy()
        after[rows, 5:9] = class_index
        edit.set_labels(0, 0, 0, after)
        edit.commit()

    paint(3, slice(10, 14))
    qtbot.mouseClick(palette.rows[3].lock_button, LEFT)
    assert grading.locked_classes == {3}
    paint(1, slice(8, 20))
    assert (grading.labels[0, 10:14, 5:9] == 3).all()
    paint(3, slice(20, 24))
    assert not (grading.labels[0, 20:24] == 3).any()
    qtbot.mouseClick(palette.rows[3].lock_button, LEFT)
    assert not grading.locked_classes
    paint(1, slice(10, 14))
    assert not (grading.labels[0] == 3).any()


def test_a_hidden_class_is_transparent_and_keeps_its_pixels(qtbot, palette):
    layer, grading = palette.view.labels_layer, palette.view.grading
    edit = grading.begin("brush")
    edit.set_labels(0, 4, 4, np.full((6, 6), 3, np.uint8))
    edit.commit()
    before = grading.labels.copy()
    palette.view.choose_class(2)
    qtbot.mouseClick(palette.rows[3].eye_button, LEFT)
    assert layer.get_color(3)[3] == 0
    assert layer.get_color(1)[3] == 1
    assert layer.selected_label == 2
    np.testing.assert_array_equal(grading.labels, before)
    qtbot.mouseClick(palette.rows[3].eye_button, LEFT)
    assert layer.get_color(3)[3] == 1


def test_it_goes_when_the_grading_is_closed(palette):
    palette.view.close()
    assert not palette.isVisible()
    assert not palette.rows


def test_many_long_names_fit_into_the_panel(qtbot, viewer, volume, tmp_path, palette):
    names = ["background", *(f"a very long name of class {i}" for i in range(14))]
    grading = Grading.open(volume, LabelSet.of(*names), path=tmp_path / "k.sqlite")
    palette.view.show(grading, viewer.layers[0], "correction")
    assert palette.minimumSizeHint().width() <= PANEL_WIDTH - 40
    assert palette.rows[9].key_label.text() == "9"
    assert palette.rows[10].key_label.text() == ""
