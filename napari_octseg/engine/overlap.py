"""The plain mean over windows that begin every few px, from few of these windows.

IterNet (Li et al., WACV 2020) is published with 128 × 128 windows that begin every
3 px: 22 801 of them for 576 × 576 px, of which a pixel lies in 42 or 43 rows of windows
times as many columns. What a window says of a pixel depends on where the pixel lies in
it, through the window's border and the grid of the 2 × 2 pools. Nearly all of that is a
part that depends on the row of the window plus a part that depends on its column. So
the mean of 43 windows that have each row and each column once is nearly the mean of all
43 × 43.

A lattice gives every pixel such windows: the window in row *i* and column *j* is taken
if ``j - g * i`` is a multiple of 43. Pixels near the edge of the image lie in fewer, so
their mean is rougher. With an IterNet of width 8 trained on DRIVE, the mean absolute
difference from all windows was 0.0009 on another photograph of DRIVE, whose edge is
dark (0.0005 where pixels lie in 43), and about 0.002 where vessels run off
every edge. `benchmarks/overlap.py` measures it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_LEAST_PERIOD = 8  # a lattice of fewer columns would leave gaps


class Window(NamedTuple):
    """First row and column, px, and its weight in the mean."""

    top: int
    left: int
    weight: float


def padding_to_fit(length: int, size: int, stride: int) -> int:
    """Add so many px to `length` that windows every `stride` px end with it."""
    return max(size - length, (size - length) % stride)


def all_windows(
    lengths: tuple[int, int], size: tuple[int, int], stride: int
) -> list[Window]:
    """Every window of the published way; arguments as for `spread_windows`."""
    tops, lefts = (
        range(0, length - extent + 1, stride)
        for length, extent in zip(lengths, size, strict=True)
    )
    return [Window(top, left, 1.0) for top in tops for left in lefts]


def spread_windows(
    lengths: tuple[int, int], size: tuple[int, int], stride: int
) -> list[Window]:
    """Windows whose mean is nearly that of all.

    Parameters
    ----------
    lengths
        (rows, columns) of the padded image, px.
    size
        (rows, columns) of a window, px.
    stride
        px from one window to the next.

    Returns
    -------
    Windows that cover every pixel: one of as many as there are strides in a window, and
    twice as many along the edges of the image, where pixels lie in few.
    """
    period = min(math.ceil(extent / stride) for extent in size)
    windows = all_windows(lengths, size, stride)
    if period < _LEAST_PERIOD:
        return windows
    n_rows, n_columns = (
        (length - extent) // stride + 1
        for length, extent in zip(lengths, size, strict=True)
    )
    row, column = np.indices((n_rows, n_columns))
    place = (column - _generator(period) * row) % period
    at_end_of_rows = (column == 0) | (column == n_columns - 1)
    at_end_of_columns = (row == 0) | (row == n_rows - 1)
    at_edge = at_end_of_rows | at_end_of_columns
    taken = (place == 0) | (at_edge & (place == period // 2))
    taken |= at_end_of_rows & at_end_of_columns
    # Where there are twice as many, each counts half.
    weights = np.where(at_edge, 0.5, 1.0).ravel()
    return [
        windows[i]._replace(weight=float(weights[i]))
        for i in np.flatnonzero(taken).tolist()
    ]


@cache
def _generator(period: int) -> int:
    """Columns from a row's window to the next row's: as far apart as can be."""

    def shortest(step: int) -> int:
        """Squared distance of the two nearest windows."""
        return min(
            rows**2 + min(rows * step % period, -rows * step % period) ** 2
            for rows in range(1, period)
        )

    # Only then every column has a window in as many rows, too.
    fitting = [step for step in range(1, period) if math.gcd(step, period) == 1]
    return max(fitting, key=shortest)


def predict_averaged(
    predict: Callable[[Tensor], Tensor],
    images: Tensor,
    size: tuple[int, int],
    stride: int,
    *,
    choose: Callable[..., list[Window]] = spread_windows,
    at_once: int = 1,
) -> Tensor:
    """Mean probability over windows that begin every `stride` px.

    The image is continued by zeros at the bottom and right, so that the last windows
    end with it, as published.

    Parameters
    ----------
    predict
        (N, C, *size) → probabilities (N, n_classes, *size).
    images
        (N, C, H, W).
    size, stride
        As for `spread_windows`.
    choose
        `spread_windows`, or `all_windows` for the exact mean.
    at_once
        Windows of each image that the network gets in one batch.

    Returns
    -------
    (N, n_classes, H, W) float32, summing to 1 over the classes.
    """
    n_images, _, rows, columns = images.shape
    below, right = (
        padding_to_fit(length, extent, stride)
        for length, extent in zip((rows, columns), size, strict=True)
    )
    images = functional.pad(images, (0, right, 0, below))
    lengths = (rows + below, columns + right)
    windows = choose(lengths, size, stride)
    total: Tensor | None = None
    for first in range(0, len(windows), at_once):
        some = windows[first : first + at_once]
        areas = [
            (..., slice(top, top + size[0]), slice(left, left + size[1]))
            for top, left, _ in some
        ]
        batch = torch.cat([images[area] for area in areas])
        values = torch.split(predict(batch).float(), n_images)
        if total is None:
            total = values[0].new_zeros(n_images, values[0].shape[1], *lengths)
            weight = values[0].new_zeros(lengths)
        for window, area, value in zip(some, areas, values, strict=True):
            total[area] += window.weight * value
            weight[area] += window.weight
    assert total is not None
    return total.div_(weight)[..., :rows, :columns]
