"""What a day of corrections costs: size of the journal, writing, and opening again.

    python -m benchmarks.journal                # 5,000 strokes on 128 × 512 × 1024
    python -m benchmarks.journal --strokes 500  # a shorter day

On a phantom a model has run over the whole volume; then come brush strokes, live-wires
of one boundary (whose layer pixels follow), fills and some undo, all drawn at random.
Times are those of the journal alone, with the disk: the arrays have changed already
when it is asked to write. A checkpoint is asked for as often as a grading does.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_octseg.boundaries import boundaries_to_labels, enforce_order
from napari_octseg.editing.journal import Journal
from napari_octseg.editing.patch import (
    TARGETS,
    Patch,
    bscan_view,
    patches_between,
)
from napari_octseg.labels import LabelSet
from napari_octseg.phantom import LAYER_BOUNDARIES, LAYER_SET, PhantomSettings
from napari_octseg.phantom.anatomy import healthy_eye
from napari_octseg.phantom.devices import DEVICES
from napari_octseg.phantom.grid import scan_grid
from napari_octseg.phantom.settings import BOUNDARIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Bscan = dict[str, NDArray[np.generic]]

SHAPE = (128, 512, 1024)
LAYERS = LAYER_SET.names[1:]
CLASSES = LabelSet.of("background", *LAYERS, "IRF")
FLUID = CLASSES.index("IRF")
EVERY = 250
SIZE_LIMIT_MB, OPENING_LIMIT_S = 100.0, 2.0
_NOISE_PX = 0.3
_REACH = 90


@dataclass
class Day:
    """The arrays of a scan and the random choices of a day."""

    random: np.random.Generator = field(
        default_factory=lambda: np.random.default_rng(0)
    )
    arrays: Bscan = field(default_factory=lambda: start_arrays())
    truth: NDArray[np.float32] = field(default_factory=lambda: eye_heights())

    def predict(self, bscan: int) -> list[Patch]:
        """A model says all of a B-scan, each height somewhat off."""
        noise = self.random.normal(0, _NOISE_PX, (len(self.truth), SHAPE[2]))
        heights = enforce_order((self.truth[:, bscan] + noise).astype(np.float32))

        def change(views: Bscan) -> None:
            views["heights"][...] = views["predicted"][...] = heights
            views["labels"][...] = boundaries_to_labels(heights[:, None], SHAPE[1])[0]
            views["origins"][...], views["states"][...] = 4, 1

        return self.patches(bscan, change)

    def stroke(self) -> list[Patch]:
        """One stroke of one of the tools, on some B-scan."""
        bscan = int(self.random.integers(SHAPE[0]))
        tool = self.random.choice([self.brush, self.live_wire, self.fill])

        def change(views: Bscan) -> None:
            before = views["labels"].copy()
            tool(views)
            views["origins"][(views["labels"] != before).any(axis=0)] = 1
            views["states"][...] = 2

        return self.patches(bscan, change)

    def brush(self, views: Bscan) -> None:
        """Fluid or background along a short path."""
        labels, down, right = self.around(views)
        radius, angle = self.random.uniform(2, 10), self.random.uniform(0, np.pi)
        value = self.random.choice([0, FLUID])
        for step in np.arange(self.random.uniform(5, 60), step=radius / 2):
            off = down - step * np.sin(angle), right - step * np.cos(angle)
            labels[np.hypot(*off) < radius] = value

    def live_wire(self, views: Bscan) -> None:
        """A stretch of one boundary, and the layers beside it."""
        n_columns = int(self.random.integers(60, 400))
        first = int(self.random.integers(SHAPE[2] - n_columns))
        columns = slice(first, first + n_columns)
        heights = views["heights"][:, columns].copy()
        shift = gaussian_filter1d(self.random.normal(0, 40, n_columns), 15)
        jitter = self.random.normal(0, _NOISE_PX, n_columns)
        heights[self.random.integers(len(heights))] += shift + jitter
        heights = enforce_order(heights)
        layers = boundaries_to_labels(heights[:, None], SHAPE[1])[0]
        labels = views["labels"][:, columns]
        views["heights"][:, columns] = heights
        labels[...] = np.where(labels == FLUID, FLUID, layers)

    def fill(self, views: Bscan) -> None:
        """A cyst with a rugged edge."""
        labels, down, right = self.around(views)
        wobble = gaussian_filter1d(self.random.normal(0, 8, 90), 1, mode="wrap")
        index = ((np.arctan2(down, right) / np.pi + 1) * 44.9).astype(int)
        size = self.random.uniform(8, 50)
        labels[np.hypot(down * 1.5, right) < size + wobble[index]] = FLUID

    def around(
        self, views: Bscan
    ) -> tuple[NDArray[np.generic], NDArray[np.float64], NDArray[np.float64]]:
        """Labels around a point of the retina; rows below and columns beside it."""
        column = int(self.random.integers(SHAPE[2]))
        top, bottom = views["heights"][0, column], views["heights"][-1, column]
        row = int(self.random.uniform(float(top), float(bottom)))
        first_row, first_column = max(row - _REACH, 0), max(column - _REACH, 0)
        window = views["labels"][
            first_row : row + _REACH, first_column : column + _REACH
        ]
        down = first_row - row + np.arange(window.shape[0])[:, None]
        right = first_column - column + np.arange(window.shape[1])[None]
        return window, down.astype(float), right.astype(float)

    def patches(self, bscan: int, change: Callable[[Bscan], None]) -> list[Patch]:
        """What a change of a B-scan differs in."""
        views = {name: bscan_view(self.arrays, name, bscan) for name in TARGETS}
        before = {name: view.copy() for name, view in views.items()}
        change(views)
        found = (patches_between(n, bscan, before[n], views[n]) for n in TARGETS)
        return [patch for patch in found if patch is not None]


def start_arrays() -> Bscan:
    """The arrays of a grading in which nothing has been done."""
    n_bscans, _, width = SHAPE
    absent = np.full((len(LAYERS) + 1, n_bscans, width), np.nan, np.float32)
    return {
        "labels": np.zeros(SHAPE, np.uint8),
        "heights": absent,
        "origins": np.zeros((n_bscans, width), np.uint8),
        "states": np.zeros(n_bscans, np.uint8),
        "predicted": absent.copy(),
    }


def eye_heights() -> NDArray[np.float32]:
    """Boundaries of the layers of a phantom, (n_boundaries, n_bscans, width) px."""
    grid = scan_grid(PhantomSettings("cirrus", shape=SHAPE), DEVICES["cirrus"])
    heights = healthy_eye(grid, 0).heights / np.float32(grid.spacing_um[1])
    picked: NDArray[np.float32] = heights[
        [BOUNDARIES.index(name) for name in LAYER_BOUNDARIES]
    ]
    return picked


def open_journal(path: Path) -> Journal:
    """The journal of the day."""
    return Journal.open(
        path, scan="phantom", label_set=CLASSES, layers=LAYERS, shape=SHAPE
    )


def row(name: str, value: str, target: str = "") -> None:
    """One line of the table."""
    print(f"| {name:<46} | {value:>10} | {target:>9} |")


def main() -> None:
    """Work, close, open again, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strokes", type=int, default=5000)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(Path(folder) / "journal.sqlite", options.strokes)


