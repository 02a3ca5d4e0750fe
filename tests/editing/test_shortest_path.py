from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.editing.shortest_path import (
    cheapest_path,
    smooth_course,
    tolls,
    valley_bottoms,
)


def price(cost: np.ndarray, toll: np.ndarray, path: tuple[int, ...]) -> float:
    reach = len(toll) // 2
    steps = np.diff(path)
    if (np.abs(steps) > reach).any():
        return np.inf
    return float(
        cost[np.arange(len(path)), list(path)].sum() + toll[steps + reach].sum()
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.booleans())
def test_no_path_is_cheaper(seed: int, max_step: int, fixed: bool) -> None:
    random = np.random.default_rng(seed)
    cost = random.random((4, 5), np.float32)
    cost[random.random((4, 5)) < 0.2] = np.inf
    ends = random.integers(0, 5, 2).tolist() if fixed else [None, None]
    if fixed:
        cost[0, ends[0]] = cost[-1, ends[1]] = 0
    toll = tolls(max_step, 0.2)
    path = cheapest_path(cost, toll, *ends)
    allowed = [
        p for p in product(range(5), repeat=4) if not fixed or [p[0], p[-1]] == ends
    ]
    best = min(price(cost, toll, p) for p in allowed)
    if path is None:
        assert np.isinf(best)
    else:
        assert np.isclose(price(cost, toll, tuple(path)), best, rtol=1e-5)
        assert not fixed or [path[0], path[-1]] == ends


def test_tolls_are_symmetrical_and_grow_linearly() -> None:
    assert np.allclose(tolls(3, 2.0), [10, 6, 2, 0, 2, 6, 10])
    assert tolls(0, 2.0).tolist() == [0]


def test_the_bottom_of_a_valley_lies_between_rows() -> None:
    rows = np.arange(12, dtype=np.float32)
    truth = np.linspace(5, 6.4, 30, dtype=np.float32)
    cost = (rows - truth[:, None]) ** 2 / 100
    path = np.rint(truth).astype(np.intp)
    bottoms, sharp = valley_bottoms(cost, path)
    assert np.allclose(bottoms, truth, atol=1e-3)
    assert np.allclose(sharp, 0.02, atol=1e-4)
    assert np.allclose(smooth_course(bottoms, sharp, 0), truth, atol=1e-3)
    assert np.allclose(smooth_course(bottoms, sharp, 9.0), truth, atol=1e-3)


def test_where_there_is_no_valley_the_path_counts() -> None:
    path = np.array([0, 3, 4, 2])
    bottoms, sharp = valley_bottoms(np.ones((4, 5), np.float32), path)
    assert bottoms.tolist() == path.tolist()
    assert (sharp == 0).all()


def test_sharp_valleys_count_more_than_wide_ones() -> None:
    rows = np.where(np.arange(40) % 2, 5.0, 9.0)
    sharp = np.where(np.arange(40) % 2, 1.0, 0.05)
    assert np.abs(smooth_course(rows, sharp, 50.0) - 5).max() < 0.5


def test_fixed_rows_are_exact_and_the_rest_bends_towards_them() -> None:
    rows = np.arange(12, dtype=np.float32)
    cost = np.repeat((rows[None] - 5) ** 2 / 100, 30, axis=0)
    valleys = valley_bottoms(cost, np.full(30, 5))
    fixed = np.full(30, np.nan, np.float32)
    fixed[15] = 6.3
    fine = smooth_course(*valleys, 5.0, fixed)
    assert np.float32(fine[15]) == np.float32(6.3)
    assert 5.2 < fine[14] < 6.3
    assert np.allclose(fine[[0, -1]], 5, atol=0.01)


def test_a_single_column_and_few_rows_are_fine() -> None:
    cost = np.array([[0.5, 0.1]], np.float32)
    path = cheapest_path(cost, tolls(1, 0.1))
    assert path is not None
    assert path.tolist() == [1]
    assert smooth_course(*valley_bottoms(cost, path), 2.0).tolist() == [1]
