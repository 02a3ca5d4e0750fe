"""Boundaries ⇄ labels: heights are the truth of a layer, its pixels are derived.

A height is in px from the top of the B-scan, sub-pixel, with the centre of row *r* at
*r*: a pixel lies below a boundary when ``r >= height``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE, canonical_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Upper boundary of each layer, by its IN-OCT name; the last boundary closes the stack.
_TOP_OF = {
    "RNFL": "ILM",
    "GCL": "RNFL/GCL",
    "GCIPL": "RNFL/GCL",
    "IPL": "GCL/IPL",
    "INL": "IPL/INL",
    "OPL": "INL/OPL",
    "ONL": "OPL/ONL",
    "EZ": "ELM/EZ",
    "OS": "EZ/OS",
    "RPE": "EZ/RPE",
    "choroid": "BM",
}
_BOTTOM_OF = {"RPE": "BM", "choroid": "CSI"}

_LAYER_BETWEEN = {
    ("ILM", "RNFL/GCL"): "RNFL",
    ("RNFL/GCL", "GCL/IPL"): "GCL",
    ("RNFL/GCL", "IPL/INL"): "GCIPL",
    ("GCL/IPL", "IPL/INL"): "IPL",
    ("IPL/INL", "INL/OPL"): "INL",
    ("INL/OPL", "OPL/ONL"): "OPL",
    ("OPL/ONL", "ELM/EZ"): "ONL",
    ("ELM/EZ", "EZ/OS"): "EZ",
    ("ELM/EZ", "EZ/RPE"): "EZ",
    ("EZ/OS", "EZ/RPE"): "OS",
    ("EZ/RPE", "BM"): "RPE",
    ("BM", "CSI"): "choroid",
}
_TO = " to "  # between the two boundaries of a layer that has no name of its own
# Before the name of a layer, for boundaries that have none of their own.
_TOP, _BOTTOM = "top of ", "bottom of "


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Named boundaries in anatomical order, top to bottom.

    `heights` is (n_boundaries, n_bscans, width) float32, px from the top, NaN = absent.

    Raises
    ------
    LabelError
        If names and heights do not match.
    """

    names: tuple[str, ...]
    heights: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.heights.ndim != 3 or len(self.names) != len(self.heights):
            raise LabelError(
                f"{len(self.names)} names for heights of shape {self.heights.shape}",
                allowed="heights of shape (n_boundaries, n_bscans, width)",
            )

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """Heights of one boundary, (n_bscans, width) float32."""
        if name not in self.names:
            raise LabelError(
                f"No boundary is called {name!r}", allowed=", ".join(self.names)
            )
        heights: NDArray[np.float32] = self.heights[self.names.index(name)]
        return heights


def boundary_names(layers: Sequence[str]) -> tuple[str, ...]:
    """Names of the ``len(layers) + 1`` boundaries of a stack of layers."""
    last = layers[-1]
    bottom = _BOTTOM_OF.get(last) or last.partition(_TO)[2] or f"{_BOTTOM}{last}"
    return (*(_top_of(layer) for layer in layers), bottom)


def _top_of(layer: str) -> str:
    upper, to, _ = layer.partition(_TO)
    return _TOP_OF.get(layer) or (upper if to else f"{_TOP}{layer}")


def layers_among(names: Sequence[str]) -> tuple[str, ...]:
    """Those of some class names that are layers of the retina or the choroid.

    They come top to bottom, also where a label set counts from the bottom up.
    """
    rank = {layer: place for place, layer in enumerate(_TOP_OF)}
    layers = (name for name in names if canonical_name(name) in rank)
    return tuple(sorted(layers, key=lambda name: rank[canonical_name(name)]))


def layers_between(boundaries: Sequence[str]) -> tuple[str, ...]:
    """Names of the layers between consecutive boundaries.

    Parameters
    ----------
    boundaries
        Names in anatomical order, at least two.

    Returns
    -------
    One name per gap; ``"ILM to BM"`` where no single layer lies between the two.
    """
    *upper, last = pairwise(boundaries)
    return (*(_layer_between(*pair) for pair in upper), _layer_between(*last, True))


def _layer_between(upper: str, lower: str, is_last: bool = False) -> str:
    """Name of the layer between two boundaries; the last one names its bottom too."""
    known = _LAYER_BETWEEN.get((upper, lower))
    own = (lower.removeprefix(_BOTTOM), upper.removeprefix(_TOP))
    for layer in () if known else own:
        top, bottom = boundary_names((layer,))
        if top == upper and (bottom == lower or not is_last):
            return layer
    return known or _TO.join((upper, lower))


