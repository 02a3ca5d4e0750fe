"""Order guard: where the layers of a B-scan cannot be true, and how to repair them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_octseg.editing.column_faults import NO_LAYER, column_faults, ranks_of
from napari_octseg.editing.order_repair import repair
from napari_octseg.editing.runs import runs_of
from napari_octseg.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_octseg.editing.column_faults import ColumnFaults
    from napari_octseg.labels import LabelSet

Kind = Literal["crossing", "gap", "island", "duplicate"]

__all__ = ["Kind", "Violation", "repair", "violations"]

_SAYS: dict[Kind, str] = {
    "crossing": "{} above the boundary before it",
    "gap": "Pixels without a layer in {}",
    "island": "A piece of {} apart from its layer",
    "duplicate": "{} again, below a deeper layer",
}


@dataclass(frozen=True)
class Violation:
    """A run of columns of one B-scan with the same kind of fault.

    `crossing`: boundaries out of order. `gap`: background, or pixels that nobody
    graded, between two boundaries of a layer. `island`: a piece of a layer apart from
    its layer. `duplicate`: a layer that comes again below a deeper one. `last_column`
    belongs to the run; `what` says it for people.
    """

    bscan: int
    first_column: int
    last_column: int
    kind: Kind
    what: str


def violations(
    labels: NDArray[np.uint8],
    heights: NDArray[np.float32],
    layers: Sequence[int],
    label_set: LabelSet,
    boundary_names: Sequence[str],
    bscans: Iterable[int] | None = None,
) -> list[Violation]:
    """Everything that is out of order, by B-scan and column.

    Parameters
    ----------
    labels
        (n_bscans, depth, width) uint8.
    heights
        (n_boundaries, n_bscans, width) float32, px from the top, NaN = absent.
    layers
        Class index of each layer, top to bottom; without any there is no order.
    label_set
        Names of the classes.
    boundary_names
        Names of the rows of `heights`.
    bscans
        B-scans to look at; all by default.

    Raises
    ------
    LabelError
        If layers, heights and names do not fit together.
    """
    if not len(layers):
        return []
    if not len(heights) == len(boundary_names) == len(layers) + 1:
        raise LabelError(
            f"{len(heights)} boundaries with {len(boundary_names)} names for "
            f"{len(layers)} layers",
            allowed="one boundary more than layers, each with a name",
        )
    names = [label_set.names[index] for index in layers]
    found: list[Violation] = []
    for bscan in range(len(labels)) if bscans is None else bscans:
        here = labels[bscan]
        faults = column_faults(here, heights[:, bscan], layers)
        if not faults.columns.any():
            continue
        kinds = _by_kind(faults, here, layers)
        for kind, involved in kinds.items():
            words = boundary_names if kind == "crossing" else names
            found += _listed(bscan, kind, involved, words)
    return sorted(found, key=lambda one: (one.bscan, one.first_column, one.kind))


def _by_kind(
    faults: ColumnFaults, labels: NDArray[np.uint8], layers: Sequence[int]
) -> dict[Kind, NDArray[np.bool_]]:
    """Which boundaries or layers each kind is about in each column, (n, width) bool."""
    kinds: dict[Kind, NDArray[np.bool_]] = {}
    if faults.crossing.any():
        kinds["crossing"] = faults.crossing
    if faults.gap.any():
        kinds["gap"] = _ranks_at(faults.gap, ranks_of(faults.expected, layers), layers)
    disordered = faults.misplaced.any(axis=0)
    if disordered.any() or faults.apart.any():
        ranks = ranks_of(labels, layers)
        island = _islands(ranks, faults.misplaced) & disordered
        kinds["island"] = _ranks_at(island | faults.apart, ranks, layers)
        again = faults.misplaced & ~island.any(axis=0)
        kinds["duplicate"] = _ranks_at(again, ranks, layers)
    return kinds


def _ranks_at(
    pixels: NDArray[np.bool_], ranks: NDArray[np.uint8], layers: Sequence[int]
) -> NDArray[np.bool_]:
    """Which layers the pixels of each column belong to, (n_layers, width) bool."""
    found = np.zeros((len(layers), pixels.shape[1]), bool)
    rows, columns = np.nonzero(pixels)
    found[ranks[rows, columns], columns] = True
    return found


def _islands(
    ranks: NDArray[np.uint8], misplaced: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Pixels of pieces that lie wholly in the wrong place, apart from their layer.

    The largest piece of each layer is the layer itself.
    """
    from skimage.measure import label

    island = np.zeros_like(misplaced)
    if not misplaced.any():
        return island
    parts = label(ranks, background=NO_LAYER, connectivity=2)  # type: ignore[no-untyped-call]
    sizes = np.bincount(parts.ravel())
    rank_of = np.zeros(len(sizes), np.uint8)
    rank_of[parts] = ranks
    sizes[0] = 0
    is_layer = np.zeros(len(sizes), bool)
    for rank in np.unique(rank_of[1:]):
        is_layer[np.argmax(np.where(rank_of == rank, sizes, 0))] = True
    # A piece too deep for what follows it is as wrong as one too high.
    highest_below = np.minimum.accumulate(ranks[::-1], axis=0)[::-1]
    too_deep = (ranks != NO_LAYER) & (ranks > highest_below)
    wrong = misplaced | too_deep
    n_wrong = np.bincount(parts[wrong], minlength=len(sizes))
    is_island = (n_wrong == sizes) & ~is_layer
    is_island[0] = False
    pixels: NDArray[np.bool_] = is_island[parts]
    return pixels


def _listed(
    bscan: int, kind: Kind, involved: NDArray[np.bool_], names: Sequence[str]
) -> list[Violation]:
    """One violation for each run of columns in which anything is involved."""
    found = []
    for first, stop in runs_of(np.asarray(involved.any(axis=0))):
        here = np.flatnonzero(involved[:, first:stop].any(axis=1)).tolist()
        what = _SAYS[kind].format(", ".join(names[k] for k in here))
        found.append(Violation(bscan, first, stop - 1, kind, what))
    return found
