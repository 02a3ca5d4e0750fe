"""Small drawings for buttons, in greys that show on dark and on light."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QIcon, QPainter, QPainterPath, QPen, QPixmap

_GREY = QColor(136, 136, 136)
_AMBER = QColor("#d9822b")
_SIZE = 16
_SCALE = 2  # drawn larger, for screens with small pixels


def lock_icon(*, closed: bool) -> QIcon:
    """A padlock; amber when it is closed."""
    pixmap, painter = _canvas(_AMBER if closed else _GREY)
    body = QRectF(3.5, 7, 9, 6.5)
    shackle = QPainterPath(QPointF(5.5, 7))
    shackle.lineTo(5.5, 5)
    shackle.arcTo(QRectF(5.5, 2.5, 5, 5), 180, -180 if closed else -140)
    if closed:
        shackle.lineTo(10.5, 7)
        painter.fillRect(body, _AMBER)
    painter.drawRect(body)
    painter.drawPath(shackle)
    return _finished(pixmap, painter)


def eye_icon(*, is_open: bool) -> QIcon:
    """An eye; struck through when it is closed."""
    pixmap, painter = _canvas(_GREY if is_open else _AMBER)
    lid = QPainterPath(QPointF(1.5, 8))
    lid.quadTo(8, 1.5, 14.5, 8)
    lid.quadTo(8, 14.5, 1.5, 8)
    painter.drawPath(lid)
    if is_open:
        painter.setBrush(_GREY)
        painter.drawEllipse(QPointF(8, 8), 2, 2)
    else:
        painter.drawLine(QPointF(3, 13.5), QPointF(13, 2.5))
    return _finished(pixmap, painter)


def key_icon(key: str) -> QIcon:
    """A key cap with its letter; empty for an action without a key."""
    if not key:
        return QIcon()
    pixmap, painter = _canvas(_GREY)
    painter.drawRoundedRect(QRectF(1.5, 1.5, 13, 13), 3, 3)
    font = QFont(painter.font())
    font.setPixelSize(10 if len(key) == 1 else 6)
    font.setBold(True)
    painter.setFont(font)
    text = "␣" if key == "Space" else key[:3]
    painter.drawText(QRectF(0, 0, _SIZE, _SIZE), Qt.AlignmentFlag.AlignCenter, text)
    return _finished(pixmap, painter)


def _canvas(colour: QColor) -> tuple[QPixmap, QPainter]:
    pixmap = QPixmap(_SIZE * _SCALE, _SIZE * _SCALE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(_SCALE, _SCALE)
    painter.setPen(QPen(colour, 1.3))
    return pixmap, painter


def _finished(pixmap: QPixmap, painter: QPainter) -> QIcon:
    painter.end()
    return QIcon(pixmap)
