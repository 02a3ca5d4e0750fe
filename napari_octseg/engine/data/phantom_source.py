"""Phantoms as a source: synthetic scans with every look and exact labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.data.labelled_images import Labelled
from napari_octseg.engine.data.split import PHANTOM
from napari_octseg.engine.projecting.projection import phantom_projection
from napari_octseg.errors import RecipeError
from napari_octseg.phantom import (
    FINDING_SET,
    FINDINGS,
    LAYER_SET,
    PhantomSettings,
    make_phantom,
)
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_octseg.bundles.card import Input
    from napari_octseg.engine.data.source import Source
    from napari_octseg.engine.data.split import Entry
    from napari_octseg.phantom import Look, Phantom

HEALTHY = len(FINDING_SET)
"""Code of ``truth: "biomarkers"`` for retina and inner half of the choroid."""

UNSURE = HEALTHY + 1
"""Code of ``truth: "biomarkers"`` for the outer half of the choroid.

Where healthy tissue ends within the choroid is a convention of who labels, so sources
do well not to list it; on the scans of RASP-Net it is from 0.7 of the choroid on."""

VESSEL = 1
"""Code of ``truth: "vessels"`` for vessels en face."""

_BSCANS: dict[Look, tuple[int, int]] = {
    "spectralis": (496, 512),
    "cirrus": (1024, 512),
    "topcon": (650, 512),
}
# En face much is averaged, so that fewer rows and columns do, and are faster.
_FIELDS: dict[Look, tuple[int, int]] = {
    "spectralis": (496, 384),
    "cirrus": (512, 320),
    "topcon": (434, 320),
}
_FEWEST_ENFACE = 16
"""From so many B-scans on a phantom covers the field of its device."""


def make_labelled(
    source: Source,
    entries: Sequence[Entry],
    seed: int,
    spec: Input,
    *,
    only_held_out: bool = False,
) -> Iterator[Labelled]:
    """Phantom scans with every look, half of them with findings where asked for.

    Parameters
    ----------
    source
        Says how many, and what is labelled.
    entries
        The phantoms to make, as `list_source` gives them.
    seed
        Same seed, same phantoms.
    spec
        Input section of the recipe: for en-face images the phantoms are projected, in
        the way of `spec.projection` (``combined`` by default).
    only_held_out
        Make only those that are held out: the same ones as among all.

    Raises
    ------
    RecipeError
        If vessels are asked for in B-scans, or anything else en face, or there are too
        few B-scans for an en-face image.
    """
    enface = spec.plane == "enface"
    if enface != (source.truth == "vessels"):
        raise RecipeError(
            f"The phantoms of {source.name!r} have no {source.truth} for the plane "
            f"{spec.plane!r}",
            allowed="truth 'vessels' en face, the others for B-scans",
        )
    if enface and source.n_bscans < _FEWEST_ENFACE:
        raise RecipeError(
            f"The phantoms of {source.name!r} have n_bscans {source.n_bscans}",
            allowed=f"{_FEWEST_ENFACE} or more for en-face images; 97 are usual",
        )
    sizes = _FIELDS if enface else _BSCANS
    random = np.random.default_rng(seed)
    looks = list(sizes)
    wanted = {entry.name: entry for entry in entries}
    # Each keeps its own numbers, whichever of them are asked for.
    for number in range(source.n_phantoms):
        look = looks[number % len(looks)]
        chosen: tuple[str, ...] = ()
        if source.findings and random.random() < 0.5:
            n_findings = int(random.integers(1, 4))
            chosen = tuple(random.choice(FINDINGS, n_findings, replace=False).tolist())
        settings = PhantomSettings(
            look=look,
            shape=(source.n_bscans, *sizes[look]),
            findings=chosen,
            laterality="OD" if random.random() < 0.5 else "OS",
            seed=int(random.integers(2**31)),
        )
        entry = wanted.get(f"{PHANTOM}-{number}")
        if entry is None or (only_held_out and not entry.held_out):
            continue
        phantom = make_phantom(settings)
        if enface:
            image, vessels = phantom_projection(phantom, spec.projection or "combined")
            labels = np.where(vessels, VESSEL, 0).astype(np.uint8)
            hidden = np.zeros(labels.shape, bool)
            yield Labelled(entry.name, entry, OCTVolume(image), 0, labels, hidden)
            continue
        for index in range(source.n_bscans):
            name = entry.name if source.n_bscans == 1 else f"{entry.name}-{index}"
            labels = labels_of(phantom, index, source.truth)
            hidden = np.zeros(labels.shape, bool)
            yield Labelled(name, entry, phantom.volume, index, labels, hidden)


def labels_of(phantom: Phantom, index: int, truth: str) -> NDArray[np.uint8]:
    """Labels (depth, width) of a B-scan of a phantom, of the kind `Source.truth`."""
    layers, findings = phantom.layers[index], phantom.findings[index]
    if truth != "biomarkers":
        return np.asarray(layers if truth == "layers" else findings)
    choroid = layers == LAYER_SET.index("choroid")
    height = choroid.sum(axis=0)
    depth_within = np.cumsum(choroid, axis=0)
    outer = choroid & (depth_within > height / 2)
    healthy = (layers > 0) & ~outer
    labels = np.where(healthy, HEALTHY, np.where(outer, UNSURE, 0)).astype(np.uint8)
    return np.where(findings > 0, findings, labels)