def measure(path: Path, n_strokes: int) -> None:
    """A day of that many strokes, with its journal at `path`."""
    day, journal = Day(), open_journal(path)
    model, strokes, checkpoints, undos = [], [], [], []
    run = None
    for bscan in range(SHAPE[0]):
        patches = day.predict(bscan)
        begin = time.perf_counter()
        run = journal.write("model", "Ada", patches, edit=run)
        model.append(time.perf_counter() - begin)
    for number in range(1, n_strokes + 1):
        while not (patches := day.stroke()):
            pass  # background where it was already
        begin = time.perf_counter()
        journal.write("stroke", "Ada", patches)
        strokes.append(time.perf_counter() - begin)
        if day.random.random() < 0.05:
            begin = time.perf_counter()
            undone = journal.undo() or ()
            undos.append(time.perf_counter() - begin)
            for patch in undone:
                patch.revert(day.arrays)
        if number % EVERY == 0:
            begin = time.perf_counter()
            journal.checkpoint(day.arrays)
            checkpoints.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    journal.close()
    closing = time.perf_counter() - begin
    size = path.stat().st_size / 1e6

    arrays = start_arrays()
    begin = time.perf_counter()
    journal = open_journal(path)
    journal.replay(arrays)
    opening = time.perf_counter() - begin
    for name in TARGETS:
        np.testing.assert_array_equal(arrays[name], day.arrays[name])
    journal.close()

    n_bscans, depth, width = SHAPE
    row(f"{n_strokes} strokes on {n_bscans}×{depth}×{width}", "measured", "target")
    print(f"|{'-' * 48}|{'-' * 11}:|{'-' * 10}:|")
    row(
        "journal after a model run and these",
        f"{size:.1f} MB",
        f"< {SIZE_LIMIT_MB:.0f}",
    )
    row("open and replay", f"{opening:.2f} s", f"< {OPENING_LIMIT_S:.0f}")
    row("write a stroke, median", ms(statistics.median(strokes)))
    row("write a stroke, 99 of 100", ms(float(np.percentile(strokes, 99))))
    row("write a stroke, worst", ms(max(strokes)))
    row("write a predicted B-scan, median", ms(statistics.median(model)))
    row("undo, worst", ms(max(undos, default=0.0)))
    row(f"checkpoint every {EVERY} edits, worst", ms(max(checkpoints, default=0.0)))
    row("close", ms(closing))


def ms(seconds: float) -> str:
    """In ms."""
    return f"{1000 * seconds:.1f} ms"


if __name__ == "__main__":
    main()
