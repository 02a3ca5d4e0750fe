"""A grader with our region tools: smart fill, delete, grow, shrink, smooth, fill holes.

The brush is a tool too. What promises to put most pixels right per action comes next;
what turns out worse than before is undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt, label

from benchmarks.grading.brush_regions import (
    MOST_ACTIONS,
    TARGETS,
    Eye,
    Filled,
    dice,
    note,
    wrong_pixels,
)
from benchmarks.grading.cost import Tally
from napari_octseg.editing.components import component_at, delete_component
from napari_octseg.editing.regions import fill_holes, grow, shrink, smooth
from napari_octseg.editing.smart_fill import (
    LEAST_TOLERANCE,
    MOST_TOLERANCE,
    smart_fill,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.grading.brush_regions import Stroke
    from benchmarks.grading.hand import Hand

    Mask = NDArray[np.bool_]
    Whole = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

_NOTCH = 1.25  # by what one notch of the wheel multiplies the tolerance
_N_NOTCHES = 4
_N_PIECES = 3
_PATIENCE = 25
_WHOLE: tuple[tuple[str, Whole], ...] = (
    ("grow", lambda labels: grow(labels, 1)),
    ("shrink", lambda labels: shrink(labels, 1)),
    ("smooth", lambda labels: smooth(labels, 1, 2)),
    ("fill holes", lambda labels: fill_holes(labels, 1)),
)


@dataclass(frozen=True, eq=False)
class _Plan:
    """One way on: its tool, a key to know it again, what it promises, how it is done.

    `gain` is a number of pixels.
    """

    key: tuple[object, ...]
    gain: int
    do: Callable[[Hand, Tally], Mask]


class Filler:
    """Smart fills of one B-scan, as the preview shows them.

    Parameters
    ----------
    image
        (depth, width) float32 in 0…1.
    """

    def __init__(self, image: NDArray[np.float32]) -> None:
        self._image = image
        self._seen: dict[tuple[int, int], list[tuple[int, Mask]]] = {}

    def fills(self, row: int, column: int) -> list[tuple[int, Mask]]:
        """What a click gives, by notches of the wheel."""
        at = (row, column)
        if at not in self._seen:
            first = smart_fill(self._image, at)
            found = [(0, first.mask)]
            for notches in range(-_N_NOTCHES, _N_NOTCHES + 1):
                tolerance = first.tolerance * _NOTCH**notches
                if notches and LEAST_TOLERANCE <= tolerance <= MOST_TOLERANCE:
                    mask = smart_fill(self._image, at, tolerance=tolerance).mask
                    found.append((notches, mask))
            self._seen[at] = found
        return self._seen[at]


def correct_regions(
    image: NDArray[np.float32],
    truth: Mask,
    start: Mask,
    hand: Hand,
    *,
    targets: Sequence[float] = TARGETS,
    most: int = MOST_ACTIONS,
) -> Filled:
    """Correct until Dice is at least the last of `targets`.

    Parameters
    ----------
    image
        (depth, width) float32 in 0…1.
    truth, start, hand, targets, most
        As for `brush_regions.paint_regions`.
    """
    tally, mask = Tally(), start.copy()
    eye, filler = Eye(truth), Filler(image)
    reached, failures = dice(mask, truth), 0
    failed: set[tuple[object, ...]] = set()
    at: dict[float, tuple[int, float]] = {}
    note(at, targets, reached, tally)
    while reached < targets[-1] and tally.actions < most and failures < _PATIENCE:
        plans = [
            plan
            for plan in _plans(eye, filler, mask)
            if plan.gain > 0 and plan.key not in failed
        ]
        best = max(plans, key=lambda plan: plan.gain, default=None)
        if best is None:
            break
        after = best.do(hand, tally)
        if wrong_pixels(after, truth) >= wrong_pixels(mask, truth):
            tally.key("undo")
            failures += 1
            if best.key[0] != "stroke":
                failed.add(best.key)
            continue
        mask, reached, failures = after, dice(after, truth), 0
        failed.clear()
        note(at, targets, reached, tally)
    return Filled(mask, tally, reached, at)


def _plans(eye: Eye, filler: Filler, mask: Mask) -> Iterator[_Plan]:
    truth = eye.truth
    for row, column in _middles(truth & ~mask):
        yield _fill(filler, truth, mask, row, column)
    for row, column in _middles(mask & ~truth):
        yield _delete(truth, mask, row, column)
    if mask.any():
        for name, change in _WHOLE:
            yield _whole(truth, mask, name, change)
    # Of equal promises the first is taken: a click is quicker than a drag.
    for stroke in eye.strokes(mask):
        yield _stroke(stroke, mask)


def _middles(wrong: Mask) -> Iterator[tuple[int, int]]:
    """The pixel deepest inside each of the largest pieces."""
    parts, n_parts = label(wrong)
    if not n_parts:
        return
    sizes = np.bincount(parts.ravel())[1:]
    depth = distance_transform_edt(wrong)
    for part in np.argsort(-sizes)[:_N_PIECES] + 1:
        at = int(np.argmax(np.where(parts == part, depth, 0)))
        row, column = np.unravel_index(at, wrong.shape)
        yield int(row), int(column)


def _stroke(stroke: Stroke, mask: Mask) -> _Plan:
    def do(hand: Hand, tally: Tally) -> Mask:
        return stroke.draw(mask, hand, tally)

    return _Plan(("stroke",), stroke.gain, do)


def _fill(filler: Filler, truth: Mask, mask: Mask, row: int, column: int) -> _Plan:
    def best(row: int, column: int) -> tuple[int, Mask]:
        """The notch that the eye likes best, and the region with it."""
        ways = [(n, mask | found) for n, found in filler.fills(row, column)]
        return min(ways, key=lambda way: wrong_pixels(way[1], truth))

    def do(hand: Hand, tally: Tally) -> Mask:
        at = hand.click(row, column)
        inside = [
            int(np.clip(round(v), 0, n - 1))
            for v, n in zip(at, mask.shape, strict=True)
        ]
        notches, after = best(*inside)
        tally.click("smart fill", keys=1 + abs(notches))
        return after

    _, hoped = best(row, column)
    gain = wrong_pixels(mask, truth) - wrong_pixels(hoped, truth)
    return _Plan(("fill", row, column), gain, do)


def _delete(truth: Mask, mask: Mask, row: int, column: int) -> _Plan:
    labels = mask.astype(np.uint8)
    after = mask & ~component_at(labels, row, column)

    def do(hand: Hand, tally: Tally) -> Mask:
        del hand  # the component that lights up under the pointer is taken
        tally.click("delete", keys=1)
        left: Mask = delete_component(labels, row, column) > 0
        return left

    gain = wrong_pixels(mask, truth) - wrong_pixels(after, truth)
    return _Plan(("delete", row, column), gain, do)


def _whole(truth: Mask, mask: Mask, name: str, change: Whole) -> _Plan:
    after: Mask = change(mask.astype(np.uint8)) == 1

    def do(hand: Hand, tally: Tally) -> Mask:
        del hand  # a button
        tally.click(name)
        return after

    gain = wrong_pixels(mask, truth) - wrong_pixels(after, truth)
    return _Plan((name,), gain, do)
