from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.editing.pen import redraw
from napari_octseg.errors import EditError

WIDTH = 20


def flat() -> np.ndarray:
    return np.full(WIDTH, 5, np.float32)


def test_columns_under_a_fast_stroke_are_all_redrawn() -> None:
    drawn = redraw(flat(), np.array([[10, 4], [16, 10]]))
    assert np.allclose(drawn[4:11], np.arange(10, 17))
    assert (drawn[:4] == 5).all()
    assert (drawn[11:] == 5).all()


def test_direction_does_not_matter() -> None:
    stroke = np.array([[10, 4], [16, 10], [12.5, 13.2]])
    assert np.array_equal(redraw(flat(), stroke), redraw(flat(), stroke[::-1]))


def test_going_back_corrects_what_was_drawn() -> None:
    stroke = np.array([[10, 4], [10, 12], [15, 12], [15, 8]])
    drawn = redraw(flat(), stroke)
    assert (drawn[4:8] == 10).all()
    assert (drawn[8:13] == 15).all()


def test_a_dot_redraws_its_column_and_missing_columns_come_back() -> None:
    curve = flat()
    curve[6] = np.nan
    drawn = redraw(curve, np.array([[7.5, 6.3]]))
    assert drawn[6] == 7.5
    assert (np.delete(drawn, 6) == 5).all()
    upright = redraw(curve, np.array([[2, 6.3], [9, 6.3]]))
    assert upright[6] == 9


def test_what_is_beside_the_image_is_left_out() -> None:
    drawn = redraw(flat(), np.array([[10, -8], [10, 40]]))
    assert (drawn == 10).all()
    assert np.array_equal(redraw(flat(), np.array([[10, -8], [10, -3]])), flat())
    assert np.array_equal(redraw(flat(), np.empty((0, 2))), flat())


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_only_columns_under_the_stroke_change(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    curve = random.uniform(0, 30, WIDTH).astype(np.float32)
    curve[random.random(WIDTH) < 0.2] = np.nan
    stroke = np.stack(
        [random.uniform(0, 30, n), random.uniform(-3, WIDTH + 2, n)], axis=1
    )
    drawn = redraw(curve, stroke)
    first, last = stroke[:, 1].min(), stroke[:, 1].max()
    columns = np.arange(WIDTH)
    away = (columns < first - 0.5) | (columns > last + 0.5)
    assert np.array_equal(drawn[away], curve[away], equal_nan=True)
    under = (columns >= first) & (columns <= last)
    assert np.isfinite(drawn[under]).all()
    assert (drawn[under] >= stroke[:, 0].min() - 1e-4).all()
    assert (drawn[under] <= stroke[:, 0].max() + 1e-4).all()


def test_only_points_make_a_stroke() -> None:
    with pytest.raises(EditError, match=r"\(n, 2\)"):
        redraw(flat(), np.zeros(4))
    with pytest.raises(EditError, match="finite"):
        redraw(flat(), np.array([[np.nan, 3]]))
