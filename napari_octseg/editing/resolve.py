"""All boundaries of a B-scan solved again, exactly through what a person has fixed.

Each boundary is the cheapest path of offsets from where it is expected, found by
dynamic programming between the boundaries that are solved already (Chiu et al.,
*Automatic segmentation of seven retinal layers in SDOCT images …*, Opt. Express
18:19413, 2010, limits the search in the same way). Near fixed columns it is expected
where they point and the image counts, far from them the model's word does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.cost import cost_at
from napari_octseg.editing.nearness import distance_to, falling
from napari_octseg.editing.shortest_path import (
    cheapest_path,
    smooth_course,
    tolls,
    valley_bottoms,
)
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS_PX = 2
_STIFFNESS = 0.1
"""Price of a change by one px, from column to column, of how far a boundary moves."""

_REACH_PX = 12
"""How far one may move from where it is expected; others may push it farther."""

_SMOOTHNESS = 2.0
_HELD_FAR = 0.25
_HELD_NEAR = 0.01
"""Price per px beside where a boundary is expected: far from fixed columns, at them."""

_DOUBT = 3
"""Half way to a fixed column neither it nor the model is believed: its power."""


def resolve(
    costs: NDArray[np.float32],
    fixed: NDArray[np.float32],
    *,
    own: NDArray[np.float32] | None = None,
    near: NDArray[np.float32] | None = None,
    half_width: float = 24.0,
) -> NDArray[np.float32]:
    """Best boundaries that pass exactly through fixed columns.

    Parameters
    ----------
    costs
        (n_boundaries, depth, width) float32 in 0…1, low on the boundary; row *r* stands
        for the height ``r - 0.5`` (`cost.boundary_cost`, `boundary_chance`).
    fixed
        (n_boundaries, width) float32, px from the top; NaN where a boundary is free.
    own
        (n_boundaries, width) float32: the model's answer; NaN where there is none.
        Without it, the cheapest ordered paths through the costs stand for it.
    near
        Costs like `costs` that take their place near fixed columns, such as those of
        the image where `costs` come from a model: what a person has corrected there is
        what the model got wrong.
    half_width
        Columns from a fixed one to where it counts half, above 0.

    Returns
    -------
    (n_boundaries, width) float32 in order. NaN where `own` is NaN and nothing is fixed.

    Raises
    ------
    EditError
        If the shapes do not fit, or fixed boundaries cross.
    """
    n_boundaries, _, width = costs.shape
    for name, heights in (("fixed", fixed), ("own", own)):
        if heights is not None and heights.shape != (n_boundaries, width):
            raise EditError(
                f"Boundaries {name!r} of shape {heights.shape}",
                allowed=f"({n_boundaries}, {width}), as the costs have it",
            )
    if near is not None and near.shape != costs.shape:
        raise EditError(
            f"Costs near fixed columns of shape {near.shape}",
            allowed=f"{costs.shape}, as the other costs have it",
        )
    _check_order(fixed)
    toll = tolls(_STEPS_PX, _STIFFNESS)
    own = _cheapest(costs, toll) if own is None else own
    solved = np.full((n_boundaries, width), np.nan, np.float32)
    offsets = np.arange(-_REACH_PX, _REACH_PX + 1, dtype=np.float32)
    for k in _most_certain_first(costs, fixed, own):
        known = np.where(np.isnan(fixed), solved, fixed)
        base = _filled_or(own[k], fixed[k])
        if base is None:
            continue
        trust, expected = _expected(base, fixed[k], half_width)
        heights = np.clip(expected + offsets[:, None], *_limits(known, k))
        paid = cost_at(costs[k], heights)
        if near is not None:
            paid += trust * (cost_at(near[k], heights) - paid)
        held = _HELD_NEAR + _HELD_FAR * (1 - trust) ** _DOUBT
        paid += held * np.abs(heights - expected)
        solved[k] = _path(paid, heights, offsets, toll, free=np.isnan(fixed[k]))
        solved[k, np.isnan(own[k]) & np.isnan(fixed[k])] = np.nan
        given = np.isfinite(fixed[k])
        solved[k, given] = fixed[k, given]
    return solved


def _check_order(fixed: NDArray[np.float32]) -> None:
    highest = np.fmax.accumulate(fixed, axis=0)
    crossing = (fixed < highest).any(axis=0)
    if crossing.any():
        raise EditError(
            f"Fixed boundaries cross in column {int(crossing.argmax())}",
            allowed="boundaries in order, top to bottom",
            todo="move one of them there",
        )


def _cheapest(
    costs: NDArray[np.float32], toll: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What the costs alone say: each boundary between those solved before it."""
    n_boundaries, depth, width = costs.shape
    solved = np.full((n_boundaries, width), np.nan, np.float32)
    rows = np.arange(depth, dtype=np.float32)
    # The deeper the valley, the more certain the boundary.
    valley = np.median(costs, axis=1) - costs.min(axis=1)
    for k in np.argsort(-valley.mean(axis=1), kind="stable"):
        heights = np.clip(rows[:, None] - np.float32(0.5), *_limits(solved, k))
        paid = cost_at(costs[k], heights)
        solved[k] = _path(paid, heights, rows, toll, free=np.ones(width, np.bool_))
    return solved


