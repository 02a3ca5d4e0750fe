"""Layers put in order again, with as few pixels changed as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import boundaries_to_labels, enforce_order
from napari_octseg.editing.column_faults import NO_LAYER, column_faults, ranks_of
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Sums of these are exact in float32, so that equal costs are equal.
_WRONG = 1.0
_GAP_OTHERWISE = 1 / 2
_GAP_SECOND = 1 / 4
_AGAINST_HEIGHTS = 1 / 64


def repair(
    labels: NDArray[np.uint8], heights: NDArray[np.float32], layers: Sequence[int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Labels and boundaries of one B-scan without faults.

    Each faulty column gets the ordered layers that differ in the fewest pixels from its
    labels (dynamic programming), and where that leaves a choice, those nearest to its
    boundaries. Findings stay; columns without fault stay as they are; boundaries keep
    their sub-pixel heights where their pixels did not move, and stay absent where
    pixels beside them are not graded.

    Parameters
    ----------
    labels
        (depth, width) uint8; not changed.
    heights
        (len(layers) + 1, width) float32, px from the top, NaN = absent; not changed.
    layers
        Class index of each layer, top to bottom.

    Returns
    -------
    New labels and heights.

    Raises
    ------
    LabelError
        If heights and layers do not fit together.
    """
    labels, heights = labels.copy(), heights.copy()
    if not len(layers):
        return labels, heights
    columns = np.flatnonzero(column_faults(labels, heights, layers).columns)
    if columns.size:
        labels[:, columns], heights[:, columns] = _ordered(
            labels[:, columns], heights[:, columns], layers
        )
    return labels, heights


def _ordered(
    labels: NDArray[np.uint8], heights: NDArray[np.float32], layers: Sequence[int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Faulty columns, put in order."""
    depth = labels.shape[0]
    expected = boundaries_to_labels(heights[:, None], depth, layers)[0]
    first_rows = _cheapest_order(labels, expected, layers)
    # Of pixels that touch an ungraded one nobody knows where the boundary is.
    unknown = np.isnan(heights) & _beside_ungraded(labels, expected, first_rows)
    repaired = _sub_pixel(heights, first_rows)
    repaired[unknown] = np.nan

    rows = np.arange(depth)[:, None]
    state = np.zeros(labels.shape, np.uint8)
    for first in first_rows:
        state += rows >= first
    drawn = np.array([0, *layers, 0], np.uint8)[state]
    known = boundaries_to_labels(repaired[:, None], depth, layers)[0] != IGNORE
    graded_now = (labels == IGNORE) & known & (drawn != 0)
    may_change = (labels == 0) | (ranks_of(labels, layers) != NO_LAYER) | graded_now
    return np.where(may_change, drawn, labels), repaired


def _cheapest_order(
    labels: NDArray[np.uint8], expected: NDArray[np.uint8], layers: Sequence[int]
) -> NDArray[np.intp]:
    """First row of each layer and of what lies below, (n_layers + 1, width).

    States from top to bottom: background, the layers, background. `cheapest[i]` is the
    least cost of the rows above `i` when the last of them is in this state or before.
    """
    n_layers = len(layers)
    votes = _Votes(labels, expected, layers)
    cheapest = [votes.sums(0)]
    for state in range(1, n_layers + 2):
        cost = votes.sums(state)
        cheapest.append(np.minimum.accumulate(cheapest[-1] - cost, axis=0) + cost)
    depth, width = labels.shape
    first_rows = np.empty((n_layers + 1, width), np.intp)
    end = np.full(width, depth)
    rows = np.arange(depth + 1)[:, None]
    for state in range(n_layers + 1, 0, -1):
        change = np.where(rows <= end, cheapest[state - 1] - votes.sums(state), np.inf)
        end = change.argmin(axis=0)
        first_rows[state - 1] = end
    return first_rows


class _Votes:
    """What it costs to give the rows of each column a state.

    In a gap labels and boundaries contradict each other. Boundaries win in columns
    where they fit most of the layer pixels; in others a misplaced piece has pulled them
    off, and background stays background.
    """

    def __init__(
        self,
        labels: NDArray[np.uint8],
        expected: NDArray[np.uint8],
        layers: Sequence[int],
    ) -> None:
        self._n_layers = len(layers)
        self._own = ranks_of(labels, layers)
        self._due = ranks_of(expected, layers)
        self._is_layer = self._own != NO_LAYER
        self._blank = labels == 0
        self._outside = expected == 0
        self._gap = (self._blank | (labels == IGNORE)) & (self._due != NO_LAYER)
        fits = (self._own == self._due) & self._is_layer
        trusted = 2 * fits.sum(axis=0) >= self._is_layer.sum(axis=0)
        # Cost of the gap's pixels in the layer of the boundaries, and as background.
        second = np.float32(_GAP_SECOND)
        self._due_cost = np.where(trusted, np.float32(0), second)
        self._blank_cost = np.where(trusted, second, np.float32(0))

    def sums(self, state: int) -> NDArray[np.float32]:
        """Cost of all rows above each row, (depth + 1, width)."""
        if 1 <= state <= self._n_layers:
            wrong = (self._blank | self._is_layer) & (self._own != state - 1)
            is_due = self._due == state - 1
            in_gap = np.where(is_due, self._due_cost, np.float32(_GAP_OTHERWISE))
        else:
            wrong, is_due = self._is_layer, self._outside
            in_gap = np.broadcast_to(self._blank_cost, wrong.shape)
        cost = np.where(self._gap, in_gap, np.float32(_WRONG) * wrong)
        told = (self._due != NO_LAYER) | self._outside
        cost += np.float32(_AGAINST_HEIGHTS) * (told & ~is_due)
        sums = np.zeros((cost.shape[0] + 1, cost.shape[1]), np.float32)
        np.cumsum(cost, axis=0, out=sums[1:])
        return sums


def _beside_ungraded(
    labels: NDArray[np.uint8],
    expected: NDArray[np.uint8],
    first_rows: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Whether a boundary has a pixel above or below it that stays ungraded."""
    depth, width = labels.shape
    ungraded = np.zeros((depth + 2, width), bool)
    ungraded[1:-1] = (labels == IGNORE) & ((expected == IGNORE) | (expected == 0))
    columns = np.arange(width)
    beside: NDArray[np.bool_] = (
        ungraded[first_rows, columns] | ungraded[first_rows + 1, columns]
    )
    return beside


def _sub_pixel(
    heights: NDArray[np.float32], first_rows: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Heights of boundaries whose first rows are known, near those they had."""
    ordered = enforce_order(heights)
    stays = np.maximum(np.ceil(ordered), 0) == first_rows
    half_above = first_rows.astype(np.float32) - np.float32(0.5)
    return enforce_order(np.where(stays, ordered, half_above))
