"""What a mapping of classes does to the layers of a scan and their boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import labels_to_boundaries
from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_octseg.groundtruth.graded_scan import GradedScan


def mapped_heights(
    scan: GradedScan,
    labels: NDArray[np.uint8],
    mapping: Mapping[int, int],
    layers: Sequence[int],
) -> NDArray[np.float32] | None:
    """Heights of the boundaries between the layers of another label set.

    They stay those of the scan where it has them; else they are derived from the
    labels.

    Parameters
    ----------
    scan
        Before the mapping.
    labels
        After the mapping, (n_bscans, depth, width).
    mapping
        Class index of the scan → class index wanted.
    layers
        Class indices of the layers wanted, top to bottom.

    Returns
    -------
    (len(layers) + 1, n_bscans, width) float32, px from the top, NaN where nobody knows;
    None where no class of the scan becomes a layer.

    Raises
    ------
    LabelError
        If layers that become one do not lie side by side.
    """
    reached = set(mapping.values()) & set(layers)
    if not reached:
        return None
    targets = [mapping[scan.label_set.index(name)] for name in scan.layers]
    _check_side_by_side(scan.layers, targets, layers)
    boundaries = scan.boundaries
    if (
        boundaries is None
        or len(boundaries.names) != len(scan.layers) + 1
        or not reached <= set(targets)  # the mapping alone makes them layers
    ):
        return labels_to_boundaries(labels, layers)
    return heights_between(boundaries.heights, targets, layers)


def _check_side_by_side(
    names: Sequence[str], targets: Sequence[int], layers: Sequence[int]
) -> None:
    kept = [
        (n, layers.index(t)) for n, t in zip(names, targets, strict=True) if t in layers
    ]
    places = [place for _, place in kept]
    if places == sorted(places):
        return
    wrong = next(i for i in range(1, len(kept)) if places[i] < places[i - 1])
    raise LabelError(
        f"The layer {kept[wrong - 1][0]!r} lies above {kept[wrong][0]!r} in the file, "
        "but the mapping puts it below",
        allowed="layers that become one lie side by side, and none changes its place",
        todo="map one of the two to another class",
    )


def heights_between(
    heights: NDArray[np.float32], targets: Sequence[int], layers: Sequence[int]
) -> NDArray[np.float32]:
    """Heights between `layers`, from those between layers that become `targets`.

    A boundary is known from the layer above it or from the one below; where the two
    say different things, something that is left out lies between them: NaN.

    Parameters
    ----------
    heights
        (len(targets) + 1, n_bscans, width) float32, px from the top.
    targets
        Class that each layer becomes, top to bottom; may be none of `layers`.
    layers
        Classes wanted, top to bottom.

    Returns
    -------
    (len(layers) + 1, n_bscans, width) float32, NaN where nobody knows.
    """
    between = np.full((len(layers) + 1, *heights.shape[1:]), np.nan, np.float32)
    for place in range(len(layers) + 1):
        above = _places(targets, layers[place - 1 : place])
        below = _places(targets, layers[place : place + 1])
        known = {p + 1 for p in above[-1:]} | set(below[:1])
        if len(known) == 1:
            between[place] = heights[known.pop()]
    return between


def _places(targets: Sequence[int], wanted: Sequence[int]) -> list[int]:
    return [place for place, target in enumerate(targets) if target in wanted]


def ignore_unknown_background(
    labels: NDArray[np.uint8], layers: Sequence[int], graded: set[int]
) -> None:
    """Make background `IGNORE`, in place, where a layer that was not graded may lie.

    A file that grades down to Bruch's membrane calls the choroid background, and a file
    of lesions the whole retina: for a label set with such layers that is no truth.

    Parameters
    ----------
    labels
        (n_bscans, depth, width) class indices.
    layers
        Class indices of the layers of the label set, top to bottom.
    graded
        Those that the file tells apart from background.
    """
    if not layers:
        return
    background = labels == 0
    if not graded:
        labels[background] = IGNORE
        return
    is_layer = np.isin(labels, sorted(graded))
    is_above = ~np.maximum.accumulate(is_layer, axis=1)
    is_below = ~np.maximum.accumulate(is_layer[:, ::-1], axis=1)[:, ::-1]
    any_layer = is_layer.any(axis=1, keepdims=True)
    if layers[0] not in graded:
        labels[background & any_layer & is_above] = IGNORE
    if layers[-1] not in graded:
        labels[background & any_layer & is_below] = IGNORE
