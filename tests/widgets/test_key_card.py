"""The card of the keys says them all, and changes them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QLabel, QWidget

from napari_octseg.widgets._key_card import KeyCard, key_text
from napari_octseg.widgets._key_table import ACTIONS, default_keys, keys_now

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def card(qtbot) -> Iterator[KeyCard]:
    if os.name == "posix" and not os.environ.get("DISPLAY"):
        pytest.skip("no display: run under xvfb-run")
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()
    one = KeyCard(parent)
    one.show()
    qtbot.waitExposed(one)
    yield one
    parent.close()


def give(qtbot, card: KeyCard, action: str, key: Qt.Key) -> None:
    button = card.buttons[action]
    qtbot.mouseClick(button, LEFT)
    assert button.text() == "press a key…"
    qtbot.keyClick(button, key)


def test_it_says_every_action_with_its_key(card):
    said = {label.text() for label in card.findChildren(QLabel)}
    for action in ACTIONS:
        assert action.words in said
        assert card.buttons[action.id].text() == action.key


def test_a_key_is_changed_by_pressing_another_one(qtbot, card):
    changed = []
    card.keys_changed.connect(changed.append)
    give(qtbot, card, "brush", Qt.Key.Key_O)
    assert card.buttons["brush"].text() == "O"
    assert changed == [{**default_keys(), "brush": "O"}]
    assert keys_now()["brush"] == "O"
    assert "brush" in card.message.text()


def test_a_key_that_is_taken_stays_where_it_is_and_says_so(qtbot, card):
    give(qtbot, card, "brush", Qt.Key.Key_L)
    assert card.buttons["brush"].text() == "B"
    assert "live-wire" in card.message.text()
    assert keys_now() == default_keys()


def test_an_action_can_be_left_without_a_key(qtbot, card):
    give(qtbot, card, "livewire", Qt.Key.Key_Backspace)
    assert card.buttons["livewire"].text() == "–"
    assert keys_now()["livewire"] == ""
    give(qtbot, card, "brush", Qt.Key.Key_L)
    assert keys_now()["brush"] == "L"
    qtbot.mouseClick(card.reset_button, LEFT)
    assert keys_now() == default_keys()
    assert card.buttons["livewire"].text() == "L"


def test_going_elsewhere_changes_nothing(qtbot, card):
    qtbot.mouseClick(card.buttons["brush"], LEFT)
    qtbot.mouseClick(card.buttons["pen"], LEFT)
    assert card.buttons["brush"].text() == "B"
    assert card.buttons["pen"].text() == "press a key…"


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Escape])
def test_keys_that_press_buttons_and_close_windows_can_be_given_too(qtbot, card, key):
    give(qtbot, card, "pan", key)
    assert card.isVisible()
    assert "is taken" in card.message.text()


def test_the_key_that_opened_the_card_closes_it(qtbot, card):
    gone = []
    card.destroyed.connect(lambda: gone.append(True))
    qtbot.keyClick(card, "?")
    qtbot.waitUntil(lambda: bool(gone))


@pytest.mark.parametrize(
    ("key", "modifiers", "typed", "text"),
    [
        (Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier, "a", "A"),
        (Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier, "A", "Shift+A"),
        (Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier, "?", "?"),
        (Qt.Key.Key_7, Qt.KeyboardModifier.KeypadModifier, "7", "7"),
        (Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier, " ", "Space"),
        (Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier, "", "Escape"),
        (
            Qt.Key.Key_Z,
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
            "\x1a",
            "Ctrl+Shift+Z",
        ),
    ],
)
def test_keys_are_written_as_the_table_writes_them(key, modifiers, typed, text):
    event = QKeyEvent(QEvent.Type.KeyPress, key, modifiers, typed)
    assert key_text(event) == text
