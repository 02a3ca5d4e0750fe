"""The correction of one B-scan, given to its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.editing.cost import boundary_cost
from napari_octseg.editing.spread import spread
from napari_octseg.errors import EditError

DEPTH, WIDTH = 64, 60
NAN = np.float32(np.nan)


def flat(*rows: float, width: int = WIDTH) -> np.ndarray:
    return np.repeat(np.array(rows, np.float32)[:, None], width, axis=1)


def edge_at(row: float) -> np.ndarray:
    """Image with one edge at that height, dark above."""
    rows = np.arange(DEPTH, dtype=np.float32)[:, None]
    image = np.clip(rows - row + 0.5, 0, 1) * 0.8
    return np.repeat(image, WIDTH, axis=1).astype(np.float32)


def correction(n_boundaries: int = 3, first: int = 10, last: int = 40, by: float = 6):
    before = flat(*(20.0 + 12 * k for k in range(n_boundaries)))
    after = before.copy()
    after[1, first : last + 1] += by
    return before, after


def test_a_correction_halves_with_distance() -> None:
    before, after = correction()
    neighbours = {b: before.copy() for b in range(20)}
    found = spread(before, after, neighbours, bscan=8, half_distance=2)
    assert sorted(found) == [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14]
    middle = {b: float(h[1, 25] - before[1, 25]) for b, h in found.items()}
    assert middle[10] == pytest.approx(3)
    assert middle[6] == pytest.approx(3)
    assert middle[12] == pytest.approx(1.5)
    assert np.array_equal(neighbours[10], before)


def test_a_correction_fades_at_its_ends() -> None:
    before, after = correction()
    found = spread(before, after, {1: before}, bscan=0, half_distance=1e9)[1]
    moved = found[1] - before[1]
    assert 0 < moved[10] < 1
    assert (np.diff(moved[9:20]) >= 0).all()
    assert moved[25] == pytest.approx(6)
    assert np.abs(np.diff(moved)).max() < 1.5


def test_a_correction_up_to_the_edge_of_the_image_does_not_fade_there() -> None:
    before, after = correction(first=0, last=WIDTH - 1)
    found = spread(before, after, {1: before}, bscan=0, half_distance=1e9)[1]
    assert np.allclose(found, after)


def test_each_neighbour_snaps_to_its_own_edge() -> None:
    before, after = correction(first=0, last=WIDTH - 1, by=4)
    edges = {1: 34.5, 2: 33.5}
    found = spread(
        before,
        after,
        dict.fromkeys(edges, before),
        bscan=0,
        half_distance=5,
        cost_of=lambda bscan, boundary: boundary_cost(edge_at(edges[bscan])),
        reach=3,
    )
    for bscan, row in edges.items():
        assert np.abs(found[bscan][1] - row).max() < 0.5
        assert np.array_equal(found[bscan][[0, 2]], before[[0, 2]])


def test_closed_columns_and_missing_boundaries_stay() -> None:
    before, after = correction()
    neighbour = before.copy()
    neighbour[1, 20] = NAN
    closed = np.zeros(WIDTH, np.bool_)
    closed[30:] = True
    found = spread(before, after, {1: neighbour}, bscan=0, closed={1: closed})[1]
    assert np.isnan(found[1, 20])
    assert np.array_equal(found[:, 30:], neighbour[:, 30:])
    assert found[1, 15] > before[1, 15]


def test_what_the_corrected_bscan_cannot_show_is_not_spread() -> None:
    before, after = correction()
    after[:, 12:20] = NAN
    found = spread(before, after, {1: before}, bscan=0)[1]
    assert np.array_equal(found[:, 12:20], before[:, 12:20])


def test_without_a_correction_nobody_changes() -> None:
    before, _ = correction()
    assert spread(before, before.copy(), {1: before, 2: before}, bscan=0) == {}
    empty = np.empty((0, WIDTH), np.float32)
    assert spread(empty, empty, {1: empty}, bscan=0) == {}


def test_a_correction_stops_at_a_boundary_that_was_right() -> None:
    before, after = correction()
    near = before.copy()
    near[2] = near[1] + 2
    found = spread(before, after, {1: near}, bscan=0, half_distance=1e9)[1]
    assert np.array_equal(found[2], near[2])
    assert found[1, 25] == near[2, 25]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), half=st.floats(0.5, 9), snaps=st.booleans())
def test_spreading_keeps_order_and_touches_only_corrected_columns(
    seed, half, snaps
) -> None:
    rng = np.random.default_rng(seed)
    gaps = rng.uniform(0, 8, (3, 5, WIDTH))
    before, after, neighbour = np.cumsum(gaps, axis=1).astype(np.float32)
    first, last = np.sort(rng.integers(0, WIDTH, 2))
    stays = np.ones((5, WIDTH), np.bool_)
    stays[rng.random(5) < 0.5, first : last + 1] = False
    after[stays] = before[stays]
    neighbour[rng.random(neighbour.shape) < 0.05] = NAN
    noise = rng.random((DEPTH, WIDTH)).astype(np.float32)
    found = spread(
        before,
        after,
        {3: neighbour},
        bscan=2,
        half_distance=half,
        cost_of=(lambda bscan, boundary: noise) if snaps else None,
    )
    for heights in found.values():
        assert np.array_equal(heights[stays], neighbour[stays], equal_nan=True)
        assert np.array_equal(np.isnan(heights), np.isnan(neighbour))
        known = np.fmax.accumulate(heights, axis=0)
        assert not (heights < known).any()
        assert heights.dtype == np.float32


def test_a_half_distance_of_nothing_is_refused() -> None:
    before, after = correction()
    with pytest.raises(EditError, match="above 0"):
        spread(before, after, {1: before}, bscan=0, half_distance=0)
