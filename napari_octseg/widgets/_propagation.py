"""Propagation as long tasks: from what a grading holds now to proposals for B-scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.boundary_chance import boundary_costs
from napari_octseg.editing.columns import is_finding
from napari_octseg.editing.cost import boundary_cost, polarity_of
from napari_octseg.editing.propagate import (
    interpolate_corrections,
    interpolate_heights,
    interpolate_labels,
    spread,
)
from napari_octseg.editing.resolve import resolve
from napari_octseg.editing.shifting import axial_offset
from napari_octseg.engine.progress import Progress
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Grading
    from napari_octseg.engine.inference import Segmentation
    from napari_octseg.volume import OCTVolume

_LEAST_EDIT_PX = 1e-3


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a B-scan would get.

    Attributes
    ----------
    heights
        (n_boundaries, width) float32, px from the top.
    labels
        (depth, width) uint8; None where only the layers change.
    """

    heights: NDArray[np.float32]
    labels: NDArray[np.uint8] | None = None


Proposals = dict[int, Proposal]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Boundaries, origins and some labels of a grading at one moment: edits go on."""

    volume: OCTVolume
    layers: tuple[int, ...]
    findings: tuple[int, ...]
    boundary_names: tuple[str, ...]
    heights: NDArray[np.float32]
    predicted: NDArray[np.float32]
    by_hand: NDArray[np.bool_]
    labels: dict[int, NDArray[np.uint8]]

    @classmethod
    def of(cls, grading: Grading, bscans: Sequence[int] = ()) -> Snapshot:
        """Copy what is needed; `bscans` are those whose labels are."""
        classes = np.arange(len(grading.label_set), dtype=np.uint8)
        on_top = is_finding(classes, grading.layers)
        return cls(
            grading.volume,
            grading.layers,
            tuple(int(c) for c in classes[on_top]),
            grading.boundary_names,
            grading.heights.copy(),
            grading.predicted.copy(),
            grading.origins == grading.origin_code("human"),
            {bscan: grading.labels[bscan].copy() for bscan in bscans},
        )


class _Costs:
    """Cost images of the boundaries of one B-scan after the other."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._bscan = -1
        self._costs: dict[int, NDArray[np.float32]] = {}

    def of(self, bscan: int, boundary: int) -> NDArray[np.float32]:
        if bscan != self._bscan:
            self._bscan, self._costs = bscan, {}
        names = self._snapshot.boundary_names
        polarity = polarity_of(names[boundary], among=names)
        if polarity not in self._costs:
            image = self._snapshot.volume.bscan_as_shown(bscan)
            self._costs[polarity] = boundary_cost(image, polarity=polarity)
        return self._costs[polarity]


def iter_interpolated(
    snapshot: Snapshot, first: int, second: int, bscans: Sequence[int]
) -> Generator[Progress, None, Proposals]:
    """Boundaries and findings of the B-scans between two that were done by hand.

    Where a model has run, its answer is kept and only its error interpolated; elsewhere
    boundaries run straight from one to the other.

    Parameters
    ----------
    snapshot
        With the labels of `first` and `second`.
    first, second
        Indices of the two.
    bscans
        Those in between that may change.
    """
    images = [snapshot.volume.bscan_as_shown(b) for b in (first, second)]
    proposals: Proposals = {}
    for n_done, bscan in enumerate(bscans, 1):
        share = (bscan - first) / (second - first)
        here = snapshot.volume.bscan_as_shown(bscan)
        rows = (axial_offset(images[0], here), axial_offset(images[1], here))
        heights = _interpolated(snapshot, (first, second), rows, bscan)
        labels = interpolate_labels(
            snapshot.labels[first],
            snapshot.labels[second],
            heights,
            share,
            layers=snapshot.layers,
            findings=snapshot.findings,
            rows=rows,
        )
        hidden = (labels == IGNORE).all(axis=0)
        unknown = np.isnan(heights) & ~hidden
        heights = np.where(unknown, snapshot.heights[:, bscan], heights)
        proposals[bscan] = Proposal(heights.astype(np.float32), labels)
        yield _step(n_done, bscans)
    return proposals


