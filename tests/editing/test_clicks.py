from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.editing.clicks import row_of_height, rows_by_column, rows_within


def test_clicks_are_sorted_by_column_and_kept_in_the_image() -> None:
    rows = rows_by_column([(3.5, 9.4), (1.0, -0.4), (2.0, 5.0), (7.0, 5.3)], 20, 10)
    assert rows == {0: 1.0, 5: 7.0, 9: 3.5}
    assert list(rows) == [0, 5, 9]


@given(st.integers(0, 2**32 - 1))
def test_every_column_has_a_row_inside_its_band_if_there_is_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    upper = random.uniform(-5, 40, 30)
    lower = upper + random.uniform(0, 8, 30)
    upper[:3], lower[3:6] = -np.inf, np.inf
    low, high = rows_within(upper, lower, 32)
    assert (low <= high).all()
    assert (low >= 0).all()
    assert (high <= 31).all()
    heights = np.arange(32) - 0.5
    for column in range(30):
        fits = (heights >= upper[column]) & (heights <= lower[column])
        if fits.any():
            chosen = np.flatnonzero(fits)
            assert (low[column], high[column]) == (chosen[0], chosen[-1])


def test_a_height_belongs_to_the_row_half_a_pixel_below() -> None:
    assert row_of_height(9.5, 20) == 10
    assert row_of_height(-0.5, 20) == 0
    assert row_of_height(19.5, 20) == 19
