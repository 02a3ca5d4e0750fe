from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.editing.ordering import Policy, keep_between, keep_order
from napari_octseg.errors import EditError


@st.composite
def moves(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Ordered heights, the same with one boundary moved anywhere, and which."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 7))
    before = np.sort(random.uniform(0, 50, (n, 12)), axis=0).astype(np.float32)
    if draw(st.booleans()):
        before[random.random(before.shape) < 0.3] = np.nan
    moved = draw(st.integers(0, n - 1))
    after = before.copy()
    after[moved] = random.uniform(-10, 60, 12)
    after[moved, random.random(12) < 0.2] = np.nan
    return before, after, moved


def crossings(heights: np.ndarray) -> int:
    count = 0
    for column in heights.T:
        count += int((np.diff(column[np.isfinite(column)]) < 0).sum())
    return count


def same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a == b) | (np.isnan(a) & np.isnan(b))


@given(moves(), st.sampled_from(get_args(Policy)))
def test_nothing_crosses_and_gaps_stay(
    case: tuple[np.ndarray, np.ndarray, int], policy: Policy
) -> None:
    _, after, moved = case
    given_heights = after.copy()
    kept = keep_order(after, moved, policy)
    assert crossings(kept) == 0
    assert np.array_equal(np.isnan(kept), np.isnan(after))
    assert np.array_equal(after, given_heights, equal_nan=True)
    assert np.array_equal(keep_order(kept, moved, policy), kept, equal_nan=True)


@given(moves())
def test_stop_changes_the_moved_boundary_alone(
    case: tuple[np.ndarray, np.ndarray, int],
) -> None:
    before, after, moved = case
    kept = keep_order(after, moved, "stop")
    others = np.arange(len(before)) != moved
    assert same(kept[others], before[others]).all()
    # Where there was room for it, it is where it was moved to.
    above = np.fmax.reduce(np.vstack([after[:moved], np.full((1, 12), -np.inf)]))
    below = np.fmin.reduce(np.vstack([after[moved + 1 :], np.full((1, 12), np.inf)]))
    room = (after[moved] >= above) & (after[moved] <= below)
    assert (kept[moved][room] == after[moved][room]).all()


@given(moves())
def test_push_changes_only_those_that_would_be_crossed(
    case: tuple[np.ndarray, np.ndarray, int],
) -> None:
    before, after, moved = case
    kept = keep_order(after, moved, "push")
    assert same(kept[moved], after[moved]).all()
    index = np.arange(len(before))[:, None]
    crossed = (index < moved) & (before > after[moved])
    crossed |= (index > moved) & (before < after[moved])
    assert (kept[crossed] == np.broadcast_to(after[moved], before.shape)[crossed]).all()
    left_alone = ~crossed & (index != moved)
    assert same(kept, before)[left_alone].all()


def test_both_policies_on_one_column() -> None:
    heights = np.array([[10], [40], [np.nan], [30], [50]], np.float32)
    assert keep_order(heights, 1, "stop")[:, 0].tolist()[:2] == [10, 30]
    pushed = keep_order(heights, 1, "push")[:, 0]
    assert pushed[[0, 1, 3, 4]].tolist() == [10, 40, 40, 50]


def test_wrong_names_and_numbers_are_refused() -> None:
    heights = np.zeros((2, 3), np.float32)
    with pytest.raises(EditError, match="Boundary 2 of 2"):
        keep_order(heights, 2, "push")
    with pytest.raises(EditError, match="push, stop"):
        keep_order(heights, 0, "jump")  # type: ignore[arg-type]


@given(seed=st.integers(0, 10_000))
def test_moved_boundaries_stay_between_the_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    heights = np.sort(rng.uniform(0, 60, (6, 30)), axis=0).astype(np.float32)
    moves = rng.random(heights.shape) < 0.4
    moved = np.where(moves, rng.uniform(0, 60, heights.shape), heights)
    kept = keep_between(heights, moved.astype(np.float32), moves)
    assert np.array_equal(kept[~moves], heights[~moves])
    assert (np.diff(kept, axis=0) >= 0).all()
