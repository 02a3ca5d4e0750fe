from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.editing.magnet import push
from napari_octseg.errors import EditError

WIDTH = 60


def flat() -> np.ndarray:
    return np.full(WIDTH, 30, np.float32)


def test_the_centre_goes_all_the_way_and_the_rim_stays() -> None:
    pushed = push(flat(), (30, 25), (36, 25), 10)
    assert pushed[25] == 36
    assert (pushed[:16] == 30).all()
    assert (pushed[35:] == 30).all()
    assert np.allclose(pushed[25:36], pushed[15:26][::-1])
    assert (np.diff(pushed[25:36]) <= 0).all()
    # Smooth: no corner at the rim or in the middle.
    assert np.abs(np.diff(pushed, 2)).max() < 0.4


def test_the_brush_is_round() -> None:
    assert np.array_equal(push(flat(), (45, 25), (50, 25), 10), flat())
    aside = push(flat(), (36, 25), (40, 25), 10)
    assert 30 < aside[25] < 34
    assert (aside != 30).sum() < 20


def test_round_is_meant_on_screen() -> None:
    # A row is displayed a third as high as a column is wide.
    reached = push(flat(), (45, 25), (50, 25), 10, row_length=1 / 3)
    assert reached[25] > 30


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 30))
def test_columns_beyond_the_radius_and_gaps_stay_bit_for_bit(
    seed: int, radius: float
) -> None:
    random = np.random.default_rng(seed)
    curve = random.uniform(20, 40, WIDTH).astype(np.float32)
    curve[random.random(WIDTH) < 0.2] = np.nan
    before = curve.copy()
    at = (float(random.uniform(20, 40)), float(random.uniform(-5, WIDTH + 5)))
    way = float(random.uniform(-20, 20))
    pushed = push(curve, at, (at[0] + way, at[1] + 3), radius)
    assert np.array_equal(curve, before, equal_nan=True)
    assert np.array_equal(np.isnan(pushed), np.isnan(curve))
    beyond = np.abs(np.arange(WIDTH) - at[1]) >= radius
    assert np.array_equal(pushed[beyond], curve[beyond], equal_nan=True)
    shift = pushed - curve
    shift = shift[np.isfinite(shift)]
    assert (np.abs(shift) <= abs(way) + 1e-4).all()
    assert (shift * way >= 0).all()


@pytest.mark.parametrize(("radius", "row_length"), [(0, 1), (-2, 1), (5, 0)])
def test_a_brush_has_a_size(radius: float, row_length: float) -> None:
    with pytest.raises(EditError, match="above 0"):
        push(flat(), (30, 25), (36, 25), radius, row_length=row_length)
