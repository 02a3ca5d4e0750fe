"""The plugin's sample volume, as napari layers."""

from __future__ import annotations

from typing import Any

from napari_octseg.phantom.make import make_phantom
from napari_octseg.phantom.settings import PhantomSettings

SAMPLE = PhantomSettings(
    look="spectralis", shape=(25, 496, 512), findings=("IRF", "SRF", "HF"), seed=11
)


def sample_data() -> list[tuple[Any, dict[str, Any], str]]:
    """Layers of the sample volume for napari's *Open Sample* (npe2 sample data).

    Returns
    -------
    One image layer, scaled in µm; ``metadata["octseg"]["volume"]`` is the `OCTVolume`.
    """
    volume = make_phantom(SAMPLE).volume
    attributes = {
        "name": "OCT phantom",
        "scale": tuple(volume.spacing),
        "units": ("µm", "µm", "µm"),
        "colormap": "gray",
        "contrast_limits": (0, 255),
        "metadata": {"octseg": {"volume": volume}},
    }
    return [(volume.data, attributes, "image")]
