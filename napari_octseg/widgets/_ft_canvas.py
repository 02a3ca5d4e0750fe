"""Where curves are drawn; only here is pyqtgraph imported, which takes a while."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtCore import Qt

from napari_octseg.widgets._ft_colours import Theme, readable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from napari_octseg.widgets._ft_plot import Curve

_HEIGHT = 150


class CurveCanvas(pg.PlotWidget):
    """A plot that shows all of its curves; the wheel scrolls the panel over it."""

    def __init__(self, *, y_top: float | None, x_from_zero: bool) -> None:
        super().__init__()
        self._y_top, self._x_from_zero = y_top, x_from_zero
        self.setFixedHeight(_HEIGHT)
        self.setMouseEnabled(x=False, y=False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setAntialiasing(True)
        self.showGrid(x=False, y=True, alpha=0.15)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def wheelEvent(self, event: Any) -> None:
        event.ignore()

    def dress(self, theme: Theme, titles: Mapping[str, str]) -> None:
        """Take the colours of a theme; titles by side, ``bottom`` and ``left``."""
        self.setBackground(theme.background)
        for side, title in titles.items():
            axis = self.getAxis(side)
            axis.setPen(theme.text)
            axis.setTextPen(theme.text)
            axis.enableAutoSIPrefix(False)
            axis.setLabel(title)

    def draw(self, curves: Sequence[Curve], theme: Theme) -> None:
        """Draw these curves instead of those before."""
        item = self.getPlotItem()
        lines = item.listDataItems()
        # Lines are used again: making one takes longer than moving it.
        for line in lines[len(curves) :]:
            item.removeItem(line)
        while len(lines) < len(curves):
            lines.append(item.plot())
        for line, curve in zip(lines, curves, strict=False):
            colour = readable(curve.colour, theme)
            style = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
            line.setData(list(curve.x), list(curve.y))
            line.setPen(pg.mkPen(colour, width=2, style=style))
            is_dotted = curve.dots or len(curve.x) == 1
            line.setSymbol("o" if is_dotted else None)
            line.setSymbolSize(6)
            line.setSymbolBrush(colour)
            line.setSymbolPen(None)
        if self._y_top is not None:
            lowest = min((y for curve in curves for y in curve.y), default=0.0)
            bottom = max(0.0, math.floor(10 * lowest - 0.2) / 10)
            self.setYRange(bottom, self._y_top, padding=0.02)
        if self._x_from_zero:
            highest = max((x for curve in curves for x in curve.x), default=1.0)
            self.setXRange(0, highest, padding=0.05)
