from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.editing.cannot_see import absent
from napari_octseg.errors import EditError
from napari_octseg.labels import IGNORE


def heights() -> np.ndarray:
    return np.repeat(np.array([[3], [6], [9]], np.float32), 8, axis=1)


def test_all_boundaries_are_absent_in_the_columns_only() -> None:
    before = heights()
    without = absent(before, slice(2, 5))
    assert np.isnan(without[:, 2:5]).all()
    assert np.array_equal(np.delete(without, [2, 3, 4], 1), heights()[:, :5])
    assert np.array_equal(before, heights())
    labels = boundaries_to_labels(without[:, None], 12)[0]
    assert (labels[:, 2:5] == IGNORE).all()
    assert (np.delete(labels, [2, 3, 4], 1) != IGNORE).all()


def test_chosen_boundaries_alone_can_be_absent() -> None:
    without = absent(heights(), slice(0, 2), [1])
    assert np.isnan(without).sum() == 2
    assert np.isnan(without[1, :2]).all()
    assert not np.isnan(absent(heights(), slice(0, 2), [])).any()


def test_columns_beyond_the_image_are_left_out() -> None:
    assert np.isnan(absent(heights(), slice(-4, 3))).sum() == 9
    assert np.isnan(absent(heights(), slice(6, 99))).sum() == 6
    assert np.isnan(absent(heights(), slice(None))).all()
    assert not np.isnan(absent(heights(), slice(5, 2))).any()
    assert not np.isnan(absent(heights(), slice(-9, -4))).any()


def test_a_boundary_that_is_not_there_is_refused() -> None:
    with pytest.raises(EditError, match="Boundary 3 of 3"):
        absent(heights(), slice(0, 2), [3])
