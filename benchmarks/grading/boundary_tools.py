"""A grader with our boundary tools: trace, live-wire, pen, knots and magnet.

From an empty start each boundary is traced from one click, where its preview is best.
Then, as from a prediction, the stretch that is most wrong is corrected by the tool that
promises most per action. What turns out worse than before is undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter1d

from benchmarks.grading.brush_layers import (
    MOST_ACTIONS,
    TARGET_PX,
    Corrected,
    bridged,
)
from benchmarks.grading.cost import EDGE_STROKE_PX, Tally
from benchmarks.grading.layer_cases import column_errors, error_px
from napari_octseg.editing.knots import knots_of, move_knot
from napari_octseg.editing.livewire import live_wire
from napari_octseg.editing.magnet import push
from napari_octseg.editing.ordering import keep_order
from napari_octseg.editing.pen import redraw
from napari_octseg.editing.runs import runs_of
from napari_octseg.editing.trace import retrace, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.grading.hand import Hand
    from benchmarks.grading.sight import Sight

    Heights = NDArray[np.float32]
    Curve = NDArray[np.float32]

_TREMBLE_PX = 0.8  # mean error of what a hand draws with a standard deviation of 1 px
_N_RUNS = 4
_PLACES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the width, where the preview is looked at


@dataclass(frozen=True)
class _Plan:
    """One way to correct: how many actions, what is hoped for, and how to do it."""

    tool: str
    boundary: int
    first: int
    last: int
    n_actions: int
    gain: float
    do: Callable[[Hand, Tally], Curve]

    @property
    def key(self) -> tuple[str, int, int, int]:
        """To know it again."""
        return self.tool, self.boundary, self.first // 8, self.last // 8


def correct_layers(
    sight: Sight,
    truth: Heights,
    start: Heights,
    hand: Hand,
    *,
    target_px: float = TARGET_PX,
    most: int = MOST_ACTIONS,
) -> Corrected:
    """Correct until the mean boundary error is at most `target_px`.

    Parameters
    ----------
    sight
        The B-scan.
    truth, start
        (n_boundaries, width) float32, px from the top; boundaries without any height
        are drawn first.
    hand, target_px, most
        As for `brush_layers.paint_layers`.
    """
    tally = Tally()
    goal = bridged(truth)
    heights = np.array(start, np.float32)
    heights = _draw(sight, goal, heights, hand, tally)
    error = error_px(heights, truth)
    failed: set[tuple[str, int, int, int]] = set()
    while error > target_px and tally.actions < most:
        plans = [
            plan
            for plan in _plans(sight, goal, truth, heights)
            if plan.key not in failed and plan.gain > 0
        ]
        if not plans:
            break
        best = max(plans, key=lambda plan: plan.gain / plan.n_actions)
        curve = best.do(hand, tally)
        after = _put(heights, best.boundary, curve)
        new = error_px(after, truth)
        if new >= error:
            tally.key("undo")
            failed.add(best.key)
            continue
        heights, error = after, new
    return Corrected(heights, tally, error)


def _put(heights: Heights, k: int, curve: Curve) -> Heights:
    changed = heights.copy()
    changed[k] = curve
    return keep_order(changed, k, "push")


def _draw(
    sight: Sight, goal: Heights, heights: Heights, hand: Hand, tally: Tally
) -> Heights:
    """Boundaries that are not there yet, each traced from one click.

    The one whose preview is best comes first: those that are drawn hold the others.
    """
    width = goal.shape[1]
    places = [round(share * (width - 1)) for share in _PLACES]
    seen: dict[tuple[int, int, int, int], float] = {}
    while True:
        missing = np.flatnonzero(np.isnan(heights).all(axis=1)).tolist()
        if not missing:
            return heights
        ways = [(k, *_beside(heights, k), column) for k in missing for column in places]
        for way in ways:
            if way not in seen:
                path = _traced(sight, heights, way[0], (goal[way[0], way[3]], way[3]))
                seen[way] = float(np.minimum(np.abs(path - goal[way[0]]), 20).mean())
        k, _, _, column = min(ways, key=lambda way: seen[way])
        click = _click(hand, goal, k, column, sight)
        tally.click("trace", keys=1)
        heights = _put(heights, k, _traced(sight, heights, k, click))


def _beside(heights: Heights, k: int) -> tuple[int, int]:
    """The boundaries above and below that are drawn; -1 and the number if none is."""
    drawn = np.flatnonzero(~np.isnan(heights).all(axis=1))
    above, below = drawn[drawn < k], drawn[drawn > k]
    return (
        int(above[-1]) if len(above) else -1,
        int(below[0]) if len(below) else len(heights),
    )


def _traced(
    sight: Sight, heights: Heights, k: int, click: tuple[float, float]
) -> Curve:
    """What one click gives, between the boundaries that are drawn."""
    above, below = _beside(heights, k)
    band = (
        heights[above] if above >= 0 else None,
        heights[below] if below < len(heights) else None,
    )
    return trace(sight.costs[k], click, band=band, around=sight.around)


def _click(
    hand: Hand, goal: Heights, k: int, column: int, sight: Sight
) -> tuple[float, float]:
    """A click on a boundary, within the image."""
    row, at = hand.click(float(goal[k, column]), float(column))
    depth, width = sight.image.shape
    if column in (0, width - 1):
        at = float(column)  # the window's edge stops the pointer
    return float(np.clip(row, 0, depth - 1)), float(np.clip(at, 0, width - 1))


def _wire(
    sight: Sight, k: int, clicks: Sequence[tuple[float, float]]
) -> tuple[int, Curve]:
    """Live-wire that other boundaries do not hold: it pushes them."""
    return live_wire(sight.costs[k], clicks, around=sight.around)


def _penned(
    curve: Curve,
    goal: Heights,
    k: int,
    first: int,
    last: int,
    hand: Hand,
    tally: Tally,
) -> Curve:
    columns = np.arange(first, last + 1, dtype=np.float32)
    rows = goal[k, first : last + 1] + hand.along(len(columns))
    tally.drag("pen", last - first, keys=1)
    return redraw(curve, np.stack([rows, columns], axis=1))


def _plans(
    sight: Sight, goal: Heights, truth: Heights, heights: Heights
) -> Iterator[_Plan]:
    """Ways to correct the stretches that are most wrong."""
    errors = column_errors(heights, truth)
    for k, first, last in _worst_runs(errors):
        yield from _by_trace(sight, goal, truth, heights, errors, k, first, last)
        yield from _by_wire(sight, goal, heights, errors, k, first, last)
        yield from _by_pen(goal, heights, errors, k, first, last)
        if np.isfinite(heights[k, first : last + 1]).all():
            yield from _by_knot(goal, truth, heights, errors, k, first, last)
            yield from _by_magnet(goal, truth, heights, errors, k, first, last)


def _worst_runs(errors: NDArray[np.float32]) -> list[tuple[int, int, int]]:
    """(boundary, first, last column) of the stretches with the largest error."""
    found = []
    for k, row in enumerate(errors):
        wrong = uniform_filter1d(row, 9, mode="nearest") > 1
        # A person does not tell stretches apart that nearly touch.
        joined = uniform_filter1d(wrong.astype(np.float32), 21, mode="nearest") > 0.01
        for start, stop in runs_of(joined):
            inside = np.flatnonzero(wrong[start:stop])
            first, last = start + int(inside[0]), start + int(inside[-1])
            size = float((row[first : last + 1] - _TREMBLE_PX).sum())
            found.append((size, k, first, last))
    found.sort(reverse=True)
    return [(k, first, last) for _, k, first, last in found[:_N_RUNS]]


def _by_trace(
    sight: Sight,
    goal: Heights,
    truth: Heights,
    heights: Heights,
    errors: NDArray[np.float32],
    k: int,
    first: int,
    last: int,
) -> Iterator[_Plan]:
    peak = first + int(np.argmax(errors[k, first : last + 1]))
    at = {peak, (first + last) // 2, (3 * first + last) // 4, (first + 3 * last) // 4}
    for column in sorted(at):
        curve = _retraced(sight, heights, k, (float(goal[k, column]), column))

        def do(hand: Hand, tally: Tally, column: int = column) -> Curve:
            tally.click("trace", keys=1)
            return _retraced(sight, heights, k, _click(hand, goal, k, column, sight))

        gain = _gain(errors[k], curve, truth[k])
        yield _Plan("trace", k, column, column, 1, gain, do)


def _retraced(
    sight: Sight, heights: Heights, k: int, click: tuple[float, float]
) -> Curve:
    """The boundary after one click, up to where it meets itself."""
    traced = _traced(sight, heights, k, click)
    first, part = retrace(heights[k], traced, round(click[1]))
    curve: Curve = heights[k].copy()
    curve[first : first + len(part)] = part
    return curve


def _by_wire(
    sight: Sight,
    goal: Heights,
    heights: Heights,
    errors: NDArray[np.float32],
    k: int,
    first: int,
    last: int,
) -> Iterator[_Plan]:
    width = goal.shape[1]
    a, b = max(first - 4, 0), min(last + 4, width - 1)
    middle = (a + b) // 2
    for places in ((a, b), (a, middle), (middle, b), (a, middle, b)):
        if places[-1] - places[0] < 4 or len(set(places)) < len(places):
            continue
        clicks = [(float(goal[k, c]), float(c)) for c in places]
        start, path = _wire(sight, k, clicks)
        columns = slice(start, start + len(path))
        left = np.minimum(np.abs(path - goal[k, columns]), 20)
        gain = float(errors[k, columns].sum() - left.sum())

        def do(hand: Hand, tally: Tally, places: tuple[int, ...] = places) -> Curve:
            landed = [_click(hand, goal, k, c, sight) for c in places]
            for number, _ in enumerate(landed):
                tally.click("live-wire", keys=2 if number == 0 else 0)
            start, path = _wire(sight, k, landed)
            curve: Curve = heights[k].copy()
            curve[start : start + len(path)] = path
            return curve

        yield _Plan("live-wire", k, places[0], places[-1], len(places), gain, do)


def _by_pen(
    goal: Heights,
    heights: Heights,
    errors: NDArray[np.float32],
    k: int,
    first: int,
    last: int,
) -> Iterator[_Plan]:
    length = int(EDGE_STROKE_PX)
    if last - first > length:
        total = np.concatenate([[0], np.cumsum(errors[k, first : last + 1])])
        best = int(np.argmax(total[length:] - total[:-length]))
        first, last = first + best, first + best + length - 1
    gain = float((errors[k, first : last + 1] - _TREMBLE_PX).sum())

    def do(hand: Hand, tally: Tally) -> Curve:
        return _penned(heights[k], goal, k, first, last, hand, tally)

    yield _Plan("pen", k, first, last, 1, gain, do)


def _by_knot(
    goal: Heights,
    truth: Heights,
    heights: Heights,
    errors: NDArray[np.float32],
    k: int,
    first: int,
    last: int,
) -> Iterator[_Plan]:
    knots = knots_of(heights[k])
    inside = np.flatnonzero((knots[:, 1] >= first) & (knots[:, 1] <= last))
    if not len(inside):
        return
    columns = knots[inside, 1].astype(int)
    index = int(inside[int(np.argmax(errors[k, columns]))])
    column = int(knots[index, 1])
    moved = move_knot(heights[k], knots, index, float(goal[k, column]))

    def do(hand: Hand, tally: Tally) -> Curve:
        row, _ = hand.click(float(goal[k, column]), column)
        tally.drag("knot", abs(row - float(knots[index, 0])), keys=1)
        return move_knot(heights[k], knots, index, row)

    gain = _gain(errors[k], moved, truth[k])
    yield _Plan("knot", k, column, column, 1, gain, do)


def _by_magnet(
    goal: Heights,
    truth: Heights,
    heights: Heights,
    errors: NDArray[np.float32],
    k: int,
    first: int,
    last: int,
) -> Iterator[_Plan]:
    smooth = uniform_filter1d(errors[k, first : last + 1], 9, mode="nearest")
    column = first + int(np.argmax(smooth))
    length = last - first + 1
    for radius in sorted({max(length / 2, 8.0), max(float(length), 8.0)}):
        at = (float(heights[k, column]), float(column))
        to = (float(goal[k, column]), float(column))

        def do(
            hand: Hand,
            tally: Tally,
            at: tuple[float, float] = at,
            to: tuple[float, float] = to,
            radius: float = radius,
        ) -> Curve:
            # The first press only takes hold; where it lets go decides.
            landed = hand.click(*to)
            tally.drag("magnet", abs(landed[0] - at[0]), keys=2)
            return push(heights[k], at, landed, radius)

        gain = _gain(errors[k], push(heights[k], at, to, radius), truth[k])
        yield _Plan("magnet", k, column, int(radius), 1, gain, do)


def _gain(before: Curve, after: Curve, truth: Curve) -> float:
    return float(before.sum() - column_errors(after, truth).sum())
