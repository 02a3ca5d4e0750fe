"""The Correct tab: a correction from its beginning to its resumption."""

from __future__ import annotations

import os

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_octseg.editing.grading import Grading
from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import JournalError
from napari_octseg.labels import LabelSet
from napari_octseg.phantom import LAYER_SET, PhantomSettings, make_phantom
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._canvas_cursor import canvas_of
from napari_octseg.widgets._key_card import KeyCard
from napari_octseg.widgets._layers import (
    add_scan,
    bscan_on_screen,
    facts_of,
    make_labels_layer,
    volume_of,
)
from napari_octseg.widgets._messages import ErrorMessage
from napari_octseg.widgets._panel import PANEL_WIDTH
from napari_octseg.widgets._starts import Start
from napari_octseg.widgets.correct import CorrectWidget
from napari_octseg.widgets.workbench import WorkbenchWidget
from tests.widgets.clicks import press

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
N_BSCANS = 5


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(PhantomSettings(shape=(N_BSCANS, 96, 128), seed=3))


class Tab:
    """A scan with labels of a model, as it were, and the Correct tab."""

    def __init__(self, qtbot, viewer, phantom):
        self.qtbot, self.viewer = qtbot, viewer
        self.image = add_scan(viewer, phantom.volume, "eye")
        viewer.add_layer(
            make_labels_layer(
                phantom.layers.copy(),
                phantom.volume,
                LAYER_SET,
                image_layer=self.image,
                name="layers",
            )
        )
        self.correct = CorrectWidget(viewer)
        viewer.window.add_dock_widget(self.correct, name="Correct")
        qtbot.waitUntil(self.correct.isVisible)
        self.canvas = canvas_of(self.correct)

    @property
    def grading(self):
        return self.correct.view.grading

    @property
    def view(self):
        return self.correct.view

    def click(self, button) -> None:
        press(self.qtbot, self.correct, button)

    def begin(self) -> None:
        self.click(self.correct.start_box.begin_button)
        self.qtbot.waitUntil(lambda: not self.correct.header.is_busy, timeout=20_000)

    def press(self, key, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
        self.qtbot.keyClick(self.canvas, key, modifiers)

    def place(self, row: float, column: float) -> QPoint:
        """Where a pixel of the B-scan on screen is on the canvas."""
        world = self.image.data_to_world((self.view.bscan, row, column))[-2:]
        camera = self.viewer.scene.camera
        middle = np.array([self.canvas.height(), self.canvas.width()]) / 2
        y, x = (np.array(world) - np.array(camera.center)[-2:]) * camera.zoom + middle
        return QPoint(round(x), round(y))

    def paint(self, row: float, column: float) -> None:
        self.qtbot.mouseMove(self.canvas, self.place(row, column))
        self.qtbot.mouseClick(self.canvas, LEFT, pos=self.place(row, column))


@pytest.fixture
def tab(qtbot, viewer, models, phantom):
    one = Tab(qtbot, viewer, phantom)
    yield one
    one.correct.close_down()


def test_before_the_beginning_there_is_only_the_start(tab):
    assert tab.correct.start_box.isVisible()
    assert not tab.correct.work.isVisible()
    assert not tab.correct.keys.is_bound


def test_labels_are_taken_over_as_one_edit_that_undo_names(tab, phantom):
    tab.begin()
    np.testing.assert_array_equal(tab.grading.labels, phantom.layers)
    assert np.isfinite(tab.grading.heights).any()
    assert not tab.viewer.layers["layers"].visible
    assert tab.view.labels_layer.visible
    assert tab.correct.undo_box.undo_button.text().startswith("Undo take over")
    assert "Undo: take over layers" in tab.correct.undo_box.undo_button.toolTip()
    assert "5 B-scans" in tab.correct.status.text()
    tab.click(tab.correct.undo_box.undo_button)
    assert not tab.grading.labels.any()
    tab.qtbot.waitUntil(lambda: not tab.correct.undo_box.undo_button.isEnabled())
    assert "Redo: take over layers" in tab.correct.undo_box.redo_button.toolTip()
    tab.press(Qt.Key.Key_Z, CONTROL | SHIFT)
    np.testing.assert_array_equal(tab.grading.labels, phantom.layers)


def test_a_stroke_of_the_brush_is_undone_by_the_key_whatever_layer_is_selected(
    tab, phantom
):
    tab.begin()
    tab.press(Qt.Key.Key_1)
    tab.press(Qt.Key.Key_B)
    assert tab.view.labels_layer.mode == "paint"
    tab.paint(10, 64)
    painted = tab.grading.labels != phantom.layers
    assert painted.any()
    assert set(tab.grading.labels[painted]) == {1}
    tab.qtbot.waitUntil(lambda: tab.correct.undo_box.undo_button.text() == "Undo brush")
    tab.viewer.layers.selection.active = tab.image
    tab.press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(tab.grading.labels, phantom.layers)
    assert tab.correct.status.text() == "Undone: brush."


def test_keys_step_choose_and_review(tab):
    tab.begin()
    tab.view.go_to(1)
    tab.press(Qt.Key.Key_D)
    assert bscan_on_screen(tab.viewer, tab.image) == 2
    tab.press(Qt.Key.Key_A)
    tab.press(Qt.Key.Key_A)
    tab.press(Qt.Key.Key_A)
    assert tab.view.bscan == 0
    tab.press(Qt.Key.Key_3)
    tab.press(Qt.Key.Key_E)
    assert tab.view.class_index == 4
    tab.press(Qt.Key.Key_Q)
    assert tab.view.class_index == 3
    tab.press(Qt.Key.Key_Space)
    assert tab.grading.states[0] == ReviewState.REVIEWED
    assert tab.view.bscan == 1
    tab.press(Qt.Key.Key_R)
    assert tab.grading.states[1] == ReviewState.REVIEWED


@pytest.mark.parametrize(
    ("key", "tool"), [("K", "knots"), ("L", "livewire"), ("M", "magnet"), ("F", "fill")]
)
def test_a_key_and_a_button_take_the_same_tool(tab, key, tool):
    tab.begin()
    tab.press(key)
    assert tab.view.tool == tool
    assert tab.correct.tool_box.buttons[tool].isChecked()
    tab.press(Qt.Key.Key_Z)
    assert tab.view.tool == "pan"
    tab.click(tab.correct.tool_box.buttons[tool])
    assert tab.view.tool == tool


def test_a_click_on_a_button_leaves_the_keys_with_the_picture(tab):
    tab.begin()
    tab.canvas.setFocus()
    tab.click(tab.correct.tool_box.buttons["brush"])
    tab.click(tab.correct.palette.rows[2].choose_button)
    tab.click(tab.correct.undo_box.undo_button)
    focused = QApplication.focusWidget()
    assert focused is None or focused is tab.canvas


def test_brush_size_goes_up_and_down_and_the_magnet_has_its_own(tab):
    tab.begin()
    tab.press(Qt.Key.Key_B)
    size = tab.view.labels_layer.brush_size
    tab.press(Qt.Key.Key_W)
    assert tab.view.labels_layer.brush_size == size + 1
    tab.press(Qt.Key.Key_M)
    radius = tab.correct.canvas_tools.radius
    tab.press(Qt.Key.Key_S)
    assert tab.correct.canvas_tools.radius == radius - 1
    assert tab.view.labels_layer.brush_size == size + 1


def test_settings_of_tools_reach_the_tools(tab):
    tab.begin()
    tab.press(Qt.Key.Key_K)
    box = tab.correct.tool_box
    assert box.boundary_chooser.isVisible()
    qtbot = tab.qtbot
    qtbot.mouseClick(box.stop_button, LEFT, pos=QPoint(8, 8))
    assert tab.correct.canvas_tools.policy == "stop"
    box.boundary_chooser.setCurrentIndex(2)
    box.boundary_chooser.activated.emit(2)
    assert tab.view.boundary == 2
    tab.press(Qt.Key.Key_G)
    assert not box.boundary_chooser.isVisible()
    assert tab.correct.canvas_tools.tolerance is None
    box.tolerance_slider.setValue(box.tolerance_slider.maximum())
    assert tab.correct.canvas_tools.tolerance > 100
    box.tolerance_slider.setValue(0)
    assert box.tolerance_value.text() == "automatic"


def test_holding_v_shows_the_scan_alone(tab):
    tab.begin()
    tab.qtbot.keyPress(tab.canvas, Qt.Key.Key_V)
    assert not tab.view.labels_layer.visible
    assert not tab.correct.overlay.visible
    tab.qtbot.keyRelease(tab.canvas, Qt.Key.Key_V)
    assert tab.view.labels_layer.visible
    assert tab.correct.overlay.visible


def test_escape_gives_up_a_polygon(tab):
    tab.begin()
    tab.press(Qt.Key.Key_P)
    tab.paint(30, 40)
    tab.paint(30, 60)
    polygon = tab.view.labels_layer._overlays["polygon"]
    assert polygon.points
    tab.press(Qt.Key.Key_Escape)
    assert not polygon.points


def test_what_was_said_goes_with_the_next_edit(tab):
    tab.begin()
    assert tab.correct.status.text()
    edit = tab.grading.begin("pen")
    edit.set_heights(0, 0, tab.grading.heights[:, 0] - 1)
    edit.commit()
    assert tab.correct.status.text() == ""
    tab.press(Qt.Key.Key_Z, CONTROL)
    assert tab.correct.status.text() == "Undone: pen."


def test_a_smaller_scan_can_be_begun_after_a_larger_one(tab, phantom):
    tab.begin()
    tab.view.go_to(N_BSCANS - 1)
    tab.view.choose_class(5)
    tab.view.close()
    tab.viewer.layers.clear()
    smaller = add_scan(tab.viewer, OCTVolume(phantom.volume.data[:2].copy()), "small")
    grading = Grading.open(volume_of(smaller), LabelSet.of("background", "IRF"), [])
    seen = []
    tab.viewer.layers.events.inserted.connect(
        lambda _: seen.append((tab.view.bscan, tab.view.class_index))
    )
    tab.view.show(grading, smaller, "small – correction")
    assert all(bscan < 2 and index < 2 for bscan, index in seen)
    assert seen


def test_labels_that_are_taken_over_do_not_cover_the_correction(tab):
    tab.begin()
    tab.viewer.layers["layers"].visible = True
    for bscan in range(N_BSCANS):
        tab.grading.set_state(bscan, ReviewState.UNSEEN)
    tab.correct.header.fill_menu()
    tab.correct.header.menu.actions()[0].trigger()
    assert not tab.viewer.layers["layers"].visible


def test_napari_names_no_keys_that_are_ours(tab):
    tab.begin()
    tab.press(Qt.Key.Key_B)
    assert tab.viewer.help == ""


def test_another_scan_is_not_begun_unseen(tab, phantom):
    tab.begin()
    add_scan(tab.viewer, phantom.volume, "other eye")
    assert "eye is still being corrected" in tab.correct.status.text()
    assert "other eye can be begun" in tab.correct.status.text()


def test_a_polygon_is_in_the_journal(tab):
    tab.begin()
    before = tab.grading.labels.copy()
    tab.press(Qt.Key.Key_2)
    tab.press(Qt.Key.Key_P)
    for place in ((10, 30), (10, 70), (20, 70)):
        tab.paint(*place)
    tab.qtbot.mouseDClick(tab.canvas, LEFT, pos=tab.place(20, 70))
    tab.qtbot.waitUntil(lambda: tab.grading.journal.undo_tool == "polygon")
    assert not np.array_equal(tab.grading.labels, before)
    tab.press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(tab.grading.labels, before)


def test_a_polygon_changes_nothing_that_is_reviewed(tab):
    tab.begin()
    before = tab.grading.labels.copy()
    tab.press(Qt.Key.Key_R)
    tab.press(Qt.Key.Key_P)
    for place in ((10, 30), (10, 70), (20, 70)):
        tab.paint(*place)
    tab.qtbot.mouseDClick(tab.canvas, LEFT, pos=tab.place(20, 70))
    tab.qtbot.waitUntil(lambda: np.array_equal(tab.grading.labels, before))
    assert "reviewed" in tab.correct.status.text()


def test_a_correction_is_resumed_with_its_undo(tab, phantom):
    tab.begin()
    tab.press(Qt.Key.Key_2)
    tab.press(Qt.Key.Key_B)
    tab.paint(10, 64)
    after = tab.grading.labels.copy()
    assert (after != phantom.layers).any()
    tab.click(tab.correct.header.finish_button)
    assert tab.grading is None
    assert not tab.correct.keys.is_bound
    assert not tab.viewer.layers["eye – correction"].editable
    box = tab.correct.start_box
    tab.qtbot.waitUntil(lambda: bool(box.resume_list.buttons), timeout=10_000)
    assert box.resume_list.labels[0].text().startswith("2 edits from today")
    tab.click(box.resume_list.buttons[0])
    np.testing.assert_array_equal(tab.grading.labels, after)
    # The picture of the ended correction has gone.
    assert [x.name for x in tab.viewer.layers].count("eye – correction") == 1
    tab.press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(tab.grading.labels, phantom.layers)


def test_a_correction_is_not_ended_while_edits_wait_for_the_disk(tab, monkeypatch):
    def full(*args: object, **named: object) -> None:
        raise JournalError("The disk is full")

    tab.begin()
    with monkeypatch.context() as patched:
        patched.setattr(tab.grading.journal, "write", full)
        tab.press(Qt.Key.Key_B)
        tab.paint(10, 64)
        tab.qtbot.waitUntil(lambda: tab.grading.n_unwritten == 1)
        waiting = tab.correct.header.waiting
        tab.qtbot.waitUntil(waiting.isVisible)
        assert "1 edit waits for the disk" in waiting.text()
        tab.click(tab.correct.header.finish_button)
        assert tab.grading is not None
        messages = tab.correct.window().findChildren(ErrorMessage)
        assert all("disk is full" in one.text.text() for one in messages)
        for message in messages:
            message.close()
    tab.press(Qt.Key.Key_B)
    tab.paint(20, 64)
    tab.qtbot.waitUntil(lambda: not waiting.isVisible())
    tab.click(tab.correct.header.finish_button)
    assert tab.grading is None


def test_beginning_again_goes_on_with_what_was_corrected(tab, phantom):
    tab.begin()
    edit = tab.grading.begin("brush")
    edit.set_labels(0, 0, 0, np.full((4, 128), 1, np.uint8))
    edit.commit()
    after = tab.grading.labels.copy()
    tab.click(tab.correct.header.finish_button)
    tab.begin()
    np.testing.assert_array_equal(tab.grading.labels, after)
    assert "gone on with" in tab.correct.status.text()


def test_a_later_run_is_taken_over_where_nobody_corrected(tab, phantom):
    tab.begin()
    edit = tab.grading.begin("brush")
    edit.set_labels(0, 0, 0, np.full((4, 128), 1, np.uint8))
    edit.commit()
    corrected = tab.grading.labels[0].copy()
    later = np.roll(phantom.layers, 2, axis=1)
    layer = make_labels_layer(
        later, phantom.volume, LAYER_SET, image_layer=tab.image, name="later"
    )
    tab.viewer.add_layer(layer)
    header = tab.correct.header
    header.fill_menu()
    titles = [action.text() for action in header.menu.actions()]
    assert titles == ["later", "layers"]
    header.menu.actions()[0].trigger()
    tab.qtbot.waitUntil(lambda: not header.is_busy, timeout=20_000)
    np.testing.assert_array_equal(tab.grading.labels[0], corrected)
    np.testing.assert_array_equal(tab.grading.labels[1:], later[1:])
    tab.press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(tab.grading.labels[1:], phantom.layers[1:])


def test_taking_over_can_be_given_up(tab, phantom, monkeypatch):
    tab.begin()
    # On a fast machine all of it would be one piece.
    monkeypatch.setattr("napari_octseg.widgets._stepper._AT_ONCE_S", 0.0)
    before = tab.grading.labels.copy()
    header = tab.correct.header
    later = Start("later", LAYER_SET, LAYER_SET.names[1:], "x 1", labels=before + 0)
    header.take(later)
    assert header.is_busy
    assert not tab.correct.work.isEnabled()
    tab.click(header.cancel_button)
    assert not header.is_busy
    np.testing.assert_array_equal(tab.grading.labels, before)
    assert tab.grading.journal.undo_tool == "take over layers"


def test_an_empty_start_has_the_chosen_classes_and_the_added_ones(tab):
    box = tab.correct.start_box
    box.start_chooser.setCurrentIndex(
        box.start_chooser.findText("nothing: IRF, SRF, PED, drusen")
    )
    tab.begin()
    assert tab.grading.label_set.names[1:] == ("IRF", "SRF", "PED", "drusen")
    assert not tab.grading.labels.any()
    # Nothing of boundaries is offered.
    tab.press(Qt.Key.Key_L)
    assert tab.view.tool == "pan"
    assert "no boundaries" in tab.correct.status.text()
    tab.press(Qt.Key.Key_1)
    tab.press(Qt.Key.Key_B)
    tab.paint(40, 60)
    assert (tab.grading.labels == 1).any()


def test_one_bscan_without_any_model_can_be_corrected(qtbot, viewer, models):
    viewer.add_image(np.full((64, 80), 90, np.uint8), name="photo")
    correct = CorrectWidget(viewer)
    viewer.window.add_dock_widget(correct, name="Correct")
    box = correct.start_box
    qtbot.waitUntil(box.begin_button.isVisible)
    qtbot.mouseClick(box.begin_button, LEFT)
    assert correct.view.grading.labels.shape == (1, 64, 80)
    assert correct.view.labels_layer.ndim == 2
    canvas = canvas_of(correct)
    qtbot.keyClick(canvas, Qt.Key.Key_D)
    qtbot.keyClick(canvas, Qt.Key.Key_1)
    qtbot.keyClick(canvas, Qt.Key.Key_B)
    assert correct.view.labels_layer.mode == "paint"
    qtbot.mouseMove(canvas, canvas.rect().center())
    qtbot.mouseClick(canvas, LEFT, pos=canvas.rect().center())
    assert correct.view.grading.labels.any(), correct.status.text()
    correct.close_down()


def test_the_key_card_opens_and_changed_keys_hold_at_once(tab):
    tab.begin()
    tab.click(tab.correct.card_button)
    [card] = tab.correct.findChildren(KeyCard)
    tab.qtbot.mouseClick(card.buttons["brush"], LEFT)
    tab.qtbot.keyClick(card.buttons["brush"], Qt.Key.Key_O)
    card.close()
    tab.press(Qt.Key.Key_O)
    assert tab.view.tool == "brush"
    assert "Key O" in tab.correct.tool_box.buttons["brush"].toolTip()


def test_a_correction_open_in_another_window_is_said_and_nothing_is_lost(tab, phantom):
    other = Grading.open(phantom.volume, LAYER_SET, LAYER_SET.names[1:])
    tab.click(tab.correct.start_box.begin_button)
    [message] = tab.correct.window().findChildren(ErrorMessage)
    assert "open in another window" in message.text.text()
    message.close()
    assert tab.grading is None
    assert tab.correct.start_box.isVisible()
    other.close()
    tab.begin()
    assert tab.grading is not None


def test_closing_the_dock_closes_the_journal(tab, phantom):
    tab.begin()
    tab.viewer.window.remove_dock_widget(tab.correct)
    assert tab.grading is None
    again = Grading.open(phantom.volume, LAYER_SET, LAYER_SET.names[1:])
    np.testing.assert_array_equal(again.labels, phantom.layers)
    again.close()
    tab.correct.deleteLater()


def test_quitting_closes_the_journal(tab, phantom):
    tab.begin()
    QApplication.instance().aboutToQuit.emit()
    assert tab.grading is None
    Grading.open(phantom.volume, LAYER_SET, LAYER_SET.names[1:]).close()


def test_removing_the_labels_layer_ends_the_correction(tab):
    tab.begin()
    tab.viewer.layers.remove("eye – correction")
    tab.qtbot.waitUntil(lambda: tab.grading is None)
    assert tab.correct.start_box.isVisible()


def test_the_keys_hold_only_while_the_tab_is_seen(qtbot, viewer, models, phantom):
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    add_scan(viewer, phantom.volume, "eye")
    correct = workbench.correct
    workbench.tabs.setCurrentWidget(correct)
    qtbot.waitUntil(correct.start_box.begin_button.isVisible)
    qtbot.mouseClick(correct.start_box.begin_button, LEFT)
    assert correct.view.grading is not None
    assert correct.keys.is_bound
    canvas = canvas_of(correct)
    qtbot.keyClick(canvas, Qt.Key.Key_B)
    assert correct.view.tool == "brush"
    workbench.tabs.setCurrentWidget(workbench.scan)
    qtbot.keyClick(canvas, Qt.Key.Key_F)
    assert correct.view.tool == "brush"
    workbench.tabs.setCurrentWidget(correct)
    qtbot.keyClick(canvas, Qt.Key.Key_F)
    assert correct.view.tool == "fill"
    viewer.window.remove_dock_widget(workbench)
    assert correct.view.grading is None
    workbench.deleteLater()


def test_the_scan_tab_offers_to_resume(qtbot, viewer, models, phantom):
    grading = Grading.open(
        phantom.volume, LabelSet.of("background", "SRF"), grader="anna"
    )
    edit = grading.begin("brush")
    edit.set_labels(1, 40, 60, np.ones((4, 9), np.uint8))
    edit.commit()
    grading.close()
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    add_scan(viewer, phantom.volume, "eye")
    lines = workbench.scan.resume_list
    qtbot.waitUntil(lambda: bool(lines.buttons), timeout=10_000)
    assert "by anna (SRF)" in lines.labels[0].text()
    qtbot.mouseClick(lines.buttons[0], LEFT)
    assert workbench.tabs.currentWidget() is workbench.correct
    assert workbench.correct.view.grading.labels.sum() == 36
    viewer.window.remove_dock_widget(workbench)
    workbench.deleteLater()


def test_the_panel_is_not_wider_than_its_place(tab):
    tab.begin()
    content = tab.correct.scroll_area.widget()
    bar = tab.correct.scroll_area.verticalScrollBar().sizeHint().width()
    assert content.minimumSizeHint().width() <= PANEL_WIDTH - bar
    for tool in tab.correct.tool_box.buttons:
        tab.correct.choose_tool(tool)
        assert content.minimumSizeHint().width() <= PANEL_WIDTH - bar


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_picture_of_the_tab(tab, theme, tmp_path):
    tab.viewer.theme = theme
    tab.viewer.window.resize(1600, 1000)
    tab.begin()
    tab.correct.choose_tool("livewire")
    picture = tab.viewer.screenshot(canvas_only=False, flash=False)
    assert picture.shape[1] >= 1000
    folder = os.environ.get("OCTSEG_SHOW_PICTURES")
    if folder:
        from imageio.v3 import imwrite

        imwrite(f"{folder}/correct-{theme}.png", picture)


def test_the_correction_is_noted_as_one(tab):
    tab.begin()
    assert facts_of(tab.view.labels_layer)["grading"] is True
