"""Tasks that open a file, a folder or a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.engine.progress import Progress
from napari_octseg.io.napari_hooks import read_layers, volume_layers

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_octseg.io.napari_hooks import LayerData

SAMPLES = {
    "spectralis": "Macular oedema, Spectralis look",
    "cirrus": "Drusen and detachments, Cirrus look",
    "topcon": "Healthy eye, Topcon look",
}
"""Look of a phantom → its entry in the menu."""


def reading_steps(path: Path) -> Generator[Progress, None, list[LayerData]]:
    """Read a file or folder."""
    yield Progress(0, 1, f"reading {path.name}")
    return read_layers(str(path))


def sample_steps(look: str) -> Generator[Progress, None, list[LayerData]]:
    """Make the phantom of one entry of `SAMPLES`."""
    yield Progress(0, 1, "drawing an artificial eye")
    from napari_octseg.phantom import PhantomSettings, make_phantom
    from napari_octseg.phantom.sample import SAMPLE

    settings = {
        "spectralis": SAMPLE,
        "cirrus": PhantomSettings(
            look="cirrus", shape=(32, 1024, 512), findings=("drusen", "PED"), seed=11
        ),
        "topcon": PhantomSettings(look="topcon", shape=(32, 650, 512), seed=12),
    }
    made = make_phantom(settings[look])
    return volume_layers(made.volume, f"phantom, {look} look")
