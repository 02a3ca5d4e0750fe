"""The entropy region of interest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.morphology import closing, disk

from napari_octseg.engine.steps.roi import close_with_disk, entropy_roi, fill_columns
from napari_octseg.phantom import LAYER_SET, Look, PhantomSettings, make_phantom


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_closing_by_distance_is_closing_with_a_disk(seed: int, radius: int) -> None:
    mask = np.random.default_rng(seed).random((30, 26)) < 0.08
    wide = np.pad(mask, 2 * radius + 1)
    margin = slice(2 * radius + 1, -2 * radius - 1)
    expected = closing(wide, disk(radius))[margin, margin]
    assert np.array_equal(close_with_disk(mask, radius), expected)


def test_columns_are_filled_between_their_first_and_last_pixel() -> None:
    mask = np.zeros((6, 3), bool)
    mask[[1, 4], 0] = True
    mask[3, 1] = True
    filled = fill_columns(mask)
    assert filled[:, 0].tolist() == [False, True, True, True, True, False]
    assert filled[:, 1].sum() == 1
    assert not filled[:, 2].any()


@pytest.mark.parametrize(
    ("look", "depth"), [("spectralis", 496), ("cirrus", 1024), ("topcon", 650)]
)
def test_the_retina_is_inside_and_most_of_the_rest_outside(
    look: Look, depth: int
) -> None:
    phantom = make_phantom(
        PhantomSettings(look=look, shape=(1, depth, 384), findings=("SRF",), seed=1)
    )
    choroid = phantom.layers[0] == LAYER_SET.index("choroid")
    retina = (phantom.layers[0] > 0) & ~choroid
    region = entropy_roi(phantom.volume.bscan_as_shown(0))
    assert region[retina].mean() > 0.99
    assert region[~retina & ~choroid].mean() < 0.4


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_an_empty_image_is_all_of_interest(value: float) -> None:
    assert entropy_roi(np.full((80, 70), value, np.float32)).all()
