"""Labels of a model, a device or a file, taken over into a grading as one edit."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import (
    boundary_names,
    enforce_order,
    labels_to_boundaries,
)
from napari_octseg.editing.columns import beneath, is_finding
from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import EditError
from napari_octseg.labels import IGNORE, canonical_name, remap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Grading
    from napari_octseg.widgets._starts import Start


def bscans_to_take(grading: Grading, start: Start) -> list[int]:
    """B-scans that have labels to take, and that nobody corrected, or excluded."""
    labels = start.labels
    if labels is None:
        return []
    return [
        bscan
        for bscan in range(len(grading.states))
        if _is_free(grading, bscan) and (labels[bscan] != IGNORE).any()
    ]


def _is_free(grading: Grading, bscan: int) -> bool:
    state = ReviewState(int(grading.states[bscan]))
    return state.is_open and not state.by_hand


def take_over(grading: Grading, start: Start, first: int = 0) -> Iterator[int]:
    """Write labels into every B-scan of `bscans_to_take`; yields how many are done.

    All of it is one edit: undone with one key, and resumed by the journal.

    Parameters
    ----------
    grading
        Where to.
    start
        Where from. Classes are matched by name. Findings that it does not know stay;
        if it has no layers, those of the grading stay too.
    first
        The B-scan to begin with.
    """
    edit = grading.begin(
        f"take over {start.maker or start.title}", origin=start.origin or "file"
    )
    order = sorted(bscans_to_take(grading, start), key=lambda b: abs(b - first))
    for n_done, bscan in enumerate(order, 1):
        # Meanwhile a person may have corrected it, or be about to: that stays.
        if _is_free(grading, bscan):
            with suppress(EditError):
                edit.set_prediction(bscan, *_matched(grading, start, bscan))
                edit.commit()
        yield n_done


def _matched(
    grading: Grading, start: Start, bscan: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    assert start.labels is not None
    own, layers = grading.labels[bscan], grading.layers
    heights = grading.heights[:, bscan].copy()
    mapping = start.label_set.mapping_to(grading.label_set)
    if layers and start.layers:
        new = remap(start.labels[bscan], mapping)
        heights = _heights_of(grading, start, bscan)
    else:
        # It says nothing of layers: what is none of its findings shows ours.
        found = {i: 0 if j == IGNORE else j for i, j in mapping.items()}
        new = remap(start.labels[bscan], {**found, IGNORE: IGNORE})
        bare = beneath(own, heights, layers)
        new = np.where(is_finding(new, layers) | (new == IGNORE), new, bare)
    kept = is_finding(own, layers) & ~np.isin(own, [*mapping.values()])
    new[kept] = own[kept]
    return new, heights


def _heights_of(grading: Grading, start: Start, bscan: int) -> NDArray[np.float32]:
    """Boundaries of a start, under the names of the grading; NaN where it has none."""
    if start.heights is None:
        theirs = _read_off(start, bscan)
    else:
        theirs = start.heights[:, bscan]
    names = _edges(start.layers)
    ours = _edges([grading.label_set.names[i] for i in grading.layers])
    heights = np.full((len(ours), theirs.shape[1]), np.nan, np.float32)
    for place, name in enumerate(ours):
        if name in names:
            heights[place] = theirs[names.index(name)]
    return enforce_order(heights)


def _edges(layers: Sequence[str]) -> tuple[str, ...]:
    return boundary_names([canonical_name(name) for name in layers])


def _read_off(start: Start, bscan: int) -> NDArray[np.float32]:
    """Boundaries of labels; straight on where a finding hides them."""
    assert start.labels is not None
    labels = start.labels[bscan]
    indices = [start.label_set.index(name) for name in start.layers]
    heights = labels_to_boundaries(labels[None], indices)[:, 0]
    hides = is_finding(labels, indices).any(axis=0)
    columns = np.arange(labels.shape[1])
    for curve in heights:
        seen = np.isfinite(curve)
        gap = ~seen & hides
        if seen.any():
            curve[gap] = np.interp(columns[gap], columns[seen], curve[seen])
    return heights
