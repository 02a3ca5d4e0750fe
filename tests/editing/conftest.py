"""A small scan with layers and fluid, to grade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_octseg.editing.grading import Grading

LABEL_SET = LabelSet.of("background", "RNFL", "GCIPL", "INL", "IRF")
LAYERS = ("RNFL", "GCIPL", "INL")
DEPTH, WIDTH = 32, 20


def flat_heights(width: int = WIDTH) -> np.ndarray:
    """Four flat boundaries, (4, width) float32."""
    rows = np.array([5.5, 10.5, 16.5, 24.5], np.float32)
    return np.repeat(rows[:, None], width, axis=1)


def flat_labels() -> np.ndarray:
    """The layers between them, (DEPTH, WIDTH) uint8."""
    return boundaries_to_labels(flat_heights()[:, None], DEPTH)[0]


@pytest.fixture
def volume() -> OCTVolume:
    """Three small B-scans."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, DEPTH, WIDTH), np.uint8)
    return OCTVolume(pixels, spacing_um=(120.0, 4.0, 10.0), source="eye.tif")


@pytest.fixture
def open_grading(volume: OCTVolume, tmp_path: Path) -> Iterator[Callable[[], Grading]]:
    """Opens the grading of that scan, again and again; the one before is closed."""
    from napari_octseg.editing.grading import Grading

    opened: list[Grading] = []

    def open_it() -> Grading:
        while opened:
            opened.pop().close()
        path = tmp_path / "edits.sqlite"
        opened.append(Grading.open(volume, LABEL_SET, LAYERS, path=path, grader="anna"))
        return opened[-1]

    yield open_it
    for grading in opened:
        grading.close()


@pytest.fixture
def grading(open_grading: Callable[[], Grading]) -> Grading:
    """With a model's flat layers on every B-scan."""
    fresh = open_grading()
    edit = fresh.begin("tiny-net 1", origin="tiny-net 1")
    for bscan in range(3):
        edit.set_prediction(bscan, flat_labels(), flat_heights())
    edit.commit()
    return fresh
