"""A grader who has only the brush and the eraser: paints regions such as fluid.

The largest wrong piece comes next, with the disc that covers most of it without leaving
the region, moved in one stroke from one end as far as it gains anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects, label

from benchmarks.grading.brush import RADII, paint
from benchmarks.grading.cost import EDGE_STROKE_PX, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.grading.hand import Hand

    Mask = NDArray[np.bool_]

TARGETS = (0.8, 0.95)
MOST_ACTIONS = 100

_N_PIECES = 3
_N_RADII = 2
_SPILL_PX = 0.5  # what a disc may stand out of the region
_DIRECTIONS = 16
_PATIENCE = 25


@dataclass(frozen=True, eq=False)
class Filled:
    """Where a grader has ended.

    Attributes
    ----------
    mask
        (depth, width) bool.
    tally, dice
        What it cost, and how good it is.
    at
        Actions and seconds when each target was reached, by target; those that were
        not reached are missing.
    """

    mask: Mask
    tally: Tally
    dice: float
    at: dict[float, tuple[int, float]]


@dataclass(frozen=True, eq=False)
class Stroke:
    """A stroke of the brush, or of the eraser, as it is meant.

    `gain` is the number of pixels that it would put right.
    """

    path: NDArray[np.float32]
    radius: float
    erases: bool
    gain: int

    @property
    def length(self) -> float:
        """Of the path, px."""
        return float(np.hypot(*np.diff(self.path, axis=0).T).sum())

    def draw(self, mask: Mask, hand: Hand, tally: Tally) -> Mask:
        """The region after a hand has drawn it."""
        tally.drag("eraser" if self.erases else "brush", self.length, keys=2)
        labels = mask.astype(np.uint8)
        done = paint(labels, hand.stroke(self.path), self.radius, int(not self.erases))
        return done.astype(bool)


def dice(mask: Mask, truth: Mask) -> float:
    """2 |P ∩ T| / (|P| + |T|), 1 if both are empty."""
    size = int(mask.sum()) + int(truth.sum())
    return 2 * int((mask & truth).sum()) / size if size else 1.0


def wrong_pixels(mask: Mask, truth: Mask) -> int:
    """How many pixels are not as they should be."""
    return int((mask != truth).sum())


def paint_regions(
    truth: Mask,
    start: Mask,
    hand: Hand,
    *,
    targets: Sequence[float] = TARGETS,
    most: int = MOST_ACTIONS,
) -> Filled:
    """Paint and erase until Dice is at least the last of `targets`.

    Parameters
    ----------
    truth, start
        (depth, width) bool.
    hand
        Who paints.
    targets, most
        When to stop: rising Dice, number of actions. It also ends when 25 strokes in
        a row have made nothing better.
    """
    tally, mask, eye = Tally(), start.copy(), Eye(truth)
    at: dict[float, tuple[int, float]] = {}
    reached, failures = dice(mask, truth), 0
    note(at, targets, reached, tally)
    while reached < targets[-1] and tally.actions < most and failures < _PATIENCE:
        best = max(eye.strokes(mask), key=lambda stroke: stroke.gain, default=None)
        if best is None:
            break
        after = best.draw(mask, hand, tally)
        if wrong_pixels(after, truth) >= wrong_pixels(mask, truth):
            tally.key("undo")
            failures += 1
            continue
        mask, reached, failures = after, dice(after, truth), 0
        note(at, targets, reached, tally)
    return Filled(mask, tally, reached, at)


def note(
    at: dict[float, tuple[int, float]],
    targets: Sequence[float],
    reached: float,
    tally: Tally,
) -> None:
    """Write down which targets have been reached for the first time."""
    for target in targets:
        if reached >= target:
            at.setdefault(target, (tally.actions, tally.seconds))


class Eye:
    """Sees where strokes would put something right.

    Parameters
    ----------
    truth
        (depth, width) bool.
    """

    def __init__(self, truth: Mask) -> None:
        self.truth = truth
        self._room = {True: _reach_of(~truth), False: _reach_of(truth)}

    def strokes(self, mask: Mask) -> Iterator[Stroke]:
        """Strokes that would put most of the largest wrong pieces right."""
        for erases in (False, True):
            wrong = mask & ~self.truth if erases else self.truth & ~mask
            parts, n_parts = label(wrong)
            if not n_parts:
                continue
            sizes = np.bincount(parts.ravel())[1:]
            boxes = find_objects(parts)
            for part in np.argsort(-sizes)[:_N_PIECES]:
                near = parts == part + 1
                yield from self._strokes_in(near, boxes[part], wrong, erases)

    def _strokes_in(
        self, piece: Mask, around: tuple[slice, slice], wrong: Mask, erases: bool
    ) -> Iterator[Stroke]:
        margin = int(RADII[-1]) + 2
        rows, columns = (
            slice(max(side.start - margin, 0), side.stop + margin) for side in around
        )
        box = rows, columns
        origin = np.array([rows.start, columns.start], np.float32)
        promise = []
        for radius, (centres, reached) in self._room[erases].items():
            area = int((reached[around] & piece[around]).sum())
            longest = 2 * radius * EDGE_STROKE_PX + np.pi * radius**2
            promise.append((min(area, longest), radius, centres))
        promise.sort(key=lambda one: (-one[0], -one[1]))
        for _, radius, centres in promise[:_N_RADII]:
            path, gain = _walk(wrong[box], piece[box], centres[box], radius)
            if gain > 0:
                yield Stroke(path + origin, radius, erases, gain)


def _reach_of(region: Mask) -> dict[float, tuple[Mask, Mask]]:
    """By radius: where the centre of a disc may be, and what it reaches from there."""
    depth = np.asarray(distance_transform_edt(region), np.float32)
    found = {}
    for radius in RADII:
        centres = depth >= radius - _SPILL_PX
        if centres.any():
            found[radius] = centres, distance_transform_edt(~centres) <= radius
    return found


def _walk(
    wanted: Mask, near: Mask, centres: Mask, radius: float
) -> tuple[NDArray[np.float32], int]:
    """From one end on, each step to where the disc puts most right."""
    useful = centres & (distance_transform_edt(~near) <= max(radius - 1, 0))
    if not useful.any():
        return np.zeros((0, 2), np.float32), 0
    places = np.argwhere(useful)
    away = np.hypot(*(places - places.mean(axis=0)).T)
    at = places[int(away.argmax())].astype(np.float32)
    reach = int(radius)
    left = np.pad(wanted, reach)
    across = np.arange(-reach, reach + 1)
    disc = np.hypot(across[:, None], across) <= radius
    step = max(0.7 * radius, 1.0)
    angles = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
    ring = step * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    gained = _take(left, at, disc)
    path = [at]
    for _ in range(int(EDGE_STROKE_PX / step)):
        there = at + ring
        row, column = np.rint(there).astype(int).T
        inside = (row >= 0) & (row < centres.shape[0])
        inside &= (column >= 0) & (column < centres.shape[1])
        inside[inside] = centres[row[inside], column[inside]]
        new = [
            int((_under(left, place, disc) & disc).sum()) if ok else 0
            for place, ok in zip(there, inside, strict=True)
        ]
        best = int(np.argmax(new))
        if new[best] < max(0.15 * step * radius, 1):
            break
        at = there[best].astype(np.float32)
        gained += _take(left, at, disc)
        path.append(at)
    return _dense(np.stack(path)), gained


def _under(left: Mask, at: NDArray[np.floating], disc: Mask) -> Mask:
    """What of an image that is padded by its radius lies in the box of a disc."""
    row, column = (int(v) for v in np.rint(at))
    return left[row : row + len(disc), column : column + len(disc)]


def _take(left: Mask, at: NDArray[np.float32], disc: Mask) -> int:
    under = _under(left, at, disc)
    new = int((under & disc).sum())
    under &= ~disc
    return new


def _dense(path: NDArray[np.float32]) -> NDArray[np.float32]:
    """The path with a point at every pixel."""
    if len(path) == 1:
        return path
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0, length[-1], max(int(length[-1]), 2))
    each = [np.interp(at, length, path[:, axis]) for axis in (0, 1)]
    return np.stack(each, axis=1).astype(np.float32)
