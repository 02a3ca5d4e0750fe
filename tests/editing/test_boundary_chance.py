"""From class probabilities to where each boundary may lie."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.editing.boundary_chance import boundary_costs
from napari_octseg.errors import EditError

DEPTH, WIDTH = 48, 12
HEIGHTS = np.array([[8.5], [15.5], [15.5], [30.5]], np.float32).repeat(WIDTH, 1)


def probabilities(sharpness: float = 1.0) -> np.ndarray:
    """Of background, a finding (class 1) and layers 2, 3, 4."""
    labels = boundaries_to_labels(HEIGHTS[:, None], DEPTH, [2, 3, 4])[0]
    hard = (labels == np.arange(5)[:, None, None]).astype(np.float32)
    return sharpness * hard + (1 - sharpness) / 5


@pytest.mark.parametrize("sharpness", [1.0, 0.6])
def test_the_cheapest_height_is_that_of_the_labels(sharpness) -> None:
    costs = boundary_costs(probabilities(sharpness), [2, 3, 4])
    assert costs.shape == (4, DEPTH, WIDTH)
    assert costs.min() == 0
    assert costs.max() <= 1
    assert np.array_equal(costs.argmin(axis=1) - 0.5, HEIGHTS)


def test_the_cost_grows_away_from_the_boundary() -> None:
    costs = boundary_costs(probabilities(0.6), [2, 3, 4])
    for k, row in enumerate(HEIGHTS[:, 0] + 0.5):
        column = costs[k, :, 0]
        at = int(row)
        assert (np.diff(column[: at + 1]) <= 1e-6).all()
        assert (np.diff(column[at:]) >= -1e-6).all()


def test_a_surer_network_has_a_narrower_valley() -> None:
    sure = boundary_costs(probabilities(1.0), [2, 3, 4])
    unsure = boundary_costs(probabilities(0.2), [2, 3, 4])
    assert (sure[0, 12] > unsure[0, 12]).all()


def test_a_finding_over_a_boundary_leaves_it_open() -> None:
    given = probabilities()
    given[:, 12:20, :] = 0
    given[1, 12:20, :] = 1
    costs = boundary_costs(given, [2, 3, 4])
    assert np.allclose(costs[1, 13:20], 0)
    assert (costs[1, 21] > 0).all()
    assert (costs[1, 10] > 0).all()


def test_without_layers_there_are_no_boundaries() -> None:
    with pytest.raises(EditError, match="at least one layer"):
        boundary_costs(probabilities(), [])
