"""What a mapping of classes does to the layers of a scan and their boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import layers_among
from napari_octseg.errors import LabelError
from napari_octseg.labels import BACKGROUND, IGNORE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.labels import LabelSet


def mapped_layers(
    scan: GradedScan, label_set: LabelSet, mapping: Mapping[int, int]
) -> tuple[tuple[str, ...], NDArray[np.float32] | None]:
    """Layers after the mapping, top to bottom, and their heights.

    Heights are None where the file has none that say all: without boundaries of its
    own, or with classes that only the mapping makes layers.
    """
    targets = [mapping[scan.label_set.index(name)] for name in scan.layers]
    kept = [t for t in targets if t not in (0, IGNORE)]
    layers = tuple(label_set.names[i] for i in dict.fromkeys(kept))
    reached = {label_set.names[t] for t in mapping.values() if t not in (0, IGNORE)}
    made = tuple(
        name
        for name in layers_among(label_set.names)
        if name in reached and name not in layers
    )
    if made:
        everyone = {*layers, *made}
        return tuple(name for name in label_set.names if name in everyone), None
    if not layers:
        return (), None
    _check_side_by_side(scan.layers, targets, label_set)
    if scan.boundaries is None or len(scan.boundaries.names) != len(scan.layers) + 1:
        return layers, None
    return layers, _merged_heights(scan.boundaries.heights, targets)


def _check_side_by_side(
    names: Sequence[str], targets: Sequence[int], label_set: LabelSet
) -> None:
    last_place: dict[int, int] = {}
    for place, target in enumerate(t for t in targets if t not in (0, IGNORE)):
        if target in last_place and last_place[target] != place - 1:
            apart = [n for n, t in zip(names, targets, strict=True) if t == target]
            raise LabelError(
                f"{' and '.join(apart)} all become {label_set.names[target]!r}, but "
                "another layer lies between them",
                allowed="layers that lie side by side",
                todo="map one of them to another class",
            )
        last_place[target] = place


def _merged_heights(
    heights: NDArray[np.float32], targets: Sequence[int]
) -> NDArray[np.float32]:
    """Heights between layers of unlike targets; NaN beside a layer that is left out."""
    merged = []
    last, last_place = None, -1
    for place, target in enumerate(targets):
        if target in (0, IGNORE):
            continue
        if last is None or (target != last and last_place == place - 1):
            merged.append(heights[place])
        elif target != last:
            merged.append(np.full_like(heights[place], np.nan))
        last, last_place = target, place
    merged.append(heights[last_place + 1])
    return np.stack(merged)


def ignore_unknown_background(
    labels: NDArray[np.uint8], layers: Sequence[str], label_set: LabelSet
) -> None:
    """Make background `IGNORE`, in place, where ungraded layers of the set may lie.

    A file that grades down to Bruch's membrane calls the choroid background; for a
    label set with a choroid, that is no truth.
    """
    known = layers_among(label_set.names)
    placed = [known.index(name) for name in layers if name in known]
    if not placed or label_set.names[0] != BACKGROUND:
        return
    is_layer = np.isin(labels, [label_set.index(name) for name in layers])
    seen = np.maximum.accumulate(is_layer, axis=1)
    unseen = np.maximum.accumulate(is_layer[:, ::-1], axis=1)[:, ::-1]
    any_layer = is_layer.any(axis=1, keepdims=True)
    background = labels == 0
    if min(placed) > 0:
        labels[background & any_layer & ~seen] = IGNORE
    if max(placed) < len(known) - 1:
        labels[background & any_layer & ~unseen] = IGNORE
