"""A thin strip beneath the B-scan slider: how far each B-scan has come."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import (
    QScrollBar,
    QSizePolicy,
    QToolTip,
    QWidget,
)

from napari_octseg.editing.review import ReviewState
from napari_octseg.widgets._review_facts import STATE_COLOURS, review_of, review_text
from napari_octseg.widgets._window import main_window

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QHelpEvent, QMouseEvent, QPaintEvent

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel

_HEIGHT = 16
_MARKER = 3  # px above and below the cells, for the mark of the present B-scan
_GAP_FROM = 5  # px that a cell has to be wide to be set apart from its neighbours
# Told by their height too, not by colour alone.
_FILL = {
    ReviewState.UNSEEN: 0.2,
    ReviewState.PREDICTED: 0.45,
    ReviewState.CORRECTED: 0.7,
    ReviewState.REVIEWED: 1.0,
    ReviewState.EXCLUDED: 1.0,
}


class ReviewStrip(QWidget):
    """One cell per B-scan, coloured by its review state; a click shows the B-scan.

    It puts itself beneath the slider of the viewer when a grading is opened, in line
    with the slider, and goes away with the panel.
    """

    def __init__(self, view: GradingView, panel: Panel) -> None:
        super().__init__()
        self._view = view
        self._panel = panel
        self._grading: Grading | None = None
        self._sliders: QWidget | None = None
        self.setObjectName("octseg_review_strip")
        self.setFixedHeight(_HEIGHT)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # A canvas that changes its size as layers go crashes Mesa's OpenGL.
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.hide()
        view.opened.connect(self._on_opened)
        view.changed.connect(self._on_changed)
        view.stepped.connect(self._on_stepped)
        panel.closing.connect(self.remove)
        self._on_opened(view.grading)

    @property
    def n_bscans(self) -> int:
        """Number of cells."""
        return 0 if self._grading is None else len(self._grading.states)

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(200, _HEIGHT)

    def cell(self, bscan: int) -> QRect:
        """Where the cell of a B-scan is; at least one px wide."""
        return self._cell(bscan, *self._span())

    def _cell(self, bscan: int, left: int, right: int) -> QRect:
        """The cell of a B-scan where all of them lie between two px."""
        edges = [
            left + (right - left) * i // max(self.n_bscans, 1)
            for i in (bscan, bscan + 1)
        ]
        top, height = _MARKER, self.height() - 2 * _MARKER
        return QRect(edges[0], top, max(edges[1] - edges[0], 1), height)

    def bscan_at(self, x: int) -> int | None:
        """The B-scan whose cell is at this place; None outside of all cells."""
        left, right = self._span()
        if not (self.n_bscans and left <= x < right):
            return None
        return min(int((x - left + 0.5) * self.n_bscans / (right - left)), self._last)

    def remove(self) -> None:
        """Leave the window, for good."""
        self._grading = self._sliders = None
        self.hide()
        self.setParent(None)
        self.deleteLater()

    @property
    def _last(self) -> int:
        return self.n_bscans - 1

    def _on_opened(self, grading: Grading | None) -> None:
        self._grading = grading
        if grading is None:
            self.hide()
            return
        if self.parentWidget() is None:
            self._place()
        self.show()
        self.update()

    def _place(self) -> None:
        """Beneath the sliders of the viewer; in a dock if they are not to be found."""
        window = main_window(self._panel)
        found = [] if window is None else window.findChildren(QWidget)
        sliders = next((w for w in found if type(w).__name__ == "QtDims"), None)
        holder = None if sliders is None else sliders.parentWidget()
        layout = None if holder is None else holder.layout()
        if layout is None:
            self._view.viewer.window.add_dock_widget(
                self, name="Review", area="bottom", add_vertical_stretch=False
            )
            return
        self._sliders = sliders
        layout.addWidget(self)

    def _on_changed(self, change: Change) -> None:
        if "states" in change.targets:
            self.update()

    def _on_stepped(self, bscan: int) -> None:
        self.update()

    def _span(self) -> tuple[int, int]:
        """First px of the cells, and the one after their last."""
        bars = [] if self._sliders is None else self._sliders.findChildren(QScrollBar)
        for bar in bars:
            if bar.isVisible() and bar.maximum() == self._last:
                left = self.mapFromGlobal(bar.mapToGlobal(QPoint(0, 0))).x()
                return left, left + bar.width()
        return 0, max(self.width(), 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw cells and the mark of the B-scan on screen."""
        if self._grading is None:
            return
        painter = QPainter(self)
        left, right = self._span()
        shown = states_of_pixels(self._grading.states, right - left)
        gap = (right - left) / self.n_bscans >= _GAP_FROM
        if gap:
            for bscan in range(self.n_bscans):
                place = self._cell(bscan, left, right).adjusted(0, 0, -1, 0)
                self._draw(painter, place, int(self._grading.states[bscan]))
        else:
            starts = [0, *(np.flatnonzero(np.diff(shown)) + 1).tolist(), len(shown)]
            whole = self.cell(0)
            for start, end in pairwise(starts):
                place = QRect(left + start, whole.y(), end - start, whole.height())
                self._draw(painter, place, int(shown[start]))
        self._draw_marker(painter)
        painter.end()

    def _draw(self, painter: QPainter, place: QRect, state: int) -> None:
        known = ReviewState(state)
        height = round(place.height() * _FILL[known])
        colour = QColor(STATE_COLOURS[known])
        painter.fillRect(place.adjusted(0, place.height() - height, 0, 0), colour)
        if known is ReviewState.EXCLUDED:
            painter.setPen(QColor("white"))
            middle = place.center().y()
            painter.drawLine(place.left(), middle, place.right(), middle)

    def _draw_marker(self, painter: QPainter) -> None:
        place = self.cell(min(self._view.bscan, self._last))
        if place.width() < 3:
            place.adjust(-1, 0, 1, 0)
        # White within black: seen on every theme and every state.
        for colour, grown in (("black", 2), ("white", 1)):
            painter.setPen(QColor(colour))
            painter.drawRect(place.adjusted(-grown, -grown, grown - 1, grown - 1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Show the B-scan that was clicked."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._go(event.pos())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Run through the B-scans while the button is held."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event.pos())

    def _go(self, at: QPoint) -> None:
        bscan = self.bscan_at(at.x())
        if bscan is not None and bscan != self._view.bscan:
            self._view.go_to(bscan)

    def event(self, event: QEvent) -> bool:
        """Tell about the B-scan under the pointer."""
        if event.type() == QEvent.Type.ToolTip:
            self._show_tip(event)
            return True
        return bool(super().event(event))

    def _show_tip(self, event: QHelpEvent) -> None:
        bscan = self.bscan_at(event.pos().x())
        if self._grading is None or bscan is None:
            QToolTip.hideText()
            return
        review = review_of(self._view, self._grading, bscan)
        QToolTip.showText(
            event.globalPos(), review_text(review), self, self.cell(bscan)
        )


def states_of_pixels(states: NDArray[np.uint8], n_pixels: int) -> NDArray[np.uint8]:
    """What to draw in each px of a strip: the least finished of its B-scans.

    Parameters
    ----------
    states
        (n_bscans,) uint8, `ReviewState`.
    n_pixels
        Length of the strip; fewer px than B-scans are possible.

    Returns
    -------
    (n_pixels,) uint8.
    """
    n_bscans = len(states)
    pixels = np.arange(n_pixels)
    first = pixels * n_bscans // n_pixels
    last = np.maximum(-(-(pixels + 1) * n_bscans // n_pixels), first + 1)
    # Pairs of start and end: every second value is that of one px.
    padded = np.append(states, np.uint8(ReviewState.EXCLUDED))
    pairs = np.stack([first, last], axis=1).ravel()
    lowest: NDArray[np.uint8] = np.minimum.reduceat(padded, pairs)[::2]
    return lowest
