"""Correcting some B-scans of a volume and taking them to the others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.grading.boundary_tools import correct_layers
from benchmarks.grading.cost import Tally
from benchmarks.grading.layer_cases import error_px
from benchmarks.grading.sight import Sight
from napari_octseg.editing.propagate import (
    copy_from,
    interpolate_corrections,
    interpolate_heights,
)
from napari_octseg.editing.region_interpolation import interpolate_regions
from napari_octseg.editing.shifting import axial_offset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.grading.fluid_cases import FluidCase
    from benchmarks.grading.hand import Hand
    from benchmarks.grading.layer_cases import LayerCase

    Heights = NDArray[np.float32]

KEY_STEP = 4
"""Every which B-scan a grader corrects before propagating."""


@dataclass(frozen=True, eq=False)
class Graded:
    """A volume after a grader: (n_boundaries, n_bscans, width) heights, and the cost.

    `errors` has the mean boundary error of each B-scan, px.
    """

    heights: Heights
    tally: Tally
    errors: list[float]


def sights_of(case: LayerCase) -> list[Sight]:
    """What the tools know of each B-scan."""
    return [Sight(image, case.boundaries) for image in case.images]


def correct_with_propagation(
    case: LayerCase, hand: Hand, *, from_model: bool, step: int = KEY_STEP
) -> Graded:
    """Correct every `step`-th B-scan, propagate, and then what is still wrong.

    From an empty start the next of these B-scans begins as a copy of the one before.
    What lies between two of them is interpolated at once: boundaries, or from a
    prediction the corrections. Each of these is one action.
    """
    sights, tally = sights_of(case), Tally()
    heights = np.array(case.predicted, np.float32)
    if not from_model:
        heights[:] = np.nan
    keys = key_bscans(case.n_bscans, step)
    for place, key in enumerate(keys):
        start = heights[:, key]
        if not from_model and place:
            tally.key("copy")
            start = _copied(case, heights, keys[place - 1], key)
        found = correct_layers(sights[key], case.truth[:, key], start, hand)
        tally.add(found.tally)
        heights[:, key] = found.heights
    for first, last in pairwise(keys):
        tally.key("interpolate")
        between = _interpolated(case, heights, first, last, from_model)
        for bscan, drawn in between:
            heights[:, bscan] = drawn
    for bscan in sorted(set(range(case.n_bscans)) - set(keys)):
        found = correct_layers(
            sights[bscan], case.truth[:, bscan], heights[:, bscan], hand
        )
        tally.add(found.tally)
        heights[:, bscan] = found.heights
    errors = [error_px(heights[:, b], case.truth[:, b]) for b in range(case.n_bscans)]
    return Graded(heights, tally, errors)


def key_bscans(n_bscans: int, step: int) -> list[int]:
    """Every `step`-th B-scan and the last one."""
    return sorted({*range(0, n_bscans, step), n_bscans - 1})


def _copied(case: LayerCase, heights: Heights, source: int, target: int) -> Heights:
    rows = axial_offset(case.images[source], case.images[target])
    empty = np.zeros(case.images.shape[1:], np.uint8)
    return copy_from(empty, heights[:, source], rows=rows)[1]


def _interpolated(
    case: LayerCase,
    heights: Heights,
    first: int,
    last: int,
    from_model: bool,
) -> Iterator[tuple[int, Heights]]:
    """Boundaries of the B-scans between two corrected ones."""
    a, b = heights[:, first], heights[:, last]
    for bscan in range(first + 1, last):
        share = (bscan - first) / (last - first)
        if from_model:
            yield (
                bscan,
                interpolate_corrections(
                    case.predicted[:, bscan],
                    a - case.predicted[:, first],
                    b - case.predicted[:, last],
                    share,
                ),
            )
        else:
            rows = _deeper(case.images, bscan, first, last)
            drawn = interpolate_heights(a, b, share, rows=rows)
            yield bscan, drawn


def _deeper(
    images: Sequence[NDArray[np.float32]] | NDArray[np.float32],
    bscan: int,
    first: int,
    last: int,
) -> tuple[int, int]:
    """How much deeper the retina lies than in two other B-scans, rows."""
    return (
        axial_offset(images[first], images[bscan]),
        axial_offset(images[last], images[bscan]),
    )


@dataclass(frozen=True)
class Reached:
    """What correcting every k-th B-scan gives.

    Attributes
    ----------
    step
        The k; 1 is all of them.
    error
        What is left over all B-scans: mean boundary error in px, or 1 - Dice.
    share
        Of the improvement that correcting all of them gives.
    """

    step: int
    error: float
    share: float


def every_kth(
    case: LayerCase, hand: Hand, *, from_model: bool, steps: tuple[int, ...]
) -> list[Reached]:
    """Accuracy of layers after correcting every k-th B-scan and interpolating.

    Corrected boundaries have the error of a hand that has traced the truth. Without a
    model, the improvement is that over copying the middle B-scan to all others.
    """
    drawn = np.stack(
        [
            np.stack([row + hand.along(len(row)) for row in bscan])
            for bscan in case.truth
        ]
    ).astype(np.float32)
    start = case.predicted
    if not from_model:
        middle = case.n_bscans // 2
        copies = [_copied(case, drawn, middle, b) for b in range(case.n_bscans)]
        start = np.stack(copies, axis=1)
    worst, best = error_px(start, case.truth), error_px(drawn, case.truth)
    found = [Reached(1, best, 1.0)]
    for step in steps:
        heights = drawn.copy()
        keys = key_bscans(case.n_bscans, step)
        for first, last in pairwise(keys):
            ways = _interpolated(case, drawn, first, last, from_model)
            for bscan, between in ways:
                heights[:, bscan] = between
        left = error_px(heights, case.truth)
        found.append(Reached(step, left, (worst - left) / (worst - best)))
    return [Reached(0, worst, 0.0), *found]


def every_kth_region(case: FluidCase, steps: tuple[int, ...]) -> list[Reached]:
    """The same for regions, whose error is 1 - Dice over all pixels of the volume.

    Corrected B-scans are the truth. The improvement is that over the prediction.
    """
    truth = [mask.astype(np.uint8) for mask in case.truth]
    worst = _undice([mask.astype(np.uint8) for mask in case.predicted], truth)
    found = [Reached(0, worst, 0.0), Reached(1, 0.0, 1.0)]
    for step in steps:
        masks = list(truth)
        keys = key_bscans(len(truth), step)
        for first, last in pairwise(keys):
            for bscan in range(first + 1, last):
                share = (bscan - first) / (last - first)
                rows = _deeper(case.images, bscan, first, last)
                masks[bscan] = interpolate_regions(
                    truth[first], truth[last], share, [1], rows=rows
                )
        left = _undice(masks, truth)
        found.append(Reached(step, left, (worst - left) / worst))
    return found


def _undice(masks: list[NDArray[np.uint8]], truth: list[NDArray[np.uint8]]) -> float:
    pairs = list(zip(masks, truth, strict=True))
    both = sum(int(((a == 1) & (b == 1)).sum()) for a, b in pairs)
    size = sum(int((a == 1).sum()) + int((b == 1).sum()) for a, b in pairs)
    return 1 - 2 * both / size if size else 0.0
