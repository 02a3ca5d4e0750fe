"""Press a button of a panel that can be scrolled, as a user does."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication


def press(qtbot: Any, panel: Any, button: Any) -> None:
    """Wait for a button, bring it into view, and press it.

    What was added a moment ago is shown, and moves others, when Qt comes to it.
    """
    qtbot.waitUntil(button.isVisible, timeout=20_000)
    QApplication.processEvents()
    panel.scroll_area.ensureWidgetVisible(button)
    QApplication.processEvents()
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
