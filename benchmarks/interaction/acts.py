"""What a person does in the window, timed: drags, steps, undo, opening."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import QApplication

from benchmarks.interaction.report import Deed, Drag, Spread, longest_gap
from benchmarks.interaction.stage import FLUID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.interaction.stage import Stage

    Place = tuple[float, float]
    Times = list[tuple[tuple[float, float], tuple[float, float]]]

BOUNDARY = 3
MOUSE_MS = 8
_AT_MOST_S = 3.0
_WINDING_PX = 8.0


@dataclass(frozen=True)
class Gesture:
    """A tool and where the mouse goes with it.

    Attributes
    ----------
    tool
        As the view calls it.
    title
        As the table calls it.
    places
        (row, column) of each move; the button is pressed at the first.
    hovers
        Whether the button is let go before the moves.
    """

    tool: str
    title: str
    places: Sequence[Place]
    hovers: bool = False


def gestures(stage: Stage, n_moves: int) -> list[Gesture]:
    """One for each tool that is dragged, on the B-scan on screen."""
    grading = stage.view.grading
    assert grading is not None
    curve = grading.heights[BOUNDARY, stage.view.bscan]
    width = len(curve)
    first = width * 3 // 10
    columns = np.linspace(first, first + width // 4, n_moves + 1)
    wave = _WINDING_PX * np.sin(np.linspace(0, 6.5 * np.pi, n_moves + 1))
    rows = curve[np.rint(columns).astype(int)]
    along = [*zip(rows + wave, columns, strict=True)]
    along[0] = (float(rows[0]), float(columns[0]))
    stage.view.choose_boundary(BOUNDARY)
    stage.view.choose_tool("knots")
    knots = stage.correct.canvas_tools.tool.knots  # type: ignore[union-attr]
    row, column = knots[len(knots) // 2]
    up_and_down = [(float(row + off), float(column)) for off in wave]
    return [
        Gesture("pan", "no tool: the pointer moves", along, hovers=True),
        Gesture("knots", "knots", up_and_down),
        Gesture("pen", "pen", along),
        Gesture("magnet", "magnet", along),
        Gesture("hide", "cannot see", along),
        Gesture("livewire", "live-wire, hovering", along, hovers=True),
        Gesture("brush", "brush (napari's own)", along),
    ]


def floor(stage: Stage, n_moves: int, title: str = "image alone, panned") -> Drag:
    """The canvas drawn anew with nothing of ours."""
    steps = [2.0 if i % 2 else -2.0 for i in range(n_moves)]
    times = _one_by_one(stage, [partial(stage.pan, step) for step in steps])
    gap, per_second = _at_125_hz(stage, [partial(stage.pan, step) for step in steps])
    return Drag(title, *_spreads(times), *gap, per_second)


def drag(stage: Stage, gesture: Gesture) -> Drag:
    """A gesture twice: move by move, and as fast as a mouse reports."""
    view = stage.view
    view.choose_boundary(BOUNDARY)
    view.choose_tool(gesture.tool)
    if gesture.tool == "brush":
        view.choose_class(FLUID)
        assert view.labels_layer is not None
        view.labels_layer.brush_size = 12
    stage.settle()
    held = not gesture.hovers
    moves = [partial(stage.move, *at, pressed=held) for at in gesture.places]
    _begin(stage, gesture)
    if gesture.tool == "pan":
        times = _without_drawing(stage, moves[1:])
    else:
        times = _one_by_one(stage, moves[1:])
    _end(stage, gesture)
    _begin(stage, gesture)
    gap, per_second = _at_125_hz(stage, [*moves[1:], *moves[-2:0:-1], *moves[1:]])
    release = _end(stage, gesture)
    view.choose_tool("pan")
    stage.settle()
    return Drag(gesture.title, *_spreads(times), *gap, per_second, release)


def _begin(stage: Stage, gesture: Gesture) -> None:
    stage.move(*gesture.places[0])
    stage.rest()
    if gesture.tool != "pan":
        stage.press(*gesture.places[0])
        if gesture.hovers:
            stage.release()
    stage.rest()


def _end(stage: Stage, gesture: Gesture) -> float | None:
    """Let go, and take it back; the longest gap when letting go."""
    if gesture.hovers:
        stage.correct.canvas_tools.cancel()
        stage.settle()
        return None
    with stage.ticks.running() as ticks:
        stage.release()
        stage.rest()
    assert stage.view.grading is not None
    assert stage.view.grading.journal.undo_tool != "model", gesture.tool
    stage.view.undo()
    stage.settle()
    return longest_gap(ticks)[0]


def _one_by_one(stage: Stage, moves: Sequence[Callable[[], object]]) -> Times:
    """Each after everything of the one before has been done."""
    times = []
    for move in moves:
        stage.rest()
        times.append(stage.until_drawn(move))
    return times


def _without_drawing(stage: Stage, moves: Sequence[Callable[[], object]]) -> Times:
    """Moves that change nothing on the canvas."""
    times = []
    for move in moves:
        stage.rest()
        took = stage.timed(move)
        times.append((took, took))
    return times


def _at_125_hz(
    stage: Stage, moves: Sequence[Callable[[], object]]
) -> tuple[tuple[float, float], float]:
    """The longest gap with the work in it, ms, and pictures per second."""
    stage.settle()
    waiting, until = list(moves), time.perf_counter() + _AT_MOST_S
    loop = QEventLoop()
    mouse = QTimer()
    mouse.setTimerType(Qt.TimerType.PreciseTimer)
    mouse.setInterval(MOUSE_MS)

    def next_move() -> None:
        if waiting and time.perf_counter() < until:
            waiting.pop(0)()
        else:
            loop.quit()

    mouse.timeout.connect(next_move)
    n_before = stage.n_drawn
    with stage.ticks.running() as ticks:
        mouse.start()
        loop.exec_()
        mouse.stop()
        QApplication.processEvents()
    seconds = ticks[-1][0] - ticks[0][0]
    return longest_gap(ticks), (stage.n_drawn - n_before) / seconds


def steps(stage: Stage, name: str, n_steps: int) -> Deed:
    """One B-scan further, again and again."""
    stage.settle()
    start = stage.bscan
    times: Times = []
    gaps = []
    for index in range(1, n_steps + 1):
        stage.rest()
        with stage.ticks.running() as ticks:
            times.append(stage.until_drawn(partial(stage.go_to, start + index)))
            stage.rest()
        gaps.append(longest_gap(ticks)[0])
    stage.go_to(start)
    stage.settle()
    return Deed(name, _spreads(times)[1], max(gaps))


def undo_and_redo(stage: Stage, gesture: Gesture, n_times: int) -> list[Deed]:
    """An edit with the pen written, taken back and made again."""
    view = stage.view
    view.choose_boundary(BOUNDARY)
    view.choose_tool(gesture.tool)
    found: dict[str, tuple[Times, list[float]]] = {}
    for _ in range(n_times):
        stage.settle()
        _begin(stage, gesture)
        for at in gesture.places[1::8]:
            stage.move(*at, pressed=True)
            stage.rest()
        for name, deed in (
            ("let go: the edit is written", stage.release),
            ("undo", view.undo),
            ("redo", view.redo),
        ):
            stage.rest()
            times, gaps = found.setdefault(name, ([], []))
            with stage.ticks.running() as ticks:
                times.append(stage.until_drawn(deed))
                stage.rest()
            gaps.append(longest_gap(ticks)[0])
        view.undo()
    view.choose_tool("pan")
    stage.settle()
    return [
        Deed(name, _spreads(times)[1], max(gaps))
        for name, (times, gaps) in found.items()
    ]


def opening(stage: Stage) -> Deed:
    """The correction of a scan, gone on with."""
    stage.settle()
    with stage.ticks.running() as ticks:
        took = stage.until_drawn(stage.resume)
        stage.settle()
    return Deed("open the correction", _spreads([took])[1], longest_gap(ticks)[0])


def _spreads(times: Times) -> tuple[Spread, Spread]:
    begun, drawn = zip(*times, strict=True)
    return Spread.of(*zip(*begun, strict=True)), Spread.of(*zip(*drawn, strict=True))
