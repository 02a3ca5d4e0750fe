"""What a stroke of napari's own tools painted over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def labels_before(
    labels: NDArray[np.uint8], atoms: Sequence[Any]
) -> dict[int, NDArray[np.uint8]]:
    """The touched B-scans as they were before a stroke.

    Parameters
    ----------
    labels
        (n_bscans, depth, width) or (depth, width) uint8, painted already.
    atoms
        Value of the ``paint`` event of a labels layer: boxes with their old values
        (napari 0.8 and later), or indices with old and new values.

    Returns
    -------
    (depth, width) uint8 copies by B-scan index; 0 for a labels image of two axes.
    """
    volume = labels[None] if labels.ndim == 2 else labels
    before: dict[int, NDArray[np.uint8]] = {}
    for atom in reversed(atoms):
        for bscan in _bscans_of(atom, labels):
            before.setdefault(bscan, volume[bscan].copy())
        if hasattr(atom, "slice_key"):
            _put_box_back(before, atom, labels.ndim)
        else:
            _put_points_back(before, atom, labels.ndim)
    return before


def _bscans_of(atom: Any, labels: NDArray[np.uint8]) -> Sequence[int]:
    if labels.ndim == 2:
        return [0]
    if hasattr(atom, "slice_key"):
        return range(*atom.slice_key[0].indices(len(labels)))
    return [int(i) for i in np.unique(atom[0][0])]


def _put_box_back(before: dict[int, NDArray[np.uint8]], atom: Any, ndim: int) -> None:
    box = atom.slice_key[-2:]
    bscans = [0] if ndim == 2 else [*range(*atom.slice_key[0].indices(1 << 30))]
    region = np.stack([before[b][box] for b in bscans])
    if ndim == 2:
        region = region[0]
    if atom.mask is None:
        region = np.broadcast_to(atom.old_values, region.shape)
    else:
        region[atom.mask] = atom.old_values
    for position, bscan in enumerate(bscans):
        before[bscan][box] = region if ndim == 2 else region[position]


def _put_points_back(
    before: dict[int, NDArray[np.uint8]], atom: Any, ndim: int
) -> None:
    indices, old, _ = atom
    if ndim == 2:
        before[0][tuple(indices)] = old
        return
    of_bscan = np.asarray(indices[0])
    old = np.broadcast_to(old, of_bscan.shape)
    for bscan in np.unique(of_bscan):
        chosen = of_bscan == bscan
        before[int(bscan)][tuple(i[chosen] for i in indices[1:])] = old[chosen]
