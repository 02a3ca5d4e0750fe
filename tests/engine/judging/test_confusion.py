import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.engine.judging.confusion import count_pixels, dice_of, overlap_counts
from napari_octseg.engine.metrics import Overlap, overlap
from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE

EACH_ITS_OWN = np.eye(3, dtype=bool).tolist()


def test_pixels_are_counted_by_label_and_prediction() -> None:
    predicted = np.array([[0, 1, 1], [2, 2, IGNORE]], np.uint8)
    codes = np.array([[0, 1, 0], [1, IGNORE, 1]], np.uint8)
    assert count_pixels(predicted, codes, n_classes=3, n_codes=2).tolist() == [
        [1, 1, 0],
        [0, 1, 1],
    ]


@given(st.integers(0, 2**32 - 1))
def test_counts_are_those_of_each_class_alone(seed: int) -> None:
    random = np.random.default_rng(seed)
    predicted, true = random.choice([0, 1, 2, IGNORE], (2, 7, 9)).astype(np.uint8)
    counts = overlap_counts(count_pixels(predicted, true, 3, 3), EACH_ITS_OWN)
    for index in range(3):
        assert Overlap(*counts[index].tolist()) == overlap(predicted, true, index)


def test_a_label_of_either_class_is_met_by_both() -> None:
    # Classes background, IRF, SRF, PED; the labels say "IRF or SRF" and nothing of PED.
    member = [[True, False, False, False], [False, True, True, False]]
    predicted = np.array([1, 2, 0, 3, 1, 3], np.uint8)
    codes = np.array([1, 1, 1, 1, 0, 0], np.uint8)
    counts = overlap_counts(count_pixels(predicted, codes, 4, 2), member)
    # A label that was called PED is missed; PED elsewhere is not judged.
    assert counts[1].tolist() == [2, 3, 4]


def test_dice_of_counts_is_undefined_where_nothing_is() -> None:
    dice = dice_of(np.array([[[3, 4, 5], [0, 0, 0]], [[0, 7, 0], [1, 1, 1]]]))
    np.testing.assert_allclose(dice, [[6 / 9, np.nan], [0, 1]])


def test_other_shapes_are_refused() -> None:
    with pytest.raises(LabelError, match="equal shapes"):
        count_pixels(np.zeros(3, np.uint8), np.zeros(4, np.uint8), 2, 2)
