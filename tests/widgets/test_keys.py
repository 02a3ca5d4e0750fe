"""Keys reach the Correct tab whichever layer is selected, and are given back."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_octseg.widgets._canvas_cursor import canvas_of
from napari_octseg.widgets._key_table import (
    ACTIONS,
    default_keys,
    keep_keys,
    keys_now,
    user_of,
)
from napari_octseg.widgets._keys import Keys, binding_of
from napari_octseg.widgets._panel import Panel

pytestmark = pytest.mark.gui
CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


class Pressed:
    """Keys whose actions are written down, and a window to press them in."""

    def __init__(self, qtbot, viewer):
        self.qtbot, self.viewer = qtbot, viewer
        self.image = viewer.add_image(np.zeros((5, 16, 20), np.uint8))
        self.labels = viewer.add_labels(np.zeros((5, 16, 20), np.uint8))
        self.panel = Panel()
        viewer.window.add_dock_widget(self.panel, name="Panel")
        self.done: list[str] = []
        deeds = {a.id: self.writer(a.id) for a in ACTIONS}
        deeds["peek"] = (self.writer("hide"), self.writer("show"))
        self.keys = Keys(viewer, self.panel, deeds, default_keys())
        self.canvas = canvas_of(self.panel)

    def writer(self, name: str):
        return lambda: self.done.append(name)

    def press(self, key, modifiers=Qt.KeyboardModifier.NoModifier) -> list[str]:
        self.done.clear()
        self.qtbot.keyClick(self.canvas, key, modifiers)
        return list(self.done)


@pytest.fixture
def pressed(qtbot, viewer):
    one = Pressed(qtbot, viewer)
    yield one
    one.panel.close_down()


@pytest.mark.parametrize("selected", ["labels", "image", None])
def test_keys_come_before_those_of_the_selected_layer(pressed, selected):
    layer = getattr(pressed, selected) if selected else None
    pressed.viewer.layers.selection.active = layer
    pressed.keys.bind()
    mode = pressed.labels.mode
    assert pressed.press(Qt.Key.Key_1) == ["class-1"]
    assert pressed.press(Qt.Key.Key_B) == ["brush"]
    assert pressed.press(Qt.Key.Key_Space) == ["accept"]
    assert pressed.press(Qt.Key.Key_Z, CONTROL) == ["undo"]
    assert pressed.press(Qt.Key.Key_Z, CONTROL | SHIFT) == ["redo"]
    assert pressed.press(Qt.Key.Key_Escape) == ["cancel"]
    assert pressed.labels.mode == mode
    assert pressed.labels.visible


def test_every_action_has_a_key_of_its_own_that_works(pressed):
    pressed.viewer.layers.selection.active = pressed.labels
    pressed.keys.bind()
    for action in ACTIONS:
        if len(action.key) == 1 and action.key.isalnum():
            expected = ["hide", "show"] if action.held else [action.id]
            assert pressed.press(action.key) == expected


def test_another_layer_that_is_selected_later_has_the_keys_too(pressed):
    pressed.keys.bind()
    other = pressed.viewer.add_labels(np.zeros((5, 16, 20), np.uint8))
    pressed.viewer.layers.selection.active = other
    assert pressed.press(Qt.Key.Key_2) == ["class-2"]
    pressed.viewer.layers.selection.active = pressed.image
    assert pressed.press(Qt.Key.Key_2) == ["class-2"]


def test_unbinding_gives_the_keys_back(pressed):
    mine: list[str] = []
    pressed.labels.bind_key("L", lambda _: mine.append("L"))
    pressed.viewer.layers.selection.active = pressed.labels
    pressed.keys.bind()
    assert pressed.press(Qt.Key.Key_L) == ["livewire"]
    pressed.keys.unbind()
    assert pressed.press(Qt.Key.Key_L) == []
    assert mine == ["L"]
    # napari's own key for the brush, on the class of the layer.
    assert pressed.press(Qt.Key.Key_2) == []
    assert pressed.labels.mode == "paint"


def test_a_layer_that_is_left_has_its_own_keys_again(pressed):
    pressed.viewer.layers.selection.active = pressed.labels
    pressed.keys.bind()
    pressed.viewer.layers.selection.active = pressed.image
    assert not pressed.labels.keymap
    assert pressed.image.keymap


def test_closing_the_panel_gives_the_keys_back(pressed):
    pressed.keys.bind()
    pressed.viewer.window.remove_dock_widget(pressed.panel)
    assert pressed.press(Qt.Key.Key_B) == []
    pressed.panel.deleteLater()


def test_a_held_key_goes_on_until_it_is_let_go(qtbot, pressed):
    pressed.keys.bind()
    qtbot.keyPress(pressed.canvas, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: pressed.done.count("next") >= 4)
    qtbot.keyRelease(pressed.canvas, Qt.Key.Key_D)
    n_done = len(pressed.done)
    qtbot.keyClick(pressed.canvas, Qt.Key.Key_A)
    qtbot.wait(200)
    assert pressed.done[n_done:] == ["previous"]


def test_labels_are_hidden_only_while_the_key_is_held(qtbot, pressed):
    pressed.keys.bind()
    qtbot.keyPress(pressed.canvas, Qt.Key.Key_V)
    assert pressed.done == ["hide"]
    qtbot.keyRelease(pressed.canvas, Qt.Key.Key_V)
    assert pressed.done == ["hide", "show"]


def test_a_key_that_napari_has_no_name_for_works_too(qtbot, pressed):
    assert binding_of("?") is None
    pressed.keys.bind()
    pressed.panel.window().activateWindow()
    pressed.canvas.setFocus()
    qtbot.waitUntil(lambda: pressed.panel.window().isActiveWindow())
    assert pressed.press(Qt.Key.Key_Question) == ["card"]
    assert pressed.press(Qt.Key.Key_Exclam) == []


def test_other_keys_can_be_chosen(pressed):
    pressed.keys.bind()
    pressed.keys.choose({**default_keys(), "brush": "O", "accept": ""})
    assert pressed.press(Qt.Key.Key_O) == ["brush"]
    assert pressed.press(Qt.Key.Key_B) == []
    assert pressed.press(Qt.Key.Key_Space) == []


def test_no_two_actions_have_the_same_key():
    keys = default_keys()
    assert len(set(keys.values())) == len(keys)
    taken = user_of("B", keys, but="pen")
    assert taken is not None
    assert taken.id == "brush"
    assert user_of("B", keys, but="brush") is None
    assert user_of("", {**keys, "pen": ""}, but="brush") is None


def test_chosen_keys_are_kept(no_traces):
    keep_keys({**default_keys(), "brush": "O"})
    assert keys_now() == {**default_keys(), "brush": "O"}
    no_traces.with_name("correct.json").write_text("{ damaged")
    assert keys_now() == default_keys()


def test_unknown_actions_in_the_file_are_left_alone(no_traces):
    no_traces.parent.mkdir(parents=True, exist_ok=True)
    file = no_traces.with_name("correct.json")
    file.write_text('{"keys": {"brush": 7, "gone": "B", "pen": "O"}, "grader": "anna"}')
    assert keys_now() == {**default_keys(), "pen": "O"}
    keep_keys(default_keys())
    assert '"anna"' in file.read_text()
