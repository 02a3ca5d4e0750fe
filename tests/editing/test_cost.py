from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.boundaries import boundary_names
from napari_octseg.editing.cost import boundary_cost, polarity_of
from napari_octseg.errors import EditError
from napari_octseg.phantom import BOUNDARIES, PhantomSettings, make_phantom


def bands(*levels: float, height: int = 20, width: int = 30) -> np.ndarray:
    """Horizontal bands of the given brightness."""
    column = np.repeat(np.array(levels, np.float32), height)
    return np.repeat(column[:, None], width, axis=1)


def test_the_cheapest_row_is_the_first_one_below_the_edge() -> None:
    cost = boundary_cost(bands(0.1, 0.9), polarity=1)
    assert cost.shape == (40, 30)
    assert cost.dtype == np.float32
    assert (cost.argmin(axis=0) == 20).all()
    assert cost.min() >= 0
    assert cost.max() <= 1


def test_polarity_chooses_the_edge() -> None:
    image = bands(0.1, 0.9, 0.1)
    assert (boundary_cost(image, polarity=1).argmin(axis=0) == 20).all()
    assert (boundary_cost(image, polarity=-1).argmin(axis=0) == 40).all()
    either = boundary_cost(image)
    assert np.allclose(either[20], either[40], atol=1e-4)


def test_a_weak_edge_far_from_strong_ones_is_nearly_as_cheap() -> None:
    image = np.concatenate([bands(0.0, 1.0), bands(1.0, 0.8, height=60)])
    cost = boundary_cost(image)
    assert cost[100].max() < 0.5
    assert cost[20].max() < 0.2


@pytest.mark.parametrize("factor", [1.0, 255.0, 1e-3])
def test_the_range_of_the_image_does_not_matter(factor: float) -> None:
    image = np.random.default_rng(0).random((40, 50), np.float32)
    expected = boundary_cost(image, polarity=1)
    got = boundary_cost(image * np.float32(factor), polarity=1)
    assert np.allclose(got, expected, atol=1e-3)


def test_a_flat_image_has_no_boundary() -> None:
    assert (boundary_cost(bands(0.4, 0.4)) == 1).all()


def test_the_rim_of_what_is_not_shown_is_no_edge() -> None:
    image = bands(0.1, 0.9)
    image[:8] = np.nan
    cost = boundary_cost(image, polarity=0)
    assert np.isfinite(cost).all()
    assert (cost[:12] == 1).all()
    assert (cost.argmin(axis=0) == 20).all()
    assert (boundary_cost(np.full((20, 20), np.nan, np.float32)) == 1).all()


def test_a_model_decides_between_equal_edges() -> None:
    image = bands(0.1, 0.5, 0.9)
    probability = np.zeros_like(image)
    probability[39:42] = 0.9
    cost = boundary_cost(image, polarity=1, probability=probability)
    assert (cost.argmin(axis=0) == 40).all()
    assert cost[20].min() > cost[40].max() + 0.3


def test_what_does_not_fit_is_refused() -> None:
    image = bands(0.1, 0.9)
    with pytest.raises(EditError, match="one B-scan"):
        boundary_cost(image[None])
    with pytest.raises(EditError, match="-1, 0, 1"):
        boundary_cost(image, polarity=2)
    with pytest.raises(EditError, match="the same shape"):
        boundary_cost(image, probability=image[1:])


def test_polarities_agree_with_the_brightness_of_a_phantom() -> None:
    # Seven rows on either side of each boundary, where both layers are thicker.
    shape = (1, 992, 96)
    phantom = make_phantom(PhantomSettings(shape=shape, seed=5))
    image = phantom.volume.data[0].astype(np.float32)
    for name in BOUNDARIES:
        polarity = polarity_of(name)
        if polarity == 0 or name == "ELM":
            continue
        rows = np.rint(phantom.boundaries[name][0]).astype(int)
        k = BOUNDARIES.index(name)
        heights = phantom.boundaries.heights[:, 0]
        room = np.ones(96, bool)
        if k:
            room &= heights[k] - heights[k - 1] > 7
        if k + 1 < len(BOUNDARIES):
            room &= heights[k + 1] - heights[k] > 7
        columns = np.flatnonzero(room)
        assert len(columns) > 20, name
        at = rows[columns]
        above = np.mean([image[at - i, columns] for i in range(1, 6)])
        below = np.mean([image[at + i, columns] for i in range(1, 6)])
        assert np.sign(below - above) == polarity, name


def test_names_of_any_stack_of_layers_have_a_polarity_or_none() -> None:
    assert polarity_of("ILM") == 1
    assert polarity_of("RNFL/GCL") == -1
    assert polarity_of("CSI") == 0
    assert polarity_of("top of whatever") == 0
    bands_of = boundary_names(["inner retina", "ONL", "outer bands"])
    assert [polarity_of(name) for name in bands_of] == [1, -1, 1, -1]
    one = boundary_names(["RNFL", "GCIPL", "INL"])
    assert [polarity_of(name) for name in one] == [1, -1, -1, 1]
