"""The shape of the mouse pointer over the canvas: a cross, with the tool in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtGui import QColor, QCursor, QFont, QFontMetrics, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QWidget

from napari_octseg.widgets._window import main_window

if TYPE_CHECKING:
    from napari_octseg.widgets._panel import Panel

_ARM = 9
_GAP = 3
_TEXT_AT = QPoint(14, 12)
"""Where words begin, right of and below the middle of the cross."""


def canvas_of(panel: Panel) -> QWidget | None:
    """The widget that napari draws into; None if the panel is in no window of napari.

    napari has no public way to it.
    """
    window = main_window(panel)
    if window is None:
        return None
    for child in window.findChildren(QWidget):
        if type(child).__name__.startswith("CanvasBackend"):
            return child
    return None


def tool_cursor(words: str) -> QCursor:
    """A cross with words beside it, light with a dark border: visible on any grey."""
    picture = cursor_picture(words)
    return QCursor(picture, _ARM + 2, _ARM + 2)


def cursor_picture(words: str) -> QPixmap:
    """The picture of `tool_cursor`; the middle of the cross is at (11, 11)."""
    font = QFont()
    font.setPixelSize(11)
    font.setBold(True)
    metrics = QFontMetrics(font)
    middle = QPoint(_ARM + 2, _ARM + 2)
    corner = middle + _TEXT_AT
    width = metrics.horizontalAdvance(words) if words else 0
    height = metrics.height()
    picture = QPixmap(max(corner.x() + width + 8, 24), corner.y() + height + 4)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    for colour, thickness in ((QColor(0, 0, 0, 200), 3), (QColor("white"), 1)):
        painter.setPen(QPen(colour, thickness))
        for way in (QPoint(1, 0), QPoint(-1, 0), QPoint(0, 1), QPoint(0, -1)):
            painter.drawLine(middle + way * _GAP, middle + way * _ARM)
    if words:
        box = QRect(corner, picture.rect().bottomRight() - QPoint(1, 1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 170))
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QColor("white"))
        painter.setFont(font)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), words)
    painter.end()
    return picture
