"""The cheapest way through a grid, column by column, and its sub-pixel course."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FLAT = 1e-6
_FLAT_WEIGHT = 0.02
_FIXED_WEIGHT = 1e6


def tolls(max_step: int, price: float) -> NDArray[np.float32]:
    """Price of each step: quadratic up to one row, linear beyond (Huber).

    Small wiggles cost little, steep stretches not too much.

    Parameters
    ----------
    max_step
        Rows per column, at least 0.
    price
        Of a step of one row.

    Returns
    -------
    (2 · max_step + 1,) float32, for steps from ``-max_step`` to ``max_step``.
    """
    step = np.abs(np.arange(-max_step, max_step + 1, dtype=np.float32))
    prices: NDArray[np.float32] = np.float32(price) * np.maximum(2 * step - 1, 0)
    return prices


def cheapest_path(
    cost: NDArray[np.float32],
    toll: NDArray[np.float32],
    first: int | None = None,
    last: int | None = None,
) -> NDArray[np.intp] | None:
    """Rows of the path with the least sum of costs and tolls.

    Dynamic programming, as for boundaries in Chiu et al., *Automatic segmentation of
    seven retinal layers in SDOCT images …*, Opt. Express 18:19413, 2010.

    Parameters
    ----------
    cost
        (n_columns, n_rows) float32; infinite where the path must not be.
    toll
        (2 · max_step + 1,) float32: price of each step to the next column (`tolls`).
    first, last
        Row of the first and of the last column; None if free.

    Returns
    -------
    (n_columns,) rows; None if no path exists.
    """
    n_columns, n_rows = cost.shape
    reach = len(toll) // 2
    total = np.full((n_columns, n_rows + 2 * reach), np.inf, np.float32)
    inner = total[:, reach : reach + n_rows]
    if first is None:
        inner[0] = cost[0]
    else:
        inner[0, first] = 0
    # before[c, s, r]: what it costs to be in column c, s - reach rows from r.
    before = np.lib.stride_tricks.sliding_window_view(total, n_rows, axis=1)
    by_step = toll[:, None]
    paid = np.empty((len(toll), n_rows), np.float32)
    for column in range(1, n_columns):
        np.add(before[column - 1], by_step, out=paid)
        here = inner[column]
        np.minimum.reduce(paid, axis=0, out=here)
        here += cost[column]
    at = int(inner[-1].argmin()) if last is None else last
    if not np.isfinite(inner[-1, at]):
        return None
    path = np.empty(n_columns, np.intp)
    path[-1] = at
    for column in range(n_columns - 2, -1, -1):
        at += int((total[column, at : at + len(toll)] + toll).argmin()) - reach
        path[column] = at
    return path


def valley_bottoms(
    cost: NDArray[np.float32], path: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where exactly the valleys of the cost are that a path runs along.

    Parameters
    ----------
    cost
        (n_columns, n_rows) float32, finite.
    path
        (n_columns,) rows.

    Returns
    -------
    The bottoms, (n_columns,) float64 rows: of a parabola through the three rows around
    the lowest one next to the path; and how sharp the valleys are there, (n_columns,)
    float64, at least 0. Where it is 0, there is no valley and the row is that of the
    path.
    """
    n_columns, n_rows = cost.shape
    if n_rows < 3:
        return path.astype(np.float64), np.zeros(n_columns)
    column = np.arange(n_columns)
    near = np.clip(path, 1, n_rows - 2)[:, None] + np.array([-1, 0, 1])
    middle = near[column, cost[column[:, None], near].argmin(axis=1)]
    middle = np.clip(middle, 1, n_rows - 2)
    above, here, below = (cost[column, middle + k] for k in (-1, 0, 1))
    sharp = (above - 2 * here + below).astype(np.float64)
    sharp[sharp < _FLAT] = 0
    shift = (above - below) / np.maximum(2 * sharp, _FLAT)
    rows = np.where(sharp > 0, middle + np.clip(shift, -0.5, 0.5), path)
    return rows, sharp


def smooth_course(
    rows: NDArray[np.float64],
    sharp: NDArray[np.float64],
    smoothness: float,
    fixed: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """A smoothing spline through bottoms of valleys.

    Parameters
    ----------
    rows, sharp
        (n_columns,) as `valley_bottoms` gives them: the sharper, the more a row counts.
    smoothness
        Price of bending, 0 or more.
    fixed
        (n_columns,) rows that are known exactly, NaN elsewhere.

    Returns
    -------
    (n_columns,) float64 rows; those that are fixed are exact.
    """
    from scipy.linalg import solveh_banded

    course = rows.copy()
    weight = sharp / max(float(sharp.mean()), _FLAT) + _FLAT_WEIGHT
    known = np.zeros(len(rows), np.bool_)
    if fixed is not None:
        known = np.isfinite(fixed)
        course[known] = fixed[known]
        weight[known] = _FIXED_WEIGHT
    if smoothness > 0 and len(rows) > 2:
        course = solveh_banded(_spline(weight, smoothness), weight * course)
    if fixed is not None:
        course[known] = fixed[known]
    return course


def _spline(weight: NDArray[np.float64], smoothness: float) -> NDArray[np.float64]:
    """Bands of ``diag(weight) + smoothness · D'D``, D the second difference."""
    n = len(weight)
    bands = np.zeros((3, n))
    bands[2] = weight
    for offset, factor in ((0, 1.0), (1, 4.0), (2, 1.0)):
        bands[2, offset : n - 2 + offset] += smoothness * factor
    bands[1, 1 : n - 1] -= 2 * smoothness
    bands[1, 2:] -= 2 * smoothness
    bands[0, 2:] += smoothness
    return bands
