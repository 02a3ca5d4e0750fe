"""A small network that knows synthetic B-scans only, made within a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_octseg.phantom import PhantomSettings, make_phantom

INNER, ONL, OUTER = LAYERS = ("ILM to OPL/ONL", "ONL", "ELM/EZ to BM")
CLASSES = ("background", *LAYERS)
MODEL = "phantom-bands"

_CODES = {0: "background", **dict.fromkeys(range(1, 6), INNER), 6: ONL}
_CODES |= {**dict.fromkeys((7, 8, 9), OUTER), 10: "background"}
"""Class of each code of `phantom.LAYER_SET`."""


def train_phantom_model(
    folder: Path,
    *,
    side: int = 128,
    n_steps: int = 80,
    batch_size: int = 4,
) -> Path:
    """Train a network on phantoms alone; its bundle, with recipe and look.

    It is the only one in its folder.
    """
    from napari_octseg.engine.progress import outcome
    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.engine.shipping import iter_ship
    from napari_octseg.engine.training import TrainSettings, iter_train

    recipe = Recipe.model_validate(_recipe(side, n_steps, batch_size))
    settings = TrainSettings(folder, folder / "run", device="cpu", precision="32-true")
    best = outcome(iter_train(recipe, settings))
    bundle = folder / "models" / MODEL
    bundle.parent.mkdir()
    outcome(
        iter_ship(recipe, best, bundle, data=folder, hardware="a test", device="cpu")
    )
    return bundle


def strange_scan(seed: int, side: int = 192) -> tuple[np.ndarray, np.ndarray]:
    """A B-scan of far too much contrast, and its truth; both (1, side, side) uint8."""
    made = make_phantom(PhantomSettings(shape=(1, side, side), seed=seed))
    classes = np.array([CLASSES.index(_CODES[code]) for code in range(11)], np.uint8)
    pixels = 255 * (made.volume.data / 255) ** 4
    return pixels.astype(np.uint8), classes[made.layers]


def mean_dice(labels: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the layers."""
    found = []
    for code in range(1, len(CLASSES)):
        one, other = labels == code, truth == code
        found.append(2 * (one & other).sum() / (one.sum() + other.sum()))
    return float(np.mean(found))


def _recipe(side: int, n_steps: int, batch_size: int) -> dict[str, Any]:
    phantoms = {
        "name": "phantom",
        "kind": "phantom",
        "n_phantoms": 24,
        "validation": {"fraction": 0.2},
        "codes": {str(code): [name] for code, name in _CODES.items()},
    }
    return {
        "name": MODEL,
        "version": "1",
        "title": "Three bands, from phantoms",
        "description": "Knows synthetic B-scans only.",
        "licence": "BSD-3-Clause",
        "architecture": {
            "name": "unet",
            "arguments": {
                "n_classes": len(CLASSES),
                "widths": [8, 16, 32],
                "norm": True,
            },
        },
        "classes": CLASSES,
        "layers": LAYERS,
        "input": {"size": [side, side], "divisor": 4, "intensity": "zscore"},
        "sources": [phantoms],
        "split": "by eye",
        "crop": [side, side],
        "batch_size": batch_size,
        "n_steps": n_steps,
        "warm_up": 10,
        "validate_every": n_steps,
        "learning_rate": 0.01,
    }
