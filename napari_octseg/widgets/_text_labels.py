"""Labels that fit a narrow panel whatever their text."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy
from superqt import QElidingLabel


def wrapped_label(text: str = "") -> QLabel:
    """A label that wraps, and whose long words do not widen the panel."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def name_label() -> QElidingLabel:
    """A bold name; one too long for the panel keeps its start and its end."""
    label = QElidingLabel()
    label.setElideMode(Qt.TextElideMode.ElideMiddle)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label
