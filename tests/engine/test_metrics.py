import numpy as np
import pytest
import torch

from napari_octseg.engine.metrics import Overlap, overlap
from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE


def test_figures_of_a_known_overlap() -> None:
    found = Overlap(both=3, predicted=4, true=5)
    assert found.dice == pytest.approx(6 / 9)
    assert found.iou == pytest.approx(3 / 6)
    assert found.precision == pytest.approx(3 / 4)
    assert found.recall == pytest.approx(3 / 5)


def test_both_empty_is_perfect_and_one_empty_is_none() -> None:
    neither, missed, invented = Overlap(0, 0, 0), Overlap(0, 0, 7), Overlap(0, 7, 0)
    assert (neither.dice, neither.iou, neither.precision, neither.recall) == (1,) * 4
    for bad in (missed, invented):
        assert (bad.dice, bad.iou, bad.precision, bad.recall) == (0,) * 4


@pytest.mark.parametrize("seed", range(4))
def test_dice_and_iou_agree_with_monai(seed: int) -> None:
    from monai.metrics import compute_dice, compute_iou

    random = np.random.default_rng(seed)
    predicted, true = random.integers(0, 3, (2, 12, 9)).astype(np.uint8)
    one_hot = [
        torch.from_numpy(np.eye(3)[a]).permute(2, 0, 1)[None] for a in (predicted, true)
    ]
    dice = compute_dice(*one_hot)[0]
    iou = compute_iou(*one_hot)[0]
    for index in range(3):
        found = overlap(predicted, true, index)
        assert found.dice == pytest.approx(float(dice[index]))
        assert found.iou == pytest.approx(float(iou[index]))


def test_pixels_that_either_side_ignores_are_left_out() -> None:
    predicted = np.array([1, 1, IGNORE, 1], np.uint8)
    true = np.array([1, IGNORE, 1, 0], np.uint8)
    assert overlap(predicted, true, 1) == Overlap(both=1, predicted=2, true=1)


def test_counts_add_up_over_bscans() -> None:
    assert Overlap(1, 2, 3) + Overlap(4, 5, 6) == Overlap(5, 7, 9)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(LabelError, match="equal shapes"):
        overlap(np.zeros(3, np.uint8), np.zeros(4, np.uint8), 1)
