"""A grader who has only the brush: paints the pixels of each layer.

From an empty start every boundary is traced once from top to bottom with the upper rim
of the largest disc that can follow it, and what the next layers will paint over anyway
is not spared. Then, as from a prediction, the stretch with the largest error is traced
again from the side that is wrong, until the mean error is small enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import grey_dilation, grey_erosion

from benchmarks.grading.brush import RADII, paint
from benchmarks.grading.cost import EDGE_STROKE_PX, FILL_STROKE_PX, Tally
from benchmarks.grading.hand import Hand
from benchmarks.grading.layer_cases import column_errors, error_px
from napari_octseg.boundaries import boundaries_to_labels, labels_to_boundaries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Heights = NDArray[np.float32]
    _Window = tuple[int, int, int, int]  # boundary, side, first and last column

TARGET_PX = 1.0
MOST_ACTIONS = 400

_FOLLOWS_PX = 0.3
_LENGTHS = (8, 15, 30, 60, int(EDGE_STROKE_PX))
_STARTS = 4
_BESIDE = 25  # columns beside a stroke that its disc may touch
_N_LOOKED_AT = 12
_PATIENCE = 25


@dataclass(frozen=True, eq=False)
class Corrected:
    """Where a grader has ended.

    `heights` is (n_boundaries, width) float32; `error_px` the mean error that is left.
    """

    heights: Heights
    tally: Tally
    error_px: float


def paint_layers(
    truth: Heights,
    start: Heights,
    depth: int,
    hand: Hand,
    *,
    target_px: float = TARGET_PX,
    most: int = MOST_ACTIONS,
) -> Corrected:
    """Paint until the mean boundary error is at most `target_px`.

    Parameters
    ----------
    truth, start
        (n_boundaries, width) float32, px from the top. A start without any boundary is
        an empty B-scan.
    depth
        Rows of the B-scan.
    hand
        Who paints.
    target_px, most
        When to stop: error in px, number of actions.
    """
    tally = Tally()
    goal = bridged(truth)
    n_layers = len(truth) - 1
    if np.isnan(start).all():
        labels = np.zeros((depth, truth.shape[1]), np.uint8)
        for k in range(len(truth)):
            labels = _lay_down(labels, goal, k, hand, tally)
    else:
        labels = boundaries_to_labels(start[:, None], depth)[0]
    classes = list(range(1, n_layers + 1))
    heights = labels_to_boundaries(labels[None], classes)[:, 0]
    error = error_px(heights, truth)
    failed: set[_Window] = set()
    steady = Hand(0, 0.0)
    while error > target_px and tally.actions < most and len(failed) < _PATIENCE:
        # The eye sees the disc before the hand moves it: what it would spoil too.
        ways = []
        for window in _promising(heights, truth, failed):
            aimed = _stroke(labels, goal, window, steady)
            columns = slice(max(window[2] - _BESIDE, 0), window[3] + _BESIDE)
            hoped = labels_to_boundaries(aimed[None][..., columns], classes)[:, 0]
            left = column_errors(hoped, truth[:, columns]).sum()
            now = column_errors(heights[:, columns], truth[:, columns]).sum()
            ways.append((float(now - left), window))
        gain, window = max(ways, default=(0.0, (0, 0, 0, 0)))
        if gain <= 0:
            break
        after = _stroke(labels, goal, window, hand)
        tally.drag("brush", window[3] - window[2], keys=2)
        new = labels_to_boundaries(after[None], classes)[:, 0]
        if error_px(new, truth) >= error:
            tally.key("undo")
            failed.add(window)
            continue
        labels, heights, error = after, new, error_px(new, truth)
        failed.clear()
    return Corrected(heights, tally, error)


def _stroke(
    labels: NDArray[np.uint8], goal: Heights, window: _Window, hand: Hand
) -> NDArray[np.uint8]:
    """Labels after a boundary was traced from one of its sides."""
    k, side, first, last = window
    path, radius = _along(goal, k, side, slice(first, last), hand)
    return paint(labels, path, radius, (k + 1) % len(goal) if side > 0 else k)


def _lay_down(
    labels: NDArray[np.uint8], goal: Heights, k: int, hand: Hand, tally: Tally
) -> NDArray[np.uint8]:
    """Everything below boundary `k` in its class, down to the next boundary."""
    width = goal.shape[1]
    class_index = (k + 1) % len(goal)  # below the last boundary: background
    radius = _following(goal[k])
    for first, last in _pieces(width, EDGE_STROKE_PX):
        path = _below(goal[k], radius, slice(first, last))
        path[:, 0] += hand.along(len(path))
        labels = paint(labels, path, radius, class_index)
        tally.drag("brush", last - first, keys=2 if first == 0 else 0)
    reached = goal[k] + 2 * radius
    end = goal[k + 1] if k + 1 < len(goal) else goal[k]
    while (reached < end - 1).any():
        short = np.flatnonzero(reached < end - 1)
        for first, last in _pieces(int(short[-1]) + 1, FILL_STROKE_PX, int(short[0])):
            columns = np.arange(first, last, dtype=np.float32)
            rows = reached[first:last] + RADII[-1] - 3
            path = np.stack([rows, columns], axis=1).astype(np.float32)
            labels = paint(labels, path, RADII[-1], class_index)
            tally.drag("brush", last - first, keys=1, fills=True)
        reached = reached + 2 * RADII[-1] - 4
    return labels


def _following(curve: Heights) -> float:
    """The largest disc whose upper rim can follow a curve from below."""
    for radius in RADII[:0:-1]:
        rim = _rim(curve, radius)
        if np.abs(_envelope(rim, radius) - curve).mean() <= _FOLLOWS_PX:
            return radius
    return RADII[0]


def _rim(curve: Heights, radius: float) -> Heights:
    """Where the centre of a disc may go that stays below a curve."""
    rim: Heights = grey_dilation(curve, structure=_cap(radius), mode="nearest")
    return rim


def _envelope(centres: Heights, radius: float) -> Heights:
    """The upper edge of what a disc paints."""
    edge: Heights = grey_erosion(centres, structure=_cap(radius), mode="nearest")
    return edge


def _cap(radius: float) -> NDArray[np.float64]:
    reach = int(radius)
    across = np.arange(-reach, reach + 1)
    cap: NDArray[np.float64] = np.sqrt(np.maximum(radius**2 - across**2, 0))
    return cap


def _below(curve: Heights, radius: float, columns: slice) -> NDArray[np.float32]:
    # Pixels whose centre lies below the curve by up to half a row are the first ones.
    rows = _rim(curve, radius)[columns] + 0.5
    at = np.arange(columns.start, columns.stop)
    return np.stack([rows, at], axis=1).astype(np.float32)


def _along(
    goal: Heights, k: int, side: int, columns: slice, hand: Hand
) -> tuple[NDArray[np.float32], float]:
    """Stroke along boundary `k` from below (`side` 1) or above (-1), and its radius."""
    room = _room(goal, k, side)[columns]
    radius = _fitting(float(np.median(room)))
    if side > 0:
        path = _below(goal[k], radius, columns)
    else:
        path = _below(-goal[k], radius, columns)
        path[:, 0] *= -1
    path[:, 0] += hand.along(len(path))
    return path, radius


def _room(goal: Heights, k: int, side: int) -> Heights:
    """Thickness of the layer that is painted."""
    other = k + side
    if not 0 <= other < len(goal):
        return np.full(goal.shape[1], 2 * RADII[-1], np.float32)
    room: Heights = np.abs(goal[other] - goal[k])
    return room


def _fitting(thickness: float) -> float:
    fitting = [radius for radius in RADII if 2 * radius <= thickness]
    return fitting[-1] if fitting else RADII[0]


def _promising(heights: Heights, truth: Heights, failed: set[_Window]) -> list[_Window]:
    """Stretches whose retracing promises most, at most one of a kind."""
    signed = np.where(np.isnan(truth), 0, heights - truth)
    signed = np.where(np.isnan(signed), 20, np.clip(signed, -20, 20))
    found: list[tuple[float, _Window]] = []
    for side in (1, -1):
        wrong = signed * side
        # A hand that trembles costs where nothing was wrong.
        gain = np.where(wrong > 0.8, wrong - 0.8, np.where(wrong > -0.8, -0.4, 0.0))
        total = np.pad(np.cumsum(gain, axis=1), ((0, 0), (1, 0)))
        for length in _LENGTHS:
            each = (total[:, length:] - total[:, :-length])[:, ::_STARTS]
            for k, row in enumerate(each):
                for start in np.argsort(-row)[: len(failed) + 1].tolist():
                    at = start * _STARTS
                    window = (k, side, at, at + length)
                    if window not in failed:
                        found.append((float(row[start]), window))
                        break
    found.sort(reverse=True)
    return [window for gain, window in found[:_N_LOOKED_AT] if gain > 0]


def _pieces(end: int, longest: float, start: int = 0) -> list[tuple[int, int]]:
    """Columns in equal pieces that are no longer than a stroke."""
    n = max(int(np.ceil((end - start) / longest)), 1)
    edges = np.linspace(start, end, n + 1).round().astype(int).tolist()
    return list(pairwise(edges))


def bridged(truth: Heights) -> Heights:
    """The truth, bridged where nobody knows it: a stroke runs on."""
    columns = np.arange(truth.shape[1])
    curves = [
        np.interp(columns, columns[known], row[known]) if known.any() else row
        for row, known in zip(truth, np.isfinite(truth), strict=True)
    ]
    return np.stack(curves).astype(np.float32)
