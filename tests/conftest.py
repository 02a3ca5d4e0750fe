"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
            title=f"The {name} network",
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
