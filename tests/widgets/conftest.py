"""A small model, a small scan and a window to click in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TINY = "tiny-net"
TITLE = "Tiny net"


@pytest.fixture(autouse=True)
def no_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the list of recent files of whoever runs the tests out of it."""
    path = tmp_path / "state" / "recent.json"
    monkeypatch.setattr("napari_octseg.widgets._recent.recent_list_path", lambda: path)
    return path


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one usable and one broken bundle."""
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

    folder = tmp_path_factory.mktemp("models")
    arguments = {"n_classes": 3, "widths": [4, 4]}
    card = ModelCard(
        name=TINY,
        version="1",
        title=TITLE,
        description="Three classes at random.",
        architecture=Architecture(name="unet", arguments=arguments),
        weights=Weights(sha256="0" * 64, n_parameters=1),
        classes=class_entries(LabelSet.of("background", "RNFL", "GCIPL")),
        layers=("RNFL", "GCIPL"),
        input=Input(divisor=2),
        limits="Knows nothing.",
        licence="BSD-3-Clause",
    )
    write_bundle(folder / TINY, card, build("unet", arguments))
    (folder / "broken-net").mkdir()
    return folder


@pytest.fixture
def models(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The two bundles, and no others."""
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", str(models_folder))
    monkeypatch.setattr(
        "napari_octseg.bundles.registry.models_dir", lambda: tmp_path / "none"
    )
    return models_folder


@pytest.fixture
def volume() -> OCTVolume:
    """Five small B-scans with a known spacing."""
    pixels = np.random.default_rng(0).integers(0, 255, (5, 32, 48), np.uint8)
    return OCTVolume(pixels, spacing_um=(120.0, 4.0, 10.0), source="eye.tif")


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., object]) -> Iterator[object]:
    """A real window, as plugins see it."""
    if os.name == "posix" and not os.environ.get("DISPLAY"):
        pytest.skip("no display: run under xvfb-run")
    yield make_napari_viewer_proxy(show=True)
