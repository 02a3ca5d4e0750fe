"""Segmenting en-face images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg import segment_enface
from napari_octseg.errors import ModelError, VolumeError

if TYPE_CHECKING:
    from tests.conftest import MakeBundle

CLASSES = ("background", "vessel")


def image(dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (50, 61)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_an_image_of_any_type_gets_labels_and_probabilities(
    tiny_bundle: MakeBundle, dtype: type
) -> None:
    tiny_bundle("vessels", plane="enface", classes=CLASSES, layers=())
    result = segment_enface(image(dtype), "vessels", device="cpu")
    assert result.labels.shape == (50, 61)
    assert result.labels.dtype == np.uint8
    assert result.probabilities.shape == (2, 50, 61)
    assert result.probabilities.dtype == np.float32
    assert np.allclose(result.probabilities.sum(0), 1, atol=1e-5)
    assert np.array_equal(result.labels, result.probabilities.argmax(0))
    assert result.label_set.names == CLASSES
    assert result.model.name == "vessels"


@pytest.mark.parametrize(
    "options",
    [
        {"size": [32, 32]},
        {"tiling": {"size": [32, 48], "overlap": [8, 8]}},
        {"tiling": {"size": [64, 64]}},
    ],
    ids=["fixed size", "tiles", "a tile larger than the image"],
)
def test_size_and_tiles_of_the_card_end_at_the_native_size(
    tiny_bundle: MakeBundle, options: dict[str, object]
) -> None:
    tiny_bundle("vessels", plane="enface", classes=CLASSES, layers=(), **options)
    result = segment_enface(image(), "vessels", device="cpu")
    assert result.probabilities.shape == (2, 50, 61)


def test_a_bscan_model_does_not_take_en_face_images(tiny_bundle: MakeBundle) -> None:
    tiny_bundle("layers")
    with pytest.raises(ModelError, match=r"is for B-scans.*use segment,"):
        segment_enface(image(), "layers")


def test_a_colour_image_is_an_error_that_says_which_channel(
    tiny_bundle: MakeBundle,
) -> None:
    tiny_bundle("vessels", plane="enface", classes=CLASSES, layers=())
    with pytest.raises(VolumeError, match="green"):
        segment_enface(np.zeros((50, 61, 3), np.uint8), "vessels")
