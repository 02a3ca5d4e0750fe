"""Curves in the panel: read at a glance, in the colours of the window."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_octseg.widgets._ft_colours import Theme, readable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import napari

    from napari_octseg.widgets._ft_canvas import CurveCanvas
    from napari_octseg.widgets._panel import Panel

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
    """Curves over a common axis, and a legend below that tells their last values.

    Nothing is drawn until the panel is shown: most windows never show it.
    """

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
        self._y_top, self._x_from_zero = y_top, x_from_zero
        self.canvas: CurveCanvas | None = None
        self.curves: tuple[Curve, ...] = ()
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(self.legend)
        panel.listen(viewer.events.theme, self._on_theme)
        panel.shown.connect(self._prepare)
        if panel.isVisible():
            self._prepare()
        self._draw()

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Draw these curves instead of those before."""
        self.curves = tuple(curves)
        self._draw()

    @property
    def theme(self) -> Theme:
        """Colours that it is drawn in."""
        return Theme.named(self._viewer.theme)

    def _prepare(self) -> None:
        if self.canvas is not None:
            return
        from napari_octseg.widgets._ft_canvas import CurveCanvas

        self.canvas = CurveCanvas(y_top=self._y_top, x_from_zero=self._x_from_zero)
        self._column.insertWidget(0, self.canvas)
        self._on_theme()

    def _on_theme(self, event: Any = None) -> None:
        if self.canvas is not None:
            self.canvas.dress(self.theme, self._titles)
        self._draw()

    def _draw(self) -> None:
        theme = self.theme
        if self.canvas is not None:
            self.canvas.draw(self.curves, theme)
        told = [_entry(curve, theme) for curve in self.curves if curve.name]
        self.legend.setText(f"{_NO_BREAK} ".join(told))
        self.legend.setVisible(bool(told))


def _entry(curve: Curve, theme: Theme) -> str:
    """Its mark and name, and its last value; they stay on one line."""
    colour = readable(curve.colour, theme)
    mark = "┄" if curve.dashed else "■"
    name = escape(curve.name).replace(" ", _NO_BREAK)
    value = f"{_NO_BREAK}{curve.y[-1]:.2f}" if len(curve.y) else ""
    return f"<span style='color:{colour}'>{mark}</span>{_NO_BREAK}{name}{value}"
