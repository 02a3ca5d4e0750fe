"""Anatomical order while boundaries move: push the others, or stop at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Policy = Literal["push", "stop"]
"""push: a boundary takes along those it meets. stop: it stays where it meets one."""


def keep_order(
    heights: NDArray[np.float32], moved: int, policy: Policy
) -> NDArray[np.float32]:
    """Heights without crossings after one boundary was moved.

    Parameters
    ----------
    heights
        (n_boundaries, n_columns) float32, px from the top, NaN absent. The others are
        in order among themselves.
    moved
        Index of the boundary that was moved.
    policy
        What happens where it meets others.

    Returns
    -------
    (n_boundaries, n_columns) float32 in order. NaN stays NaN and stops nobody. With
    ``"stop"`` only the moved boundary differs; with ``"push"`` it does not differ, and
    of the others only those that it would have crossed.

    Raises
    ------
    EditError
        If there is no such boundary or policy.
    """
    if not 0 <= moved < len(heights):
        raise EditError(
            f"Boundary {moved} of {len(heights)}", allowed=f"0…{len(heights) - 1}"
        )
    if policy not in get_args(Policy):
        raise EditError(f"The policy {policy!r}", allowed=", ".join(get_args(Policy)))
    kept = np.array(heights, np.float32)
    mine = kept[moved].copy()
    above, below = kept[:moved], kept[moved + 1 :]
    if policy == "push":
        # minimum and maximum keep NaN of the boundary; fmin would fill it.
        present = np.isfinite(mine)
        above[:, present] = np.minimum(above[:, present], mine[present])
        below[:, present] = np.maximum(below[:, present], mine[present])
        return kept
    none = np.full((1, len(mine)), np.nan, np.float32)
    highest = np.fmax.reduce(np.concatenate([none, above]), axis=0)
    lowest = np.fmin.reduce(np.concatenate([none, below]), axis=0)
    stopped = np.fmin(np.fmax(mine, highest), lowest)
    kept[moved] = np.where(np.isfinite(mine), stopped, mine)
    return kept


def keep_between(
    heights: NDArray[np.float32],
    moved: NDArray[np.float32],
    moves: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Boundaries of which some have moved, stopped by those that have not.

    Parameters
    ----------
    heights, moved
        (n_boundaries, width) float32, px from the top: before and after.
    moves
        (n_boundaries, width) bool: which may differ from `heights`.

    Returns
    -------
    (n_boundaries, width) float32: `heights` where nothing moves, and no crossing in
    columns that had none before.
    """
    held = np.where(moves, np.float32(np.nan), heights)
    above = np.fmax.accumulate(held, axis=0)
    below = np.fmin.accumulate(held[::-1], axis=0)[::-1]
    stopped = np.fmin(np.fmax(moved, above), below)
    # Moved ones among themselves: the upper one wins, as in `enforce_order`.
    ordered = np.fmin(np.fmax.accumulate(stopped, axis=0), below)
    return np.where(moves & np.isfinite(moved), ordered, heights).astype(np.float32)
