"""Filling the space between surfaces of one B-scan, with exact edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Profile = NDArray[np.float32]


class Steps:
    """A B-scan made of steps: everything below a surface changes by an amount.

    Steps are gathered in a difference image and summed once, so that a surface costs
    one pass over the A-scans and not over the pixels. An edge between two rows is
    shared by them in proportion.
    """

    def __init__(self, depth: int, width: int) -> None:
        self._depth = depth
        self._change = np.zeros((depth + 2, width), np.float32)
        self._columns = np.arange(width)

    def below(self, height: Profile, amount: Profile | float) -> None:
        """Add `amount` to all that is below `height` (width,) px; NaN adds nothing."""
        known = ~np.isnan(height)
        edge = np.clip(np.where(known, height, 0) + 0.5, 0, self._depth)
        row = edge.astype(np.intp)
        share = (edge - row).astype(np.float32)
        step = np.where(known, amount, 0).astype(np.float32)
        self._change[row, self._columns] += step * (1 - share)
        self._change[row + 1, self._columns] += step * share

    def between(self, top: Profile, bottom: Profile, amount: Profile | float) -> None:
        """Add `amount` between two surfaces."""
        self.below(top, amount)
        self.below(np.maximum(top, bottom), -np.asarray(amount, np.float32))

    def image(self) -> NDArray[np.float32]:
        """The sum of all steps, (depth, width) float32."""
        summed: NDArray[np.float32] = np.cumsum(self._change[: self._depth], axis=0)
        return summed


def rows_between(top: Profile, bottom: Profile, depth: int) -> tuple[int, int]:
    """First and one past the last row that two surfaces enclose anywhere."""
    if np.isnan(top).all():
        return 0, 0
    first = int(np.clip(np.floor(np.nanmin(top)) - 1, 0, depth))
    last = int(np.clip(np.ceil(np.nanmax(bottom)) + 2, 0, depth))
    return first, max(first, last)


def coverage(
    top: Profile, bottom: Profile, first: int, last: int
) -> NDArray[np.float32]:
    """Share of each pixel of rows ``first … last - 1`` that lies between surfaces."""
    rows = np.arange(first, last, dtype=np.float32)[:, None]
    upper = np.clip(rows - top[None] + np.float32(0.5), 0, 1)
    lower = np.clip(rows - bottom[None] + np.float32(0.5), 0, 1)
    share: NDArray[np.float32] = np.nan_to_num(np.maximum(upper - lower, 0))
    return share


def inside(top: Profile, bottom: Profile, first: int, last: int) -> NDArray[np.bool_]:
    """Pixels between surfaces, by the rule of `boundaries_to_labels`."""
    rows = np.arange(first, last, dtype=np.float32)[:, None]
    return (rows >= top[None]) & (rows < bottom[None])
