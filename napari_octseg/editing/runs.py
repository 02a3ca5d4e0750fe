"""Stretches of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def runs_of(present: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First column, and column after the last, of each run of True.

    Parameters
    ----------
    present
        (n_columns,) bool.
    """
    edges = np.diff(np.concatenate([[False], present, [False]]).astype(np.int8))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))
