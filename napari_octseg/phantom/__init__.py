"""Synthetic OCT volumes with exact truth: sample data, tests, pre-training."""

from napari_octseg.phantom.make import Phantom, make_phantom
from napari_octseg.phantom.sample import sample_data
from napari_octseg.phantom.settings import (
    BOUNDARIES,
    FINDING_SET,
    FINDINGS,
    LAYER_BOUNDARIES,
    LAYER_SET,
    Look,
    PhantomSettings,
)

__all__ = [
    "BOUNDARIES",
    "FINDINGS",
    "FINDING_SET",
    "LAYER_BOUNDARIES",
    "LAYER_SET",
    "Look",
    "Phantom",
    "PhantomSettings",
    "make_phantom",
    "sample_data",
]
