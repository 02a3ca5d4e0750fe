"""Curves in the panel: read at a glance, in the colours of the window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_octseg.widgets._ft_colours import Theme, readable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import napari

    from napari_octseg.widgets._panel import Panel

_HEIGHT = 150
_NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Curve:
    """One line of a plot.

    Parameters
    ----------
    name
        For the legend; empty for a line that needs none.
    colour
        ``#rrggbb``; empty for the colour of text.
    x, y
        Its points, from left to right.
    dashed, dots
        How it is drawn: as dashes, with a dot at each point.
    """

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False
    dots: bool = False


class CurvePlot(QWidget):
    """Curves over a common axis, and a legend below that tells their last values."""

    def __init__(
        self,
        viewer: napari.Viewer,
        panel: Panel,
        *,
        x_title: str,
        y_title: str,
        y_top: float | None = None,
        x_from_zero: bool = False,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._titles = {"bottom": x_title, "left": y_title}
        self.curves: tuple[Curve, ...] = ()
        self.plot = _StillPlot()
        self.plot.setFixedHeight(_HEIGHT)
        self._y_top, self._x_from_zero = y_top, x_from_zero
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.plot)
        layout.addWidget(self.legend)
        panel.listen(viewer.events.theme, self._on_theme)
        self._on_theme()

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Draw these curves instead of those before."""
        self.curves = tuple(curves)
        self._draw()

    @property
    def theme(self) -> Theme:
        """Colours that it is drawn in."""
        return Theme.named(self._viewer.theme)

    def _on_theme(self, event: Any = None) -> None:
        theme = self.theme
        self.plot.setBackground(theme.background)
        for side, title in self._titles.items():
            axis = self.plot.getAxis(side)
            axis.setPen(theme.text)
            axis.setTextPen(theme.text)
            axis.enableAutoSIPrefix(False)
            axis.setLabel(title)
        self._draw()

    def _draw(self) -> None:
        theme = self.theme
        item = self.plot.getPlotItem()
        lines = item.listDataItems()
        # Lines are used again: making one takes longer than moving it.
        for line in lines[len(self.curves) :]:
            item.removeItem(line)
        while len(lines) < len(self.curves):
            lines.append(item.plot())
        told = []
        for line, curve in zip(lines, self.curves, strict=False):
            colour = readable(curve.colour, theme) if curve.colour else theme.text
            style = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
            line.setData(list(curve.x), list(curve.y))
            line.setPen(pg.mkPen(colour, width=2, style=style))
            is_dotted = curve.dots or len(curve.x) == 1
            line.setSymbol("o" if is_dotted else None)
            line.setSymbolSize(6)
            line.setSymbolBrush(colour)
            line.setSymbolPen(None)
            if curve.name:
                told.append(_entry(curve, colour))
        if self._y_top is not None:
            lowest = min((y for curve in self.curves for y in curve.y), default=0.0)
            bottom = max(0.0, math.floor(10 * lowest - 0.2) / 10)
            self.plot.setYRange(bottom, self._y_top, padding=0.02)
        if self._x_from_zero:
            highest = max((x for curve in self.curves for x in curve.x), default=1.0)
            self.plot.setXRange(0, highest, padding=0.05)
        self.legend.setText(f"{_NO_BREAK} ".join(told))
        self.legend.setVisible(bool(told))


class _StillPlot(pg.PlotWidget):
    """A plot that shows all of its curves; the wheel scrolls the panel over it."""

    def __init__(self) -> None:
        super().__init__()
        self.setMouseEnabled(x=False, y=False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setAntialiasing(True)
        self.showGrid(x=False, y=True, alpha=0.15)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def wheelEvent(self, event: Any) -> None:
        event.ignore()


def _entry(curve: Curve, colour: str) -> str:
    """Its mark and name, and its last value; they stay on one line."""
    mark = "┄" if curve.dashed else "■"
    name = escape(curve.name).replace(" ", _NO_BREAK)
    value = f"{_NO_BREAK}{curve.y[-1]:.2f}" if len(curve.y) else ""
    return f"<span style='color:{colour}'>{mark}</span>{_NO_BREAK}{name}{value}"
