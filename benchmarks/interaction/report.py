"""Timings as numbers and as tables for the README."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FRAME_MS = 1000 / 60


@dataclass(frozen=True)
class Spread:
    """How long something took, several times, in ms.

    Attributes
    ----------
    median, p95, worst
        Wall-clock time.
    cpu
        Median of the processor time, which other work on the machine does not stretch.
    """

    median: float
    p95: float
    worst: float
    cpu: float

    @classmethod
    def of(cls, wall_s: Sequence[float], cpu_s: Sequence[float]) -> Spread:
        """From seconds of each time.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not wall_s or len(wall_s) != len(cpu_s):
            raise ValueError("no times, or wall-clock and processor times that differ")
        median, p95, worst = np.percentile(wall_s, (50, 95, 100)) * 1e3
        cpu = float(np.median(cpu_s)) * 1e3
        return cls(float(median), float(p95), float(worst), cpu)


@dataclass(frozen=True)
class Drag:
    """One tool, dragged over the canvas.

    Attributes
    ----------
    ours
        From the mouse event until labels and overlay have been handed to napari.
    drawn
        From the mouse event until the canvas shows them.
    gap_ms, gap_cpu_ms
        Longest time in which the event loop did nothing else, while a mouse moved at
        125 Hz, and how long the processor worked in it.
    per_second
        Pictures drawn per second meanwhile.
    release_ms
        Longest gap when the button is let go: the edit is written to the journal.
    """

    tool: str
    ours: Spread
    drawn: Spread
    gap_ms: float
    gap_cpu_ms: float
    per_second: float
    release_ms: float | None = None


@dataclass(frozen=True)
class Deed:
    """Something that is done once, such as undo.

    Attributes
    ----------
    took
        Until the canvas shows it.
    gap_ms
        Longest time in which the event loop did nothing else.
    """

    name: str
    took: Spread
    gap_ms: float


@dataclass
class Report:
    """All that was measured."""

    answers: dict[str, Spread] = field(default_factory=dict)
    floor: Drag | None = None
    drags: list[Drag] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    scene: str = ""
    renderer: str = ""
    load: list[tuple[float, ...]] = field(default_factory=list)

    def note_load(self) -> None:
        """Keep the load average of now."""
        if hasattr(os, "getloadavg"):
            self.load.append(tuple(round(v, 1) for v in os.getloadavg()))

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return asdict(self)


def longest_gap(ticks: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The longest time between two ticks of a timer, and the work in it.

    Parameters
    ----------
    ticks
        Wall-clock and processor seconds at each tick.

    Returns
    -------
    Both in ms; 0 if there are fewer than two ticks.
    """
    if len(ticks) < 2:
        return 0.0, 0.0
    wall, cpu = np.diff(np.array(ticks), axis=0).T * 1e3
    at = int(wall.argmax())
    return float(wall[at]), float(cpu[at])


def as_markdown(report: Report) -> str:
    """Tables for the README."""
    parts = []
    if report.answers:
        parts.append(_table(_ANSWER_HEAD, map(_answer_row, report.answers.items())))
    if report.floor is not None:
        rows = [_drag_row(drag, report.floor) for drag in report.drags]
        rows.insert(0, _drag_row(report.floor, None))
        parts.append(_table(_DRAG_HEAD, rows))
    if report.deeds:
        parts.append(_table(_DEED_HEAD, map(_deed_row, report.deeds)))
    parts.append(_caption(report))
    return "\n\n".join(parts)


_ANSWER_HEAD = ("live-wire, ms", "median", "95 %", "worst", "CPU")
_DRAG_HEAD = (
    "drag, ms per move",
    "our code (95 %)",
    "CPU",
    "of a 60 Hz frame (CPU)",
    "drawn (95 %)",
    "CPU",
    "over the floor (CPU)",
    "÷ floor (CPU)",
    "pictures/s",
    "longest gap (CPU)",
    "gap at release",
)
_DEED_HEAD = ("deed, ms", "median", "95 %", "worst", "CPU", "longest gap")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _answer_row(item: tuple[str, Spread]) -> tuple[str, ...]:
    name, took = item
    return (name, *map(_ms, (took.median, took.p95, took.worst, took.cpu)))


def _drag_row(drag: Drag, floor: Drag | None) -> tuple[str, ...]:
    ours, drawn = drag.ours, drag.drawn
    over = ratio = "–"
    draws = drag.per_second > 0
    if floor is not None and draws:
        least = floor.drawn
        over = f"{_ms(drawn.median - least.median)} ({_ms(drawn.cpu - least.cpu)})"
        ratio = f"{drawn.median / least.median:.2f} ({drawn.cpu / least.cpu:.2f})"
    share, worked = (100 * time / FRAME_MS for time in (ours.median, ours.cpu))
    return (
        drag.tool,
        f"{_ms(ours.median)} ({_ms(ours.p95)})",
        _ms(ours.cpu),
        f"{share:.0f} % ({worked:.0f} %)",
        f"{_ms(drawn.median)} ({_ms(drawn.p95)})" if draws else "–",
        _ms(drawn.cpu) if draws else "–",
        over,
        ratio,
        f"{drag.per_second:.0f}" if draws else "–",
        f"{drag.gap_ms:.0f} ({drag.gap_cpu_ms:.0f})",
        "–" if drag.release_ms is None else f"{drag.release_ms:.0f}",
    )


def _deed_row(deed: Deed) -> tuple[str, ...]:
    took = deed.took
    times = map(_ms, (took.median, took.p95, took.worst, took.cpu))
    return (deed.name, *times, f"{deed.gap_ms:.0f}")


def _ms(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def _caption(report: Report) -> str:
    said = [part for part in (report.scene, report.renderer) if part]
    if report.load:
        first, last = report.load[0], report.load[-1]
        begin, end = (", ".join(f"{v:.1f}" for v in one) for one in (first, last))
        said.append(f"load average {begin} at the beginning, {end} at the end")
    return "; ".join(said) + "."