def _interpolated(
    snapshot: Snapshot,
    ends: tuple[int, int],
    rows: tuple[int, int],
    bscan: int,
) -> NDArray[np.float32]:
    first, second = ends
    share = (bscan - first) / (second - first)
    heights, predicted = snapshot.heights, snapshot.predicted
    corrections = heights - predicted
    guided = interpolate_corrections(
        predicted[:, bscan], corrections[:, first], corrections[:, second], share
    )
    if np.isfinite(guided).all():
        return guided
    plain = interpolate_heights(heights[:, first], heights[:, second], share, rows=rows)
    return np.where(np.isfinite(guided), guided, plain).astype(np.float32)


def iter_spread(
    snapshot: Snapshot,
    bscan: int,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    bscans: Sequence[int],
    half_distance: float,
) -> Generator[Progress, None, Proposals]:
    """What a person corrected on one B-scan, given to others, fading with distance.

    Parameters
    ----------
    snapshot
        Holds the boundaries of the others.
    bscan
        Index of the corrected B-scan.
    before, after
        (n_boundaries, width) float32: its boundaries without and with the correction.
    bscans
        Neighbours that may change; columns that a person has drawn stay.
    half_distance
        B-scans from the correction to where it counts half.
    """
    costs = _Costs(snapshot)
    proposals: Proposals = {}
    for n_done, index in enumerate(bscans, 1):
        moved = spread(
            before,
            after,
            {index: snapshot.heights[:, index]},
            bscan=bscan,
            half_distance=half_distance,
            cost_of=costs.of,
            closed={index: snapshot.by_hand[index]},
        )
        proposals.update({b: Proposal(heights) for b, heights in moved.items()})
        yield _step(n_done, bscans)
    return proposals


def iter_resolved(
    snapshot: Snapshot, bscan: int, result: Segmentation
) -> Generator[Progress, None, Proposals]:
    """The boundaries of a B-scan solved again, exactly through columns done by hand.

    The network runs once more on this B-scan: its probabilities are never kept.
    """
    yield Progress(0, 2, "Running the model on this B-scan")
    layers = [result.label_set.index(name) for name in result.model.layers]
    costs = boundary_costs(result.probabilities_of(bscan), layers)
    yield Progress(1, 2, "Solving its boundaries again")
    own = snapshot.predicted[:, bscan]
    present, by_hand = snapshot.heights[:, bscan], snapshot.by_hand[bscan]
    # The others are where the model put them: they hold nothing in place.
    moved = ~(np.abs(present - own) <= _LEAST_EDIT_PX)
    fixed = np.where(moved & by_hand, present, np.float32(np.nan)).astype(np.float32)
    seen = _Costs(snapshot)
    # Near a correction the image decides: there the model was wrong.
    near = np.stack([seen.of(bscan, k) for k in range(len(costs))])
    heights = resolve(costs, fixed, own=own, near=near)
    # A boundary that the model does not see stays, and so do columns done by hand.
    heights = np.where(np.isfinite(heights), heights, present).astype(np.float32)
    return {bscan: Proposal(drawn_by_hand(present, heights, by_hand))}


def drawn_by_hand(
    heights: NDArray[np.float32],
    otherwise: NDArray[np.float32] | np.float32,
    by_hand: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Boundaries where a person has edited a column, and others elsewhere.

    Parameters
    ----------
    heights
        (n_boundaries, width) float32, px from the top.
    otherwise
        The same, or one number, for all other columns.
    by_hand
        (width,) bool: columns that a person has edited.
    """
    return np.where(by_hand, heights, otherwise).astype(np.float32)


def _step(n_done: int, bscans: Sequence[int]) -> Progress:
    return Progress(n_done, len(bscans), f"B-scan {n_done} of {len(bscans)}")
