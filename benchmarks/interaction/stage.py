"""A napari window with a large scan and its correction; a mouse; clocks."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QObject, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QCursor, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_octseg.boundaries import boundaries_to_labels, boundary_names
from napari_octseg.editing.grading import Grading
from napari_octseg.editing.identity import find_journals
from napari_octseg.labels import LabelSet
from napari_octseg.phantom import FINDING_SET, PhantomSettings, make_phantom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_octseg.phantom import Phantom

LAYERS = ("RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "OS", "RPE")
CLASSES = LabelSet.of("background", *LAYERS, "IRF")
FLUID = CLASSES.index("IRF")
LEFT = Qt.MouseButton.LeftButton
_REST_MS = 25
"""Longer than a tool waits before it follows the mouse again."""

_PATIENCE_S = 20.0


def write_journal(phantom: Phantom) -> None:
    """Keep the truth of a phantom as what a model has said of all its B-scans."""
    volume = phantom.volume
    heights = np.stack([phantom.boundaries[name] for name in boundary_names(LAYERS)])
    grading = Grading.open(volume, CLASSES, LAYERS)
    labels = boundaries_to_labels(heights, volume.depth, grading.layers)
    labels[phantom.findings == FINDING_SET.index("IRF")] = FLUID
    edit = grading.begin("model", origin="model 1")
    for bscan in range(volume.n_bscans):
        edit.set_prediction(bscan, labels[bscan], heights[:, bscan])
    edit.commit()
    grading.close()


def cirrus_phantom(shape: tuple[int, int, int]) -> Phantom:
    """A scan with fluid."""
    return make_phantom(PhantomSettings("cirrus", shape=shape, findings=("IRF",)))


class Ticks(QObject):
    """A timer of 2 ms that notes when it could run."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, float]] = []
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(2)
        self._timer.timeout.connect(self._note)

    @contextmanager
    def running(self) -> Iterator[list[tuple[float, float]]]:
        """Wall-clock and processor seconds of each tick meanwhile."""
        self.seen = []
        QApplication.processEvents()
        self._timer.start()
        self._note()
        try:
            yield self.seen
        finally:
            self._note()
            self._timer.stop()

    def _note(self) -> None:
        self.seen.append((time.perf_counter(), time.thread_time()))


class Stage:
    """The window, with the Correct panel, and a mouse over its canvas.

    Attributes
    ----------
    n_drawn
        Pictures that the canvas has drawn.
    begun
        Wall-clock and processor seconds when the last of them began.
    """

    def __init__(self, phantom: Phantom) -> None:
        import napari

        from napari_octseg.widgets._canvas_cursor import canvas_of
        from napari_octseg.widgets._layers import add_scan
        from napari_octseg.widgets.correct import CorrectWidget

        self.viewer = napari.Viewer()
        self.viewer.window.resize(1500, 950)
        self.volume = phantom.volume
        self.image = add_scan(self.viewer, phantom.volume, "eye")
        self.correct = CorrectWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.correct, name="Correct")
        self.view = self.correct.view
        self.overlay = self.correct.overlay
        # The pointer of the machine must not join in.
        QCursor.setPos(0, 0)
        self.n_drawn, self.begun = 0, (0.0, 0.0)
        self.renderer = ""
        self.canvas = canvas_of(self.correct)
        events = self.canvas._vispy_canvas.events.draw
        events.connect(self._on_draw, position="first", ref=False)
        events.connect(self._on_drawn, position="last", ref=False)
        self.ticks = Ticks()
        self._pos = QPoint(0, 0)
        QTest.qWait(500)
        self.viewer.reset_view()
        self.settle()

    def resume(self) -> None:
        """Open the correction that is in the journal."""
        [journal] = find_journals(self.volume)
        self.correct.resume(journal, self.image)

    def show(self, *, labels: bool, boundaries: bool) -> None:
        """Show the scan alone, or with its labels and boundaries."""
        if self.view.labels_layer is not None:
            self.view.labels_layer.visible = labels
        self.overlay.visible = boundaries
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is going on."""
        still, last = 0, -1
        until = time.perf_counter() + _PATIENCE_S
        while still < 4 and time.perf_counter() < until:
            QTest.qWait(100)
            still = still + 1 if self.n_drawn == last else 0
            last = self.n_drawn

    def rest(self) -> None:
        """Let everything that was put off be done."""
        QTest.qWait(_REST_MS)

    def until_drawn(
        self, deed: Callable[[], object]
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Do something, and wait for the canvas to show it.

        Returns
        -------
        Wall-clock and processor seconds until the canvas began to draw, and until it
        had drawn. Those until then are of this thread; drawing without a graphics card
        works in several.
        """
        before = self.n_drawn
        wall, own, all_of_it = _now()
        deed()
        while self.n_drawn == before:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
            if time.perf_counter() - wall > _PATIENCE_S:
                raise TimeoutError("the canvas draws nothing")
        # What is drawn comes to the window with the next turn.
        QApplication.processEvents()
        end = _now()
        begun = self.begun[0] - wall, self.begun[1] - own
        return begun, (end[0] - wall, end[2] - all_of_it)

    def timed(self, deed: Callable[[], object]) -> tuple[float, float]:
        """Wall-clock and processor seconds of something that need not be drawn."""
        wall, own, _ = _now()
        deed()
        QApplication.processEvents()
        end = _now()
        return end[0] - wall, end[1] - own

    @property
    def bscan(self) -> int:
        """Index of the B-scan on screen."""
        return int(self.viewer.dims.current_step[0])

    def go_to(self, bscan: int) -> None:
        """Bring a B-scan on screen, as the slider does."""
        self.viewer.dims.set_current_step(0, bscan)

    def pan(self, step: float) -> None:
        """Move the camera to the side, in pixels of the screen."""
        camera = self.viewer.scene.camera
        center = list(camera.center)
        center[-1] += step / camera.zoom
        camera.center = tuple(center)

    def move(self, row: float, column: float, *, pressed: bool = False) -> None:
        """Move the mouse to a place of the B-scan."""
        self._pos = self._screen(row, column)
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(self._pos),
            QPointF(self.canvas.mapToGlobal(self._pos)),
            Qt.MouseButton.NoButton,
            LEFT if pressed else Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self.canvas, event)

    def press(self, row: float, column: float) -> None:
        """Press the left button."""
        self.move(row, column)
        QTest.mousePress(self.canvas, LEFT, pos=self._pos)

    def release(self) -> None:
        """Let it go."""
        QTest.mouseRelease(self.canvas, LEFT, pos=self._pos)

    def _screen(self, row: float, column: float) -> QPoint:
        scale = self.image.scale[-2:]
        camera = self.viewer.scene.camera
        middle = np.array(camera.center[-2:])
        down, right = (np.array([row, column]) * scale - middle) * camera.zoom
        size = self.canvas.size()
        return QPoint(round(size.width() / 2 + right), round(size.height() / 2 + down))

    def _on_draw(self, event: Any) -> None:
        self.begun = time.perf_counter(), time.thread_time()

    def _on_drawn(self, event: Any) -> None:
        self.n_drawn += 1
        if not self.renderer:
            from vispy.gloo import gl

            self.renderer = str(gl.glGetParameter(gl.GL_RENDERER))

    def close(self) -> None:
        """Close the window."""
        self.view.close()
        self.viewer.close()
        QApplication.processEvents()


def _now() -> tuple[float, float, float]:
    return time.perf_counter(), time.thread_time(), time.process_time()


def has_display() -> bool:
    """Whether a window can be opened here."""
    return os.name != "posix" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
