"""What a correction can begin from: labels of the viewer, the device, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_octseg.boundaries import (
    boundaries_to_labels,
    layers_among,
    layers_between,
)
from napari_octseg.engine.comparing.distinct import distinct_colour
from napari_octseg.labels import BACKGROUND, LabelSet, canonical_name
from napari_octseg.widgets._layers import facts_of, shares_memory
from napari_octseg.widgets._results import cards_of, title_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._results import Result

FINDINGS = ("IRF", "SRF", "PED", "drusen")
"""Findings that can be added to any label set."""


@dataclass(frozen=True, eq=False)
class Start:
    """Labels and boundaries to begin from.

    Attributes
    ----------
    title
        What it is, for people.
    maker
        Who made it, for people: the models, or the title again.
    label_set, layers
        Its classes, and the names of the layers among them, top to bottom.
    origin
        Who made it: a model with its version, ``"device"`` or ``"file"``; empty where
        there is nothing but classes.
    labels
        (n_bscans, depth, width) uint8, or None.
    heights
        (n_boundaries, n_bscans, width) float32, px from the top; None where they are to
        be read from the labels.

    Arrays are those of the layer, not copies: a run may still be filling them.
    """

    title: str
    label_set: LabelSet
    layers: tuple[str, ...]
    origin: str = ""
    maker: str = ""
    labels: NDArray[np.uint8] | None = None
    heights: NDArray[np.float32] | None = None

    def with_findings(self, names: Iterable[str]) -> Start:
        """The same with further classes, those that it has already left out.

        A finding whose colour is like that of a layer gets another one.
        """
        known = {canonical_name(name) for name in self.label_set.names}
        new = [name for name in names if canonical_name(name) not in known]
        classes = [*self.label_set.classes]
        for one in LabelSet.of(*new).classes if new else ():
            taken = [other.colour for other in classes]
            classes.append(replace(one, colour=distinct_colour(one.colour, taken)))
        return replace(self, label_set=LabelSet(tuple(classes))) if new else self


def starts_of_layers(layers: Sequence[Any], volume: OCTVolume) -> list[Start]:
    """Labels layers that belong to a scan, newest first; no grading is among them."""
    return [
        _start_of_layer(layer)
        for layer in reversed(layers)
        if isinstance(layer, Labels)
        and "grading" not in facts_of(layer)
        and facts_of(layer).get("volume") is volume
        and facts_of(layer).get("label_set") is not None
        and layer.data.size == np.prod(volume.shape)
    ]


def start_of_device(volume: OCTVolume) -> Start | None:
    """The boundaries that the file brought along, if it has at least two."""
    boundaries = volume.boundaries
    if boundaries is None or len(boundaries.names) < 2:
        return None
    layers = layers_between(boundaries.names)
    heights = np.array(boundaries.heights, np.float32)
    label_set = LabelSet.of(BACKGROUND, *layers)
    labels = boundaries_to_labels(heights, volume.depth)
    # A column without any boundary is one that the device has not graded.
    return Start(
        "the device's boundaries",
        label_set,
        layers,
        "device",
        "the device's boundaries",
        labels,
        heights,
    )


def empty_starts(cards: Iterable[ModelCard]) -> list[Start]:
    """No labels at all: the classes of the models, and fluid alone."""
    found: list[tuple[LabelSet, tuple[str, ...]]] = [
        (LabelSet.of(BACKGROUND, *FINDINGS), ())
    ]
    for card in cards:
        classes = card.label_set, tuple(card.layers)
        if card.input.plane == "bscan" and not _among(classes, found):
            found.append(classes)
    starts = [Start(_class_text(*classes), *classes) for classes in found]
    return sorted(starts, key=lambda start: not start.layers)


def _among(
    classes: tuple[LabelSet, tuple[str, ...]],
    others: Sequence[tuple[LabelSet, tuple[str, ...]]],
) -> bool:
    return any((s.names, x) == (classes[0].names, classes[1]) for s, x in others)


def _class_text(label_set: LabelSet, layers: tuple[str, ...]) -> str:
    """`7 layers`, `8 layers and 3 findings`, `IRF, SRF, PED` or `11 classes`."""
    others = [name for name in label_set.names[1:] if name not in layers]
    if layers:
        n = len(others)
        more = f" and {n} finding{'s' if n > 1 else ''}" if n else ""
        return f"{len(layers)} layers{more}"
    return ", ".join(others) if len(others) <= 4 else f"{len(others)} classes"


def _start_of_layer(layer: Labels) -> Start:
    facts = facts_of(layer)
    label_set: LabelSet = facts["label_set"]
    labels = layer.data if layer.ndim == 3 else layer.data[None]
    result: Result | None = facts.get("segmentation")
    if result is None:
        layers = layers_among(label_set.names)
        return Start(layer.name, label_set, layers, "file", layer.name, labels)
    cards = cards_of(result)
    origin = " + ".join(f"{card.name} {card.version}" for card in cards)
    layers = tuple(cards[0].layers)
    untouched = shares_memory(layer, result.labels) and not facts.get("edited", False)
    heights = None
    if result.boundaries is not None and untouched:
        heights = result.boundaries.heights
    maker = title_of(result)
    return Start(layer.name, label_set, layers, origin, maker, labels, heights)
