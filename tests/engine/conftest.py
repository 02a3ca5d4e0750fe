"""A tiny recipe with data that a tiny network learns within seconds."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_octseg.engine.recipe import Recipe, read_recipe

RECIPE = {
    "name": "tiny",
    "version": "1",
    "title": "Tiny",
    "description": "Two layers of striped pictures.",
    "licence": "none",
    "architecture": {
        "name": "unet",
        "arguments": {"n_classes": 3, "widths": [8, 16], "norm": True},
    },
    "classes": ["background", "RNFL", "GCIPL"],
    "layers": ["RNFL", "GCIPL"],
    "input": {"size": [32, 32], "divisor": 2, "intensity": "zscore"},
    "sources": [
        {
            "name": "stripes",
            "folder": "stripes",
            "images": "images/*.png",
            "codes": {"0": ["background"], "7": ["RNFL"], "3": ["GCIPL"]},
            "validation": ["scan10"],
        },
        {
            "name": "tissue",
            "folder": "tissue",
            "images": "images/*.png",
            "codes": {"0": ["background"], "1": ["RNFL", "GCIPL"]},
            "validation": [4, 5],
            "ignore_boxes": [[0.0, 0.0, 0.2, 0.2]],
            "ignore_white_columns": True,
        },
    ],
    "split": "by image",
    "crop": [32, 32],
    "batch_size": 4,
    "n_steps": 60,
    "warm_up": 5,
    "validate_every": 30,
    "learning_rate": 0.02,
    "seed": 1,
}


def striped(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture (48, 40) of two bright bands, and 0 / 1 / 2 of each pixel."""
    random = np.random.default_rng(seed)
    top = 10 + random.integers(0, 8) + np.round(3 * np.sin(np.arange(40) / 9))
    rows = np.arange(48)[:, None]
    labels = (rows >= top).astype(int) + (rows >= top + 8) - 2 * (rows >= top + 18)
    grey = np.array([20, 210, 120])[labels] + random.normal(0, 8, labels.shape)
    return grey.clip(0, 254).astype(np.uint8), labels


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Folders `stripes` and `tissue` with six pictures and label pictures each."""
    root = tmp_path / "data"
    codes = {"stripes": np.array([0, 7, 3]), "tissue": np.array([0, 1, 1])}
    for folder, code in codes.items():
        for part in ("images", "labels"):
            (root / folder / part).mkdir(parents=True)
        for number in (1, 2, 3, 4, 5, 10):
            image, labels = striped(number)
            if folder == "tissue":
                image[:, 20] = 255  # a burnt-in cursor line
            name = f"scan{number}.png"
            iio.imwrite(root / folder / "images" / name, image)
            iio.imwrite(root / folder / "labels" / name, code[labels].astype(np.uint8))
    return root


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """The tiny recipe, read from a file."""
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(RECIPE))
    return read_recipe(path)
