"""Undo and redo, by the name of what they undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget
from superqt.utils import qthrottled

from napari_octseg.errors import OctsegError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtGui import QResizeEvent

    from napari_octseg.editing.grading import Change
    from napari_octseg.widgets._grading_view import GradingView

_PADDING = 14
_REST_MS = 50


class UndoBox(QWidget):
    """Two buttons; grey when there is nothing to undo or redo."""

    def __init__(self, view: GradingView) -> None:
        super().__init__()
        self._view = view
        self._keys: Mapping[str, str] = {}
        self._texts: dict[QPushButton, str] = {}
        self.undo_button = QPushButton("Undo")
        self.redo_button = QPushButton("Redo")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for button in (self.undo_button, self.redo_button):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            row.addWidget(button, 1)
        self.undo_button.clicked.connect(view.undo)
        self.redo_button.clicked.connect(view.redo)
        # A drag changes things many times in a second.
        self._refresh_soon = qthrottled(self.refresh, timeout=_REST_MS)
        view.opened.connect(self.refresh)
        view.changed.connect(self._on_changed)
        self.refresh()

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Name the keys in the tool tips."""
        self._keys = keys
        self.refresh()

    def refresh(self, _: object = None) -> None:
        """Show what would be undone and redone now."""
        grading = self._view.grading
        for word, button in (("undo", self.undo_button), ("redo", self.redo_button)):
            tool = None
            if grading is not None:
                try:
                    tool = getattr(grading.journal, f"{word}_tool")
                except OctsegError as error:
                    self._view.failed.emit(error)
            title = word.capitalize()
            button.setEnabled(tool is not None)
            self._texts[button] = title if tool is None else f"{title} {tool}"
            key = self._keys.get(word, "")
            name = f"{title}: {tool}" if tool else f"Nothing to {word}"
            button.setToolTip(f"{name}. Key {key}" if key else name)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Long names end in dots."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        for button, text in self._texts.items():
            room = button.width() - _PADDING
            right = Qt.TextElideMode.ElideRight
            button.setText(button.fontMetrics().elidedText(text, right, room))

    def _on_changed(self, change: Change) -> None:
        if "journal" in change.targets:
            self._refresh_soon()
