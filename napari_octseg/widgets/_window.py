"""The main window around a widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMainWindow

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


def main_window(widget: QWidget) -> QMainWindow | None:
    """The window that a widget belongs to, also when its dock floats.

    None if it is in no window.
    """
    parent: QWidget | None = widget
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parentWidget()
    return parent
