"""What a run has done so far, one line for each step, to be followed while it goes on.

The file is the pipe between the worker and whoever watches it: a window that is closed
and opened again reads on where it likes, and nothing is lost when nobody looks.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.engine.progress import Progress

Phase = Literal["preparing", "training", "measuring", "finished", "failed", "cancelled"]
PHASES: tuple[str, ...] = get_args(Phase)
ENDS = ("finished", "failed", "cancelled")
"""Phases after which a worker does no more."""


@dataclass(frozen=True)
class Event:
    """One step of a run.

    Attributes
    ----------
    phase
        What the worker is doing.
    done, total, message, values
        As in `Progress`; NaN where a figure is not a finite number.
    time_s
        Seconds since the epoch.
    """

    phase: Phase
    done: int
    total: int
    message: str = ""
    values: dict[str, float] = field(default_factory=dict)
    time_s: float = 0.0


class EventLog:
    """The events of a run, as its worker writes them.

    Parameters
    ----------
    path
        The file: made, or gone on with. A line that a crash tore is closed, and readers
        skip it.

    Raises
    ------
    OSError
        If the disk refuses; so does `add`.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab+")
        end = self._file.seek(0, 2)
        if end:
            self._file.seek(end - 1)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")
                self._file.flush()

    def add(self, phase: Phase, step: Progress) -> None:
        """Append a step; it can be read at once."""
        figures = {
            name: float(value) if math.isfinite(value) else None
            for name, value in step.values.items()
        }
        line = {
            "phase": phase,
            "done": step.done,
            "total": step.total,
            "message": step.message,
            "values": figures,
            "time_s": round(time.time(), 3),
        }
        text = json.dumps(line, ensure_ascii=False, allow_nan=False)
        self._file.write(text.encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_events(path: Path, since: int = 0) -> tuple[list[Event], int]:
    """Events from a place in the file on.

    Parameters
    ----------
    path
        The file; there may be none yet.
    since
        Where to begin, as the last call returned it.

    Returns
    -------
    events
        In order; a line that is being written is left to the next call.
    next
        Where to go on.
    """
    try:
        with path.open("rb") as file:
            file.seek(since)
            content = file.read()
    except FileNotFoundError:
        return [], since
    whole = content[: content.rfind(b"\n") + 1]
    events = [_event(line) for line in whole.splitlines() if line]
    return [event for event in events if event is not None], since + len(whole)


def _event(line: bytes) -> Event | None:
    """An event; None of a line that a crash tore."""
    try:
        values = json.loads(line)
        figures = {
            name: math.nan if value is None else float(value)
            for name, value in values.pop("values").items()
        }
        return Event(values=figures, **values)
    except (UnicodeDecodeError, ValueError, TypeError, KeyError, AttributeError):
        return None


def curves(events: Sequence[Event]) -> dict[str, list[tuple[int, float]]]:
    """Figures of the training over its steps, each once.

    A run that went on after a crash does some steps again; the later ones count, and
    what was after them is dropped.

    Returns
    -------
    Name of the figure → (step, value), steps rising.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events:
        if event.phase != "training":
            continue
        for points in found.values():
            while points and points[-1][0] > event.done:
                points.pop()
        for name, value in event.values.items():
            points = found.setdefault(name, [])
            if points and points[-1][0] == event.done:
                points.pop()
            points.append((event.done, value))
    return {name: points for name, points in found.items() if points}


def seconds_left(events: Sequence[Event], *, most: int = 50) -> float | None:
    """How long the present phase will still take, by the pace of its last steps.

    Returns
    -------
    Seconds; None before the second step of a phase, and after its end.
    """
    if not events or events[-1].phase in ENDS:
        return None
    last = events[-1]
    recent: list[Event] = []
    for event in reversed(events[-most:]):
        same = (event.phase, event.total) == (last.phase, last.total)
        if not same or (recent and event.done > recent[-1].done):
            break
        recent.append(event)
    first = recent[-1]
    if last.done <= first.done:
        return None
    pace = (last.time_s - first.time_s) / (last.done - first.done)
    return max(0.0, pace * (last.total - last.done))
