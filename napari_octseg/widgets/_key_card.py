"""The card of all keys, where each can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.errors import OctsegError
from napari_octseg.widgets._key_table import (
    ACTIONS,
    default_keys,
    keep_keys,
    keys_now,
    user_of,
)
from napari_octseg.widgets._messages import show_error

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent

    from napari_octseg.widgets._key_table import KeyAction

_MODIFIERS = (
    Qt.Key.Key_Shift,
    Qt.Key.Key_Control,
    Qt.Key.Key_Alt,
    Qt.Key.Key_Meta,
    Qt.Key.Key_AltGr,
)
_ASK = "Click a key to change it. Backspace leaves the action without a key."


class KeyButton(QPushButton):
    """Shows the key of an action; after a click it waits for another one.

    Signals
    -------
    pressed_key
        The key that the person pressed; empty for none.
    """

    pressed_key = Signal(str)

    def __init__(self, action: KeyAction) -> None:
        super().__init__()
        self.action = action
        self._key = ""
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setFixedWidth(112)
        self.setToolTip(f"Change the key for: {action.words}")
        self.toggled.connect(self._on_toggled)

    def show_key(self, key: str) -> None:
        """Show a key, and wait no more."""
        self._key = key
        self.setChecked(False)
        self._on_toggled(False)

    def event(self, event: QEvent) -> bool:
        """Keys that Qt would use itself, such as Tab, reach the button too."""
        if self.isChecked() and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the key that is pressed."""
        if not self.isChecked():
            super().keyPressEvent(event)
            return
        if event.key() in _MODIFIERS:
            return
        if event.key() == Qt.Key.Key_Backspace:
            self.pressed_key.emit("")
            return
        self.pressed_key.emit(key_text(event))

    def focusOutEvent(self, event: QEvent) -> None:
        """Whoever goes elsewhere does not want to change the key."""
        self.setChecked(False)
        super().focusOutEvent(event)

    def _on_toggled(self, waits: bool) -> None:
        self.setText("press a key…" if waits else self._key or "–")


class KeyCard(QDialog):
    """All keys under headings; changes are kept and hold at once.

    Signals
    -------
    keys_changed
        Keys by action.
    """

    keys_changed = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys of the Correct tab")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._keys = keys_now()
        self.buttons = {action.id: KeyButton(action) for action in ACTIONS}
        self.message = QLabel(_ASK)
        self.message.setWordWrap(True)
        self.reset_button = QPushButton("All keys as shipped")
        self.reset_button.setAutoDefault(False)
        self._arrange()
        for button in self.buttons.values():
            button.pressed_key.connect(self._on_key)
            button.toggled.connect(self._on_waiting)
        self.reset_button.clicked.connect(self._on_reset)
        self._show_keys()

    def _arrange(self) -> None:
        columns = QHBoxLayout()
        columns.setSpacing(28)
        groups = list(dict.fromkeys(action.group for action in ACTIONS))
        for names in (groups[:2], groups[2:]):
            column = QVBoxLayout()
            for name in names:
                column.addWidget(self._group(name))
            column.addStretch()
            columns.addLayout(column)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(self.reset_button, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(columns)
        layout.addWidget(self.message)
        layout.addWidget(buttons)

    def _group(self, name: str) -> QWidget:
        group = QWidget()
        grid = QGridLayout(group)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.addWidget(QLabel(f"<b>{name}</b>"), 0, 0, 1, 2)
        for row, action in enumerate((a for a in ACTIONS if a.group == name), 1):
            grid.addWidget(self.buttons[action.id], row, 0)
            grid.addWidget(QLabel(action.words), row, 1)
        grid.setColumnStretch(1, 1)
        return group

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The key that opened the card closes it."""
        if key_text(event) == self._keys["card"]:
            self.close()
            return
        super().keyPressEvent(event)

    def _on_waiting(self, waits: bool) -> None:
        """One button waits at a time; on a Mac a click gives none of them the keys."""
        if not waits:
            return
        for button in self.buttons.values():
            if button is not self.sender():
                button.setChecked(False)
            else:
                button.setFocus()

    def _on_key(self, key: str) -> None:
        button = self.sender()
        assert isinstance(button, KeyButton)
        action = button.action
        other = user_of(key, self._keys, but=action.id)
        if other is not None:
            button.show_key(self._keys[action.id])
            self.message.setText(
                f"<b>{key}</b> is taken: it is the key for “{other.words}”. "
                "Give that another key first, or none."
            )
            return
        self._change({**self._keys, action.id: key})
        self.message.setText(
            f"<b>{key}</b> is now the key for “{action.words}”."
            if key
            else f"“{action.words}” has no key now."
        )

    def _on_reset(self) -> None:
        self._change(default_keys())
        self.message.setText("All keys are as they were shipped.")

    def _change(self, keys: dict[str, str]) -> None:
        self._keys = keys
        try:
            keep_keys(keys)
        except OctsegError as error:
            show_error(self, error)
        self._show_keys()
        self.keys_changed.emit(dict(keys))

    def _show_keys(self) -> None:
        for name, button in self.buttons.items():
            button.show_key(self._keys[name])


def key_text(event: QKeyEvent) -> str:
    """A pressed key as the table of keys writes it, such as ``"Ctrl+Shift+Z"``."""
    key = event.key()
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    is_letter = Qt.Key.Key_A <= key <= Qt.Key.Key_Z
    printable = bool(event.text().strip()) and not is_letter
    controlled = modifiers & (
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    )
    if printable and not controlled:
        # Shift is what makes the question mark out of another key.
        modifiers &= ~Qt.KeyboardModifier.ShiftModifier
    bits = int(getattr(modifiers, "value", modifiers)) | int(key)
    text = QKeySequence(bits).toString(QKeySequence.SequenceFormat.PortableText)
    known: dict[str, str] = {"Esc": "Escape", "Return": "Enter", "Del": "Delete"}
    return known.get(text, str(text))
