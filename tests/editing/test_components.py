"""A click deletes or relabels one connected piece."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.editing.columns import beneath
from napari_octseg.editing.components import (
    component_at,
    delete_component,
    relabel_component,
)
from napari_octseg.errors import EditError

HEIGHTS = np.repeat(np.float32([3.5, 9.2, 14.5])[:, None], 24, axis=1)
CYST, SPOT = 3, 4


@pytest.fixture
def labels() -> np.ndarray:
    """Two layers; two cysts, one of two squares that touch by a corner."""
    made = boundaries_to_labels(HEIGHTS[:, None], 20)[0]
    made[6:9, 3:6] = CYST
    made[9:12, 6:9] = CYST
    made[7:12, 15:18] = CYST
    made[8, 16] = SPOT
    return made


def test_corners_connect_and_distance_does_not(labels: np.ndarray) -> None:
    expected = np.zeros(labels.shape, bool)
    expected[6:9, 3:6] = expected[9:12, 6:9] = True
    assert np.array_equal(component_at(labels, 7, 4), expected)
    assert component_at(labels, 8, 16).sum() == 1


def test_deleting_shows_the_layers_beneath(labels: np.ndarray) -> None:
    before = labels.copy()
    bare = beneath(labels, HEIGHTS, (1, 2))
    left = delete_component(labels, 10, 7, bare)
    assert np.array_equal(labels, before)
    piece = component_at(labels, 10, 7)
    clean = boundaries_to_labels(HEIGHTS[:, None], 20)[0]
    assert np.array_equal(left[piece], clean[piece])
    assert set(left[piece]) == {1, 2}
    assert np.array_equal(left[~piece], labels[~piece])


def test_deleting_without_layers_leaves_background(labels: np.ndarray) -> None:
    left = delete_component(labels, 9, 17)
    assert (left[component_at(labels, 9, 17)] == 0).all()


def test_relabelling_changes_that_piece_only(labels: np.ndarray) -> None:
    changed = relabel_component(labels, 7, 15, SPOT)
    assert (changed == CYST).sum() == 18
    assert (changed == SPOT).sum() == (labels == SPOT).sum() + 14
    assert (labels == SPOT).sum() == 1


def test_clicks_on_nothing_say_so(labels: np.ndarray) -> None:
    with pytest.raises(EditError, match="no label under the click"):
        delete_component(labels, 0, 0)
    with pytest.raises(EditError, match="columns 0…23"):
        component_at(labels, 5, 24)
