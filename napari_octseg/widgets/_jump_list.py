"""A list of places in the scan; a click leads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_ROWS = 6


class JumpList(QListWidget):
    """Rows of text, each with what it stands for; as high as they are, up to a limit.

    Signals
    -------
    jumped
        What the clicked row stands for.
    """

    jumped = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        # Marking a row leaves the list where it is.
        self.setAutoScroll(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Keys belong to the canvas.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.itemClicked.connect(self._on_clicked)

    def fill(self, rows: Sequence[tuple[str, object]]) -> None:
        """Show other rows: text, and what it stands for."""
        scroll = self.verticalScrollBar()
        at = scroll.value()
        self.clear()
        for text, meaning in rows:
            item = QListWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, meaning)
            self.addItem(item)
        shown = [self.sizeHintForRow(i) for i in range(min(len(rows), _MOST_ROWS))]
        self.setFixedHeight(sum(shown) + 2 * self.frameWidth() + 2)
        self.setVisible(bool(rows))
        scroll.setValue(at)

    def mark(self, row: int | None) -> None:
        """Show which row is the present one."""
        self.setCurrentRow(-1 if row is None else row)

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.jumped.emit(item.data(Qt.ItemDataRole.UserRole))