def enforce_order(heights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Heights that never cross: each is at least the one above it (running maximum).

    Parameters
    ----------
    heights
        (n_boundaries, …) float32, px from the top; NaN stays NaN and is skipped.
    """
    ordered = np.fmax.accumulate(heights, axis=0)
    return np.where(np.isnan(heights), np.float32(np.nan), ordered).astype(np.float32)


def boundaries_to_labels(
    heights: NDArray[np.float32], depth: int, classes: Sequence[int] | None = None
) -> NDArray[np.uint8]:
    """Label image of the layers between boundaries.

    Parameters
    ----------
    heights
        (n_boundaries, n_bscans, width) float32, px from the top, top boundary first.
        Where boundaries cross, the upper one wins (`enforce_order`).
    depth
        Rows of a B-scan.
    classes
        Class index of each of the ``n_boundaries - 1`` layers; 1, 2, 3, … by default.

    Returns
    -------
    (n_bscans, depth, width) uint8: 0 above the first and below the last boundary.
    Pixels whose class hangs on an absent (NaN) boundary are `IGNORE`.

    Raises
    ------
    LabelError
        If the number of classes does not fit.
    """
    n_layers = len(heights) - 1
    chosen = list(range(1, n_layers + 1)) if classes is None else list(classes)
    if n_layers < 1 or len(chosen) != n_layers:
        raise LabelError(
            f"{len(chosen)} classes for {len(heights)} boundaries",
            allowed="one class fewer than boundaries, at least one",
        )
    ordered = enforce_order(heights)
    absent = np.isnan(ordered)
    first_row = np.clip(np.ceil(np.where(absent, depth, ordered)), 0, depth)
    # An absent boundary is crossed together with the next one that is there.
    first_row = np.minimum.accumulate(first_row[::-1])[::-1].astype(np.int32)
    rows = np.arange(depth, dtype=np.int32)[None, :, None]
    n_crossed = np.zeros((heights.shape[1], depth, heights.shape[2]), np.uint8)
    for first in first_row:
        n_crossed += rows >= first[:, None, :]
    classes_below = np.array([0, *chosen, 0], np.uint8)
    labels = classes_below[n_crossed]
    if absent.any():
        # Between boundaries k - 1 and k lies what nobody knows if k is absent.
        for k, unknown in enumerate(absent):
            labels[(n_crossed == k) & unknown[:, None, :]] = IGNORE
    return labels


def labels_to_boundaries(
    labels: NDArray[np.uint8], classes: Sequence[int]
) -> NDArray[np.float32]:
    """Heights of the boundaries of a stack of layers, half a row above their first row.

    Inverse of `boundaries_to_labels` within half a pixel, for heights inside the image.

    Parameters
    ----------
    labels
        (n_bscans, depth, width) class indices. Classes that are not in `classes` and
        not 0 (lesions, `IGNORE`) hide what lies under them.
    classes
        Class index of each layer, top to bottom.

    Returns
    -------
    (len(classes) + 1, n_bscans, width) float32, px from the top. NaN where a column has
    no layer, or where a boundary falls into hidden pixels. A layer without pixels has
    two equal boundaries. Order is that of the first pixel of each layer or of a later
    one, so boundaries never cross even where labels do.
    """
    n_bscans, depth, width = labels.shape
    n_layers = len(classes)
    hidden_rank = n_layers + 1
    rank_of = np.full(256, hidden_rank, np.uint8)
    rank_of[list(classes)] = range(n_layers)
    rank_of[0] = n_layers
    rank = rank_of[labels]
    is_layer = rank < n_layers
    any_layer = is_layer.any(axis=1)
    first_layer = is_layer.argmax(axis=1)
    last_layer = depth - 1 - is_layer[:, ::-1].argmax(axis=1)
    rows = np.arange(depth)[None, :, None]
    hidden = rank == hidden_rank

    heights = np.full((n_layers + 1, n_bscans, width), np.nan, np.float32)
    columns = np.ix_(np.arange(n_bscans), np.arange(width))
    for k in range(n_layers + 1):
        # The first row of layer k or anything below it; background counts only below
        # the last layer pixel.
        below = (is_layer & (rank >= k)) | (rows > last_layer[:, None, :]) & ~hidden
        found = below.any(axis=1)
        first = np.where(found, below.argmax(axis=1), depth)
        above = np.maximum(first - 1, 0)
        covered = (first > 0) & hidden[columns[0], above, columns[1]]
        heights[k] = np.where(any_layer & ~covered, first - 0.5, np.nan)
    heights[0] = np.where(any_layer & ~np.isnan(heights[0]), first_layer - 0.5, np.nan)
    return heights
