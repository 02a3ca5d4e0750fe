"""Fixtures that every test may use."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from napari_octseg.bundles.registry import Bundle

    MakeBundle = Callable[..., Bundle]

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real, labelled scans; it is never part of the product."""
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("OCTSEG_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real scans are not here ({folder}); set OCTSEG_DATA to run this")
    return folder


@pytest.fixture
def tiny_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeBundle:
    """Write a bundle with a small network; from then on these are the only models."""
    from napari_octseg.bundles.card import (
        Architecture,
        Input,
        ModelCard,
        Weights,
        class_entries,
    )
    from napari_octseg.bundles.registry import write_bundle
    from napari_octseg.labels import LabelSet
    from napari_octseg.networks import build

    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", str(folder))
    monkeypatch.setattr(
        "napari_octseg.bundles.registry.models_dir", lambda: tmp_path / "none"
    )

    def make(
        name: str = "tiny",
        *,
        title: str = "",
        classes: Sequence[str] = ("background", "RNFL", "GCIPL"),
        layers: Sequence[str] = ("RNFL", "GCIPL"),
        network: nn.Module | None = None,
        widths: Sequence[int] = (4, 8),
        **input_options: Any,
    ) -> Bundle:
        options = {"divisor": 2 ** (len(widths) - 1), **input_options}
        spec = Input.model_validate(options)
        arguments = {
            "in_channels": 1 + 2 * spec.n_neighbours,
            "n_classes": len(classes),
            "widths": list(widths),
        }
        card = ModelCard(
            name=name,
            version="1",
            title=title or f"The {name} network",
            description="For tests.",
            architecture=Architecture(name="unet", arguments=arguments),
            weights=Weights(sha256="0" * 64, n_parameters=1),
            classes=class_entries(LabelSet.of(*classes)),
            layers=tuple(layers),
            input=spec,
            limits="Knows nothing.",
            licence="BSD-3-Clause",
        )
        return write_bundle(folder / name, card, network or build("unet", arguments))

    return make


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


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `stripes` and `tissue` with six pictures and label pictures each."""
    root = tmp_path_factory.mktemp("data")
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


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe whose network learns `data` within seconds."""
    path = tmp_path_factory.mktemp("recipe") / "recipe.json"
    path.write_text(json.dumps(RECIPE))
    return path
