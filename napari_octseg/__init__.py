"""Segment retinal OCT: open any scan, run a bundled network, correct, fine-tune."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_octseg.bundles.registry import list_models
    from napari_octseg.engine.enface import segment_enface
    from napari_octseg.engine.inference import iter_segment, segment
    from napari_octseg.engine.vessel_map import iter_vessel_map
    from napari_octseg.io import read_volume
    from napari_octseg.io.save import save_labels
    from napari_octseg.volume import OCTVolume

__version__ = "0.1.0"

__all__ = [
    "OCTVolume",
    "iter_segment",
    "iter_vessel_map",
    "list_models",
    "read_volume",
    "save_labels",
    "segment",
    "segment_enface",
]

_HOME = {
    "OCTVolume": "napari_octseg.volume",
    "iter_segment": "napari_octseg.engine.inference",
    "iter_vessel_map": "napari_octseg.engine.vessel_map",
    "list_models": "napari_octseg.bundles.registry",
    "read_volume": "napari_octseg.io",
    "save_labels": "napari_octseg.io.save",
    "segment": "napari_octseg.engine.inference",
    "segment_enface": "napari_octseg.engine.enface",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562): torch stays out until then."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
