"""Random edits, as a journal takes them and as a plain list of arrays predicts them.

Run as a program, it edits until it is killed:

    python -m tests.editing.edit_loop JOURNAL

It waits for a line with the number of the first step. Then a copy of the process
(itself where processes cannot be copied) prints its process id, edits from that step
on, and prints the number of each step once the journal has it. When it has been
killed, ``ended`` is printed, and another line may follow: copies are there at once,
with all imports.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_octseg.editing.journal import Journal
from napari_octseg.editing.patch import TARGETS, Patch, bscan_view, patches_between
from napari_octseg.labels import LabelSet

SHAPE = (3, 12, 10)
LAYERS = ("RNFL", "INL")
LABEL_SET = LabelSet.of("background", *LAYERS, "IRF")

Arrays = dict[str, NDArray[np.generic]]


def start_arrays() -> Arrays:
    """The arrays of a grading in which nothing has been done."""
    n_bscans, _, width = SHAPE
    heights = np.full((len(LAYERS) + 1, n_bscans, width), np.nan, np.float32)
    return {
        "labels": np.zeros(SHAPE, np.uint8),
        "heights": heights,
        "origins": np.zeros((n_bscans, width), np.uint8),
        "states": np.zeros(n_bscans, np.uint8),
        "predicted": heights.copy(),
    }


def open_journal(path: Path, scan: str = "a scan") -> Journal:
    return Journal.open(
        path, scan=scan, label_set=LABEL_SET, layers=LAYERS, shape=SHAPE
    )


def replayed(journal: Journal) -> Arrays:
    """What a new window would show."""
    arrays = start_arrays()
    journal.replay(arrays)
    return arrays


def same(one: Arrays, other: Arrays) -> bool:
    """Whether all bits are the same, NaN included."""
    return all(one[name].tobytes() == other[name].tobytes() for name in TARGETS)


@dataclass(frozen=True)
class Box:
    """A place to paint: the same everywhere, whatever the array before."""

    target: str
    bscan: int
    start: tuple[float, float]
    extent: tuple[float, float]
    value: int

    def paint(self, arrays: Arrays) -> None:
        view = bscan_view(arrays, self.target, self.bscan)
        shares = zip(self.start, self.extent, view.shape, strict=False)
        parts = [(int(a * n), int(a * n) + 1 + int(b * n)) for a, b, n in shares]
        box = view[tuple(slice(first, last) for first, last in parts)]
        if view.dtype == np.float32 and self.value == 0:
            box[...] = np.nan
        elif view.dtype == np.float32:
            box[...] = self.value + np.linspace(0, 0.7, box.size).reshape(box.shape)
        else:
            box[...] = self.value


@dataclass(frozen=True)
class Step:
    """One thing that a grader does."""

    kind: str
    boxes: tuple[Box, ...] = ()


KINDS = ("edit", "go on", "undo", "redo", "checkpoint", "seconds")


def step_of(number: int) -> Step:
    """The step of that number: the same in every process."""
    random = np.random.default_rng(number)
    kind = str(random.choice(KINDS, p=(0.4, 0.15, 0.2, 0.1, 0.1, 0.05)))
    boxes = tuple(
        Box(
            str(random.choice(TARGETS)),
            int(random.integers(SHAPE[0])),
            (random.random(), random.random()),
            (random.random(), random.random()),
            int(random.integers(5)),
        )
        for _ in range(int(random.integers(1, 4)))
    )
    return Step(kind, boxes)


@dataclass
class PlainModel:
    """Whole copies of all arrays after each edit, and where among them we are."""

    copies: list[Arrays] = field(default_factory=lambda: [start_arrays()])
    tools: list[str] = field(default_factory=list)
    seconds: dict[int, float] = field(default_factory=dict)
    now: int = 0
    under_way: int = 0
    """Which edit the window could go on with; 0 after opening."""

    def after(self, step: Step) -> PlainModel:
        """The model one step later; this one stays as it is."""
        later = PlainModel(
            self.copies.copy(),
            self.tools.copy(),
            self.seconds.copy(),
            self.now,
            self.under_way,
        )
        later._take(step)
        return later

    def agrees_with(self, journal: Journal) -> bool:
        """Whether the journal would show the same arrays, and the same history."""
        kept = [edit for edit in journal.edits() if edit.state != "dropped"]
        states = ["done" if i < self.now else "undone" for i in range(len(self.tools))]
        return (
            same(replayed(journal), self.copies[self.now])
            and [edit.tool for edit in kept] == self.tools
            and [edit.state for edit in kept] == states
            and journal.seconds() == self.seconds
        )

    def _take(self, step: Step) -> None:
        if step.kind == "undo":
            self.now = max(self.now - 1, 0)
        elif step.kind == "redo":
            self.now = min(self.now + 1, len(self.copies) - 1)
        elif step.kind == "seconds":
            bscan = step.boxes[0].bscan
            self.seconds[bscan] = self.seconds.get(bscan, 0.0) + 1.5
        elif step.kind in ("edit", "go on"):
            self._edit(step)

    def _edit(self, step: Step) -> None:
        changed = False
        after = self.copies[self.now]
        for box in step.boxes:
            before = after
            after = {name: array.copy() for name, array in before.items()}
            box.paint(after)
            changed |= not same(before, after)
        if not changed:
            return
        del self.copies[self.now + 1 :], self.tools[self.now :]
        if step.kind == "go on" and self.now and self.now == self.under_way:
            self.copies[self.now] = after
            return
        self.tools.append(step.kind)
        self.copies.append(after)
        self.now = self.under_way = self.now + 1


@dataclass
class Window:
    """The arrays of an open window, changed as a grading changes them."""

    journal: Journal
    arrays: Arrays
    under_way: int | None = None

    def take(self, step: Step) -> None:
        if step.kind == "undo":
            for patch in self.journal.undo() or ():
                patch.revert(self.arrays)
        elif step.kind == "redo":
            for patch in self.journal.redo() or ():
                patch.apply(self.arrays)
        elif step.kind == "checkpoint":
            self.journal.checkpoint(self.arrays)
        elif step.kind == "seconds":
            self.journal.add_seconds(step.boxes[0].bscan, "me", 1.5)
        else:
            self._edit(step)

    def _edit(self, step: Step) -> None:
        patches = list(painted(step.boxes, self.arrays))
        if patches:
            edit = self.under_way if step.kind == "go on" else None
            self.under_way = self.journal.write(step.kind, "me", patches, edit=edit)


def painted(boxes: tuple[Box, ...], arrays: Arrays) -> Iterator[Patch]:
    """Paint boxes; the patches of what changed."""
    for box in boxes:
        view = bscan_view(arrays, box.target, box.bscan)
        before = view.copy()
        box.paint(arrays)
        patch = patches_between(box.target, box.bscan, before, view)
        if patch is not None:
            yield patch


def edit_from(first: int, path: Path) -> NoReturn:
    os.write(1, f"{os.getpid()}\n".encode())
    journal = open_journal(path)
    window = Window(journal, replayed(journal))
    for number in count(first):
        window.take(step_of(number))
        os.write(1, f"{number}\n".encode())
    raise AssertionError("there is always a next step")


def main() -> None:
    for line in sys.stdin:
        copy = os.fork() if hasattr(os, "fork") else 0
        if copy == 0:
            edit_from(int(line), Path(sys.argv[1]))
        os.waitpid(copy, 0)
        os.write(1, b"ended\n")


if __name__ == "__main__":
    main()
