"""The body of a dock panel: scrolls when it is short, and knows when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

PANEL_WIDTH = 370
"""Width in px that every panel fits into, with its scroll bar."""


class Panel(QWidget):
    """A column of controls that scrolls vertically and never horizontally.

    `body` is the layout to fill, `footer` one below it that is always in view. Viewer
    events are connected with `listen`, so that they end with the panel: a dock that is
    closed is only taken out of the window, and events would reach controls that Qt has
    deleted.

    Signals
    -------
    shown
        The panel has come into view.
    closing
        The panel is leaving the window: stop what runs, take drawings away.
    """

    shown = Signal()
    closing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._listening: list[tuple[Any, Callable[..., Any]]] = []
        content = QWidget()
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(8, 8, 8, 8)
        self.body.setSpacing(8)
        self.scroll_area = QScrollArea()
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll_area.setHorizontalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )
        self.scroll_area.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.scroll_area)
        self.footer = QVBoxLayout()
        layout.addLayout(self.footer)
        self.setMinimumWidth(PANEL_WIDTH)

    def sizeHint(self) -> QSize:
        """Narrow, and as high as the window allows."""
        return QSize(PANEL_WIDTH, 700)

    def listen(self, signal: Any, callback: Callable[..., Any]) -> None:
        """Connect a napari event until the panel is closed."""
        signal.connect(callback)
        self._listening.append((signal, callback))

    def close_down(self) -> None:
        """The panel is leaving the window, for good."""
        self.closing.emit()
        for signal, callback in self._listening:
            signal.disconnect(callback)
        self._listening.clear()

    def event(self, event: QEvent) -> bool:
        """Notice that it is seen, and that the dock was closed.

        Of a closed dock, napari only takes the content out.
        """
        if event.type() == QEvent.Type.Show:
            self.shown.emit()
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.close_down()
        return bool(super().event(event))
