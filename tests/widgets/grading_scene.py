"""A small grading in a window: three flat layers with a finding, and a panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.editing.grading import Grading
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._grading_view import GradingView
from napari_octseg.widgets._layers import add_scan
from napari_octseg.widgets._panel import Panel

if TYPE_CHECKING:
    from pathlib import Path

N_BSCANS, DEPTH, WIDTH = 9, 48, 64
LAYERS = ("RNFL", "GCIPL", "INL")
CLASSES = LabelSet.of("background", *LAYERS, "IRF")
TOPS = (10.0, 16.0, 24.0, 32.0)
MODEL = "tiny-net 1"


def scan(n_bscans: int = N_BSCANS, *, spacing: bool = True) -> OCTVolume:
    """Bands of different brightness between the boundaries, with a little noise."""
    rows = np.arange(DEPTH)[:, None]
    band = np.digitize(rows, TOPS)
    # As in a retina: nerve fibres bright, nuclear layers dark.
    bright = np.array([20, 200, 140, 70, 180], np.float32)[band]
    noise = np.random.default_rng(0).normal(0, 4, (n_bscans, DEPTH, WIDTH))
    pixels = np.clip(bright[None] + noise, 0, 255).astype(np.uint8)
    spacing_um = (120.0, 4.0, 10.0) if spacing else None
    return OCTVolume(pixels, spacing_um=spacing_um, source="eye.tif")


def flat(n_columns: int = WIDTH) -> np.ndarray:
    """(n_boundaries, n_columns) float32: the true boundaries."""
    return np.repeat(np.array(TOPS, np.float32)[:, None], n_columns, axis=1)


@dataclass
class Scene:
    """A viewer with a scan, a panel, and the view of a grading of the scan."""

    viewer: Any
    panel: Panel
    view: GradingView
    volume: OCTVolume
    folder: Path

    def open(self, layers: tuple[str, ...] = LAYERS, **options: Any) -> Grading:
        """Open a grading with its journal in the folder, and show it."""
        grading = Grading.open(
            self.volume,
            CLASSES,
            layers,
            path=self.folder / "journal.sqlite",
            grader="anna",
            **options,
        )
        [image] = [x for x in self.viewer.layers if x.name == "eye"]
        self.view.show(grading, getattr(image, "__wrapped__", image), "grading")
        return grading

    def add(self, *widgets: Any) -> None:
        """Put widgets into the panel, and the panel into the window."""
        for widget in widgets:
            self.panel.body.addWidget(widget)
        self.panel.body.addStretch()
        self.viewer.window.add_dock_widget(self.panel, name="Correct")

    def close_panel(self) -> None:
        """Close the dock."""
        self.viewer.window.remove_dock_widget(self.panel)


def make_scene(viewer: Any, folder: Path, volume: OCTVolume | None = None) -> Scene:
    """A window with a scan; widgets are added with `Scene.add`."""
    volume = scan() if volume is None else volume
    add_scan(viewer, volume, "eye")
    viewer.dims.set_current_step(0, 0)
    panel = Panel()
    return Scene(viewer, panel, GradingView(viewer, panel), volume, folder)


def predict(grading: Grading, bscans: Any = None, *, shift: float = 0.0) -> None:
    """Let a model have said the true boundaries, moved down by `shift` px."""
    from napari_octseg.editing.columns import follow_boundaries

    edit = grading.begin(MODEL, origin=MODEL)
    empty = np.zeros((DEPTH, WIDTH), np.uint8)
    for bscan in range(len(grading.states)) if bscans is None else bscans:
        heights = flat() + np.float32(shift)
        labels = follow_boundaries(empty, heights, grading.layers)
        edit.set_prediction(bscan, labels, heights)
    edit.commit()


def correct(grading: Grading, bscan: int, by: float = 2.0) -> None:
    """Let a person move the third boundary down, in the middle of a B-scan."""
    edit = grading.begin("pen")
    heights = grading.heights[:, bscan, 20:44].copy()
    heights[2] += np.float32(by)
    edit.set_heights(bscan, 20, heights)
    edit.commit()
