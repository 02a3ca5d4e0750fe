"""The correction that is open in the window, as other panels see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal
from superqt.utils import qdebounced

from napari_octseg.widgets._window import main_window

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel
    from napari_octseg.widgets.correct import CorrectWidget

_REST_MS = 300


class OpenCorrection(QObject):
    """Follows the Correct panels of the window that a panel is in.

    Signals
    -------
    changed
        Another correction is open, or none; or this one was edited, and is at rest.
    """

    changed = Signal()

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self._panel = panel
        self._known: list[CorrectWidget] = []
        self._tell_soon = qdebounced(self._tell, timeout=_REST_MS)
        panel.closing.connect(self._leave)

    @property
    def panel(self) -> CorrectWidget | None:
        """The Correct panel that has a correction open; None if none has."""
        for correct in self._known:
            if correct.view.grading is not None:
                return correct
        return None

    @property
    def grading(self) -> Grading | None:
        """What is being corrected."""
        view = self._view
        return None if view is None else view.grading

    @property
    def image_layer(self) -> Image | None:
        """The scan that is being corrected."""
        view = self._view
        return None if view is None else view.image_layer

    @property
    def labels_layer(self) -> Labels | None:
        """The labels that are being corrected."""
        view = self._view
        return None if view is None else view.labels_layer

    def settle(self) -> None:
        """Make edits of what is half drawn, as closing the correction would."""
        view = self._view
        if view is not None:
            view.choose_tool("pan")

    def look(self) -> None:
        """Look for Correct panels, which may have come since; tells what is open."""
        from napari_octseg.widgets.correct import CorrectWidget

        window = main_window(self._panel)
        found = [] if window is None else window.findChildren(CorrectWidget)
        for correct in found:
            if correct not in self._known:
                correct.view.opened.connect(self._on_opened)
                correct.view.changed.connect(self._on_changed)
        self._known = found
        self._tell()

    @property
    def _view(self) -> GradingView | None:
        correct = self.panel
        return None if correct is None else correct.view

    def _on_opened(self, _: Grading | None) -> None:
        self._tell_soon()

    def _on_changed(self, change: Change) -> None:
        if "journal" in change.targets:
            self._tell_soon()

    def _tell(self) -> None:
        # A panel that nobody sees looks anew when it is shown.
        if self._panel.isVisible():
            self.changed.emit()

    def _leave(self) -> None:
        for view in [one.view for one in self._known if isalive(one.view)]:
            view.opened.disconnect(self._on_opened)
            view.changed.disconnect(self._on_changed)
        self._known = []
