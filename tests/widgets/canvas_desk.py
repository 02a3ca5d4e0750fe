"""A B-scan with layers in a real window, and a mouse over its canvas."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QCursor, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_octseg.editing.grading import Grading
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._canvas_tools import CanvasTools
from napari_octseg.widgets._correction_overlay import CorrectionOverlay
from napari_octseg.widgets._grading_view import GradingView
from napari_octseg.widgets._layers import add_scan
from napari_octseg.widgets._panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
MIDDLE = Qt.MouseButton.MiddleButton
NO_KEY = Qt.KeyboardModifier.NoModifier

CLASSES = ("background", "RNFL", "GCIPL", "IRF")
LAYERS = ("RNFL", "GCIPL")
DEPTH, WIDTH = 96, 160


def true_heights(n_bscans: int = 3, width: int = WIDTH) -> np.ndarray:
    """Three boundaries (3, n_bscans, width): ILM, RNFL/GCL, bottom of GCIPL."""
    column = np.arange(width)
    bend = 5 * np.sin(column / 25)
    curves = np.stack([25.5 + bend, 45.5 + bend, 70.5 + bend])
    return np.repeat(curves[:, None], n_bscans, axis=1).astype(np.float32)


def layered_scan(n_bscans: int = 3, *, bright: bool = False) -> OCTVolume:
    """A scan whose edges are the true heights; the pixel is taller than wide."""
    heights = true_heights(n_bscans)
    row = np.arange(DEPTH)[None, :, None]
    grey = np.full((n_bscans, DEPTH, WIDTH), 30.0)
    for curve, value in zip(heights, (200, 110, 60), strict=True):
        grey = np.where(row >= curve[:, None, :], value, grey)
    grey += np.random.default_rng(0).normal(0, 8, grey.shape)
    if bright:
        grey = 140 + 0.45 * grey
    return OCTVolume(grey.clip(0, 255).astype(np.uint8), spacing_um=(120.0, 6.0, 12.0))


@dataclass
class Desk:
    """Everything a test of the tools needs."""

    viewer: Any
    panel: Panel
    view: GradingView
    overlay: CorrectionOverlay
    tools: CanvasTools
    grading: Grading

    @property
    def canvas(self) -> QWidget:
        """The widget that napari draws into."""
        # The mouse of a test has to reach the window itself, not the viewer's model.
        widget: QWidget = self.viewer.window._qt_viewer.canvas.native
        return widget

    def heights(self, boundary: int) -> np.ndarray:
        """Heights (width,) of a boundary of the B-scan on screen."""
        heights: np.ndarray = self.grading.heights[boundary, self.view.bscan]
        return heights

    @property
    def labels(self) -> np.ndarray:
        """Labels (depth, width) of the B-scan on screen."""
        labels: np.ndarray = self.grading.labels[self.view.bscan]
        return labels

    def screen(self, row: float, column: float) -> QPoint:
        """Where a place of the B-scan is on the canvas."""
        scale = self.view.image_layer.scale[-2:]
        camera = self.viewer.scene.camera
        middle = np.array(camera.center[-2:])
        off = (np.array([row, column]) * scale - middle) * camera.zoom
        size = self.canvas.size()
        return QPoint(
            round(size.width() / 2 + off[1]), round(size.height() / 2 + off[0])
        )

    def hover(self, row: float, column: float, key: Any = NO_KEY) -> None:
        """Move the mouse there, no button pressed."""
        self._move(self.screen(row, column), Qt.MouseButton.NoButton, key)

    def press(self, row: float, column: float, button: Any = LEFT, key: Any = NO_KEY):
        """Press a button."""
        self.hover(row, column, key)
        QTest.mousePress(self.canvas, button, key, self.screen(row, column))

    def drag_to(
        self, row: float, column: float, button: Any = LEFT, n_steps: int = 5
    ) -> None:
        """Move on, with the button pressed, in a straight line."""
        begin, end = self._pos, self.screen(row, column)
        for step in range(1, n_steps + 1):
            at = begin + (end - begin) * (step / n_steps)
            self._move(at, button, NO_KEY)

    def release(self, button: Any = LEFT, key: Any = NO_KEY) -> None:
        """Let the button go."""
        QTest.mouseRelease(self.canvas, button, key, self._pos)
        QApplication.processEvents()

    def click(
        self, row: float, column: float, button: Any = LEFT, key: Any = NO_KEY
    ) -> None:
        """Press and release."""
        self.press(row, column, button, key)
        self.release(button, key)

    def double_click(self, row: float, column: float, key: Any = NO_KEY) -> None:
        """What a window gets for a double click: the first click comes before it."""
        self.click(row, column, key=key)
        at = self.screen(row, column)
        QTest.mouseDClick(self.canvas, LEFT, key, at)
        QApplication.processEvents()

    def drag(self, *places: tuple[float, float], button: Any = LEFT) -> None:
        """Press at the first (row, column), go through the others, release."""
        self.press(*places[0], button)
        for place in places[1:]:
            self.drag_to(*place, button)
        self.release(button)

    def key(self, key: Any, held: Any = NO_KEY) -> None:
        """Press a key over the canvas."""
        QTest.keyClick(self.canvas, key, held)
        QApplication.processEvents()

    def _move(self, at: QPoint, button: Any, key: Any) -> None:
        self._pos = at
        kind = QEvent.Type.MouseMove
        here, there = QPointF(at), QPointF(self.canvas.mapToGlobal(at))
        cursor = self.viewer.cursor
        unseen = cursor.position = tuple(-1e9 for _ in cursor.position)

        def seen() -> bool:
            # vispy drops moves that follow each other within 10 ms.
            event = QMouseEvent(kind, here, there, Qt.MouseButton.NoButton, button, key)
            QApplication.sendEvent(self.canvas, event)
            QApplication.processEvents()
            return tuple(cursor.position) != unseen

        _wait_until(seen)


def sayings(desk: Desk) -> list[str]:
    """What the view says from now on."""
    said: list[str] = []
    desk.view.said.connect(said.append)
    return said


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError("The canvas did not answer")
        QApplication.processEvents()


def _settle(canvas: QWidget) -> None:
    """Wait for the window: places on the canvas move as long as its size changes."""
    QTest.qWaitForWindowExposed(canvas.window())
    # The real pointer must not join in.
    QCursor.setPos(0, 0)
    since, size = time.monotonic(), canvas.size()

    def stays() -> bool:
        nonlocal since, size
        if canvas.size() != size:
            since, size = time.monotonic(), canvas.size()
        return time.monotonic() - since > 0.2

    _wait_until(stays)


def make_desk(
    viewer: Any,
    folder: Path,
    volume: OCTVolume,
    heights: np.ndarray | None,
    *,
    classes: tuple[str, ...] = CLASSES,
    layers: tuple[str, ...] = LAYERS,
    flat: bool = False,
) -> Desk:
    """A window with a scan, its grading and the tools; heights as a model said.

    `flat` shows the first B-scan as an image of two axes.
    """
    panel = Panel()
    viewer.window.add_dock_widget(panel, name="Correct")
    viewer.window.resize(1500, 900)
    if flat:
        image = viewer.add_image(
            volume.data[0], name="scan", scale=volume.spacing_um[1:]
        )
    else:
        image = add_scan(viewer, volume)
    grading = Grading.open(
        volume, LabelSet.of(*classes), layers, path=folder / "journal.sqlite"
    )
    if heights is not None:
        from napari_octseg.boundaries import boundaries_to_labels

        labels = boundaries_to_labels(heights, volume.depth, grading.layers)
        edit = grading.begin("model", origin="model 1")
        for bscan in range(volume.n_bscans):
            edit.set_prediction(bscan, labels[bscan], heights[:, bscan])
        edit.commit()
    view = GradingView(viewer, panel)
    overlay = CorrectionOverlay(view)
    tools = CanvasTools(view, overlay, panel)
    view.show(grading, image, "labels")
    desk = Desk(viewer, panel, view, overlay, tools, grading)
    _settle(desk.canvas)
    viewer.reset_view()
    QApplication.processEvents()
    return desk