def _most_certain_first(
    costs: NDArray[np.float32], fixed: NDArray[np.float32], own: NDArray[np.float32]
) -> list[int]:
    """Boundaries in the order in which they are solved: fixed ones, then cheap ones."""
    n_fixed = np.isfinite(fixed).sum(axis=1)
    paid = [
        float(np.mean(cost_at(cost, _filled(curve)))) if _any(curve) else np.inf
        for cost, curve in zip(costs, own, strict=True)
    ]
    return sorted(range(len(costs)), key=lambda k: (-int(n_fixed[k]), paid[k]))


def _any(curve: NDArray[np.float32]) -> bool:
    return bool(np.isfinite(curve).any())


def _filled_or(
    own: NDArray[np.float32], fixed: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Heights without gaps: the model's, or the mean of the fixed ones."""
    if _any(own):
        return _filled(own)
    return np.full_like(own, np.nanmean(fixed)) if _any(fixed) else None


def _expected(
    base: NDArray[np.float32], fixed: NDArray[np.float32], half_width: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much the person's word counts (0…1), and where it puts the boundary."""
    given = np.flatnonzero(np.isfinite(fixed))
    if not len(given):
        return np.zeros_like(base), base
    trust = falling(distance_to(np.isfinite(fixed)), half_width)
    change = np.interp(np.arange(len(base)), given, fixed[given] - base[given])
    expected = (base + trust * change).astype(np.float32)
    expected[given] = fixed[given]
    return trust, expected


def _filled(curve: NDArray[np.float32]) -> NDArray[np.float32]:
    """The curve with its gaps bridged by straight lines."""
    known = np.flatnonzero(np.isfinite(curve))
    bridged = np.interp(np.arange(len(curve)), known, curve[known])
    return bridged.astype(np.float32)


def _limits(
    known: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and greatest height of boundary `k`, given those that are known."""
    none = np.full((1, known.shape[1]), np.nan, np.float32)
    least = np.fmax.reduce(np.concatenate([none, known[:k]]), axis=0)
    most = np.fmin.reduce(np.concatenate([none, known[k + 1 :]]), axis=0)
    least[np.isnan(least)] = -np.inf
    most[np.isnan(most)] = np.inf
    return least, most


def _path(
    paid: NDArray[np.float32],
    heights: NDArray[np.float32],
    offsets: NDArray[np.float32],
    toll: NDArray[np.float32],
    *,
    free: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Cheapest way through heights (n_offsets, width); where not free, the offset 0."""
    by_column = np.ascontiguousarray(paid.T, np.float32)
    allowed = by_column.copy()
    allowed[np.ix_(~free, offsets != 0)] = np.inf
    path = cheapest_path(allowed, toll)
    assert path is not None  # the offset 0 is allowed everywhere
    known = np.where(free, np.float32(np.nan), np.float32(-offsets[0]))
    fine = smooth_course(*valley_bottoms(by_column, path), _SMOOTHNESS, known)
    # Heights are evenly spaced up to their limits: between two of them in proportion.
    fine = np.clip(fine, 0, len(offsets) - 1)
    upper = np.minimum(fine.astype(np.intp), max(len(offsets) - 2, 0))
    columns = np.arange(len(fine))
    above = heights[upper, columns]
    below = heights[np.minimum(upper + 1, len(offsets) - 1), columns]
    return np.asarray(above + (fine - upper) * (below - above), np.float32)
